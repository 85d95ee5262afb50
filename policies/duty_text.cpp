#include "policies/duty_text.h"

#include <algorithm>

#include "policies/listing.h"

namespace chancery {
namespace {

const ApprovalTerms* terms_of(const PolicyRules& rules, const std::string& name) {
  const auto find = [&](std::string_view kind, std::span<const Rule> list) -> const ApprovalTerms* {
    for (const Rule& rule : list) {
      if (rule.terms->approval && name == std::string(kind) + rule.name) {
        return &*rule.terms->approval;
      }
    }
    return nullptr;
  };
  const ApprovalTerms* grant = find("grant:", rules.grants);
  return grant != nullptr ? grant : find("approval:", rules.approvals);
}

std::string quota_text(const QuotaUse& use) {
  return "at most " + std::to_string(use.limit) +
         (use.window.count() == 0 ? " ever" : " in " + format_duration(use.window)) +
         (use.machine.empty() ? " by all machines together" : "") + " (quota " + use.quota + ")";
}

std::string joined_text(const std::vector<std::string>& texts) {
  return joined(std::vector<std::string_view>(texts.begin(), texts.end()));
}

}  // namespace

std::string duty_text(const std::string& name, const ApprovalTerms& terms) {
  std::vector<std::string> from;
  for (const MachinePattern& machine : terms.machines) from.push_back(source_of(machine));
  for (Role role : kRoles) {
    if (terms.has(role)) from.emplace_back(grant_of(role));
  }
  std::string text = std::to_string(terms.needed) +
                     (terms.needed == 1 ? " approval (" : " approvals (") + name + ", from " +
                     joined_text(from) + "), expires " + format_duration(terms.life);
  if (terms.opens_for.count() != 0) {
    text += "; it is then open for " + format_duration(terms.opens_for) + " (break-glass)";
  }
  return text;
}

std::vector<std::string> duty_texts(const PolicyRules& rules, const Decision& decision) {
  std::vector<std::string> texts;
  if (decision.duties() == nullptr) return texts;
  if (const auto& approval = decision.duties()->approval) {
    const ApprovalTerms* terms = terms_of(rules, approval->rule);
    CHECK(terms != nullptr);
    texts.push_back(duty_text(approval->rule, *terms));
  }
  for (const QuotaUse& use : decision.duties()->quotas) texts.push_back(quota_text(use));
  return texts;
}

}  // namespace chancery
