#include "policies/rule.h"

namespace chancery {

std::string_view name_of(RuleKind kind) {
  const std::string_view list = list_of(kind);
  return list.substr(0, list.size() - 1);
}

std::string_view list_of(RuleKind kind) {
  switch (kind) {
    case RuleKind::grant:
      return "grants";
    case RuleKind::denial:
      return "denials";
    case RuleKind::approval:
      return "approvals";
  }
  CHECK(!"every kind of rule has a list");
  return {};
}

}  // namespace chancery
