#include "policies/policy_file.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/field_path.h"
#include "core/policy_bundle.h"
#include "policies/import_list.h"
#include "policies/policy_reader.h"
#include "policies/template.h"

namespace chancery {
namespace {

constexpr std::array<std::string_view, 9> kMembers = {
    "version", "imports", "roles", "groups", "templates", "use", "denials", "approvals", "grants"};

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

/// Reads the files of a policy: each when it is imported first, with its own rules before those of
/// what it imports, and the rules of templates behind all others.
class PolicyFiles {
 public:
  PolicyFiles(std::vector<PolicyFile> files, const PolicyVocabulary& vocabulary)
      : files_(std::move(files)), imports_(files_), reader_(vocabulary), states_(files_.size()) {}

  /// `main` is where reading begins.
  Result<std::shared_ptr<const GrantPolicy>> read(std::size_t main, std::string version) {
    RETURN_IF_ERROR(read_file(main, true));
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (states_[i] == State::read) continue;
      return FieldPath(files_[i].name)
          .refuse({}, "nothing imports this file; name it in `imports` of " +
                          std::string(kMainPolicyFile) + ", or take it away");
    }
    RETURN_IF_ERROR(
        templates_.expand([this](RuleKind kind, const YamlNode& item, const FieldPath& path) {
          return reader_.read_rule(kind, item, path);
        }));
    return reader_.finish(std::move(version));
  }

 private:
  enum class State { unread, open, read };

  Result<void> read_file(std::size_t index, bool is_main) {
    states_[index] = State::open;
    const FieldPath document(files_[index].name);
    ASSIGN_OR_RETURN(const YamlNode root, read_rules(files_[index], document));
    RETURN_IF_ERROR(expect_members(root, document, kMembers));
    RETURN_IF_ERROR(check_version(root, document));
    if (const YamlNode* roles = find_member(root, "roles")) {
      const FieldPath path = document.member("roles");
      if (!is_main) {
        return path.refuse(roles->place,
                           "roles stand in " + std::string(kMainPolicyFile) + " alone");
      }
      RETURN_IF_ERROR(reader_.read_roles(*roles, path));
    }
    if (const YamlNode* list = find_member(root, "imports")) {
      RETURN_IF_ERROR(read_imports(*list, document.member("imports"), index));
    }
    states_[index] = State::read;
    return {};
  }

  Result<YamlNode> read_rules(const PolicyFile& file, const FieldPath& document) {
    const FieldPath groups = document.member("groups");
    const std::string_view name = file.name;
    std::vector<YamlStream> streams = {
        {"groups", YamlNode::Kind::mapping,
         [&](const YamlNode& group, std::size_t) {
           return reader_.read_group(group, groups.member(group.name));
         }},
        {"templates", YamlNode::Kind::list,
         [&](const YamlNode& item, std::size_t i) {
           return templates_.read_template(item, name, i);
         }},
        {"use", YamlNode::Kind::list,
         [&](const YamlNode& item, std::size_t i) { return templates_.read_use(item, name, i); }}};
    for (RuleKind kind : kAllRuleKinds) {
      streams.push_back(
          {list_of(kind), YamlNode::Kind::list, [&, kind](const YamlNode& item, std::size_t i) {
             const FieldPath list = document.member(list_of(kind));
             return reader_.read_rule(kind, item, list.item(i));
           }});
    }
    ASSIGN_OR_RETURN(YamlNode root, read_yaml(file.text, document, streams));
    for (const YamlStream& stream : streams) RETURN_IF_ERROR(expect_kind(root, document, stream));
    return root;
  }

  Result<void> read_imports(const YamlNode& list, const FieldPath& path, std::size_t importer) {
    ASSIGN_OR_RETURN(const auto imported, imports_.read(list, path, importer));
    if (++depth_ > limits::policy_import_depth) {
      return path.refuse(
          list.place,
          "imports are more than " + std::to_string(limits::policy_import_depth) + " deep",
          ErrorCode::too_large);
    }
    for (const ImportList::Import& import : imported) {
      if (states_[import.file] == State::open) {
        return path.item(import.item)
            .refuse(list.children[import.item].place,
                    files_[import.file].name +
                        " is where this file is imported from; imports must "
                        "not go in a circle");
      }
      if (states_[import.file] == State::unread) RETURN_IF_ERROR(read_file(import.file, false));
    }
    --depth_;
    return {};
  }

  const std::vector<PolicyFile> files_;  // messages and rules name them
  const ImportList imports_;
  PolicyReader reader_;
  TemplateSet templates_;
  std::vector<State> states_;
  std::size_t depth_ = 0;
};

}  // namespace

Result<std::shared_ptr<const GrantPolicy>> load_policy(std::string_view text,
                                                       const PolicyVocabulary& vocabulary,
                                                       std::string_view file) {
  auto files = parse_policy_bundle(text);
  if (!files) {
    return FieldPath(file).refuse({}, files.error().message, files.error().code);
  }
  if (files->size() == 1) files->front().name = file;
  const auto main = std::ranges::find(*files, kMainPolicyFile, &PolicyFile::name);
  const auto index = main == files->end() ? 0 : static_cast<std::size_t>(main - files->begin());
  return PolicyFiles(std::move(*files), vocabulary).read(index, policy_version_of(text));
}

}  // namespace chancery
