#pragma once

#include <memory>
#include <vector>

#include "core/audit_log.h"
#include "core/certificate_authority.h"
#include "core/config.h"
#include "core/crl.h"
#include "core/policy.h"
#include "core/signing_request.h"
#include "core/weak_key.h"

namespace chancery {

/// What a signature brings about, to be recorded in one transaction with the outcome's entry.
struct Effects {
  AuditEntry entry{EntryKind::outcome};
  std::vector<StoreChange> changes;
  Outcome outcome;
};

/// One kind of signature on its way through SigningService::perform, which calls these in order.
class SigningTask {
 public:
  virtual ~SigningTask() = default;

  /// What the policy is asked.
  [[nodiscard]] virtual PolicyQuestion question() const = 0;
  /// Builds exactly what the token will sign; adds to the intent's entry and to what is committed
  /// with it. An error means that nothing was or will be signed.
  virtual Result<SigningInput> build(AuditEntry& intent, std::vector<StoreChange>& changes) = 0;
  /// What is recorded and answered once the signature is there and verified.
  [[nodiscard]] virtual Effects finish(Bytes signature) = 0;
  /// What is recorded when the token was not asked after all: its claims are given back.
  [[nodiscard]] virtual std::vector<StoreChange> not_asked() const { return {}; }
  /// What is recorded when the token may have signed but no good signature came back.
  [[nodiscard]] virtual std::vector<StoreChange> lost() const { return {}; }
};

/// A certificate to be issued; names and key type already hold against the profile.
struct CertificateOrder {
  Operation operation = Operation::certificate_issue;
  CaName issuer_name = {};
  const Issuer* issuer = nullptr;
  const Key* issuer_key = nullptr;
  const Profile* profile = nullptr;
  PublicKey public_key;
  Subject subject = {};
  SubjectAltNames names = {};
  Seconds validity{};
  MachineName owner;
  unsigned crl_shards = 1;                    ///< of the issuer, now
  std::optional<ClaimEnrollment> claim = {};  ///< committed with the intent
  std::optional<Serial> replaces = {};        ///< of a renewal
};
std::unique_ptr<SigningTask> make_certificate_task(CertificateOrder order, const Config& config,
                                                   const BlockedKeys& blocked, Store& store);

/// What the policy is asked about a signature with a machine key, before the data is read.
PolicyQuestion question_about(const SignData& request, const Key& key);
/// What the data says, read as the key's class (read_message), of a digest nothing but its class;
/// none for a key that signs no data at all, which make_data_task's task refuses. conflict for a
/// digest where the key is bound to what can only be seen in the data itself.
Result<std::optional<MessageContent>> read_content(const SignData& request, const Key& key,
                                                   Time at);
/// Data (or, where the policy grants it, its digest) to be signed with a machine key.
std::unique_ptr<SigningTask> make_data_task(const SignData& request, const Key& key,
                                            std::optional<MessageContent> content);

/// The CRL of one scope; `shard_counts` are all that the CA has had.
std::unique_ptr<SigningTask> make_crl_task(const CertificateAuthority& ca, const CrlScope& scope,
                                           std::vector<unsigned> shard_counts, const Config& config,
                                           Store& store);

/// An OCSP response; `request` outlives the task.
std::unique_ptr<SigningTask> make_ocsp_task(const SignOcsp& request);

/// For a token that is down before anything was asked of it.
Error token_down(const std::string& problem);

/// The input for a signature over `message` by the algorithm's rule: its digest, or itself.
Bytes input_of(SignatureAlgorithm algorithm, ByteView message);

/// What the policy is asked about an operation on one certificate: a CertificateRecord or a
/// SelectedCertificate.
template <class Certificate>
PolicyQuestion question_about(Operation operation, const Certificate& certificate) {
  return {.operation = operation,
          .issuer = certificate.issuer.text(),
          .profile = certificate.profile.text(),
          .owner = certificate.machine.text()};
}

/// Adds what the policy was asked to an entry.
void describe(AuditEntry& entry, const PolicyQuestion& question);

}  // namespace chancery
