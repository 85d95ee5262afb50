#include "policies/quota.h"

#include <array>

#include "core/field_path.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 3> kMembers = {"limit", "per", "for"};

struct WindowRow {
  std::string_view name;
  Seconds length;
};
constexpr std::array kWindows = {
    WindowRow{"minute", 60s},
    WindowRow{"hour", 3600s},
    WindowRow{"day", 86400s},
    WindowRow{"ever", 0s},
};

Result<Seconds> read_window(const YamlNode& node, const FieldPath& path) {
  ASSIGN_OR_RETURN(const std::string text, read_text(node, path));
  for (const WindowRow& row : kWindows) {
    if (row.name == text) return row.length;
  }
  return path.refuse(node.place, "must be minute, hour, day or ever");
}

Result<Quota> read_quota(const YamlNode& node, const FieldPath& path) {
  RETURN_IF_ERROR(expect_members(node, path, kMembers));
  Quota quota;
  ASSIGN_OR_RETURN(const YamlNode* limit, required_member(node, path, "limit"));
  ASSIGN_OR_RETURN(quota.limit, read_number(*limit, path.member("limit"), 1, limits::policy_quota));
  ASSIGN_OR_RETURN(const YamlNode* per, required_member(node, path, "per"));
  ASSIGN_OR_RETURN(quota.window, read_window(*per, path.member("per")));
  if (const YamlNode* whose = find_member(node, "for")) {
    const FieldPath whose_path = path.member("for");
    ASSIGN_OR_RETURN(const std::string text, read_text(*whose, whose_path));
    if (text != "machine" && text != "grant") {
      return whose_path.refuse(whose->place, "must be machine or grant");
    }
    quota.per_machine = text == "machine";
  }
  return quota;
}

}  // namespace

Result<std::vector<Quota>> read_quotas(const YamlNode& node, const FieldPath& path) {
  RETURN_IF_ERROR(expect_list(node, path, limits::policy_quotas));
  std::vector<Quota> quotas;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    ASSIGN_OR_RETURN(const Quota quota, read_quota(node.children[i], path.item(i)));
    quotas.push_back(quota);
  }
  return quotas;
}

}  // namespace chancery
