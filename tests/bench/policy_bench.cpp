// How long a decision of the policy takes, and how long a policy takes to load, at 10, 1,000 and
// 100,000 grants and machines. One JSON object a line.
//
//   policy_bench                      decisions and loading
//   policy_bench analysis             the questions about whole policies (policy_analysis_bench.h)
//   policy_bench cedar DIRECTORY N    N grants, for a comparison with Cedar (cedar_comparison.h)

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "cedar_comparison.h"
#include "percentiles.h"
#include "policies/policy_file.h"
#include "policy_analysis_bench.h"

namespace chancery {
namespace {

using Clock = std::chrono::steady_clock;

std::string site(std::size_t i) {
  return "site-" + std::to_string(i) + ".example.com";
}
std::string own_names(std::size_t) {
  return "\"{machine.name}\", \"**.{machine.name}\"";
}

/// How a policy's grants name their machines.
struct Shape {
  const char* name;
  /// The machine pattern of grant `i`, a machine that it covers, and the names it may have.
  std::string (*pattern)(std::size_t i);
  std::string (*machine)(std::size_t i);
  std::string (*names)(std::size_t i);
};

const Shape kShapes[] = {
    {"exact", site, site, own_names},
    {"pattern", [](std::size_t i) { return "*." + site(i); },
     [](std::size_t i) { return "web." + site(i); }, own_names},
    {"glob", [](std::size_t i) { return "web-" + std::to_string(i) + "-*.example.com"; },
     [](std::size_t i) { return "web-" + std::to_string(i) + "-a.example.com"; }, own_names},
    // No two grants with the same terms.
    {"distinct", site, site, site},
};

std::string policy_text(const Shape& shape, std::size_t grants) {
  std::string text = "version: 1\nroles: {operator: [operator]}\ngrants:\n";
  for (std::size_t i = 0; i < grants; ++i) {
    text += "  - name: grant-" + std::to_string(i) + "\n";
    text += "    machines: [\"" + shape.pattern(i) + "\"]\n";
    text += "    operations: [certificate.issue, certificate.renew]\n";
    text += "    issuers: [issuing]\n";
    text += "    profiles: [tls-server]\n";
    text += "    when:\n";
    text += "      dns_names: [" + shape.names(i) + "]\n";
    text += "      max_validity: 24h\n";
  }
  // And what every machine may do.
  text += "  - name: own\n";
  text += "    machines: [\"**\"]\n";
  text += "    operations: [certificate.read, certificate.revoke]\n";
  return text;
}

constexpr std::size_t kSamples = 20'000;

/// Decides for machines in random order, `denied` for names that are not theirs. In nanoseconds.
std::vector<std::uint64_t> sample(const Policy& policy, const Shape& shape, std::size_t machines,
                                  bool denied, unsigned seed) {
  std::mt19937_64 random(seed);
  struct Case {
    Machine machine;
    PolicyQuestion question{};
  };
  std::vector<Case> cases(kSamples);
  for (Case& one : cases) {
    const std::string name = shape.machine(random() % machines);
    one.machine.name = MachineName::literal(name);
    one.machine.fingerprint = std::string(64, 'f');
    one.machine.dns_names = {name};
    one.machine.source = "10.0.0.1";
    one.question.operation = Operation::certificate_issue;
    one.question.issuer = "issuing";
    one.question.profile = "tls-server";
    one.question.owner = name;
    one.question.names.dns = {denied ? "www.example.org" : name};
    one.question.key_type = KeyType::ec_p256;
    one.question.validity = std::chrono::hours(1);
  }
  std::vector<std::uint64_t> nanoseconds;
  nanoseconds.reserve(kSamples);
  for (const Case& cold : cases) {
    const Case one = cold;  // a request has just been parsed: it is in the cache, the policy is not
    const auto begin = Clock::now();
    const Decision decision = policy.decide(one.machine, one.question);
    const auto end = Clock::now();
    if (decision.allowed() == denied) {
      std::fprintf(stderr, "unexpected decision: %s\n", decision.reason().c_str());
      std::exit(1);
    }
    nanoseconds.push_back(static_cast<std::uint64_t>((end - begin).count()));
  }
  return nanoseconds;
}

/// The same from so many threads at once.
Percentiles measure_threads(const Policy& policy, const Shape& shape, std::size_t machines,
                            unsigned threads) {
  std::vector<std::vector<std::uint64_t>> samples(threads);
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&, i] { samples[i] = sample(policy, shape, machines, false, 8 + i); });
  }
  std::vector<std::uint64_t> all;
  for (unsigned i = 0; i < threads; ++i) {
    running[i].join();
    all.insert(all.end(), samples[i].begin(), samples[i].end());
  }
  return percentiles(std::move(all));
}

/// What this thread has allocated and not given back, in MB; what an earlier policy has left free
/// does not count.
double allocated_mb() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
}

void run(const Shape& shape, std::size_t grants) {
  PolicyVocabulary vocabulary;
  Profile profile;
  profile.name = ProfileName::literal("tls-server");
  profile.key_types = {KeyType::ec_p256};
  profile.alt_names = {AltNameType::dns};
  vocabulary.profiles.emplace(profile.name, profile);
  const std::string text = policy_text(shape, grants);
  const double before = allocated_mb();
  const auto begin = Clock::now();
  const auto policy = load_policy(text, vocabulary);
  const auto load = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  if (!policy) {
    std::fprintf(stderr, "%s\n", policy.error().message.c_str());
    std::exit(1);
  }
  const double memory = allocated_mb() - before;
  const unsigned threads = std::max(2u, std::thread::hardware_concurrency());
  const Percentiles allowed = percentiles(sample(**policy, shape, grants, false, 7));
  const Percentiles denied = percentiles(sample(**policy, shape, grants, true, 7));
  const Percentiles together = measure_threads(**policy, shape, grants, threads);
  const nlohmann::ordered_json line = {{"machines", shape.name},
                                       {"grants", grants},
                                       {"p50_ns", allowed.p50},
                                       {"p99_ns", allowed.p99},
                                       {"denied_p50_ns", denied.p50},
                                       {"denied_p99_ns", denied.p99},
                                       {"threads", threads},
                                       {"threads_p50_ns", together.p50},
                                       {"threads_p99_ns", together.p99},
                                       {"load_ms", load.count()},
                                       {"memory_mb", memory},
                                       {"bytes", text.size()}};
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

}  // namespace
}  // namespace chancery

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "cedar") {
    chancery::compare_with_cedar(arguments[1], std::stoul(arguments[2]));
    return 0;
  }
  if (arguments.size() == 1 && arguments[0] == "analysis") {
    for (std::size_t grants : {10u, 1'000u, 10'000u}) {
      chancery::measure_policy_analysis(grants, 10 * grants);
    }
    return 0;
  }
  if (!arguments.empty()) {
    std::fprintf(stderr, "usage: policy_bench [analysis | cedar DIRECTORY N]\n");
    return 2;
  }
  for (const chancery::Shape& shape : chancery::kShapes) {
    for (std::size_t grants : {10u, 1'000u, 100'000u}) chancery::run(shape, grants);
  }
}
