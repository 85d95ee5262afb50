#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "core/audit_verify.h"
#include "core/merkle.h"
#include "core/pruning_plan.h"
#include "tests/core/audit/inventory_fixture.h"

namespace chancery {

/// A log of everything that makes a row, which is pruned without a service.
struct PrunedLog : InventoryLog {
  /// Whatever is in the log is old enough, and what has ended may go.
  static constexpr Retention kNone{Seconds(0), Seconds(0)};

  std::uint64_t record(EntryKind kind) {
    return log->record(context_of("auditor"), AuditEntry(kind)).value();
  }

  /// One that had ended an hour ago.
  static CertificateRecord ended_certificate() {
    CertificateRecord certificate = new_certificate();
    certificate.not_before -= Seconds(7200);
    certificate.not_after -= Seconds(7200);
    return certificate;
  }
  CertificateRecord add(CertificateRecord certificate, Conclusion conclusion = Conclusion::ok) {
    AuditEntry intent = certificate_intent_entry(certificate);
    AuditEntry outcome = certificate_outcome_entry(certificate);
    std::vector<StoreChange> changes;
    if (conclusion == Conclusion::unknown) {
      certificate.state = CertificateState::unknown;
      certificate.der.clear();
    }
    if (conclusion != Conclusion::ok) outcome = AuditEntry(EntryKind::outcome);
    if (conclusion != Conclusion::failed) changes.emplace_back(AddCertificate{certificate});
    finish(intend(std::move(intent)), conclusion, std::move(outcome), std::move(changes));
    return certificate;
  }

  /// Up to a whole tile, and the newest rows of both tables: these never go.
  void fill() {
    revoke(issue());
    while (log->head().size % kTileWidth != 0) append();
    append();
    checkpoint();
  }

  PruningPlan plan(const Retention& retention = kNone) {
    return plan_pruning(*store, retention, now(), log->published_size()).value();
  }

  static bool goes(const PruningPlan& plan, std::uint64_t index) {
    return std::ranges::any_of(plan.ranges, [&](const EntryRange& range) {
      return range.first <= index && index <= range.last;
    });
  }

  std::uint64_t record(const PruningPlan& plan, const Retention& retention = kNone) {
    BOOST_REQUIRE(log->prune(DropPruningPlan{}));
    BOOST_REQUIRE(log->prune(PlanPruning{plan.ranges}));
    return log
        ->record(context_of("admin"), pruning_entry(plan, retention),
                 {AddPruning{{.minimum = plan.minimum,
                              .entries = plan.entries,
                              .certificates = plan.certificates,
                              .revocations = plan.revocations}}})
        .value();
  }

  /// False at the end.
  bool remove_some() {
    RemoveEntries step = next_removal(*store).value();
    const bool more = !step.ranges.empty();
    BOOST_REQUIRE(log->prune(std::move(step)));
    return more;
  }

  /// What may go, goes; the entry that records it.
  std::uint64_t prune(const PruningPlan& plan, const Retention& retention = kNone) {
    const std::uint64_t entry = record(plan, retention);
    checkpoint();
    while (remove_some()) {
    }
    return entry;
  }
  std::uint64_t prune() { return prune(plan()); }

  VerifyReport verified() { return verify_log(*store, verifiers()).value(); }
};

}  // namespace chancery
