// Keyholders that die, hang or are refused, and the service that goes on.

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>

#include "tests/contract/intent_for_test.h"
#include "tests/pkcs11/keyholder_fixture.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using Events = std::vector<std::string>;

BOOST_FIXTURE_TEST_SUITE(keyholder_failure, KeyholderFixture)

BOOST_AUTO_TEST_CASE(killed_under_load_it_is_replaced_and_the_service_goes_on) {
  options.keyholders = 2;
  start();
  const Key key = make_key();
  std::atomic<bool> done = false;
  std::atomic<unsigned> signed_now = 0;
  std::atomic<unsigned> wrong_errors = 0;
  std::atomic<unsigned> bad_signatures = 0;
  std::vector<std::jthread> crowd;
  for (int i = 0; i < 8; ++i) {
    crowd.emplace_back([&] {
      const Bytes input = sha256(bytes_of("load"));
      while (!done) {
        const auto signature =
            pool().sign(IntentForTest::to_sign(key, SignatureAlgorithm::ecdsa_p256_sha256, input));
        if (!signature) {
          if (signature.error().code != ErrorCode::token_unavailable) ++wrong_errors;
        } else if (key.public_key.verify(SignatureAlgorithm::ecdsa_p256_sha256, input,
                                         *signature)) {
          ++signed_now;
        } else {
          ++bad_signatures;
        }
      }
    });
  }
  for (std::uint64_t round = 1; round <= 6; ++round) {
    BOOST_REQUIRE(eventually([] { return !processes().empty(); }));
    ::kill(processes().front(), SIGKILL);
    BOOST_REQUIRE(eventually([&] { return pool().status().restarts >= round; }));
    const unsigned before = signed_now;
    BOOST_TEST(eventually([&] { return signed_now > before + 20; }));
  }
  done = true;
  crowd.clear();
  BOOST_TEST(wrong_errors == 0U);
  BOOST_TEST(bad_signatures == 0U);
  BOOST_TEST(pool().status().up);
  BOOST_TEST(pool().status().lanes_busy == 0U);
}

BOOST_AUTO_TEST_CASE(killed_while_idle_it_is_replaced_without_a_request) {
  start();
  const pid_t first = processes().at(0);
  ::kill(first, SIGKILL);
  BOOST_REQUIRE(eventually([&] { return pool().status().restarts == 1; }));
  BOOST_REQUIRE(eventually([&] { return events().size() == 4; }));
  BOOST_TEST(events() == (Events{"up 0", "down 0", "replaced 0", "up 0"}));
  BOOST_REQUIRE(processes().size() == 1);
  BOOST_TEST(processes()[0] != first);
}

BOOST_AUTO_TEST_CASE(with_another_keyholder_left_the_token_is_not_down) {
  options.keyholders = 2;
  start();
  const Key key = make_key();
  ::kill(processes().at(0), SIGKILL);
  BOOST_REQUIRE(eventually([&] { return pool().status().restarts == 1; }));
  BOOST_REQUIRE(eventually([&] { return events().size() == 3; }));
  BOOST_TEST(events()[0] == "up 0");
  BOOST_TEST(events()[1].starts_with("lost"));
  BOOST_TEST(events()[2].starts_with("replaced"));
  sign_once_it_is_up(key);
}

BOOST_AUTO_TEST_CASE(stopped_it_misses_its_deadline_is_killed_and_replaced) {
  options.deadline = 2s;
  start();
  const Key key = make_key();
  const pid_t stopped = processes().at(0);
  ::kill(stopped, SIGSTOP);
  BOOST_REQUIRE(eventually([&] { return is_stopped(stopped); }));
  const auto late = sign(key, "while it stands still");
  BOOST_REQUIRE(!late);
  BOOST_TEST((late.error().code == ErrorCode::token_unavailable));
  BOOST_TEST(late.error().detail.find("no answer within 2000 ms") != std::string::npos);
  sign_once_it_is_up(key);
  BOOST_TEST(pool().status().restarts >= 1U);
  BOOST_TEST(!is_running(stopped));
}

BOOST_AUTO_TEST_CASE(while_none_serves_requests_fail_at_once_and_say_why) {
  options.restart_delay = options.restart_delay_at_most = 1h;
  start();
  const Key key = make_key();
  ::kill(processes().at(0), SIGKILL);
  BOOST_REQUIRE(eventually([&] { return !pool().status().up; }));
  BOOST_TEST(pool().status().problem.find("the keyholder ended") != std::string::npos);
  const auto refused = sign(key, "a message");
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code == ErrorCode::token_unavailable));
  BOOST_TEST(refused.error().message == "the token is not available");
}

