#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/field_path.h"
#include "policies/condition.h"
#include "policies/listing.h"

// What the conditions have in common: lists of values are read, compared and shown alike.
namespace chancery {

template <class Value>
bool lists(const std::vector<Value>& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}
template <class Enum>
bool lists(const std::vector<Enum>& list, const std::optional<Enum>& value) {
  return value && lists(list, *value);
}

inline bool any_matches(const std::vector<Pattern>& patterns, std::string_view value,
                        const Machine& machine) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const Pattern& pattern) { return pattern.matches(value, machine); });
}

inline bool any_contains(const std::vector<Network>& networks, const std::string& text) {
  const auto address = Address::parse(text);
  return address && std::any_of(networks.begin(), networks.end(),
                                [&](const Network& network) { return network.contains(*address); });
}

inline Result<std::vector<Pattern>> read_pattern_list(const YamlNode& node, const FieldPath& path,
                                                      PatternKind kind) {
  return read_list(node, path, [&](std::string_view text) { return Pattern::parse(kind, text); });
}

template <auto List, PatternKind kind>
Result<void> read_patterns(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                           RuleTerms& terms) {
  ASSIGN_OR_RETURN(terms.*List, read_pattern_list(node, path, kind));
  return {};
}

template <auto List>
Result<void> read_networks(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                           RuleTerms& terms) {
  ASSIGN_OR_RETURN(terms.*List, read_list(node, path, [](std::string_view text) {
                     return Network::parse(text);
                   }));
  return {};
}

/// The enumerator of this name, out of `all` by `name(enumerator)`.
template <class All, class NameOf>
auto parse_enumerator(std::string_view text, const All& all, NameOf name)
    -> Result<std::remove_cvref_t<decltype(*std::begin(all))>> {
  std::vector<std::string_view> names;
  for (const auto& one : all) {
    if (name(one) == text) return one;
    names.push_back(name(one));
  }
  const std::string guess = did_you_mean(text, names);
  return invalid("", quoted(text) + " is unknown" +
                         (guess.empty() ? "; it must be one of " + joined(names) : guess));
}

/// A duration; any that the language can say.
template <auto Member>
Result<void> read_any_duration(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                               RuleTerms& terms) {
  ASSIGN_OR_RETURN(const std::string text, read_text(node, path));
  const auto duration = parse_duration(text);
  if (!duration) return path.refuse(node.place, duration.error().message);
  terms.*Member = *duration;
  return {};
}

}  // namespace chancery
