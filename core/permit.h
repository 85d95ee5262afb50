#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/audit_entry.h"
#include "core/policy.h"
#include "core/store.h"

namespace chancery {

/// An allowed decision with all that its duties change in the store. Whoever does what was allowed
/// hands it to the audit log (AuditLog::record, AuditLog::intend), which writes grant and policy
/// into the entry and these changes into the same transaction. Nothing else gives out the grant of
/// an allowed decision, so that no entry names one whose duties were left aside. One that is never
/// handed over counts nowhere: then nothing was done either.
class Permit {
 public:
  /// `decision` is allowed and has no duties (CHECK).
  Permit(const Decision& decision);  // NOLINT(google-explicit-constructor): most have none
  /// `decision` is allowed (CHECK). `approval` uses what the others have agreed to; there is one
  /// exactly where the duties ask for it (CHECK). `asked` is the denial, described, that is
  /// recorded where a quota turns out to be used up.
  static Permit discharging(const Decision& decision, AuditEntry asked,
                            std::optional<UseApproval> approval);
  /// To look at what would be done, without doing it: its duties are left aside. `decision` is
  /// allowed (CHECK).
  static Permit to_preview(const Decision& decision);
  /// For a further step of what others agreed to, and was counted, when it began: its duties are
  /// left aside. `decision` is allowed (CHECK).
  static Permit to_go_on(const Decision& decision);
  /// For entries that follow the one whose record has discharged this one: they name the same
  /// grant, policy and approval, and nothing is counted or used again.
  [[nodiscard]] Permit discharged() const;

  [[nodiscard]] const std::string& policy_version() const { return decision_.policy_version(); }

 private:
  friend class AuditLog;
  Permit(const Decision& decision, std::vector<StoreChange> changes,
         std::optional<AuditEntry> asked);
  /// Into the entry of what was done.
  void name_in(AuditEntry& entry) const;
  /// Of what was not done after all.
  [[nodiscard]] AuditEntry denial(const Error& used_up) const;

  Decision decision_;
  std::vector<StoreChange> changes_;
  std::optional<AuditEntry> asked_;
  std::string approval_;  ///< that is used; or empty
};

}  // namespace chancery