BOOST_AUTO_TEST_CASE(without_a_free_lane_a_request_waits_and_is_then_told_busy) {
  options.lanes = 1;
  options.lane_wait = 1ms;
  start();
  const Key key = make_key();
  order("C_Sign.hang", "0");
  std::jthread hanging([&] { (void)sign(key, "hangs"); });
  BOOST_REQUIRE(eventually([&] { return pool().status().lanes_busy == 1; }));
  const auto refused = sign(key, "no lane");
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code == ErrorCode::busy));
  ::kill(processes().at(0), SIGKILL);  // ends the hanging request
}

/// Several requests that come in one packet: they wait while the only lane is held by a request to
/// a keyholder that stands still.
class WaitingBatch {
 public:
  WaitingBatch(KeyholderFixture& fixture, const Key& key)
      : fixture_(fixture), keyholder_(processes().at(0)) {
    ::kill(keyholder_, SIGSTOP);
    BOOST_REQUIRE(eventually([&] { return is_stopped(keyholder_); }));
    threads_.emplace_back([&] { first_ = sign(key); });
    BOOST_REQUIRE(eventually([&] { return fixture.pool().status().lanes_busy == 1; }));
    for (std::size_t i = 0; i < size; ++i) {
      threads_.emplace_back([&, i] { batch_[i] = sign(key); });
    }
    BOOST_REQUIRE(eventually([&] { return fixture.pool().status().waiting == size; }));
  }
  static constexpr std::size_t size = 5;

  /// Lets it go on, where the third C_Sign, the batch's second, fails; waits for all answers.
  void finish(const std::string& return_value) {
    fixture_.order("C_Sign.skip", "2");
    fixture_.order("C_Sign.fail", return_value);
    ::kill(keyholder_, SIGCONT);
    threads_.clear();
  }
  [[nodiscard]] unsigned answered() const {
    return static_cast<unsigned>(std::count_if(batch_.begin(), batch_.end(),
                                               [](const auto& one) { return one->has_value(); }));
  }
  [[nodiscard]] unsigned failed_with(ErrorCode code) const {
    return static_cast<unsigned>(std::count_if(batch_.begin(), batch_.end(), [&](const auto& one) {
      return !*one && one->error().code == code;
    }));
  }
  [[nodiscard]] bool first_answered() const { return first_->has_value(); }

 private:
  /// Without Boost.Test's macros, which are for one thread.
  [[nodiscard]] Result<Bytes> sign(const Key& key) const {
    return fixture_.pool().sign(IntentForTest::to_sign(key, SignatureAlgorithm::ecdsa_p256_sha256,
                                                       sha256(bytes_of("a message"))));
  }

  KeyholderFixture& fixture_;
  const pid_t keyholder_;
  std::optional<Result<Bytes>> first_;
  std::array<std::optional<Result<Bytes>>, size> batch_;
  std::vector<std::jthread> threads_;
};

BOOST_AUTO_TEST_CASE(one_of_a_batch_fails_alone) {
  options.lanes = 1;
  start();
  const Key key = make_key();
  WaitingBatch batch(*this, key);
  batch.finish("54");  // CKR_FUNCTION_NOT_SUPPORTED, which is this request's affair
  BOOST_TEST(batch.first_answered());
  BOOST_TEST(batch.answered() == WaitingBatch::size - 1);
  BOOST_TEST(batch.failed_with(ErrorCode::token_unavailable) == 1U);
  BOOST_TEST(pool().status().restarts == 0U);
  BOOST_TEST(pool().status().waiting == 0U);
  BOOST_TEST(pool().status().lanes_busy == 0U);
}

BOOST_AUTO_TEST_CASE(a_keyholder_that_ends_takes_the_rest_of_its_batch_along) {
  options.lanes = 1;
  start();
  const Key key = make_key();
  WaitingBatch batch(*this, key);
  batch.finish("30");  // CKR_DEVICE_ERROR, after which the keyholder ends
  BOOST_TEST(batch.first_answered());
  BOOST_TEST(batch.answered() == 1U);
  BOOST_TEST(batch.failed_with(ErrorCode::token_unavailable) == WaitingBatch::size - 1);
  sign_once_it_is_up(key);
}

BOOST_AUTO_TEST_CASE(a_call_that_hangs_in_the_module_ends_with_its_keyholder) {
  options.deadline = 1s;
  start();
  const Key key = make_key();
  order("C_Sign.hang", "0");
  const auto late = sign(key, "hangs");
  BOOST_REQUIRE(!late);
  BOOST_TEST((late.error().code == ErrorCode::token_unavailable));
  sign_once_it_is_up(key);
}

