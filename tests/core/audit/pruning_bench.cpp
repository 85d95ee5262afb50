// How long a pruning takes, and how long others wait for their records meanwhile: `pruning_bench
// [ENTRIES]` (100,000). Every second entry is a denial, the others stay: the worst for ranges.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "core/pruning_plan.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

void fill(LogHome& home, std::uint64_t entries) {
  while (home.log->head().size < entries) {
    std::vector<AuditLog::Record> records;
    for (int i = 0; i < 1000; ++i) {
      const bool goes = i % 2 == 0;
      AuditEntry entry(goes ? EntryKind::denial : EntryKind::policy);
      entry.set("reason", std::string(200, 'x'));
      records.push_back({std::move(entry), {}});
    }
    for (const auto& result : home.log->record_all(context_of("web"), std::move(records))) {
      CHECK(result);
    }
  }
  home.checkpoint();
}

/// The latencies of one who records without a pause until `stop`.
std::vector<double> record_until(LogHome& home, const std::atomic<bool>& stop) {
  std::vector<double> waits;
  while (!stop) {
    const auto begin = Clock::now();
    home.append();
    waits.push_back(milliseconds_since(begin));
  }
  std::ranges::sort(waits);
  return waits;
}

void print(const char* when, const std::vector<double>& waits) {
  std::printf("%-16s %6zu records, median %.2f ms, 99 of 100 in %.2f ms, all in %.2f ms\n", when,
              waits.size(), waits[waits.size() / 2], waits[waits.size() * 99 / 100], waits.back());
}

void run(std::uint64_t entries) {
  LogHome home;
  fill(home, entries);
  const Retention none{Seconds(0), Seconds(0)};
  auto begin = Clock::now();
  const PruningPlan plan =
      plan_pruning(*home.store, none, now(), home.log->published_size()).value();
  std::printf("planned in %.0f ms: %llu of %llu entries, in %zu ranges\n",
              milliseconds_since(begin), static_cast<unsigned long long>(plan.entries),
              static_cast<unsigned long long>(plan.minimum), plan.ranges.size());

  std::atomic<bool> stop{false};
  std::vector<double> waits;
  std::thread other([&] { waits = record_until(home, stop); });
  begin = Clock::now();
  for (std::size_t next = 0; next < plan.ranges.size(); next += limits::pruning_ranges) {
    const auto first = plan.ranges.begin() + static_cast<std::ptrdiff_t>(next);
    const auto count = std::min(limits::pruning_ranges, plan.ranges.size() - next);
    CHECK(home.log->prune(PlanPruning{{first, first + static_cast<std::ptrdiff_t>(count)}}));
  }
  CHECK(home.log->record(context_of("admin"), pruning_entry(plan, none),
                         {AddPruning{{.minimum = plan.minimum, .entries = plan.entries}}}));
  home.checkpoint();
  const double written = milliseconds_since(begin);
  begin = Clock::now();
  for (bool more = true; more;) {
    RemoveEntries step = next_removal(*home.store).value();
    more = !step.ranges.empty();
    CHECK(home.log->prune(std::move(step)));
  }
  std::printf("written down in %.0f ms, removed in %.0f ms\n", written, milliseconds_since(begin));
  stop = true;
  other.join();
  print("meanwhile", waits);
  std::atomic<bool> end{false};
  std::thread ending([&] {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    end = true;
  });
  print("without", record_until(home, end));
  ending.join();
}

}  // namespace
}  // namespace chancery

int main(int count, char** arguments) {
  chancery::run(count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 100'000);
}
