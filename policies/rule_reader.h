#pragma once

#include <deque>

#include "policies/rule.h"
#include "policies/text_map.h"
#include "policies/vocabulary.h"

namespace chancery {

class FieldPath;

/// Reads the items of `grants`, `denials` and `approvals`, and refuses those that could never apply
/// or say less than they must. Large policies repeat themselves: equal terms are read and kept
/// once, so that those of 100,000 grants stay in the processor's cache.
class RuleReader {
 public:
  /// The terms are kept in `terms`, which the rules point to.
  RuleReader(const PolicyVocabulary& vocabulary, std::deque<RuleTerms>& terms)
      : vocabulary_(vocabulary), terms_(terms) {}

  /// `file` of the rule is that of `path`.
  Result<Rule> read(RuleKind kind, const YamlNode& node, const FieldPath& path);

 private:
  Result<const RuleTerms*> read_terms(RuleKind kind, const YamlNode& node, const FieldPath& path);

  const PolicyVocabulary& vocabulary_;
  std::deque<RuleTerms>& terms_;
  TextMap<const RuleTerms*> known_;
};

/// The members that a rule of this kind may have, and those of its `when`.
std::span<const std::string_view> rule_members(RuleKind kind);
std::span<const std::string_view> when_members(RuleKind kind);

}  // namespace chancery
