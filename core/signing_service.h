#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "core/approvals.h"
#include "core/audit_log.h"
#include "core/certificate_authority.h"
#include "core/commitment.h"
#include "core/config.h"
#include "core/key_ring.h"
#include "core/policy.h"
#include "core/shadow_policy.h"
#include "core/signing_request.h"
#include "core/signing_task.h"
#include "core/token.h"
#include "core/weak_key.h"

namespace chancery {

/// The heart: decides, records, signs, verifies, records, answers, in that order, for every use of
/// the token. See docs/signing-cycle.md. Every method may be called from many threads at once.
///
/// Errors: forbidden with the policy's reason; invalid_request, not_found, conflict before anything
/// was signed; busy, token_unavailable, store_unavailable as the token and the log say. Each denial
/// and failure of a known machine is in the log before the error is returned.
class SigningService {
 public:
  /// Everything given here is owned by the caller and outlives the service.
  SigningService(const Config& config, Store& store, AuditLog& log, Token& token, KeyRing& keys,
                 BlockedKeys blocked, Commitments commitments);

  /// Reads the CAs from the store. Call once, before serving.
  Result<void> load();

  /// The one way to a signature.
  Result<Outcome> sign(const Caller& caller, const SigningRequest& request);

  /// Generates a key pair in the token and pins its public key.
  Result<const Key*> create_key(const Caller& caller, const CreateKey& request);
  Result<const CertificateAuthority*> create_ca(const Caller& caller, const CreateCa& request);
  Result<Revoked> revoke(const Caller& caller, const RevokeCertificate& request);
  Result<RenewalRequestRecord> replace(const Caller& caller, const ReplaceCertificate& request);
  /// Revokes, or asks the machines of, the certificates of an incident that are not yet, in one
  /// go. What somebody else did meanwhile stands; `failure` where the store did not take all.
  struct RevokedBatch {
    std::vector<Revocation> revoked;
    std::optional<Error> failure;
  };
  Result<RevokedBatch> revoke_for(const RequestContext& context, const IncidentRecord& incident,
                                  const std::vector<SelectedCertificate>& certificates);
  Result<std::optional<Error>> ask_to_replace(const RequestContext& context,
                                              const std::vector<SelectedCertificate>& certificates,
                                              const ReplaceCertificate& request,
                                              const IncidentName& incident);
  /// Or on hold.
  [[nodiscard]] Result<bool> is_revoked(const Serial& serial) const;
  /// Whether a key is never certified again: one of its certificates, or the key itself, is known
  /// to be compromised.
  [[nodiscard]] Result<bool> is_key_blocked(const Bytes& spki_sha256) const;
  /// Grows with each revocation and release, once it is durable: while it stays the same, so does
  /// is_revoked().
  [[nodiscard]] std::uint64_t revocation_changes() const { return revocation_changes_; }
  /// Splits the CRLs of what the CA issues from now on; there are never fewer.
  Result<void> grow_crl_shards(const Caller& caller, const GrowCrlShards& request);
  /// How many lists the CA's certificates were split over, from the first to now.
  [[nodiscard]] std::vector<unsigned> crl_shard_counts(const CaName& ca) const;
  /// Adds the machine if it is new, and makes a one-time enrolment token for it.
  Result<EnrollmentTicket> add_machine(const Caller& caller, const AddMachineRequest& request);
  /// All that the inventory says of the machine from now on, for those who may add it; `attributes`
  /// come from attribute_set().
  Result<void> set_attributes(const Caller& caller, const MachineName& name,
                              const std::vector<MachineAttribute>& attributes);
  /// Grows with each set_attributes(), once it is durable.
  [[nodiscard]] std::uint64_t attribute_changes() const { return attribute_changes_; }

  /// Asks the policy; a no is recorded. Whoever asks records what he does then, with the permit.
  /// approval_needed where others have to agree first.
  Result<Permit> permit(const Caller& caller, const PolicyQuestion& question);
  /// The same for a further step of what was counted, and agreed to, when it began: approving an
  /// incident, and stopping it.
  Result<Permit> permit_to_go_on(const Caller& caller, const PolicyQuestion& question);
  /// Asks the policy for what needs no token, such as reading. The decision is recorded, allowed
  /// or not, with what exactly was asked for where that is said; the index of its entry is
  /// returned.
  Result<std::uint64_t> authorize(const Caller& caller, const PolicyQuestion& question,
                                  const std::string& asked = {});

  /// The same for what would be done, which is not done: not counted, and nobody has to agree.
  Result<std::uint64_t> authorize_preview(const Caller& caller, const PolicyQuestion& question,
                                          const std::string& asked = {});
  /// For what is looked at so often that only a no is recorded: that, and what has duties.
  Result<void> authorize_look(const Caller& caller, const PolicyQuestion& question);

  /// Whom the policy asks to agree; see Approvals.
  [[nodiscard]] Approvals& approvals() { return approvals_; }
  /// forbidden, recorded, unless the caller has asked for it, is one of whom it waits for, or may
  /// read all. Recorded where it may.
  Result<ApprovalView> show_approval(const Caller& caller, const ApprovalId& id);
  /// Whether the caller would be shown it, but for approval.read.
  [[nodiscard]] bool concerns(const Caller& caller, const ApprovalRecord& approval) const;
  /// By who has asked for it, or whom approval.cancel is permitted to.
  Result<ApprovalView> cancel_approval(const Caller& caller, const ApprovalId& id);

