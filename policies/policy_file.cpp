#include "policies/policy_file.h"

#include <array>
#include <deque>

#include "core/bytes.h"
#include "core/field_path.h"
#include "policies/listing.h"

namespace chancery {
namespace {

constexpr std::array<std::string_view, 3> kMembers = {"version", "roles", "grants"};

/// Takes the grants as they are read.
class GrantList {
 public:
  GrantList(const FieldPath& path, const PolicyVocabulary& vocabulary)
      : path_(path), reader_(vocabulary) {}

  Result<void> take(const YamlNode& item, std::size_t position) {
    const FieldPath path = path_.item(position);
    if (position == limits::policy_grants) {
      return path.refuse(
          item.place, "a policy has at most " + std::to_string(limits::policy_grants) + " grants",
          ErrorCode::too_large);
    }
    ASSIGN_OR_RETURN(GrantReader::Item text, reader_.read(item, path));
    const auto [first, added] = lines_.try_emplace(text.grant.name, item.place.line);
    if (!added) {
      return path.member("name").refuse(find_member(item, "name")->place,
                                        "there is a grant " + quoted(text.grant.name) +
                                            " already, in line " + std::to_string(first->second));
    }
    for (const MachinePattern& machine : text.machines) {
      index_.add(machine, static_cast<GrantId>(position), text.grant.terms->operations);
    }
    grants_.push_back(std::move(text.grant));
    return {};
  }

  Result<void> finish(const RoleHolders& roles) {
    index_.finish();
    for (const RoleEntry* auditor : roles.auditors()) {
      const auto id = index_.first_exact(auditor->identity, denied_to_auditors());
      if (!id) continue;
      const Grant& grant = grants_[*id];
      const FieldPath path = path_.item(*id);
      return path.member("machines")
          .refuse(grant.place, quoted(auditor->identity.text) + " holds the role auditor (line " +
                                   std::to_string(auditor->place.line) +
                                   "), which changes nothing; this grant gives it " +
                                   grant.terms->operations.only(denied_to_auditors()).text());
    }
    return {};
  }

  std::vector<Grant> take_grants() { return std::move(grants_); }
  std::deque<GrantTerms> take_terms() { return reader_.take_terms(); }
  MachineIndex take_index() { return std::move(index_); }

 private:
  const FieldPath& path_;
  GrantReader reader_;
  std::vector<Grant> grants_;
  MachineIndex index_;
  TextMap<unsigned> lines_;  // of the grants, by name
};

Result<void> check_version(const YamlNode& root, const FieldPath& document) {
  const YamlNode* version = find_member(root, "version");
  if (version == nullptr) {
    return document.refuse(root.place, "the member version is missing; write version: 1");
  }
  if (version->kind == YamlNode::Kind::text && version->text == "1") return {};
  return document.member("version").refuse(version->place, "must be 1, the only version there is");
}

}  // namespace

Result<std::shared_ptr<const GrantPolicy>> load_policy(std::string_view text,
                                                       const PolicyVocabulary& vocabulary,
                                                       std::string_view file) {
  const FieldPath document(file);
  const FieldPath grants_path = document.member("grants");
  GrantList grants(grants_path, vocabulary);
  const auto take = [&](const YamlNode& item, std::size_t i) { return grants.take(item, i); };
  ASSIGN_OR_RETURN(const YamlNode root, read_yaml(text, document, {"grants", take}));
  RETURN_IF_ERROR(expect_members(root, document, kMembers));
  RETURN_IF_ERROR(check_version(root, document));

  RoleHolders roles;
  if (const YamlNode* node = find_member(root, "roles")) {
    ASSIGN_OR_RETURN(roles, RoleHolders::read(*node, document.member("roles")));
  }
  const YamlNode* list = find_member(root, "grants");
  if (list != nullptr && list->kind != YamlNode::Kind::list) {
    return grants_path.refuse(list->place, "must be a list");
  }
  RETURN_IF_ERROR(grants.finish(roles));
  return std::make_shared<const GrantPolicy>(to_hex(sha256(bytes_of(text))), std::move(roles),
                                             grants.take_terms(), grants.take_grants(),
                                             grants.take_index());
}

}  // namespace chancery