BOOST_AUTO_TEST_CASE(a_wrong_pin_is_tried_once) {
  options.keyholders = 3;
  options.pin_file = home.write("wrong-pin", "not the pin\n");
  start();
  BOOST_TEST(!pool().status().up);
  BOOST_TEST(pool().status().problem.find("refused the PIN") != std::string::npos);
  // Restarts come after a millisecond in this fixture, so that a second attempt would be seen.
  std::this_thread::sleep_for(500ms);
  BOOST_TEST(calls("C_Login") == 1U);
  BOOST_TEST(events().empty());
}

BOOST_AUTO_TEST_CASE(a_pin_that_became_wrong_is_tried_once_and_the_others_serve_on) {
  options.keyholders = 2;
  start();
  const Key key = make_key();
  home.write("pin", "not the pin any more\n");
  BOOST_TEST(calls("C_Login") == 2U);
  ::kill(processes().at(0), SIGKILL);
  BOOST_REQUIRE(eventually([&] { return calls("C_Login") == 3; }));
  std::this_thread::sleep_for(500ms);
  BOOST_TEST(calls("C_Login") == 3U);
  BOOST_TEST(sign(key, "on the other one").has_value());

  ::kill(processes().at(0), SIGKILL);
  BOOST_REQUIRE(eventually([&] { return !pool().status().up; }));
  BOOST_TEST(pool().status().problem.find("refused the PIN") != std::string::npos);
  std::this_thread::sleep_for(500ms);
  BOOST_TEST(calls("C_Login") == 3U);
}

BOOST_AUTO_TEST_CASE(the_last_attempt_at_a_pin_is_left_to_a_person) {
  order("token_flags", "20000");  // CKF_USER_PIN_FINAL_TRY
  start();
  BOOST_TEST(!pool().status().up);
  BOOST_TEST(calls("C_Login") == 0U);
}

BOOST_AUTO_TEST_CASE(a_pin_file_that_others_can_read_is_refused_until_it_is_mended) {
  std::filesystem::permissions(options.pin_file, std::filesystem::perms(0644));
  start();
  BOOST_TEST(!pool().status().up);
  BOOST_TEST(pool().status().problem == "the PIN file cannot be used");
  BOOST_TEST(calls("C_Login") == 0U);
  std::filesystem::permissions(options.pin_file, std::filesystem::perms(0600));
  BOOST_TEST(eventually([&] { return pool().status().up; }));
}

BOOST_AUTO_TEST_CASE(a_token_that_is_missing_is_waited_for) {
  options.label = "another token";
  start();
  BOOST_TEST(!pool().status().up);
  BOOST_TEST(pool().status().problem == "the token's label was not found exactly once");
}

BOOST_AUTO_TEST_CASE(an_executable_that_is_missing_is_named) {
  options.executable = "/nonexistent/chancery-keyholder";
  start();
  BOOST_TEST(pool().status().problem.find("/nonexistent/chancery-keyholder") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(options_out_of_bounds_are_refused) {
  struct Case {
    const char* field;
    unsigned keyholders, lanes;
    std::string socket_path;
  };
  const Case cases[] = {
      {"keyholders", 0, 1, ""},
      {"keyholders", limits::keyholders_at_most + 1, 1, ""},
      {"lanes", 1, 0, ""},
      {"lanes", 1, limits::lanes_at_most + 1, ""},
      {"keyholders", 2, 1, "/run/keyholder.sock"},
  };
  for (const Case& each : cases) {
    options.keyholders = each.keyholders;
    options.lanes = each.lanes;
    options.socket_path = each.socket_path;
    const auto refused = KeyholderPool::start(options, nullptr);
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().field == each.field);
  }
}

BOOST_AUTO_TEST_CASE(the_pool_leaves_no_process_behind) {
  options.keyholders = 2;
  start();
  BOOST_TEST(processes().size() == 2U);
  stop();
  BOOST_TEST(processes().empty());
}

BOOST_AUTO_TEST_CASE(a_keyholder_does_not_outlive_a_daemon_that_is_killed) {
  // The child does no more than start a pool and wait to be killed; exec comes with the keyholder.
  int ready[2];
  BOOST_REQUIRE(::pipe(ready) == 0);
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    auto started = KeyholderPool::start(options, nullptr);
    const pid_t keyholder = processes().empty() ? 0 : processes().front();
    (void)!::write(ready[1], &keyholder, sizeof keyholder);
    for (;;) ::pause();
  }
  pid_t keyholder = 0;
  BOOST_REQUIRE(::read(ready[0], &keyholder, sizeof keyholder) == sizeof keyholder);
  BOOST_REQUIRE(keyholder > 0);
  ::kill(daemon, SIGKILL);
  ::waitpid(daemon, nullptr, 0);
  BOOST_TEST(eventually([&] { return !is_running(keyholder); }));
  ::close(ready[0]);
  ::close(ready[1]);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
