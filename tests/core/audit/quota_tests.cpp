#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/core/audit/log_fixture.h"

// What the policy counts, in the store and beside the log.

namespace chancery {
namespace {

const Time kNow = from_unix_seconds(1'800'000'000);

/// Allows everything, for as often as its quotas say.
class CountingPolicy : public Policy {
 public:
  explicit CountingPolicy(std::vector<QuotaUse> quotas)
      : duties_(std::make_shared<const Duties>(Duties{std::move(quotas), std::nullopt})) {}
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] Permit permit() const {
    const Decision decision = decide(Machine::self(), {.operation = Operation::key_sign});
    AuditEntry asked(EntryKind::denial);
    asked.set("operation", "key.sign");
    return Permit::discharging(decision, std::move(asked), std::nullopt);
  }

 private:
  [[nodiscard]] Verdict evaluate(const Machine&, const PolicyQuestion&, Time) const override {
    return {true, "counted", "", duties_};
  }
  std::shared_ptr<const Duties> duties_;
  std::string version_ = std::string(64, 'c');
};

struct CountingStore {
  CountingStore() : store(Store::open(folder.file("chancery.db")).value()) {}

  /// One record of its own at `at`; "", or why it was refused.
  std::string use(UseQuota change, Time at, std::vector<StoreChange> others = {}) {
    change.at = at;
    others.emplace_back(std::move(change));
    BOOST_REQUIRE(store->begin());
    const auto applied =
        store->apply({next, AuditEntry(EntryKind::read).text(at), std::move(others)});
    BOOST_REQUIRE(applied);
    BOOST_REQUIRE(store->commit());
    if (!applied->refused) {
      ++next;
      return "";
    }
    last = applied->refused;
    return applied->refused->message;
  }