  /// Opens the commitments in the entries of one request.
  [[nodiscard]] Bytes commitment_salt(std::string_view request_id) const {
    return commitments_.salt(request_id);
  }

  /// Records that a known machine asked for something that does not parse; returns `error`.
  Failure refuse_malformed(const Caller& caller, Operation operation, Error error);

  /// Puts a policy in force, recorded. Requests under way keep the one that decided them.
  Result<void> adopt(const Caller& caller, std::shared_ptr<const Policy> policy,
                     const std::string& text);
  /// Discharges the permit for a policy that is to come into force now.
  Result<void> record_applying(const Caller& caller, const Permit& permitted,
                               const std::string& version);
  /// As adopt(), for somebody who was permitted to change it.
  Result<void> change_policy(const Caller& caller, const Permit& permitted,
                             std::shared_ptr<const Policy> policy, const std::string& text);
  [[nodiscard]] std::shared_ptr<const Policy> policy() const;

  /// From now on a candidate is asked beside the policy in force, in place of the one before it;
  /// recorded. It ends with the process, or when it comes into force itself.
  Result<void> start_shadow(const Caller& caller, const Permit& permitted,
                            std::shared_ptr<const Policy> candidate);
  /// not_found where there is none.
  Result<void> stop_shadow(const Caller& caller, const Permit& permitted);
  /// Or null.
  [[nodiscard]] std::shared_ptr<const Shadow> shadow() const;
  /// Of all shadows since the start.
  [[nodiscard]] std::uint64_t shadow_differences() const;

  /// not_found with the name.
  Result<const CertificateAuthority*> ca(const CaName& name) const;
  [[nodiscard]] std::vector<const CertificateAuthority*> cas() const;

 private:
  void put_in_force(std::shared_ptr<const Policy> policy);
  void replace_shadow(std::shared_ptr<Shadow> shadow);
  Result<Outcome> perform(const Caller& caller, SigningTask& task);
  using TaskResult = Result<std::unique_ptr<SigningTask>>;
  TaskResult task_for(const Caller& caller, const SigningRequest& request);
  TaskResult task_for(const Caller& caller, const IssueCertificate& request);
  TaskResult task_for(const Caller& caller, const RenewCertificate& request);
  TaskResult task_for(const Caller& caller, const Enroll& request);
  TaskResult task_for(const Caller& caller, const SignData& request);
  TaskResult task_for(const Caller& caller, const SignCrl& request);
  TaskResult task_for(const Caller& caller, const SignOcsp& request);
  TaskResult certificate_task(const Caller& caller, CertificateOrder order,
                              std::optional<Seconds> validity);
  Result<const Profile*> profile(const ProfileName& name) const;
  /// conflict where the certificate of this CA, or of one above it, is revoked.
  Result<void> expect_not_revoked(const CertificateAuthority& authority) const;

  /// The same key only where the profile says so, and the key is not why it is to be replaced.
  Result<void> check_renewal_key(const CertificateRecord& record, const Profile& profile,
                                 const PublicKey& key) const;
  /// conflict where no renewal could replace the certificate.
  Result<void> check_replaceable(const CertificateRecord& record) const;
  Result<void> check_reason(const CertificateRecord& record,
                            const RevokeCertificate& request) const;
  Result<Revoked> record_revocation(const Caller& caller, const PolicyQuestion& question,
                                    const Permit& permitted, const CertificateRecord& certificate,
                                    const RevokeCertificate& request);

  /// Who enrols is known only by its one-time token.
  Result<void> identify(Caller& caller, const Enroll& request);
  Result<std::optional<Outcome>> replay(const Caller& caller);
  Result<void> load_crl_shards();
  /// What was asked for; e-mail addresses as commitments.
  void describe_asked(AuditEntry& entry, const Caller& caller,
                      const PolicyQuestion& question) const;
  Failure refuse(const Caller& caller, const PolicyQuestion& question, const Decision& decision);
  Failure reject(const Caller& caller, const PolicyQuestion& question, Error error);
  Failure refuse_until_approved(const Caller& caller, const Decision& decision, AuditEntry asked,
                                Error error);
  enum class TokenAsked { no, perhaps };
  Failure give_up(const Caller& caller, Intent intent, const SigningTask& task, Error error,
                  TokenAsked asked);
  /// unauthenticated where the certificate that the caller came with is revoked by now.
  Result<void> expect_still_valid(const Caller& caller) const;
  Result<const Key*> generate(const Caller& caller, const Permit& permitted,
                              const CreateKey& request);

  const Config& config_;
  Store& store_;
  AuditLog& log_;
  Token& token_;
  KeyRing& keys_;
  const BlockedKeys blocked_;
  const Commitments commitments_;
  Approvals approvals_;

  std::atomic<std::uint64_t> revocation_changes_ = 0;
  std::atomic<std::uint64_t> attribute_changes_ = 0;
  std::mutex creating_;              // held while a key is made
  mutable std::shared_mutex mutex_;  // guards policy_, cas_ and crl_shard_counts_
  std::shared_ptr<const Policy>
      policy_;  // what decides: in_force_, with the shadow where there is one
  std::shared_ptr<const Policy> in_force_;
  std::shared_ptr<Shadow> shadow_;
  std::uint64_t ended_shadow_differences_ = 0;
  std::map<CaName, std::unique_ptr<const CertificateAuthority>> cas_;
  std::map<CaName, std::vector<unsigned>> crl_shard_counts_;
};

}  // namespace chancery
