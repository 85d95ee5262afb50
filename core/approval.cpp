#include "core/approval.h"

#include <array>

#include "core/name_table.h"

namespace chancery {
namespace {

constexpr std::array kStates = {
    Named{ApprovalState::waiting, "waiting"},     Named{ApprovalState::approved, "approved"},
    Named{ApprovalState::used, "used"},           Named{ApprovalState::expired, "expired"},
    Named{ApprovalState::cancelled, "cancelled"}, Named{ApprovalState::open, "open"},
    Named{ApprovalState::closed, "closed"},
};
constexpr std::span<const Named<ApprovalState>> kTable(kStates);

}  // namespace

ApprovalId new_approval_id() {
  return ApprovalId::literal("apr-" + to_hex(random_bytes(12)));
}

std::string_view name_of(ApprovalState state) {
  return name_in(kTable, state);
}

Result<ApprovalState> parse_approval_state(std::string_view name) {
  return value_in(kTable, name, "state");
}

std::string approval_statement(const ApprovalRecord& approval, std::string_view origin) {
  std::string text = "chancery-approval/v1\n";
  const auto line = [&](std::string_view name, std::string_view value) {
    text.append(name).append(" ").append(value).append("\n");
  };
  line("log", origin);
  line("id", approval.id.text());
  line("rule", approval.rule);
  line("requester", approval.requester);
  line("operation", approval.operation);
  line("request_sha256", to_hex(approval.request_sha256));
  line("expires", to_rfc3339_seconds(approval.expires_at));
  if (approval.opens_for > Seconds{0}) line("opens_for", format_duration(approval.opens_for));
  return text;
}

}  // namespace chancery
