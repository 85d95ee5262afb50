#include <algorithm>
#include <map>
#include <set>

#include "policies/name_classes.h"
#include "policies/request_values.h"

namespace chancery {
namespace {

// Marks of variables in Pattern::form(), in the order of docs/policy.md.
constexpr char kName = '\x10', kSpiffeId = '\x11', kSpiffeDomain = '\x12', kSpiffePath = '\x13';
constexpr char kAttribute = '\x03', kAttributeEnd = '\x04';

std::string attribute_mark(const std::string& name) {
  return kAttribute + name + kAttributeEnd;
}

bool inserts(const Pattern& pattern, const DimensionKey& key) {
  if (!pattern.has_variables()) return false;
  const std::string& form = pattern.form();
  if (key.dimension == Dimension::machine_name) return form.find(kName) != form.npos;
  if (key.dimension == Dimension::machine_attribute) {
    return form.find(attribute_mark(key.field)) != form.npos;
  }
  return key.dimension == Dimension::spiffe_id &&
         form.find_first_of({kSpiffeId, kSpiffeDomain, kSpiffePath}) != form.npos;
}

/// Where values are compared together: a common name may be a DNS name.
DimensionKey place_of(const RequestPredicate& predicate) {
  if (predicate.dimension == Dimension::common_name) return {Dimension::dns_names, ""};
  return key_of(predicate);
}

/// Without a pattern: the owner is compared with the machine's name, the common name too.
bool compares_with_name(const RequestPredicate& predicate) {
  return predicate.dimension == Dimension::owner || predicate.dimension == Dimension::common_name;
}

NameSet constants_at(const DimensionKey& place, Predicates predicates) {
  NameSet constants;
  std::set<std::pair<PatternKind, std::string>> known;
  const auto add = [&](PatternKind kind, const std::string& form) {
    if (known.emplace(kind, form).second) constants.emplace_back(kind, form);
  };
  for (const auto& predicate : predicates) {
    if (place_of(*predicate) != place) continue;
    for (const Pattern& pattern : predicate->patterns) {
      if (!pattern.has_variables()) add(pattern.kind(), pattern.form());
    }
    for (const std::string& text : predicate->texts) add(PatternKind::key, text);
  }
  return constants;
}

using Part = NameInsertion::Part;

std::set<Part> parts_of(const Pattern& pattern, const DimensionKey& key) {
  if (!inserts(pattern, key)) return {};
  if (key.dimension != Dimension::spiffe_id) return {Part::whole};
  std::set<Part> parts;
  const std::string& form = pattern.form();
  if (form.find(kSpiffeId) != form.npos) parts.insert(Part::whole);
  if (form.find(kSpiffeDomain) != form.npos) parts.insert(Part::spiffe_domain);
  if (form.find(kSpiffePath) != form.npos) parts.insert(Part::spiffe_path);
  return parts;
}

std::vector<NameInsertion> insertions_of(const DimensionKey& key, Predicates predicates) {
  std::set<std::pair<DimensionKey, Part>> places;
  for (const auto& predicate : predicates) {
    for (const Pattern& pattern : predicate->patterns) {
      for (Part part : parts_of(pattern, key)) places.emplace(place_of(*predicate), part);
    }
    if (key.dimension == Dimension::machine_name && compares_with_name(*predicate)) {
      places.emplace(place_of(*predicate), Part::whole);
    }
  }
  std::vector<NameInsertion> insertions;
  for (const auto& [place, part] : places) {
    NameSet constants = constants_at(place, predicates);
    if (!constants.empty()) insertions.push_back({part, std::move(constants)});
  }
  return insertions;
}

/// What stands around the only variable of a form.
struct Around {
  std::string before, variable, after;
  auto operator<=>(const Around&) const = default;
};

std::optional<Around> around_variable(const std::string& form) {
  const auto is_variable = [](char c) { return c == kAttribute || (c >= kName && c <= '\x1f'); };
  const auto begin = std::find_if(form.begin(), form.end(), is_variable);
  if (begin == form.end()) return std::nullopt;
  const auto end =
      *begin == kAttribute ? std::find(begin, form.end(), kAttributeEnd) + 1 : begin + 1;
  if (std::find_if(end, form.end(), is_variable) != form.end()) return std::nullopt;
  return Around{{form.begin(), begin}, {begin, end}, {end, form.end()}};
}

bool is_literal(const std::string& form) {
  return form.find(kAnyMark) == form.npos && form.find(kRestMark) == form.npos;
}

/// Whether values can be compared behind (or before) what is inserted, the same in all patterns.
bool are_aligned(const std::vector<std::string>& forms) {
  std::set<std::string> variables, before, after;
  for (const std::string& form : forms) {
    const auto around = around_variable(form);
    if (!around) return false;
    variables.insert(around->variable);
    before.insert(around->before);
    after.insert(around->after);
  }
  const bool same_before = before.size() == 1 && is_literal(*before.begin());
  const bool same_after = after.size() == 1 && is_literal(*after.begin());
  return variables.size() == 1 && (same_before || same_after);
}

}  // namespace

bool is_inserted(const DimensionKey& key, Predicates predicates) {
  return std::any_of(predicates.begin(), predicates.end(), [&](const auto& predicate) {
    return std::any_of(predicate->patterns.begin(), predicate->patterns.end(),
                       [&](const Pattern& pattern) { return inserts(pattern, key); });
  });
}

std::vector<std::string> inserted_attributes(const Pattern& pattern) {
  std::vector<std::string> names;
  const std::string& form = pattern.form();
  for (std::size_t at = 0; (at = form.find(kAttribute, at)) != form.npos;) {
    const std::size_t end = form.find(kAttributeEnd, at);
    names.push_back(form.substr(at + 1, end - at - 1));
    at = end;
  }
  return names;
}

Result<std::vector<RequestValue>> inserted_values(const DimensionKey& key, Predicates predicates,
                                                  const ExampleRequest& base) {
  std::vector<NameSet> sets;
  for (const auto& predicate : predicates) {
    if (key_of(*predicate) != key) continue;
    NameSet set;
    for (const std::string& text : predicate->texts) set.emplace_back(PatternKind::key, text);
    for (const Pattern& pattern : predicate->patterns) {
      if (auto form = pattern.form(base.machine)) set.emplace_back(pattern.kind(), *form);
    }
    sets.push_back(std::move(set));
  }
  const NameUniverse universe =
      key.dimension == Dimension::machine_name ? NameUniverse::machine_name
      : key.dimension == Dimension::spiffe_id  ? NameUniverse::spiffe_id
                                               : NameUniverse::attribute_value;
  ASSIGN_OR_RETURN(const std::vector<NameClass> classes,
                   name_classes(universe, sets, insertions_of(key, predicates)));
  std::vector<RequestValue> values;
  for (const NameClass& one : classes) values.push_back({.text = one.name});
  values.push_back({.is_absent = true});
  return values;
}

Doubts insertion_doubts(Predicates predicates) {
  std::map<DimensionKey, std::map<std::string, std::string>> places;  // forms and sources
  for (const auto& predicate : predicates) {
    for (const Pattern& pattern : predicate->patterns) {
      if (pattern.has_variables()) {
        places[place_of(*predicate)].emplace(pattern.form(), pattern.source());
      }
    }
  }
  Doubts doubts;
  for (auto& [place, forms] : places) {
    const bool with_name =
        place.dimension == Dimension::owner || place.dimension == Dimension::dns_names;
    if (with_name) forms.emplace(std::string(1, kName), "{machine.name}");
    std::vector<std::string> list;
    for (const auto& [form, source] : forms) list.push_back(form);
    if (list.size() < 2 || are_aligned(list)) continue;
    doubts.push_back("the patterns \"" + forms.begin()->second + "\" and \"" +
                     std::prev(forms.end())->second +
                     "\" insert what the machine is called in different places, so that there may "
                     "be machines for which they differ in a way that was not tried");
  }
  return doubts;
}

}  // namespace chancery
