// New keys of the audit log in a whole installation.
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/key_changes.h"
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

  std::vector<std::string> kept() {
    std::ifstream file(home() / "log-keys");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
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
    publish();
    BOOST_TEST(checkpoints->vkeys().size() == 4U);
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
  publish();
  const auto first = checkpoints->vkeys();
  BOOST_REQUIRE(rotate_log_keys(instance(), *checkpoints, as("admin")));
  // A copy of now has no checkpoint of the new ones.
  BOOST_REQUIRE(write_log_keys(home(), *checkpoints));
  BOOST_TEST(kept() == first);
  check(kept());
  restart();
  BOOST_REQUIRE(write_log_keys(home(), *checkpoints));
  BOOST_TEST(kept() == first);
  publish();
  BOOST_REQUIRE(write_log_keys(home(), *checkpoints));
  BOOST_TEST(kept().size() == 4U);
  BOOST_TEST(kept() == checkpoints->vkeys());
  check(kept());
}

// Whoever knows keys of any time is led to those of any other, and nobody else is.
BOOST_AUTO_TEST_CASE(from_one_checkpoint_to_another_by_the_changes_alone) {
  publish();
  std::vector<std::string> notes = {instance().log().signed_checkpoint().note};
  std::vector<std::vector<std::string>> keys = {checkpoints->vkeys()};
  for (int round = 0; round < 2; ++round) {
    for (const auto change : {&rotate_log_keys, &retire_log_keys}) {
      BOOST_REQUIRE(change(instance(), *checkpoints, as("admin")));
      publish();
      notes.push_back(instance().log().signed_checkpoint().note);
      keys.push_back(checkpoints->vkeys());
    }
  }
  const std::string text =
      to_text(read_key_changes(store(), instance().log().published_checkpoint()).value());
  const KeyChanges changes = parse_key_changes(text).value();
  BOOST_TEST(changes.size() == 5U);
  for (const auto& pinned : keys) {
    const auto followed = follow_key_changes(parsed(pinned), changes);
    BOOST_REQUIRE_MESSAGE(followed, (followed ? "" : followed.error().message));
    for (const std::string& note : notes) {
      BOOST_TEST(followed->find_wrong(parse_checkpoint(note).value(), note) == "");
    }
  }
  // Without them, keys verify what they have signed themselves.
  const auto alone = follow_key_changes(parsed(keys.front()), {}).value();
  BOOST_TEST(alone.find_wrong(parse_checkpoint(notes[1]).value(), notes[1]) == "");
  BOOST_TEST(alone.find_wrong(parse_checkpoint(notes[2]).value(), notes[2]) != "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
