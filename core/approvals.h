#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "core/approval.h"
#include "core/audit_log.h"
#include "core/policy.h"
#include "core/signing_request.h"
#include "core/store.h"

namespace chancery {

/// One approval as it stands under the policy in force.
struct ApprovalView {
  ApprovalRecord record;
  struct Given {
    ApprovalSignatureRecord signature;
    std::string why_not;  ///< it does not count any more; empty where it does
  };
  std::vector<Given> given;
  /// Signatures that count.
  [[nodiscard]] unsigned count() const;
};

/// Whom the policy asks to agree before something is done, and what they have said. An agreement is
/// a signature by the key of the approver's own certificate over approval_statement(): a session,
/// or whoever answers for the approver in the network, cannot make one. Every method may be called
/// from many threads at once.
class Approvals {
 public:
  /// Everything given here outlives it; `origin` is the log's.
  Approvals(Store& store, AuditLog& log, std::string origin)
      : store_(store), log_(log), origin_(std::move(origin)) {}

  /// What the record of a request has to use, where its approvers have agreed to it and still may
  /// under `policy`. approval_needed where they have not: then it is recorded that they are asked,
  /// unless they are. conflict where `caller.approval` is for something else, or has ended. Of
  /// break-glass the first use opens, and each rings the alarm before anything else is recorded.
  Result<UseApproval> settle(const Caller& caller, const Policy& policy, const ApprovalNeed& need,
                             const PolicyQuestion& question);

  /// not_found with the id.
  Result<ApprovalView> find(const Policy& policy, const ApprovalId& id) const;
  Result<ApprovalView> view(const Policy& policy, ApprovalRecord record) const;
  [[nodiscard]] std::string statement(const ApprovalRecord& approval) const {
    return approval_statement(approval, origin_);
  }

  /// Takes the caller's signature; `algorithm` empty: the usual one of its key. forbidden where the
  /// caller is not one of whom the rule asks, has asked for it, comes with a key that who has is
  /// certified for, or has been certified only since; conflict where it waits for nobody;
  /// invalid_request where the signature does not verify. Each refusal is recorded.
  Result<ApprovalView> give(const Caller& caller, const Policy& policy, const ApprovalId& id,
                            const std::optional<SignatureAlgorithm>& algorithm,
                            const Bytes& signature);
  /// Pending, or open. `permit` of who has not asked for it himself.
  Result<void> cancel(const Caller& caller, const ApprovalRecord& approval,
                      const std::optional<Permit>& permit);
  /// Records what has expired, and what has closed by itself.
  Result<void> record_ended();

  /// Uses of break-glass since the start.
  [[nodiscard]] std::uint64_t break_glass_uses() const { return break_glass_uses_; }

 private:
  struct Key {
    PublicKey key;
    Serial serial;
  };
  Result<ApprovalRecord> pending(const Caller& caller, const Policy& policy,
                                 const ApprovalNeed& need, const PolicyQuestion& question,
                                 const Bytes& digest);
  Result<ApprovalRecord> ask(const Caller& caller, const Policy& policy, const ApprovalNeed& need,
                             const PolicyQuestion& question, const Bytes& digest);
  Result<ApprovalRecord> named(const Caller& caller, const ApprovalNeed& need,
                               const Bytes& digest) const;
  Result<UseApproval> use_open(const Caller& caller, const PolicyQuestion& question,
                               const ApprovalRecord& approval);
  Result<std::string> why_not(const Policy& policy, const ApprovalRecord& approval,
                              const ApprovalSignatureRecord& signature) const;
  Result<Key> key_of(const Caller& caller) const;
  Result<void> check_key(const ApprovalRecord& approval, const Key& own) const;
  Result<bool> is_certified_before(const ApprovalRecord& approval,
                                   CertificateRecord certificate) const;
  Result<void> check_approver(const Caller& caller, const Policy& policy,
                              const ApprovalView& view) const;
  Result<void> end(const RequestContext& context, const ApprovalRecord& approval, ApprovalState to,
                   const std::optional<Permit>& permit = {});
  Failure refuse(const Caller& caller, const Policy& policy, const ApprovalId& id, Error error);

  Store& store_;
  AuditLog& log_;
  const std::string origin_;
  std::atomic<std::uint64_t> break_glass_uses_{0};
};

}  // namespace chancery
