#include <algorithm>
#include <array>

#include "policies/request_formula.h"

namespace chancery {
namespace {

using Quantifier = RequestPredicate::Quantifier;
using Terms = std::shared_ptr<const RuleTerms>;

/// One row of the table of conditions, of one rule.
struct Condition {
  RuleKind kind;
  const ConditionRow& row;
  Terms terms;

  [[nodiscard]] RequestPredicate predicate(Dimension dimension) const {
    RequestPredicate predicate;
    predicate.dimension = dimension;
    const auto test = kind == RuleKind::grant ? row.holds : row.meets;
    predicate.holds = [test, terms = terms](const Asked& asked) { return test(*terms, asked); };
    return predicate;
  }
  /// Of a list: what a grant says of every element, a denial says of some.
  [[nodiscard]] RequestPredicate list_predicate(Dimension dimension) const {
    RequestPredicate list = predicate(dimension);
    list.quantifier = kind == RuleKind::grant ? Quantifier::every : Quantifier::some;
    return list;
  }
};

RequestFormula not_empty(Dimension dimension, const std::string& field) {
  RequestPredicate some;
  some.dimension = dimension;
  some.field = field;
  some.quantifier = Quantifier::some;
  some.holds = [](const Asked&) { return true; };
  return RequestFormula::of(std::move(some));
}

template <Dimension dimension, auto List>
RequestFormula texts(const Condition& condition) {
  RequestPredicate predicate = condition.predicate(dimension);
  predicate.texts = (*condition.terms).*List;
  return RequestFormula::of(std::move(predicate));
}

template <Dimension dimension, auto List>
RequestFormula patterns(const Condition& condition) {
  RequestPredicate predicate = condition.predicate(dimension);
  predicate.patterns = (*condition.terms).*List;
  return RequestFormula::of(std::move(predicate));
}

template <Dimension dimension, auto List>
RequestFormula name_list(const Condition& condition) {
  RequestPredicate predicate = condition.list_predicate(dimension);
  predicate.patterns = (*condition.terms).*List;
  return RequestFormula::of(std::move(predicate));
}

RequestFormula owner(const Condition& condition) {
  RequestPredicate predicate = condition.predicate(Dimension::owner);
  predicate.patterns = condition.terms->owner.patterns;
  return RequestFormula::of(std::move(predicate));
}

RequestFormula source(const Condition& condition) {
  RequestPredicate predicate = condition.predicate(Dimension::source);
  predicate.networks = condition.terms->sources;
  return RequestFormula::of(std::move(predicate));
}

RequestFormula ip_addresses(const Condition& condition) {
  RequestPredicate predicate = condition.list_predicate(Dimension::ip_addresses);
  predicate.networks = condition.terms->ip_addresses;
  return RequestFormula::of(std::move(predicate));
}

/// Of several values together: each part is a condition of its own.
RequestFormula attributes(const Condition& condition) {
  std::vector<RequestFormula> all;
  for (const AttributeCondition& attribute : condition.terms->attributes) {
    auto terms = std::make_shared<RuleTerms>();
    terms->attributes = {attribute};
    RequestPredicate predicate =
        Condition{condition.kind, condition.row, std::move(terms)}.predicate(
            Dimension::machine_attribute);
    predicate.field = attribute.name;
    predicate.patterns = attribute.patterns;
    all.push_back(RequestFormula::of(std::move(predicate)));
  }
  return RequestFormula::all(std::move(all));
}

RequestFormula content(const Condition& condition) {
  std::vector<RequestFormula> all;
  for (const ContentCondition& field : condition.terms->content) {
    auto terms = std::make_shared<RuleTerms>();
    terms->content = {field};
    RequestPredicate predicate =
        Condition{condition.kind, condition.row, std::move(terms)}.list_predicate(
            Dimension::content);
    predicate.field = field.field;
    predicate.patterns = field.patterns;
    if (condition.kind == RuleKind::grant) {
      all.push_back(not_empty(Dimension::content, field.field));
    }
    all.push_back(RequestFormula::of(std::move(predicate)));
  }
  return RequestFormula::all(std::move(all));
}

RequestFormula subject(const Condition& condition) {
  struct Part {
    Dimension dimension;
    std::vector<std::string> RuleTerms::*list;
  };
  constexpr std::array parts = {
      Part{Dimension::country, &RuleTerms::countries},
      Part{Dimension::organization, &RuleTerms::organizations},
      Part{Dimension::organizational_unit, &RuleTerms::organizational_units},
  };
  std::vector<RequestFormula> all;
  for (const Part& part : parts) {
    const std::vector<std::string>& list = (*condition.terms).*part.list;
    // A grant without the part allows none; a denial without it says nothing.
    if (list.empty() && condition.kind != RuleKind::grant) continue;
    auto terms = std::make_shared<RuleTerms>();
    (*terms).*part.list = list;
    RequestPredicate predicate =
        Condition{condition.kind, condition.row, std::move(terms)}.predicate(part.dimension);
    predicate.texts = list;
    all.push_back(RequestFormula::of(std::move(predicate)));
  }
  return RequestFormula::all(std::move(all));
}

template <Dimension dimension, auto Member>
RequestFormula duration(const Condition& condition) {
  RequestPredicate predicate = condition.predicate(dimension);
  predicate.durations = {*((*condition.terms).*Member)};
  return RequestFormula::of(std::move(predicate));
}

template <auto Member>
RequestFormula number_of_names(const Condition& condition) {
  RequestPredicate predicate = condition.predicate(Dimension::name_count);
  predicate.numbers = {*((*condition.terms).*Member)};
  return RequestFormula::of(std::move(predicate));
}

template <auto Member>
RequestFormula moment(const Condition& condition) {
  RequestPredicate predicate = condition.predicate(Dimension::time);
  predicate.moments = {*((*condition.terms).*Member)};
  return RequestFormula::of(std::move(predicate));
}

template <auto List>
RequestFormula windows(const Condition& condition) {
  RequestPredicate predicate = condition.predicate(Dimension::time);
  predicate.windows = (*condition.terms).*List;
  return RequestFormula::of(std::move(predicate));
}

/// Enumerations: all their values are tried.
template <Dimension dimension>
RequestFormula enumeration(const Condition& condition) {
  return RequestFormula::of(condition.predicate(dimension));
}

/// A certificate without usages is good for all of them.
RequestFormula usages(const Condition& condition) {
  const RequestFormula list =
      RequestFormula::of(condition.list_predicate(Dimension::extended_key_usages));
  const RequestFormula some = not_empty(Dimension::extended_key_usages, "");
  if (condition.kind == RuleKind::grant) return RequestFormula::all({some, list});
  return RequestFormula::any({negation(some), list});
}

RequestFormula never(const Condition&) {
  return RequestFormula::never();
}

struct FormulaRow {
  std::string_view condition;
  RequestFormula (*formula)(const Condition&);
};

/// Each condition of the table in policies/condition.h has a row here; a test compares them.
constexpr std::array kRows = {
    FormulaRow{"issuers", texts<Dimension::issuer, &RuleTerms::issuers>},
    FormulaRow{"profiles", texts<Dimension::profile, &RuleTerms::profiles>},
    FormulaRow{"keys", patterns<Dimension::key, &RuleTerms::keys>},
    FormulaRow{"owner", owner},
    FormulaRow{"source", source},
    FormulaRow{"attributes", attributes},
    FormulaRow{"certificate_age",
               duration<Dimension::certificate_age, &RuleTerms::certificate_age>},
    FormulaRow{"older_than", duration<Dimension::certificate_age, &RuleTerms::older_than>},
    FormulaRow{"hours", windows<&RuleTerms::hours>},
    FormulaRow{"outside_hours", windows<&RuleTerms::outside_hours>},
    FormulaRow{"valid_from", moment<&RuleTerms::valid_from>},
    FormulaRow{"valid_until", moment<&RuleTerms::valid_until>},
    FormulaRow{"dns_names", name_list<Dimension::dns_names, &RuleTerms::dns_names>},
    FormulaRow{"ip_addresses", ip_addresses},
    FormulaRow{"uris", name_list<Dimension::uris, &RuleTerms::uris>},
    FormulaRow{"emails", name_list<Dimension::emails, &RuleTerms::emails>},
    FormulaRow{"max_names", number_of_names<&RuleTerms::max_names>},
    FormulaRow{"more_names_than", number_of_names<&RuleTerms::more_names_than>},
    FormulaRow{"common_names", patterns<Dimension::common_name, &RuleTerms::common_names>},
    FormulaRow{"subject", subject},
    FormulaRow{"key_types", enumeration<Dimension::key_type>},
    FormulaRow{"key_attested", never},
    FormulaRow{"extended_key_usages", usages},
    FormulaRow{"max_validity", duration<Dimension::validity, &RuleTerms::max_validity>},
    FormulaRow{"longer_than", duration<Dimension::validity, &RuleTerms::longer_than>},
    FormulaRow{"algorithms", enumeration<Dimension::algorithm>},
    FormulaRow{"digests", enumeration<Dimension::algorithm>},
    FormulaRow{"message_classes", enumeration<Dimension::message_class>},
    FormulaRow{"content", content},
    FormulaRow{"max_lifetime", duration<Dimension::lifetime, &RuleTerms::max_lifetime>},
    FormulaRow{"longer_lifetime_than",
               duration<Dimension::lifetime, &RuleTerms::longer_lifetime_than>},
};

}  // namespace

Result<RequestFormula> formula_of(RuleKind kind, const Rule& rule,
                                  std::span<const MachineGroup> groups, Operation operation) {
  if (!rule.terms->operations.has(operation)) return RequestFormula::never();
  std::vector<RequestFormula> all = {machines_formula(rule, groups)};
  // The policy may go before the formula does.
  const auto terms = std::make_shared<const RuleTerms>(*rule.terms);
  std::string unknown;
  for_each_condition(asked_conditions(kind, *terms, operation), [&](const ConditionRow& row) {
    const auto found = std::find_if(kRows.begin(), kRows.end(), [&](const FormulaRow& one) {
      return one.condition == row.name;
    });
    if (found == kRows.end()) {
      unknown = row.name;
      return;
    }
    all.push_back(found->formula(Condition{kind, row, terms}));
  });
  if (!unknown.empty()) {
    return fail(ErrorCode::internal, "the condition " + unknown + " is not analysed");
  }
  return RequestFormula::all(std::move(all));
}

}  // namespace chancery
