#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policies/compiled_rules.h"
#include "policies/grant_policy.h"
#include "policies/rule_reader.h"
#include "policies/text_map.h"

namespace chancery {

class FieldPath;

/// Takes the parts of a policy one by one, in any order and from any number of files, and makes a
/// policy of them. A rule may name a group that comes later.
class PolicyReader {
 public:
  explicit PolicyReader(const PolicyVocabulary& vocabulary) : rules_(vocabulary, compiled_.terms) {}
  PolicyReader(const PolicyReader&) = delete;
  PolicyReader& operator=(const PolicyReader&) = delete;

  /// The member `roles`, once.
  Result<void> read_roles(const YamlNode& node, const FieldPath& path);
  /// One member of `groups`, whose name is that of the group.
  Result<void> read_group(const YamlNode& node, const FieldPath& path);
  /// One item of `grants`, `denials` or `approvals`.
  Result<void> read_rule(RuleKind kind, const YamlNode& item, const FieldPath& path);

  /// Checks what only the whole policy shows. Call once, at the end.
  Result<std::shared_ptr<const GrantPolicy>> finish(std::string version);

 private:
  struct Line {
    std::string_view file;
    unsigned line;
  };
  /// A group that a rule names.
  struct Mention {
    std::string group;
    Error missing;  ///< what is wrong where nothing defines it
  };
  std::string_view keep_file(std::string_view file);
  void mention_groups(const YamlNode* list, const FieldPath& path);
  [[nodiscard]] Result<void> expect_groups() const;
  static std::string where(const Line& line, const FieldPath& path);

  CompiledRules compiled_;
  RuleReader rules_;
  std::array<TextMap<Line>, kRuleKinds> names_;
  TextMap<Line> groups_;
  TextMap<bool> mentioned_;
  std::vector<Mention> mentions_;  // of each group the first, in the order of the text
};

}  // namespace chancery
