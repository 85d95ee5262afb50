// Each call that changes a file while the log is pruned × what can go wrong with it: then the
// installation is opened again, the pruning goes on if it was recorded, and everything verifies.

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "core/pruner.h"
#include "tests/fault/file_calls.h"
#include "tests/fault/pristine_home.h"

namespace chancery {
namespace {

constexpr std::uint64_t kMost = 10000;
constexpr int kDefect = 99;

struct Case {
  const char* name;
  FileFault fault;
  int error;
};
std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}
const Case kCases[] = {
    {"disk full", FileFault::fail, ENOSPC},
    {"failed but applied", FileFault::apply_and_fail, EIO},
    {"ended before", FileFault::end_process, 0},
    {"ended after", FileFault::apply_and_end_process, 0},
};

/// An installation whose log has a tile of entries that may all go, the same before each run.
struct PruningFaults : PristineHome {
  PruningFaults() {
    adjust = [](Config& config) { config.retention = Retention{Seconds(0), Seconds(0)}; };
    issue("web-1");
    while (instance().log().head().size < 300) {
      BOOST_REQUIRE(service().authorize(as("auditor"), {.operation = Operation::audit_read}));
    }
    BOOST_TEST_REQUIRE(verify().good);
    remember();
  }

  /// In a child: what came of it is in the database. True where the fault was not reached.
  bool prune_with(const FilePlan& plan) {
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) ::_exit(child_run(plan));
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST_REQUIRE(WIFEXITED(status));
    BOOST_TEST_REQUIRE(WEXITSTATUS(status) != kDefect);
    return WEXITSTATUS(status) == 0;
  }

  int child_run(const FilePlan& plan) {
    try {
      reopen();
      arm_file_calls(plan);
      Pruner pruner(instance());
      (void)pruner.prune(as("admin"));
      publish();
      pruner.work();
      close();
      return disarm_file_calls() ? 1 : 0;
    } catch (...) {
      return kDefect;
    }
  }

  void publish() {
    auto publisher = CheckpointPublisher::create(instance().log(), instance().store(), token(),
                                                 instance().keys(), instance().config().log_origin);
    if (publisher) (void)(*publisher)->publish();
  }

  void check() {
    reopen();
    const VerifyReport report = verify();
    BOOST_TEST(report.good, summary(report));
    Pruner pruner(instance());
    pruner.work();
    BOOST_TEST(pruner.problem() == "");
    BOOST_TEST(!pruner.is_open().value());
    BOOST_TEST(store().pruning_ranges(0, 1)->empty());
    // Recorded and whole, or not at all.
    std::uint64_t removed = 0;
    const auto prunings = store().prunings().value();
    for (const PruningRecord& one : prunings) removed += one.entries;
    const std::uint64_t size = store().log_size().value();
    BOOST_TEST(store().entry_numbers(0, size, size)->size() == size - removed);
    const VerifyReport after = verify();
    BOOST_TEST(after.good, summary(after));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pruning_faults, PruningFaults)

BOOST_DATA_TEST_CASE(each_change_of_a_file, boost::unit_test::data::make(kCases), one) {
  unsigned recorded = 0;
  std::uint64_t at = 1;
  for (bool reached = true; reached && at < kMost; ++at) {
    BOOST_TEST_CONTEXT("call " << at) {
      restore();
      reached = !prune_with({home().string() + "/", one.fault, one.error, at, 1});
      check();
      recorded += store().prunings()->empty() ? 0 : 1;
    }
  }
  BOOST_TEST(at > 10U, "so many changes at least does a pruning make");
  BOOST_TEST((recorded > 0 && recorded + 1 < at), recorded);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