  TemporaryFolder folder;
  std::unique_ptr<Store> store;
  std::uint64_t next = 0;
  std::optional<Error> last;
};

BOOST_FIXTURE_TEST_SUITE(quotas_in_the_store, CountingStore)

BOOST_AUTO_TEST_CASE(a_window_has_so_many_uses_and_the_next_one_again) {
  const UseQuota hourly{"web/1", "web-1", 2, Seconds(3600), {}};
  // kNow is the beginning of an hour.
  BOOST_TEST(use(hourly, kNow) == "");
  BOOST_TEST(use(hourly, kNow + Seconds(3599)) == "");
  BOOST_TEST(use(hourly, kNow + Seconds(3599)) ==
             "the quota \"web/1\" allows 2 per 1h; again from " +
                 to_rfc3339_seconds(kNow + Seconds(3600)));
  BOOST_REQUIRE(last && last->used_up);
  BOOST_CHECK(last->code == ErrorCode::quota_exceeded);
  BOOST_TEST(last->used_up->quota == "web/1");
  BOOST_TEST(last->used_up->limit == 2U);
  BOOST_CHECK(last->used_up->until == kNow + Seconds(3600));
  BOOST_TEST(use(hourly, kNow + Seconds(3600)) == "");
  BOOST_TEST(store->quota_used("web/1", "web-1", Seconds(3600), kNow + Seconds(3600)).value() ==
             1U);
}

BOOST_AUTO_TEST_CASE(each_machine_quota_and_window_counts_apart) {
  for (const auto& [quota, machine, window] :
       std::vector<std::tuple<const char*, const char*, int>>{{"web/1", "web-1", 3600},
                                                              {"web/1", "web-2", 3600},
                                                              {"web/2", "web-1", 3600},
                                                              {"web/1", "web-1", 60},
                                                              {"web/1", "", 3600},
                                                              {"web/1", "web-1", 0}}) {
    const UseQuota change{quota, machine, 1, Seconds(window), {}};
    BOOST_TEST(use(change, kNow) == "", quota << " " << machine << " " << window);
    BOOST_TEST(use(change, kNow) != "", quota << " " << machine << " " << window);
  }
}

BOOST_AUTO_TEST_CASE(a_limit_that_changes_goes_on_from_the_count) {
  UseQuota ever{"iot/1", "sensor", 2, Seconds(0), {}};
  BOOST_TEST(use(ever, kNow) == "");
  BOOST_TEST(use(ever, kNow + std::chrono::hours(24 * 365 * 5)) == "");
  BOOST_TEST(use(ever, kNow + std::chrono::hours(24 * 365 * 50)) ==
             "the quota \"iot/1\" allows 2, ever");
  BOOST_CHECK(!last->used_up->until);
  ever.limit = 3;
  BOOST_TEST(use(ever, kNow) == "");
  BOOST_TEST(use(ever, kNow) != "");
  ever.limit = 1;
  BOOST_TEST(use(ever, kNow) != "");
  ever.limit = 0;
  ever.machine = "nobody";
  BOOST_TEST(use(ever, kNow) != "");
}

BOOST_AUTO_TEST_CASE(what_a_second_quota_refuses_the_first_has_not_counted) {
  const UseQuota wide{"a/1", "m", 10, Seconds(60), {}};
  const UseQuota narrow{"a/2", "m", 1, Seconds(60), {}};
  UseQuota first = wide;
  first.at = kNow;
  BOOST_TEST(use(narrow, kNow, {first}) == "");
  BOOST_TEST(use(narrow, kNow, {first}) != "");
  BOOST_TEST(store->quota_used("a/1", "m", Seconds(60), kNow).value() == 1U);
}

BOOST_AUTO_TEST_CASE(windows_that_have_ended_are_removed_in_small_steps) {
  for (int i = 0; i < 50; ++i) {
    BOOST_TEST(use({"q/1", "m" + std::to_string(i), 1, Seconds(60), {}}, kNow) == "");
  }
  for (int i = 0; i < 25; ++i) {
    BOOST_TEST(use({"q/1", "later", 100, Seconds(0), {}}, kNow + Seconds(60)) == "");
  }
  store.reset();
  // "later" alone is left: another row of the same key is refused, and there is none of the others.
  BOOST_TEST(run_sql(folder.file("chancery.db"),
                     "CREATE TEMP TABLE one (only INTEGER CHECK (only = 1));"
                     "INSERT INTO one SELECT count(*) FROM quota_use") == "");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(quotas_beside_the_log, LogHome)

BOOST_AUTO_TEST_CASE(what_is_used_up_is_a_denial_and_nothing_else) {
  const CountingPolicy counting({{"counted/1", "web", 1, Seconds(0)}});
  BOOST_REQUIRE(log->record(context_of("web"), counting.permit(), AuditEntry(EntryKind::read)));
  const auto refused =
      log->intend(context_of("web"), counting.permit(), AuditEntry(EntryKind::intent), {});
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::quota_exceeded);
  const std::uint64_t size = log->head().size;
  const auto entry = nlohmann::json::parse(store->entry(size - 1).value());
  BOOST_TEST(entry["kind"] == "denial");
  BOOST_TEST(entry["operation"] == "key.sign");
  BOOST_TEST(entry["grant"] == "counted");
  BOOST_TEST(entry["policy"] == counting.version());
  BOOST_TEST(entry["quota"] == "counted/1");
  BOOST_TEST(entry["limit"] == 1);
  BOOST_TEST(entry["machine"] == "web");
  BOOST_TEST(nlohmann::json::parse(store->entry(size - 2).value())["kind"] == "read");
  BOOST_TEST(log->first_open_intent() == size);
}

BOOST_AUTO_TEST_CASE(the_preconditions_of_the_record_come_before_the_quota) {
  const CountingPolicy counting({{"counted/1", "web", 5, Seconds(0)}});
  const CertificateRecord certificate = issue();
  const BlockKey other{random_bytes(32)};
  const AddMachine again{{MachineName::literal("web-1"), {}, now(), 0}};
  BOOST_REQUIRE(log->record(context_of("web"), counting.permit(), AuditEntry(EntryKind::machine),
                            {again, other}));
  const auto refused =
      log->record(context_of("web"), counting.permit(), AuditEntry(EntryKind::machine), {again});
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::conflict);
  BOOST_TEST(store->quota_used("counted/1", "web", Seconds(0), now()).value() == 1U);
}

/// Intents in the log.
std::uint64_t count_intents(Store& store) {
  std::uint64_t intents = 0;
  const std::uint64_t size = store.log_size().value();
  const auto entries = store.entries(0, size).value();
  for (const std::string& text : entries) {
    intents += text.find("\"kind\":\"intent\"") != std::string::npos ? 1 : 0;
  }
  return intents;
}

/// 64 threads that intend as often as they may, for ever.
[[noreturn]] void intend_without_end(AuditLog& log, const CountingPolicy& counting) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&] {
      for (;;) {
        (void)log.intend(context_of("web"), counting.permit(), AuditEntry(EntryKind::intent), {});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ::_exit(0);
}

BOOST_AUTO_TEST_CASE(many_at_once_use_exactly_what_there_is) {
  const CountingPolicy counting({{"counted/1", "", 100, Seconds(0)}});
  std::atomic<int> allowed = 0, refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) {
        const auto intent =
            log->intend(context_of("web"), counting.permit(), AuditEntry(EntryKind::intent), {});
        ++(intent ? allowed : refused);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(allowed == 100);
  BOOST_TEST(refused == 220);
  BOOST_TEST(count_intents(*store) == 100U);
  BOOST_TEST(store->quota_used("counted/1", "", Seconds(0), now()).value() == 100U);
}

// A kill at any moment: what is counted is what the log has.
BOOST_AUTO_TEST_CASE(a_kill_loses_and_invents_no_use) {
  constexpr std::uint64_t kLimit = 400;
  const CountingPolicy counting({{"counted/1", "", kLimit, Seconds(0)}});
  std::uint64_t before = 0;
  for (int round = 0; before < kLimit; ++round) {
    BOOST_REQUIRE(round < 200);
    close();
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      open();
      intend_without_end(*log, counting);
    }
    // Killed once the log has grown, in the middle of whatever is under way then.
    const auto reader = [&]() -> std::uint64_t {
      const auto other = Store::open_read_only(database());
      return other ? (*other)->log_size().value_or(0) : 0;
    };
    const std::uint64_t size = reader();
    while (reader() < size + 40) std::this_thread::yield();
    BOOST_REQUIRE(::kill(child, SIGKILL) == 0);
    BOOST_REQUIRE(::waitpid(child, nullptr, 0) == child);
    open();
    const std::uint64_t counted = store->quota_used("counted/1", "", Seconds(0), now()).value();
    BOOST_TEST(counted == count_intents(*store));
    BOOST_TEST(counted <= kLimit);
    BOOST_TEST(counted >= before);
    before = counted;
    BOOST_REQUIRE(log->recover());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
