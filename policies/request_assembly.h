#pragma once

#include <map>
#include <optional>
#include <vector>

#include "policies/request_values.h"

namespace chancery {

/// That a predicate holds, or that it does not.
struct Statement {
  std::shared_ptr<const RequestPredicate> predicate;
  bool wanted = true;
};

/// What one dimension can be.
struct Candidates {
  std::vector<RequestValue> values;             ///< of a list: what it may have
  std::vector<std::vector<RequestValue>> some;  ///< of a list: sets of which it must have one each
};

/// Makes a request out of candidates of each dimension, as far as dimensions depend on each other,
/// so that all statements are true; nothing where none is possible. Dimensions without candidates
/// stay as they are in `base`.
Result<std::optional<ExampleRequest>> assemble_request(
    const ExampleRequest& base, bool is_machine_fixed,
    const std::map<DimensionKey, Candidates>& candidates, const std::vector<Statement>& statements,
    Predicates predicates);

}  // namespace chancery
