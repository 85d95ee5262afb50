#include <algorithm>

#include "core/signing_task.h"

namespace chancery {
namespace {

constexpr std::size_t kEntryBytes = 54;  // one with a reason, in DER
constexpr std::size_t kAroundEntries = 4096;

class CrlTask : public SigningTask {
 public:
  CrlTask(const CertificateAuthority& ca, const CrlScope& scope, std::vector<unsigned> shard_counts,
          const Config& config, Store& store)
      : ca_(ca),
        name_(ca.record.name),
        shard_counts_(std::move(shard_counts)),
        config_(config),
        store_(store) {
    draft_.scope = scope;
  }

  [[nodiscard]] PolicyQuestion question() const override {
    PolicyQuestion question{.operation = Operation::crl_sign};
    question.issuer = name_.text();
    return question;
  }

  Result<SigningInput> build(AuditEntry& intent, std::vector<StoreChange>&) override {
    RETURN_IF_ERROR(date_and_number());
    RETURN_IF_ERROR(collect());
    expectation_.entries = record_.entries = draft_.entries;
    tbs_ = build_crl_tbs(ca_.issuer, draft_);
    intent.set("crl_list", record_.scope.name());
    intent.set("crl_number", record_.number);
    if (draft_.scope.delta) {
      intent.set("crl_base", record_.base_number);
      intent.set("base_covers", record_.base_covers);
    }
    intent.set("crl_covers", record_.covers);
    intent.set("crl_entries", record_.entries);
    intent.set("since", to_rfc3339_seconds(record_.since));
    intent.set("this_update", to_rfc3339_seconds(record_.this_update));
    intent.set("next_update", to_rfc3339_seconds(record_.next_update));
    return SigningInput{ca_.key, ca_.issuer.algorithm(), input_of(ca_.issuer.algorithm(), tbs_)};
  }

  [[nodiscard]] Effects finish(Bytes signature) override {
    Effects effects;
    Bytes der = assemble_signed(std::move(tbs_), ca_.issuer.algorithm(), signature);
    CrlRecord record = record_;
    record.sha256 = sha256(der);
    effects.entry.set("crl_sha256", to_hex(record.sha256));
    effects.outcome.issuer = name_;
    effects.outcome.not_after = record.next_update;
    // A list that a reader would refuse is recorded but not published: the last good one stays.
    if (check_crl(der, ca_.issuer, ca_.key->public_key, expectation_)) {
      effects.changes.push_back(PutCrl{std::move(record)});
    } else {
      effects.entry.set("published", "no");
    }
    effects.outcome.certificate = std::move(der);
    return effects;
  }

 private:
  /// The lists of all certificates and their deltas share one sequence of numbers (RFC 5280
  /// section 5.2.3).
  Result<std::string> previous_number() const {
    const CrlScope& scope = draft_.scope;
    ASSIGN_OR_RETURN(const auto own, store_.crl(name_, scope));
    std::string number = own ? own->number : "";
    if (scope.is_shard()) return number;
    ASSIGN_OR_RETURN(const auto other,
                     store_.crl(name_, scope.delta ? CrlScope::all() : CrlScope::delta_of_all()));
    if (other && (number.empty() || std::stoull(other->number) > std::stoull(number))) {
      number = other->number;
    }
    return number;
  }

  Result<void> date_and_number() {
    ASSIGN_OR_RETURN(expectation_.previous_number, previous_number());
    const Time at = now();
    // From the time, so that it grows without state; above the last one even when the clock went
    // back.
    auto number = static_cast<unsigned long long>(at.time_since_epoch().count());
    if (const std::string& previous = expectation_.previous_number; !previous.empty()) {
      number = std::max(number, std::stoull(previous) + 1);
    }
    draft_.number = std::to_string(number);
    draft_.this_update = std::chrono::floor<Seconds>(at);
    draft_.next_update = std::min(draft_.this_update + config_.crl_lifetime,
                                  Time(std::chrono::floor<Seconds>(ca_.issuer.not_after())));
    if (draft_.next_update <= draft_.this_update) {
      return fail(ErrorCode::conflict, "the certificate of this CA has ended");
    }
    draft_.distribution_point = config_.crl_issuing_distribution_point && !draft_.scope.delta;
    draft_.freshest = config_.crl_delta && draft_.scope == CrlScope::all();
    record_.issuer = name_;
    record_.scope = expectation_.scope = draft_.scope;
    record_.number = draft_.number;
    record_.this_update = draft_.this_update;
    record_.next_update = draft_.next_update;
    expectation_.distribution_point = draft_.distribution_point;
    expectation_.freshest = draft_.freshest;
    return {};
  }

