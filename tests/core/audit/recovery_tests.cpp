// Crashes and full disks, in child processes.

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "core/audit_verify.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

nlohmann::json entry_at(LogHome& home, std::uint64_t index) {
  return nlohmann::json::parse(home.store->entry(index).value());
}

/// Runs `body` in a child process that never returns here; its process id.
template <class Body>
pid_t in_child(Body body) {
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child != 0) return child;
  ::signal(SIGABRT, SIG_DFL);  // a defect ends it, and is not taken for the parent's
  try {
    body();
  } catch (...) {
    ::_exit(99);
  }
  ::_exit(98);
}

int exit_status(pid_t child) {
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

/// Intents, certificates, revocations, checkpoints, until it is killed; each serial that was
/// answered for goes through the pipe.
void load_until_killed(LogHome& home, int answered) {
  home.open();
  CHECK(home.log->recover());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (;;) {
        const CertificateRecord certificate = home.issue();
        CHECK(::write(answered, certificate.serial.bytes.data(), 20) == 20);
        home.revoke(certificate);
      }
    });
  }
  for (;;) {
    home.append();  // on a busy machine the threads may not have come that far
    home.checkpoint();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::vector<Serial> read_serials(int pipe) {
  std::vector<Serial> serials;
  Serial serial;
  while (::read(pipe, serial.bytes.data(), 20) == 20) serials.push_back(serial);
  return serials;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(recovery, LogHome)

BOOST_AUTO_TEST_CASE(open_intents_become_unknown) {
  const CertificateRecord certificate = new_certificate("lost");
  const auto with_certificate = intend(certificate_intent_entry(certificate)).index();
  const auto without = intend().index();
  conclude(intend());
  open();
  BOOST_TEST(log->recover().value() == 2U);

  const auto size = log->head().size;
  const std::uint64_t intents[] = {with_certificate, without};
  for (std::uint64_t i = 0; i < 2; ++i) {
    const auto outcome = entry_at(*this, size - 2 + i);
    BOOST_TEST(outcome["kind"] == "outcome");
    BOOST_TEST(outcome["intent"] == intents[i]);
    BOOST_TEST(outcome["result"] == "unknown");
    BOOST_TEST(outcome["reason"] == "crash");
    BOOST_TEST(outcome["request"] == "req-1");
    BOOST_TEST(outcome["machine"] == "web");
  }
  const auto row = store->certificate(certificate.serial).value().value();
  BOOST_TEST((row.state == CertificateState::unknown));
  BOOST_TEST((row.machine == certificate.machine && row.issuer == certificate.issuer &&
              row.profile == certificate.profile && row.not_before == certificate.not_before &&
              row.not_after == certificate.not_after &&
              row.spki_sha256 == certificate.spki_sha256));
  BOOST_TEST(row.der.empty());
  BOOST_TEST(row.intent == with_certificate);
  BOOST_TEST(row.outcome == size - 2);
  revoke(row);

  open();
  BOOST_TEST(log->recover().value() == 0U, "once is enough");
  const auto report = verify_log(*store, {}).value();
  BOOST_TEST(report.good, summary(report));
}

BOOST_AUTO_TEST_CASE(recovery_reads_from_its_mark) {
  const auto old = intend().index();
  for (int i = 0; i < 1500; ++i) append();
  BOOST_TEST(store->recovery_mark().value() == 0U, "an open intent holds it");
  open();
  BOOST_TEST(log->recover().value() == 1U);
  BOOST_TEST(store->recovery_mark().value() > old);
  const auto late = intend().index();
  open();
  BOOST_TEST(log->recover().value() == 1U);
  BOOST_TEST(entry_at(*this, log->head().size - 1)["intent"] == late);
}

BOOST_AUTO_TEST_CASE(a_claimed_request_stays_unanswered) {
  const MachineName web = MachineName::literal("web");
  const RequestRecord request{web, "k", Bytes(32), "req-1", 0, std::nullopt, now() + Seconds(60)};
  const auto intent = log->intend(context_of("web"), policy.allow(), AuditEntry(EntryKind::intent),
                                  {}, {ClaimRequest{request, now()}});
  BOOST_TEST_REQUIRE(intent.has_value());
  open();
  BOOST_TEST(log->recover().value() == 1U);
  const auto row = store->request(web, "k").value().value();
  BOOST_TEST(!row.answer.has_value());
  BOOST_TEST(row.intent == intent->index());
}

BOOST_AUTO_TEST_CASE(killed_at_any_moment_nothing_that_was_answered_is_lost) {
  close();
  std::mt19937 random(20261122);
  std::vector<Serial> answered;
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    BOOST_REQUIRE(::pipe(ends) == 0);
    const pid_t child = in_child([&] { load_until_killed(*this, ends[1]); });
    ::close(ends[1]);
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + random() % 250));
    ::kill(child, SIGKILL);
    const auto serials = read_serials(ends[0]);
    ::close(ends[0]);
    BOOST_TEST(WIFSIGNALED(exit_status(child)));
    answered.insert(answered.end(), serials.begin(), serials.end());

    open();
    BOOST_TEST_REQUIRE(log->recover().has_value());
    const auto report = verify_log(*store, verifiers()).value();
    BOOST_TEST(report.good, "round " << round << ": " << summary(report));
    BOOST_TEST(report.open_intents == 0U);
    close();
  }
  BOOST_TEST(!answered.empty());
  open();
  for (const Serial& serial : answered) {
    const auto row = store->certificate(serial).value();
    BOOST_TEST_REQUIRE(row.has_value());
    BOOST_TEST((row->state == CertificateState::issued));
  }
  std::ranges::sort(answered);
  BOOST_TEST((std::ranges::adjacent_find(answered) == answered.end()));
}

// The disk fills up: the write-ahead log cannot grow any more.
BOOST_AUTO_TEST_CASE(a_full_disk_closes_the_log_with_nothing_half_written) {
  close();
  const pid_t child = in_child([&] {
    open();
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{600 << 10, 600 << 10};
    CHECK(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    std::uint64_t last = 0;
    AuditEntry entry(EntryKind::read);
    entry.set("padding", std::string(5000, 'x'));
    for (;;) {
      const auto index = log->record(context_of("a"), entry);
      if (index) {
        last = *index;
        continue;
      }
      CHECK(index.error().code == ErrorCode::store_unavailable);
      CHECK(!log->healthy() && log->problem().find("sqlite extended code") != std::string::npos);
      // Nothing is accepted afterwards, also nothing that would fit.
      const auto small_one = log->record(context_of("a"), AuditEntry(EntryKind::read));
      CHECK(!small_one && small_one.error().code == ErrorCode::store_unavailable);
      CHECK(log->head().size == last + 1);
      ::_exit(last > 10 ? 0 : 1);
    }
  });
  BOOST_TEST(exit_status(child) == 0);
  open();
  BOOST_TEST(log->healthy());
  append();
  checkpoint();
  const auto report = verify_log(*store, verifiers()).value();
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.entries > 10U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
