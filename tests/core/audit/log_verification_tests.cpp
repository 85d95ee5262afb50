#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "core/limits.h"
#include "core/log_verification.h"

namespace chancery {

BOOST_AUTO_TEST_SUITE(log_verification)

BOOST_AUTO_TEST_CASE(one_reads_the_log_a_few_wait_and_the_rest_are_busy) {
  LogVerification verification;
  std::atomic<bool> go_on = false;
  std::atomic<unsigned> runs = 0, shared = 0;
  const auto verify = [&]() -> Result<VerifyReport> {
    ++runs;
    while (!go_on) std::this_thread::yield();
    VerifyReport report;
    report.entries = 17;
    return report;
  };
  const auto ask = [&] {
    const auto report = verification.run(verify);
    if (report && (*report)->has_value() && (**report)->entries == 17) ++shared;
  };
  std::vector<std::thread> threads;
  threads.emplace_back(ask);
  while (runs == 0) std::this_thread::yield();
  for (unsigned i = 0; i < limits::audit_verify_waiting; ++i) threads.emplace_back(ask);
  while (verification.waiting() < limits::audit_verify_waiting) std::this_thread::yield();
  const auto refused = verification.run(verify);
  BOOST_TEST((!refused && refused.error().code == ErrorCode::busy));
  go_on = true;
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(runs == 1U);
  BOOST_TEST(shared == limits::audit_verify_waiting + 1);
  // The next one reads it anew; what fails is told as it is.
  const auto failed =
      verification.run([]() -> Result<VerifyReport> { return fail(ErrorCode::internal, "no"); });
  BOOST_TEST_REQUIRE(failed.has_value());
  BOOST_TEST((!(**failed) && (*failed)->error().message == "no"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
