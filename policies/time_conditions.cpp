#include <array>

#include "policies/condition_lists.h"
#include "policies/condition_themes.h"

namespace chancery {
namespace {

template <auto List>
Result<void> read_hours(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                        RuleTerms& terms) {
  ASSIGN_OR_RETURN(terms.*List, read_time_windows(node, path));
  return {};
}

bool in_any(const std::vector<TimeWindow>& windows, Time at) {
  return std::any_of(windows.begin(), windows.end(),
                     [&](const TimeWindow& window) { return window.contains(at); });
}
std::string listing_of(const std::vector<TimeWindow>& windows) {
  std::vector<std::string> texts;
  for (const TimeWindow& window : windows) texts.push_back(window.text());
  return listing(texts);
}

bool hours_hold(const RuleTerms& terms, const Asked& asked) {
  return in_any(terms.hours, asked.at);
}
std::string explain_hours(const RuleTerms& terms, const Asked& asked) {
  return not_in(to_rfc3339_seconds(asked.at), listing_of(terms.hours));
}
std::string explain_hours_met(const RuleTerms& terms, const Asked& asked) {
  return is_in(to_rfc3339_seconds(asked.at), listing_of(terms.hours));
}

bool outside_hours_hold(const RuleTerms& terms, const Asked& asked) {
  return !in_any(terms.outside_hours, asked.at);
}
std::string explain_outside_hours(const RuleTerms& terms, const Asked& asked) {
  return not_in(to_rfc3339_seconds(asked.at), listing_of(terms.outside_hours));
}

template <auto Member>
Result<void> read_time(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                       RuleTerms& terms) {
  ASSIGN_OR_RETURN(const std::string text, read_text(node, path));
  const auto time = from_rfc3339(text);
  if (!time) {
    return path.refuse(node.place, "must be a time in UTC such as 2026-11-22T09:40:50Z");
  }
  terms.*Member = *time;
  return {};
}

bool valid_from_holds(const RuleTerms& terms, const Asked& asked) {
  return asked.at >= *terms.valid_from;
}
bool valid_until_holds(const RuleTerms& terms, const Asked& asked) {
  return asked.at < *terms.valid_until;
}
template <auto Member>
std::string explain_time(const RuleTerms& terms, const Asked& asked) {
  const bool before = asked.at < *(terms.*Member);
  return to_rfc3339_seconds(asked.at) + " is " + (before ? "before " : "not before ") +
         to_rfc3339_seconds(*(terms.*Member));
}

constexpr auto kAnything = Silence::anything;
constexpr auto kEverything = OperationSet::everything();

constexpr std::array kRows = {
    ConditionRow{"hours", true, kAnything, kEverything, read_hours<&RuleTerms::hours>, hours_hold,
                 explain_hours, hours_hold, explain_hours_met},
    ConditionRow{"outside_hours", true, kAnything, kEverything,
                 read_hours<&RuleTerms::outside_hours>, nullptr, nullptr, outside_hours_hold,
                 explain_outside_hours},
    ConditionRow{"valid_from", true, kAnything, kEverything, read_time<&RuleTerms::valid_from>,
                 valid_from_holds, explain_time<&RuleTerms::valid_from>, valid_from_holds,
                 explain_time<&RuleTerms::valid_from>},
    ConditionRow{"valid_until", true, kAnything, kEverything, read_time<&RuleTerms::valid_until>,
                 valid_until_holds, explain_time<&RuleTerms::valid_until>, valid_until_holds,
                 explain_time<&RuleTerms::valid_until>},
};

}  // namespace

std::span<const ConditionRow> time_conditions() {
  return kRows;
}

}  // namespace chancery
