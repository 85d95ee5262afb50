#include "core/permit.h"

#include <variant>

namespace chancery {

Permit::Permit(const Decision& decision) : decision_(decision) {
  CHECK(decision.allowed() && decision.duties() == nullptr);
}

Permit::Permit(const Decision& decision, std::vector<StoreChange> changes,
               std::optional<AuditEntry> asked)
    : decision_(decision), changes_(std::move(changes)), asked_(std::move(asked)) {
  for (const StoreChange& change : changes_) {
    if (const auto* use = std::get_if<UseApproval>(&change)) approval_ = use->id.text();
  }
}

Permit Permit::discharging(const Decision& decision, AuditEntry asked,
                           std::optional<UseApproval> approval) {
  CHECK(decision.allowed() && asked.kind() == EntryKind::denial);
  const Duties* duties = decision.duties();
  CHECK(approval.has_value() == (duties != nullptr && duties->approval.has_value()));
  std::vector<StoreChange> changes;
  if (duties != nullptr) {
    for (const QuotaUse& use : duties->quotas) {
      changes.emplace_back(UseQuota{use.quota, use.machine, use.limit, use.window, {}});
    }
  }
  // Last: what a quota refuses has not used the approval.
  if (approval) changes.emplace_back(std::move(*approval));
  return Permit(decision, std::move(changes), std::move(asked));
}

Permit Permit::to_preview(const Decision& decision) {
  CHECK(decision.allowed());
  return Permit(decision, {}, std::nullopt);
}

Permit Permit::to_go_on(const Decision& decision) {
  return to_preview(decision);
}

Permit Permit::discharged() const {
  Permit after = *this;
  after.changes_.clear();
  return after;
}

void Permit::name_in(AuditEntry& entry) const {
  entry.set("grant", decision_.grant()).set("policy", decision_.policy_version());
  entry.set("shadow", decision_.shadow());
  entry.set("approval", approval_);
}

AuditEntry Permit::denial(const Error& error) const {
  CHECK(asked_ && error.used_up);
  AuditEntry entry = *asked_;
  name_in(entry);
  entry.set("reason", error.message);
  entry.set("quota", error.used_up->quota).set("limit", error.used_up->limit);
  if (error.used_up->until) entry.set("until", to_rfc3339_seconds(*error.used_up->until));
  return entry;
}

}  // namespace chancery
