// What retention lets go of a log, and that the rest of it stays provable.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <set>

#include "core/audit_index.h"
#include "core/log_export.h"
#include "core/receipt.h"
#include "core/tile.h"
#include "tests/core/audit/pruning_fixture.h"
#include "tests/core/audit/python_verifier.h"

namespace chancery {
namespace {

enum class Fate { goes, stays };

struct Case {
  const char* name;
  Fate fate;
  std::function<void(PrunedLog&)> make;  ///< its entries all share the fate
};

CertificateRecord ended(PrunedLog& log) {
  return log.add(PrunedLog::ended_certificate());
}

void renewed_on_request(PrunedLog& log, CertificateRecord old) {
  old = log.add(std::move(old));
  log.request_renewal(old, RevocationReason::superseded);
  CertificateRecord renewal = PrunedLog::ended_certificate();
  renewal.replaces = old.serial;
  log.add(std::move(renewal));
}

const std::vector<Case> kCases = {
    {"what somebody read", Fate::goes, [](PrunedLog& log) { log.record(EntryKind::read); }},
    {"a denial", Fate::goes, [](PrunedLog& log) { log.record(EntryKind::denial); }},
    {"a failure", Fate::goes, [](PrunedLog& log) { log.record(EntryKind::failure); }},
    {"a failed authentication", Fate::goes,
     [](PrunedLog& log) { log.record(EntryKind::authentication); }},
    {"a heartbeat", Fate::goes, [](PrunedLog& log) { log.record(EntryKind::heartbeat); }},
    {"an event of the token", Fate::goes, [](PrunedLog& log) { log.record(EntryKind::token); }},
    {"a stop", Fate::goes, [](PrunedLog& log) { log.record(EntryKind::stop); }},
    {"a policy that came into force", Fate::stays,
     [](PrunedLog& log) { log.record(EntryKind::policy); }},
    {"a signature over data", Fate::goes,
     [](PrunedLog& log) { log.conclude(log.intend(AuditEntry(EntryKind::intent))); }},
    {"one without its outcome yet", Fate::stays,
     [](PrunedLog& log) { (void)log.intend(AuditEntry(EntryKind::intent)); }},
    {"a request that may be repeated", Fate::stays,
     [](PrunedLog& log) { log.ask("again", Conclusion::ok); }},
    {"a certificate that has ended", Fate::goes, [](PrunedLog& log) { ended(log); }},
    {"one that has not", Fate::stays, [](PrunedLog& log) { log.issue(); }},
    {"one that may have been signed", Fate::goes,
     [](PrunedLog& log) { log.add(PrunedLog::ended_certificate(), Conclusion::unknown); }},
    {"one that was not", Fate::goes,
     [](PrunedLog& log) { log.add(PrunedLog::ended_certificate(), Conclusion::failed); }},
    {"a revoked one", Fate::goes, [](PrunedLog& log) { log.revoke(ended(log)); }},
    {"one that was on hold", Fate::goes,
     [](PrunedLog& log) {
       const CertificateRecord held = ended(log);
       log.revoke(held, RevocationReason::certificate_hold);
       log.revoke(held, RevocationReason::remove_from_crl);
     }},
    {"one whose key is blocked", Fate::stays,
     [](PrunedLog& log) { log.revoke(ended(log), RevocationReason::key_compromise); }},
    {"one that the next CRL still lists", Fate::stays,
     [](PrunedLog& log) {
       CertificateRecord certificate = new_certificate();
       certificate.issuer = CaName::literal("one");
       certificate.not_after = certificate.not_before - Seconds(30);  // the last one: 60 before
       certificate.not_before -= Seconds(3600);
       log.revoke(log.add(certificate));
     }},
    {"one that an incident revoked", Fate::stays,
     [](PrunedLog& log) { log.revoke(ended(log), RevocationReason::superseded, "inc-2"); }},
    {"one that was asked to be renewed, and its renewal", Fate::goes,
     [](PrunedLog& log) { renewed_on_request(log, PrunedLog::ended_certificate()); }},
    {"the renewal of one that stays, which was asked for", Fate::stays,
     [](PrunedLog& log) { renewed_on_request(log, new_certificate()); }},
    {"a key", Fate::stays, [](PrunedLog& log) { log.create_key("three"); }},
    {"a CA", Fate::stays, [](PrunedLog& log) { log.create_ca("three"); }},
    {"the certificate of a CA", Fate::stays,
     [](PrunedLog& log) {
       const CertificateRecord certificate = log.add(PrunedLog::ended_certificate());
       const CaRecord ca{CaName::literal("four"), KeyName::literal("one"), CaName::literal("one"),
                         certificate.der, 1};
       AuditEntry entry(EntryKind::ca);
       entry.set("ca", "four").set("key", "one").set("issuer", "one").set("crl_shards", 1U);
       entry.set("certificate_sha256", to_hex(sha256(ca.certificate)));
       BOOST_REQUIRE(log.log->record(context_of("self"), std::move(entry), {AddCa{ca}}));
     }},
    {"a machine and its token", Fate::stays, [](PrunedLog& log) { log.add_machine("three"); }},
    {"the last CRL", Fate::stays, [](PrunedLog& log) { log.publish_crl("one", "9000"); }},
    {"the log's keys", Fate::stays, [](PrunedLog& log) { log.name_log_keys(); }},
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pruning, PrunedLog)

BOOST_AUTO_TEST_CASE(what_goes_and_what_stays) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> made;
  for (const Case& one : kCases) {
    const std::uint64_t before = log->head().size;
    one.make(*this);
    made.emplace_back(before, log->head().size);
  }
  fill();
  const PruningPlan plan = this->plan();
  for (std::size_t i = 0; i < kCases.size(); ++i) {
    BOOST_TEST_REQUIRE(made[i].first < made[i].second, kCases[i].name);
    for (std::uint64_t index = made[i].first; index < made[i].second; ++index) {
      BOOST_TEST(goes(plan, index) == (kCases[i].fate == Fate::goes),
                 kCases[i].name << ", entry " << index);
    }
  }
  BOOST_TEST(plan.entries + plan.retained == plan.minimum);
}

BOOST_AUTO_TEST_CASE(nothing_goes_before_its_time) {
  const CertificateRecord certificate = ended(*this);
  fill();
  struct Row {
    const char* name;
    Retention retention;
    bool other, certificate;
  };
  const std::vector<Row> rows = {
      {"all is old enough", kNone, true, true},
      {"the certificate ended too late", {Seconds(2 * 3600), Seconds(0)}, true, false},
      {"it is all too young", {Seconds(0), Seconds(3600)}, false, false},
  };
  for (const Row& row : rows) {
    const PruningPlan plan = this->plan(row.retention);
    BOOST_TEST((plan.minimum > 0) == row.other, row.name);
    BOOST_TEST((plan.entries > 0) == row.other, row.name);
    BOOST_TEST((plan.certificates > 0) == row.certificate, row.name);
  }
  BOOST_TEST(store->certificate(certificate.serial)->has_value());
}

// A clock that is ahead of the log: the entry of the pruning could be earlier than that, and would
// not allow what was planned.
BOOST_AUTO_TEST_CASE(entries_are_as_old_as_the_log_says) {
  fill();
  const auto ahead = [&](Seconds by) {
    return plan_pruning(*store, {Seconds(0), Seconds(3600)}, now() + by, log->published_size())
        ->minimum;
  };
  BOOST_TEST(ahead(Seconds(7200)) == 0U);
  BOOST_TEST(plan().minimum > 0U);
}

BOOST_AUTO_TEST_CASE(only_what_a_published_checkpoint_covers) {
  const PruningPlan none = plan();
  BOOST_TEST(none.minimum == 0U);
  while (log->head().size < 300) append();
  BOOST_TEST(plan().minimum == 0U);
  checkpoint();
  BOOST_TEST(plan().minimum == 256U);
}

BOOST_AUTO_TEST_CASE(the_rest_stays_provable) {
  for (int i = 0; i < 3; ++i) revoke(ended(*this));
  fill();
  const std::string early = log->published_checkpoint();
  const std::uint64_t early_size = log->published_size();
  const PruningPlan plan = this->plan();
  BOOST_TEST(plan.certificates == 3U);
  BOOST_TEST(plan.revocations == 3U);
  const auto removed = plan.ranges.front().first;
  std::uint64_t retained = 0;
  while (goes(plan, retained)) ++retained;

  prune(plan);
  BOOST_TEST(store->minimum().value() == plan.minimum);
  BOOST_TEST((store->entry(removed).error().code == ErrorCode::not_found));
  BOOST_TEST(verified().good, summary(verified()));
  BOOST_TEST(verified().entries == log->head().size);

  // The tree of every size from the minimum on, and inclusion of what is there.
  BOOST_TEST((root_at(*store, early_size).has_value()));
  const std::string note = log->published_checkpoint();
  const Receipt receipt = make_receipt(*store, note, retained).value();
  BOOST_TEST(verify_receipt(receipt, verifiers()).has_value());
  const auto gone = make_receipt(*store, note, removed);
  BOOST_TEST((gone.error().code == ErrorCode::not_found));
  BOOST_TEST(consistency_proof(*store, 7, log->published_size()).has_value());

  const auto bundle = read_tile(*store, {.entries = true, .index = 0});
  BOOST_TEST((bundle.error().code == ErrorCode::not_found));
  BOOST_TEST(bundle.error().message.find(std::to_string(plan.minimum)) != std::string::npos);
  BOOST_TEST(read_tile(*store, {.index = 0}).has_value());

  open();                                    // as a start does
  BOOST_TEST(log->recover().value() == 1U);  // the fixture's open claim
  BOOST_TEST(log->published_size() > early_size);
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_CASE(again_later) {
  const CertificateRecord first = ended(*this);
  fill();
  const Retention long_retention{Seconds(3 * 3600), Seconds(0)};
  prune(plan(long_retention), long_retention);
  BOOST_TEST(store->certificate(first.serial)->has_value());
  BOOST_TEST(verified().good, summary(verified()));
  ended(*this);
  fill();
  const PruningPlan second = plan();
  BOOST_TEST(second.certificates == 2U);
  prune(second);
  BOOST_TEST(!store->certificate(first.serial)->has_value());
  BOOST_TEST(store->prunings()->size() == 2U);
  BOOST_TEST(verified().good, summary(verified()));
  // A longer retention afterwards does not bring the minimum back.
  const PruningPlan third = plan({Seconds(0), Seconds(3600)});
  BOOST_TEST(third.minimum == second.minimum);
  BOOST_TEST(third.entries == 0U);
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_CASE(a_verification_goes_on_behind_it) {
  const CertificateRecord held = ended(*this);
  revoke(held, RevocationReason::certificate_hold);
  fill();
  VerifyOptions options;
  options.keep_state = true;
  const auto before = verify_log(*store, verifiers(), options).value();
  BOOST_REQUIRE(before.state);
  prune();
  append();
  checkpoint();
  const auto state = parse_verified_state(to_text(*before.state)).value();
  options.resume = &state;
  const auto after = verify_log(*store, verifiers(), options).value();
  BOOST_TEST(after.good, summary(after));
  BOOST_TEST(after.certificates == verified().certificates);
}

BOOST_AUTO_TEST_CASE(a_search_goes_on_behind_it) {
  for (int i = 0; i < 5; ++i) ended(*this);
  fill();
  AuditIndex index(*store, folder().file("audit-index.db"));
  AuditQuery query;
  query.kind = EntryKind::outcome;
  const auto numbers = [&] {
    std::set<std::uint64_t> found;
    const auto answer = index.search(query, log->head().size).value();
    for (const auto& one : answer.entries) found.insert(one.index);
    return found;
  };
  const auto before = numbers();
  const PruningPlan plan = this->plan();
  prune(plan);
  std::set<std::uint64_t> expected;
  for (const std::uint64_t number : before) {
    if (!goes(plan, number)) expected.insert(number);
  }
  BOOST_TEST(expected.size() < before.size());
  BOOST_TEST((numbers() == expected));
  // Made anew it finds the same, and what is asked by time too.
  std::filesystem::remove(folder().file("audit-index.db"));
  AuditIndex anew(*store, folder().file("other-index.db"));
  query.kind.reset();
  query.from = Time{};
  query.limit = 3;
  const auto all = anew.search(query, log->head().size).value();
  BOOST_TEST(all.entries.size() == 3U);
  BOOST_TEST(all.next.has_value());
}

BOOST_AUTO_TEST_CASE(what_is_about_to_go_does_not_change) {
  const CertificateRecord certificate = ended(*this);
  fill();
  const PruningPlan plan = this->plan();
  BOOST_REQUIRE(log->prune(PlanPruning{plan.ranges}));
  const auto refused = [&](AuditEntry entry, StoreChange change) {
    const auto result = log->record(context_of("operator"), std::move(entry), {std::move(change)});
    return !result && result.error().code == ErrorCode::not_found;
  };
  const Revocation revocation{.serial = certificate.serial,
                              .issuer = certificate.issuer,
                              .reason = RevocationReason::superseded,
                              .revoked_at = now(),
                              .by = MachineName::literal("operator"),
                              .not_after = certificate.not_after,
                              .crl_shards = 1,
                              .invalidity_date = {},
                              .incident = {}};
  BOOST_TEST(refused(AuditEntry(EntryKind::revocation), AddRevocation{revocation}));
  BOOST_TEST(refused(AuditEntry(EntryKind::replacement),
                     PutRenewalRequest{{.serial = certificate.serial,
                                        .issuer = certificate.issuer,
                                        .reason = RevocationReason::superseded,
                                        .deadline = now(),
                                        .explanation_url = {}}}));
  CertificateRecord renewal = new_certificate();
  renewal.replaces = certificate.serial;
  BOOST_TEST(refused(AuditEntry(EntryKind::read), AddCertificate{renewal}));
  // Where nothing comes of the plan, it is as before.
  BOOST_REQUIRE(log->prune(DropPruningPlan{}));
  revoke(certificate);
  BOOST_TEST(is_part_of(plan, plan));
  const PruningPlan again = this->plan();
  BOOST_TEST(!is_part_of(plan, again), "its revocation is too new");
}

BOOST_AUTO_TEST_CASE(one_at_a_time) {
  fill();
  const PruningPlan plan = this->plan();
  record(plan);
  const auto second = log->record(context_of("admin"), pruning_entry(plan, kNone),
                                  {AddPruning{{.minimum = plan.minimum}}});
  BOOST_TEST((second.error().code == ErrorCode::conflict));
}

BOOST_AUTO_TEST_CASE(it_is_good_after_each_step_and_each_start) {
  for (int i = 0; i < 200; ++i) {
    const CertificateRecord certificate = ended(*this);
    if (i % 3 == 0) revoke(certificate);
    if (i % 7 == 0) issue();
  }
  fill();
  const PruningPlan plan = this->plan();
  record(plan);
  BOOST_TEST(verified().good, "recorded: " << summary(verified()));
  checkpoint();
  int steps = 0;
  for (bool more = true; more; ++steps) {
    BOOST_TEST(verified().good, "step " << steps << ": " << summary(verified()));
    close();
    BOOST_TEST(python_says_good(*this), "step " << steps);
    open();
    more = remove_some();
  }
  BOOST_TEST(steps > 3);
  BOOST_TEST(store->prunings()->back().done);
  BOOST_TEST(store->pruning_ranges(0, 1)->empty());
  BOOST_TEST(verified().good, summary(verified()));
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
