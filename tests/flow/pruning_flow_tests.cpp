// Pruning of the audit log in a whole installation.
#include <boost/test/unit_test.hpp>

#include "core/log_replay.h"
#include "core/pruner.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

struct PruningFixture : FlowFixture {
  /// Everything is old enough at once; config.yaml itself does not allow that.
  void retain_nothing() {
    adjust = [](Config& config) { config.retention = Retention{Seconds(0), Seconds(0)}; };
    restart();
  }
  void restart() {
    pruner.reset();
    reopen();
    pruner = std::make_unique<Pruner>(instance());
  }
  void grow() {
    while (instance().log().head().size < 300) {
      BOOST_REQUIRE(service().authorize(as("auditor"), {.operation = Operation::audit_read}));
    }
  }
  void expect_good() {
    const VerifyReport report = verify();
    BOOST_TEST(report.good, summary(report));
  }
  std::uint64_t there() {
    return store().entry_numbers(0, store().log_size().value(), 1'000'000)->size();
  }

  std::unique_ptr<Pruner> pruner = std::make_unique<Pruner>(instance());
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pruning_flow, PruningFixture)

BOOST_AUTO_TEST_CASE(nothing_goes_that_config_does_not_say) {
  for (const auto& result :
       {pruner->preview(as("admin")).error(), pruner->prune(as("admin")).error()}) {
    BOOST_CHECK(result.code == ErrorCode::conflict);
    BOOST_TEST(result.field == "log.retention");
  }
  BOOST_TEST(entries(EntryKind::failure).back().find("log.retention") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_administrator_only) {
  retain_nothing();
  for (const char* who : {"operator", "auditor", "web-1"}) {
    const std::size_t denials = entries(EntryKind::denial).size();
    BOOST_CHECK(pruner->preview(as(who)).error().code == ErrorCode::forbidden);
    BOOST_CHECK(pruner->prune(as(who)).error().code == ErrorCode::forbidden);
    BOOST_TEST(entries(EntryKind::denial).size() == denials + 2);
  }
}

BOOST_AUTO_TEST_CASE(what_is_too_young_stays) {
  adjust = [](Config& config) { config.retention = Retention{Seconds(86400), Seconds(86400)}; };
  restart();
  grow();
  expect_good();
  const auto begun = pruner->prune(as("admin"));
  BOOST_REQUIRE(begun);
  BOOST_TEST(begun->entry == 0U);
  BOOST_TEST(store().prunings()->empty());
}

BOOST_AUTO_TEST_CASE(recorded_and_published_before_anything_goes) {
  retain_nothing();
  const Outcome certificate = issue("web-1");
  grow();
  expect_good();
  const PruningPlan plan = pruner->preview(as("admin")).value();
  BOOST_TEST(plan.minimum == 256U);
  const std::uint64_t before = there();
  const Pruner::Begun begun = pruner->prune(as("admin")).value();
  BOOST_TEST(begun.plan.entries == plan.entries);
  BOOST_TEST(begun.entry > 0U);
  BOOST_CHECK(pruner->prune(as("admin")).error().code == ErrorCode::conflict);
  pruner->work();
  BOOST_TEST(there() > before, "no checkpoint covers it");
  expect_good();  // publishes one
  BOOST_TEST(store().prunings()->back().done == false);
  pruner->work();
  BOOST_TEST(pruner->problem() == "");
  BOOST_TEST(store().prunings()->back().done);
  BOOST_TEST(there() == store().log_size().value() - plan.entries);
  expect_good();

  // The service is what it was.
  issue("web-2");
  BOOST_TEST(store().certificate(Serial::parse(certificate.serial).value())->has_value());
  BOOST_TEST(
      service()
          .revoke(as("operator"),
                  {Serial::parse(certificate.serial).value(), RevocationReason::superseded, {}})
          .has_value());
  restart();
  expect_good();
  const auto again = pruner->prune(as("admin"));
  BOOST_REQUIRE(again);
}

BOOST_AUTO_TEST_CASE(a_start_goes_on) {
  retain_nothing();
  grow();
  expect_good();
  // A plan that nothing came of.
  BOOST_REQUIRE(instance().log().prune(PlanPruning{{{3, 4}}}));
  restart();
  pruner->work();
  BOOST_TEST(store().pruning_ranges(0, 1)->empty());
  // One that was recorded, and the process ended.
  const Pruner::Begun begun = pruner->prune(as("admin")).value();
  restart();
  pruner->work();
  BOOST_TEST(pruner->is_open().value());
  expect_good();
  RemoveEntries step = next_removal(store()).value();
  step.ranges.resize(1);
  BOOST_REQUIRE(instance().log().prune(std::move(step)));
  restart();
  expect_good();
  pruner->work();
  BOOST_TEST(!pruner->is_open().value());
  BOOST_TEST(store().prunings()->back().entry == begun.entry);
  expect_good();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
