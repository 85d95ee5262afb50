#include <algorithm>

#include "core/signing_task.h"

namespace chancery {
namespace {

constexpr std::size_t kPage = 4096;

class CrlTask : public SigningTask {
 public:
  CrlTask(const CertificateAuthority& ca, const Config& config, Store& store, CrlEntries& entries)
      : ca_(ca), config_(config), store_(store), entries_(entries) {}

  [[nodiscard]] PolicyQuestion question() const override {
    PolicyQuestion question{.operation = Operation::crl_sign};
    question.issuer = ca_.record.name.text();
    return question;
  }

  Result<SigningInput> build(AuditEntry& intent, std::vector<StoreChange>&) override {
    ASSIGN_OR_RETURN(auto last, store_.crl(ca_.record.name));
    if (last) previous_number_ = last->number;
    const Time at = now();
    draft_.this_update = std::chrono::floor<Seconds>(at);
    draft_.next_update = std::min(draft_.this_update + config_.crl_lifetime,
                                  Time(std::chrono::floor<Seconds>(ca_.issuer.not_after())));
    draft_.number = next_number(at);
    if (config_.crl_issuing_distribution_point) draft_.shard = 0;
    ASSIGN_OR_RETURN(draft_.entries,
                     entries_.collect(store_, ca_.record.name, last ? last->this_update : Time{}));
    tbs_ = build_crl_tbs(ca_.issuer, draft_);
    intent.set("crl_number", draft_.number);
    intent.set("crl_entries", draft_.entries.size());
    intent.set("this_update", to_rfc3339_seconds(draft_.this_update));
    intent.set("next_update", to_rfc3339_seconds(draft_.next_update));
    return SigningInput{ca_.key, ca_.issuer.algorithm(), input_of(ca_.issuer.algorithm(), tbs_)};
  }

  [[nodiscard]] Effects finish(Bytes signature) const override {
    Effects effects;
    CrlRecord record;
    record.issuer = ca_.record.name;
    record.number = draft_.number;
    record.this_update = draft_.this_update;
    record.next_update = draft_.next_update;
    record.entries = draft_.entries.size();
    record.der = assemble_signed(tbs_, ca_.issuer.algorithm(), signature);
    effects.entry.set("crl_sha256", to_hex(sha256(record.der)));
    effects.outcome.certificate = record.der;
    effects.outcome.issuer = record.issuer;
    effects.outcome.not_after = record.next_update;
    // A list that a reader would refuse is recorded but not published: the last good one stays.
    if (check_crl(record.der, ca_.issuer, ca_.key->public_key, draft_.shard, previous_number_,
                  draft_.entries.size())) {
      effects.changes.push_back(PutCrl{std::move(record)});
    } else {
      effects.entry.set("published", "no");
    }
    return effects;
  }

 private:
  /// From the time, so that it grows without state; above the last one even when the clock went
  /// back (RFC 5280 section 5.2.3).
  [[nodiscard]] std::string next_number(Time at) const {
    const auto micros = static_cast<unsigned long long>(at.time_since_epoch().count());
    if (previous_number_.empty()) return std::to_string(micros);
    return std::to_string(std::max(micros, std::stoull(previous_number_) + 1));
  }

  const CertificateAuthority& ca_;
  const Config& config_;
  Store& store_;
  CrlEntries& entries_;
  CrlDraft draft_;
  std::string previous_number_;
  Bytes tbs_;
};

}  // namespace

Result<std::vector<Bytes>> CrlEntries::collect(Store& store, const CaName& issuer,
                                               Time last_update) {
  const std::lock_guard lock(mutex_);
  List& list = lists_[issuer];
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<Revocation> rows,
                     store.revocations(issuer, list.last_entry, kPage));
    for (const Revocation& row : rows) {
      list.entries.push_back({encode_revoked_entry(row), row.not_after});
      list.last_entry = row.entry;
    }
    if (rows.size() < kPage) break;
  }
  std::erase_if(list.entries, [&](const Entry& entry) { return entry.not_after < last_update; });
  std::vector<Bytes> entries;
  entries.reserve(list.entries.size());
  for (const Entry& entry : list.entries) entries.push_back(entry.der);
  return entries;
}

std::unique_ptr<SigningTask> make_crl_task(const CertificateAuthority& ca, const Config& config,
                                           Store& store, CrlEntries& entries) {
  return std::make_unique<CrlTask>(ca, config, store, entries);
}

}  // namespace chancery
