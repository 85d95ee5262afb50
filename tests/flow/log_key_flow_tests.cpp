// New keys of the audit log in a whole installation.
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/log_key_rotation.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

struct LogKeyFixture : FlowFixture {
  LogKeyFixture() { start(); }

  void start() {
    checkpoints = CheckpointPublisher::create(instance().log(), store(), token(), instance().keys(),
                                              instance().config().log_origin)
                      .value();
  }
  void restart() {
    checkpoints.reset();
    reopen();
    start();
  }
  void publish() {
    issue("web-1");
    const auto published = checkpoints->publish();
    BOOST_REQUIRE_MESSAGE(published, (published ? "" : published.error().message));
  }
  std::size_t signatures() {
    const std::string note = instance().log().signed_checkpoint().note;
    return static_cast<std::size_t>(std::count(note.begin(), note.end(), '\n')) - 4;
  }
  static std::vector<NoteVerifier> parsed(const std::vector<std::string>& vkeys) {
    std::vector<NoteVerifier> verifiers;
    for (const std::string& vkey : vkeys) verifiers.push_back(NoteVerifier::parse(vkey).value());
    return verifiers;
  }
  void check(const std::vector<std::string>& pinned) {
    const VerifyReport report = verify_log(store(), parsed(pinned)).value();
    BOOST_TEST(report.good, summary(report));
  }

  std::unique_ptr<CheckpointPublisher> checkpoints;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(log_key_flow, LogKeyFixture)

BOOST_AUTO_TEST_CASE(from_the_first_keys_to_the_third) {
  const auto first = checkpoints->vkeys();
  BOOST_TEST(store().log_keys()->size() == 1U);
  publish();
  BOOST_TEST(signatures() == 2U);
  for (int round = 0; round < 2; ++round) {
    BOOST_REQUIRE(rotate_log_keys(instance(), *checkpoints, as("admin")));
    // Not before those who know the old keys only are told by them.
    const auto early = retire_log_keys(instance(), *checkpoints, as("admin"));
    BOOST_REQUIRE(!early);
    BOOST_CHECK(early.error().code == ErrorCode::conflict);
    BOOST_TEST(checkpoints->vkeys().size() == 4U);
    publish();
    BOOST_TEST(signatures() == 4U);
    restart();
    BOOST_TEST(checkpoints->vkeys().size() == 4U);
    BOOST_REQUIRE(retire_log_keys(instance(), *checkpoints, as("admin")));
    publish();
    BOOST_TEST(signatures() == 2U);
    const auto again = retire_log_keys(instance(), *checkpoints, as("admin"));
    BOOST_REQUIRE(!again);
    BOOST_CHECK(again.error().code == ErrorCode::conflict);
    restart();
    publish();
    BOOST_TEST(signatures() == 2U);
  }
  check(first);
  check(checkpoints->vkeys());
  BOOST_TEST(store().log_keys()->size() == 5U);
}

BOOST_AUTO_TEST_CASE(only_who_may_make_keys) {
  for (const char* name : {"operator", "auditor", "web-1"}) {
    for (const auto change : {&rotate_log_keys, &retire_log_keys}) {
      const auto refused = change(instance(), *checkpoints, as(name));
      BOOST_REQUIRE(!refused);
      BOOST_CHECK(refused.error().code == ErrorCode::forbidden);
    }
  }
  BOOST_TEST(store().log_keys()->size() == 1U);
}

// A crash after the keys were made and before the log names them.
BOOST_AUTO_TEST_CASE(keys_that_were_never_named_do_not_sign) {
  const auto before = checkpoints->vkeys();
  BOOST_REQUIRE(service().create_key(
      as("admin"), {KeyName::literal("log-p256-2"), KeyType::ec_p256, KeyPurpose::audit_log, {}}));
  restart();
  BOOST_TEST(checkpoints->vkeys() == before);
  publish();
  BOOST_REQUIRE(rotate_log_keys(instance(), *checkpoints, as("admin")));
  BOOST_TEST(instance().keys().find(KeyName::literal("log-p256-3")).has_value());
  publish();
  check(before);
}

BOOST_AUTO_TEST_CASE(the_file_has_the_keys_in_force) {
  BOOST_REQUIRE(rotate_log_keys(instance(), *checkpoints, as("admin")));
  BOOST_REQUIRE(write_log_keys(home(), *checkpoints));
  std::ifstream file(home() / "log-keys");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  BOOST_TEST(lines == checkpoints->vkeys());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
