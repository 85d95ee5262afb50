#include <algorithm>

#include "core/signing_task.h"

namespace chancery {
namespace {

class CertificateTask : public SigningTask {
 public:
  CertificateTask(CertificateOrder order, const Config& config, const BlockedKeys& blocked,
                  Store& store)
      : order_(std::move(order)), config_(config), blocked_(blocked), store_(store) {}

  [[nodiscard]] PolicyQuestion question() const override {
    return {.operation = order_.operation,
            .issuer = order_.issuer_name.text(),
            .profile = order_.profile->name.text(),
            .key = {},
            .owner = order_.owner.text(),
            .subject = order_.subject,
            .names = order_.names,
            .key_type = order_.public_key.type(),
            .validity = order_.validity,
            .algorithm = {},
            .extended_key_usages = order_.profile->extended_key_usages};
  }

  Result<SigningInput> build(AuditEntry& intent, std::vector<StoreChange>& changes) override {
    const Bytes spki_sha256 = order_.public_key.spki_sha256();
    ASSIGN_OR_RETURN(const auto revoked, store_.blocked_key(spki_sha256));
    if (revoked || blocked_.contains(spki_sha256)) {
      return invalid("csr.public_key", "this key is known to be compromised; make a new one");
    }
    const Time at = now();
    if (at >= order_.issuer->not_after()) {
      return fail(ErrorCode::conflict, "the issuer's own certificate has expired", "issuer");
    }
    record_.serial = Serial::allocate(to_unix_seconds(at));
    // Never before the issuer was valid, never beyond its end: path validation would fail.
    record_.not_before = std::max(std::chrono::floor<Seconds>(at) - config_.backdate,
                                  std::chrono::floor<Seconds>(order_.issuer->not_before()));
    record_.not_after = std::min(std::chrono::floor<Seconds>(at) + order_.validity,
                                 std::chrono::floor<Seconds>(order_.issuer->not_after()));
    record_.issuer = order_.issuer_name;
    record_.machine = order_.owner;
    record_.profile = order_.profile->name;
    record_.spki_sha256 = spki_sha256;
    record_.crl_shards = order_.crl_shards;
    record_.replaces = order_.replaces;

    ASSIGN_OR_RETURN(tbs_, rehearse(*order_.issuer, draft()));
    intent.set("serial", record_.serial.hex());
    intent.set("not_before", to_rfc3339_seconds(record_.not_before));
    intent.set("not_after", to_rfc3339_seconds(record_.not_after));
    intent.set("spki_sha256", to_hex(record_.spki_sha256));
    if (record_.crl_shards > 1) intent.set("crl_shards", record_.crl_shards);
    if (record_.replaces) intent.set("replaces", record_.replaces->hex());
    if (order_.claim) {
      intent.set("token_sha256", to_hex(order_.claim->token_sha256));
      changes.emplace_back(*order_.claim);
    }
    return SigningInput{order_.issuer_key, order_.issuer->algorithm(),
                        input_of(order_.issuer->algorithm(), tbs_)};
  }

  [[nodiscard]] Effects finish(Bytes signature) override {
    Effects effects;
    CertificateRecord record = record_;
    record.der = assemble_signed(std::move(tbs_), order_.issuer->algorithm(), signature);
    effects.entry.set("serial", record.serial.hex());
    effects.entry.set("certificate_sha256", to_hex(sha256(record.der)));
    effects.outcome.serial = record.serial.hex();
    effects.outcome.certificate = record.der;
    effects.outcome.issuer = record.issuer;
    effects.outcome.not_after = record.not_after;
    effects.changes.push_back(AddCertificate{std::move(record)});
    return effects;
  }

  [[nodiscard]] std::vector<StoreChange> not_asked() const override {
    if (!order_.claim) return {};
    return {ReleaseEnrollment{order_.claim->token_sha256, order_.claim->at}};
  }

  [[nodiscard]] std::vector<StoreChange> lost() const override {
    CertificateRecord record = record_;
    record.state = CertificateState::unknown;
    return {AddCertificate{std::move(record)}};
  }

 private:
  [[nodiscard]] CertificateDraft draft() const {
    CertificateDraft draft;
    draft.serial = record_.serial;
    draft.subject = order_.subject;
    draft.names = order_.names;
    draft.not_before = record_.not_before;
    draft.not_after = record_.not_after;
    draft.crl_shards = record_.crl_shards;
    draft.profile = order_.profile;
    draft.public_key = &order_.public_key;
    return draft;
  }

  const CertificateOrder order_;
  const Config& config_;
  const BlockedKeys& blocked_;
  Store& store_;
  CertificateRecord record_;
  Bytes tbs_;
};

}  // namespace

std::unique_ptr<SigningTask> make_certificate_task(CertificateOrder order, const Config& config,
                                                   const BlockedKeys& blocked, Store& store) {
  return std::make_unique<CertificateTask>(std::move(order), config, blocked, store);
}

}  // namespace chancery
