// Each call that changes a file, and each use of the token × what can go wrong with it: then the
// installation is opened again, has all that it had given, and verifies.

#include <sys/wait.h>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "tests/fault/fault_run.h"
#include "tests/fault/pristine_home.h"

namespace chancery {
namespace {

constexpr std::uint64_t kMost = 10000;  // far more calls than a run makes
constexpr std::uint64_t kWaitEach = 9;  // going on takes limits::store_probe_interval

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// An installation that is the same before each run.
struct FaultFixture : PristineHome {
  const KeyName key = KeyName::literal("web-1.releases");
  std::size_t intents_before;

  FaultFixture() {
    data_key(key.text());
    intents_before = entries(EntryKind::intent).size();
    remember();
  }

  Serial serial(const std::string& hex) { return Serial::parse(hex).value(); }

  void check(const Given& given) {
    for (const std::string& wrong : given.wrong) BOOST_TEST(wrong == "");
    const auto reopened = try_reopen();
    BOOST_REQUIRE_MESSAGE(reopened, reopened.error().message << " " << reopened.error().detail);
    for (const Given::Signature& one : given.signatures) {
      const auto intent = store().entry(one.intent);
      const auto outcome = store().entry(one.outcome);
      BOOST_TEST_REQUIRE((intent && outcome));
      BOOST_TEST(has(*intent, "\"kind\":\"intent\""));
      BOOST_TEST(has(*outcome, "\"intent\":" + std::to_string(one.intent) + ","));
      BOOST_TEST(has(*outcome, "\"result\":\"ok\""));
      BOOST_TEST(has(*outcome, one.signature_sha256));
    }
    for (const std::string& hex : given.issued) {
      const auto row = store().certificate(serial(hex));
      BOOST_TEST_REQUIRE((row && *row));
      BOOST_CHECK((*row)->state == CertificateState::issued);
    }
    for (const std::string& hex : given.revoked)
      BOOST_TEST(service().is_revoked(serial(hex)).value());
    BOOST_TEST(instance().log().signed_checkpoint().size >= given.checkpoint);
    // I2. A checkpoint is signed by two keys.
    const std::size_t intents = entries(EntryKind::intent).size() - intents_before;
    BOOST_TEST(given.token_signatures <= intents + 2 * given.checkpoints_tried);
    BOOST_TEST(entries(EntryKind::outcome).size() == entries(EntryKind::intent).size());
    const VerifyReport report = verify();
    BOOST_TEST(report.good, (report.findings.empty() ? "" : report.findings.front()));
    BOOST_TEST(report.open_intents == 0U);
  }
};

struct FileCase {
  const char* name;
  FileFault fault;
  int error;
  std::uint64_t times = 1;
};
std::ostream& operator<<(std::ostream& out, const FileCase& one) {
  return out << one.name;
}
const FileCase kFileCases[] = {
    {"disk full", FileFault::fail, ENOSPC},
    // Until after the reserve has been given back: outcomes cannot be written either.
    {"disk full for long", FileFault::fail, ENOSPC, 30},
    {"failed and not applied", FileFault::fail, EIO},
    {"failed but applied", FileFault::apply_and_fail, EIO},
    {"slow", FileFault::delay, 0},
    {"ended before", FileFault::end_process, 0},
    {"ended after", FileFault::apply_and_end_process, 0},
};

BOOST_FIXTURE_TEST_SUITE(fault_matrix, FaultFixture)

BOOST_DATA_TEST_CASE(each_change_of_a_file, boost::unit_test::data::make(kFileCases), one) {
  const bool ends =
      one.fault == FileFault::end_process || one.fault == FileFault::apply_and_end_process;
  unsigned ready = 0, suspended = 0, ended = 0;
  std::uint64_t at = 1;
  for (; at < kMost; ++at) {
    BOOST_TEST_CONTEXT("call " << at) {
      restore();
      FaultPlan plan;
      plan.file = FilePlan{home().string() + "/", one.fault, one.error, at, one.times};
      plan.wait_for_log = at % kWaitEach == 0;
      const Given given = run_with_fault(*this, key, plan);
      BOOST_TEST_REQUIRE(WIFEXITED(given.status));
      const int status = WEXITSTATUS(given.status);
      BOOST_TEST_REQUIRE((status == 0 || (ends && status == kEndedByFault)), status);
      check(given);
      if (plan.wait_for_log && status == 0 && given.ready && !given.ended) {
        BOOST_TEST(instance().recovered() == 0U, "it has concluded what it had opened");
      }
      ready += given.ready;
      suspended += given.suspended;
      ended += given.ended;
      if (status == 0 && !given.reached) {
        BOOST_TEST((given.signatures.size() >= 3 && given.revoked.size() == 1));
        break;
      }
      if (one.fault == FileFault::delay) BOOST_TEST((given.ready && !given.suspended));
    }
  }
  BOOST_TEST_MESSAGE(one << ": " << at - 1 << " faults, " << ready << " runs opened, " << suspended
                         << " suspended the log, " << ended << " ended it");
  BOOST_TEST(at > 40U, "so many changes at least does a run make");
  const bool fails = one.error != 0;
  BOOST_TEST((suspended > 0) == fails);
  BOOST_TEST((ended > 0) == fails, "a failed flush ends it");
}

struct TokenCase {
  const char* name;
  TokenFault fault;
};
std::ostream& operator<<(std::ostream& out, const TokenCase& one) {
  return out << one.name;
}
const TokenCase kTokenCases[] = {
    {"refused", TokenFault::refuse},
    {"answer lost", TokenFault::lose_answer},
    {"wrong signature", TokenFault::wrong_signature},
    {"another key", TokenFault::swapped_key},
    {"ended before", TokenFault::end_process},
    {"ended after", TokenFault::sign_and_end_process},
};

BOOST_DATA_TEST_CASE(each_use_of_the_token,
                     boost::unit_test::data::make(kTokenCases) * boost::unit_test::data::xrange(3U),
                     one, step) {
  restore();
  FaultPlan plan;
  plan.token = one.fault;
  plan.token_step = step;
  const Given given = run_with_fault(*this, key, plan);
  const bool ends =
      one.fault == TokenFault::end_process || one.fault == TokenFault::sign_and_end_process;
  BOOST_TEST_REQUIRE(WIFEXITED(given.status));
  BOOST_TEST(WEXITSTATUS(given.status) == (ends ? kEndedByTokenFault : 0));
  // What came before the fault was given, the step that it hit was not.
  BOOST_TEST(given.signatures.size() == (ends ? (step == 0 ? 0U : 2U) : (step == 0 ? 2U : 3U)));
  BOOST_TEST(given.issued.empty() == (step == 1 || (ends && step == 0)));
  BOOST_TEST((given.checkpoint == 0) == (step == 2 || ends));
  check(given);
  const std::string last = entries(EntryKind::outcome).back();
  if (ends && step < 2) BOOST_TEST(has(last, "\"result\":\"unknown\""));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
