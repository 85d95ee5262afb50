// How the audit log behaves as it grows: what an append costs, a proof, and a verification beside
// the hashing that it cannot do without. One JSON object a line, a size each.
//
//   audit_bench --sizes 1000,10000,100000

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "core/audit_log.h"
#include "core/audit_verify.h"
#include "core/merkle.h"
#include "core/tile.h"

namespace {

using namespace chancery;
using Clock = std::chrono::steady_clock;

constexpr unsigned kWriters = 64;
constexpr int kProofs = 200;

template <class T>
T value_of(Result<T> result, const char* step) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "audit_bench: %s: %s %s\n", step, result.error().message.c_str(),
               result.error().detail.c_str());
  std::_Exit(EXIT_FAILURE);
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_megabytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

class AllowAll : public Policy {
 public:
  [[nodiscard]] const std::string& version() const override { return version_; }
  static constexpr const char* kText = "all\n";

 private:
  [[nodiscard]] Verdict evaluate(const Machine&, const PolicyQuestion&, Time) const override {
    return {.allowed = true, .grant = "bench", .reason = {}};
  }
  const std::string version_ = to_hex(sha256(bytes_of(std::string_view(kText))));
};

/// Two entries, as a signature makes them.
void sign_one(AuditLog& log, const Decision& decision, const RequestContext& context) {
  AuditEntry entry(EntryKind::intent);
  entry.set("operation", "key.sign").set("key", "release").set("algorithm", "ecdsa-p256-sha256");
  entry.set("digest", std::string(64, 'a')).set("digest_algorithm", "sha256");
  Intent intent =
      value_of(log.intend(context, decision, std::move(entry), SigningInput{}), "intent");
  AuditEntry outcome(EntryKind::outcome);
  outcome.set("signature_sha256", std::string(64, 'b'));
  value_of(log.conclude(context, std::move(intent), Conclusion::ok, std::move(outcome)), "outcome");
}

void grow(AuditLog& log, std::uint64_t size) {
  const AllowAll policy;
  const Decision decision = policy.decide(Machine::self(), {.operation = Operation::key_sign});
  std::atomic<std::uint64_t> left = (size - log.head().size) / 2;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kWriters; ++i) {
    threads.emplace_back([&] {
      const RequestContext context{new_request_id(), Machine::self()};
      for (std::uint64_t n = left; n > 0;) {
        if (left.compare_exchange_weak(n, n - 1)) sign_one(log, decision, context);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// Nothing but the SHA-256 that the tree needs, over entries that are in memory.
double hashing_seconds(Store& store, std::uint64_t size) {
  constexpr std::size_t kRows = 1024;
  double seconds = 0;
  MerkleFrontier tree;
  for (std::uint64_t first = 0; first < size; first += kRows) {
    const auto entries = value_of(store.entries(first, kRows), "entries");
    const auto begin = Clock::now();
    for (const std::string& entry : entries) tree.append(leaf_hash(bytes_of(entry)));
    seconds += seconds_since(begin);
  }
  return seconds;
}

nlohmann::json measure(Store& store, AuditLog& log, std::uint64_t size) {
  const std::uint64_t before = log.head().size;
  const double cpu = cpu_seconds();
  auto begin = Clock::now();
  grow(log, size);
  const auto appended = static_cast<double>(log.head().size - before);
  nlohmann::json row = {{"entries", log.head().size},
                        {"append_rate", appended / seconds_since(begin)},
                        {"append_cpu_us", (cpu_seconds() - cpu) / appended * 1e6}};

  std::mt19937_64 random(1);
  const std::uint64_t now = log.head().size;
  begin = Clock::now();
  for (int i = 0; i < kProofs; ++i) {
    value_of(inclusion_proof(store, random() % now, now), "proof");
  }
  row["proof_us"] = seconds_since(begin) / kProofs * 1e6;

  begin = Clock::now();
  const VerifyReport report = value_of(verify_log(store, {}), "verification");
  const double verification = seconds_since(begin);
  if (!report.good) {
    std::fprintf(stderr, "audit_bench: %s\n", summary(report).c_str());
    std::_Exit(EXIT_FAILURE);
  }
  const double hashing = hashing_seconds(store, now);
  row["verify_rate"] = static_cast<double>(now) / verification;
  row["hash_rate"] = static_cast<double>(now) / hashing;
  row["verify_by_hash"] = verification / hashing;
  row["peak_mb"] = resident_megabytes();
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::uint64_t> sizes = {1000, 10'000, 100'000, 1'000'000};
  CLI::App app("Measures the audit log as it grows.");
  app.add_option("--sizes", sizes, "entries")->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  std::string folder = (std::filesystem::temp_directory_path() / "chancery-bench-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return EXIT_FAILURE;
  {
    const auto store = value_of(Store::open(folder + "/chancery.db"), "store");
    const auto log = value_of(AuditLog::open(*store), "log");
    const AllowAll policy;
    value_of(log->record({new_request_id(), Machine::self()}, AuditEntry(EntryKind::policy),
                         {AddPolicyVersion{{policy.version(), AllowAll::kText, now()}}}),
             "policy");
    for (const std::uint64_t size : sizes) {
      std::printf("%s\n", measure(*store, *log, size).dump().c_str());
      std::fflush(stdout);
    }
  }
  std::filesystem::remove_all(folder);
  return EXIT_SUCCESS;
}
