#include "policies/policy_file.h"

#include <array>
#include <vector>

#include "core/bytes.h"
#include "core/field_path.h"
#include "policies/policy_reader.h"

namespace chancery {
namespace {

constexpr std::array<std::string_view, 6> kMembers = {"version", "roles",     "groups",
                                                      "denials", "approvals", "grants"};

Result<void> check_version(const YamlNode& root, const FieldPath& document) {
  const YamlNode* version = find_member(root, "version");
  if (version == nullptr) {
    return document.refuse(root.place, "the member version is missing; write version: 1");
  }
  if (version->kind == YamlNode::Kind::text && version->text == "1") return {};
  return document.member("version").refuse(version->place, "must be 1, the only version there is");
}

/// What is of another kind was not handed over.
Result<void> expect_kind(const YamlNode& root, const FieldPath& document,
                         const YamlStream& stream) {
  const YamlNode* member = find_member(root, stream.member);
  if (member == nullptr || member->kind == stream.kind) return {};
  return document.member(stream.member)
      .refuse(member->place,
              stream.kind == YamlNode::Kind::list ? "must be a list" : "must be a mapping");
}

}  // namespace

Result<std::shared_ptr<const GrantPolicy>> load_policy(std::string_view text,
                                                  const PolicyVocabulary& vocabulary,
                                                  std::string_view file) {
  const FieldPath document(file);
  const FieldPath groups_path = document.member("groups");
  PolicyReader reader(vocabulary);
  std::vector<YamlStream> streams;
  streams.push_back({"groups", YamlNode::Kind::mapping, [&](const YamlNode& group, std::size_t) {
                       return reader.read_group(group, groups_path.member(group.name));
                     }});
  for (RuleKind kind : kAllRuleKinds) {
    streams.push_back(
        {list_of(kind), YamlNode::Kind::list, [&, kind](const YamlNode& item, std::size_t i) {
           const FieldPath list = document.member(list_of(kind));
           return reader.read_rule(kind, item, list.item(i));
         }});
  }
  ASSIGN_OR_RETURN(const YamlNode root, read_yaml(text, document, streams));
  RETURN_IF_ERROR(expect_members(root, document, kMembers));
  RETURN_IF_ERROR(check_version(root, document));
  for (const YamlStream& stream : streams) RETURN_IF_ERROR(expect_kind(root, document, stream));
  if (const YamlNode* roles = find_member(root, "roles")) {
    RETURN_IF_ERROR(reader.read_roles(*roles, document.member("roles")));
  }
  return reader.finish(to_hex(sha256(bytes_of(text))));
}

}  // namespace chancery
