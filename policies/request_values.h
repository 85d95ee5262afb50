#pragma once

#include <span>
#include <string>
#include <vector>

#include "policies/example_request.h"
#include "policies/request_formula.h"

namespace chancery {

/// A value of one dimension; of a list, an element.
struct RequestValue {
  std::string text = {};
  std::int64_t number = 0;  ///< of enumerations, of durations in seconds, of times in microseconds
  bool is_absent = false;
  bool is_dns_name = false;  ///< of a common name: it is one of the DNS names asked for, too
};

/// Which attribute: of machine_attribute and content, also its name.
struct DimensionKey {
  Dimension dimension{};
  std::string field;
  auto operator<=>(const DimensionKey&) const = default;
};
inline DimensionKey key_of(const RequestPredicate& predicate) {
  return {predicate.dimension, predicate.field};
}

using Predicates = std::span<const std::shared_ptr<const RequestPredicate>>;

/// Of certificate_age: the machine enrols, and has no certificate.
inline constexpr std::int64_t kEnrolling = -1;

/// Gives the request this value; adds it to a list.
void set_value(ExampleRequest& request, const DimensionKey& key, const RequestValue& value);

/// Whether the predicate holds of the request.
bool is_true(const RequestPredicate& predicate, const ExampleRequest& request);
bool is_true(const RequestFormula& formula, const ExampleRequest& request);
/// The same for a request that has nothing but `base` and this value, or list of one.
bool is_true_of(const RequestPredicate& predicate, const RequestValue& value, ExampleRequest base);

/// Values of one dimension, so many that each request has one from which none of `predicates` tells
/// its own. `base` has the operation, what patterns insert of the machine, and the moment around
/// which times are looked at. `predicates` are of all dimensions: common names may be DNS names.
/// too_large where there are too many cases.
Result<std::vector<RequestValue>> values_of(const DimensionKey& key, Predicates predicates,
                                            const ExampleRequest& base);

/// Whether patterns of any predicate insert (a part of) this attribute of the machine.
bool is_inserted(const DimensionKey& key, Predicates predicates);
/// The names of the attributes that the pattern inserts.
std::vector<std::string> inserted_attributes(const Pattern& pattern);
/// The same as values_of() for an attribute that is inserted: these also differ by what they do
/// where they are.
Result<std::vector<RequestValue>> inserted_values(const DimensionKey& key, Predicates predicates,
                                                  const ExampleRequest& base);
/// Of patterns of one attribute that insert in different places, the classes of inserted_values()
/// are no proof: the first two such patterns, or nothing.
Doubts insertion_doubts(Predicates predicates);

}  // namespace chancery