  Result<void> collect() {
    // Read first: what is revoked while the entries are read is on this list or on the next one.
    ASSIGN_OR_RETURN(record_.covers, store_.log_size());
    DerWriter entries;
    const auto add = [&](const RevokedEntry& entry) {
      write_revoked_entry(entries, entry);
      ++draft_.entries;
    };
    ASSIGN_OR_RETURN(const auto last, store_.crl(name_, draft_.scope));
    if (draft_.scope.delta) {
      RETURN_IF_ERROR(choose_base(last));
      RETURN_IF_ERROR(store_.each_revoked_from(name_, record_.base_covers, add));
    } else {
      // An entry leaves after it was on one list that was made after its certificate's end (RFC
      // 5280 section 3.3). One of the future, before the clock was set back, says nothing of that.
      if (last) record_.since = std::min(last->this_update, draft_.this_update);
      std::uint64_t expected = 0;
      for (const CrlScope& shard : shards()) {
        ASSIGN_OR_RETURN(const std::uint64_t count,
                         store_.count_revoked(name_, shard, record_.since));
        expected += count;
      }
      if (last) RETURN_IF_ERROR(check_lost(*last, expected));
      // And what goes around them: the list is made in this memory and stays there.
      entries.reserve(expected * kEntryBytes + kAroundEntries);
      for (const CrlScope& shard : shards()) {
        RETURN_IF_ERROR(store_.each_revoked(name_, shard, record_.since, add));
      }
    }
    draft_.encoded_entries = entries.take();
    return {};
  }

  /// Stays the same until it has expired: who has that list or a later one can use the delta (RFC
  /// 5280 section 5.2.4).
  Result<void> choose_base(const std::optional<CrlRecord>& last) {
    if (last && last->since + config_.crl_lifetime > draft_.this_update) {
      record_.base_number = last->base_number;
      record_.base_covers = last->base_covers;
      record_.since = last->since;
    } else {
      ASSIGN_OR_RETURN(const auto base, store_.crl(name_, CrlScope::all()));
      if (!base) return fail(ErrorCode::conflict, "there is no list yet that a delta could change");
      record_.base_number = base->number;
      record_.base_covers = base->covers;
      record_.since = base->this_update;
    }
    draft_.base_number = expectation_.base_number = record_.base_number;
    return {};
  }

  [[nodiscard]] std::vector<CrlScope> shards() const {
    if (draft_.scope.is_shard()) return {draft_.scope};
    std::vector<CrlScope> all;
    for (const unsigned count : shard_counts_) {
      for (unsigned shard = 0; shard < count; ++shard) {
        all.push_back(CrlScope::of_shard(count, shard));
      }
    }
    return all;
  }

  /// Those that were on the last list and are on this one no more, although they neither expired
  /// nor were released: rows that went away (docs/operations.md, "CRLs").
  Result<void> check_lost(const CrlRecord& last, std::uint64_t entries) {
    std::uint64_t may_be_gone = 0;
    for (const CrlScope& shard : shards()) {
      ASSIGN_OR_RETURN(const std::uint64_t expired,
                       store_.revoked_and_expired(name_, shard, last.since, record_.since));
      may_be_gone += expired;
    }
    ASSIGN_OR_RETURN(const std::uint64_t released, store_.released_from(name_, last.covers));
    may_be_gone += released;
    if (last.entries <= entries + may_be_gone) return {};
    return fail(ErrorCode::internal, std::to_string(last.entries - entries - may_be_gone) +
                                         " revoked certificates of the last list \"" +
                                         last.scope.name() + "\" of \"" + name_.text() +
                                         "\" are gone from the database; the last one stays");
  }

  const CertificateAuthority& ca_;
  const CaName& name_;
  const std::vector<unsigned> shard_counts_;
  const Config& config_;
  Store& store_;
  CrlDraft draft_;
  CrlExpectation expectation_;
  CrlRecord record_;
  Bytes tbs_;
};

}  // namespace

std::unique_ptr<SigningTask> make_crl_task(const CertificateAuthority& ca, const CrlScope& scope,
                                           std::vector<unsigned> shard_counts, const Config& config,
                                           Store& store) {
  return std::make_unique<CrlTask>(ca, scope, std::move(shard_counts), config, store);
}

}  // namespace chancery
