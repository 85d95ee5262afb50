// How long a decision of the policy takes, and how long a policy takes to load, at 10, 1,000 and
// 100,000 grants and machines. One JSON object a line.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "policies/policy_file.h"

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

struct Percentiles {
  std::uint64_t p50, p99;
};

/// Decides for machines in random order, `denied` for names that are not theirs.
Percentiles measure(const Policy& policy, const Shape& shape, std::size_t machines, bool denied) {
  constexpr std::size_t kSamples = 20'000;
  std::mt19937_64 random(7);
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
  std::sort(nanoseconds.begin(), nanoseconds.end());
  return {nanoseconds[kSamples / 2], nanoseconds[kSamples * 99 / 100]};
}

void run(const Shape& shape, std::size_t grants) {
  PolicyVocabulary vocabulary;
  Profile profile;
  profile.name = ProfileName::literal("tls-server");
  profile.key_types = {KeyType::ec_p256};
  profile.alt_names = {AltNameType::dns};
  vocabulary.profiles.emplace(profile.name, profile);
  const std::string text = policy_text(shape, grants);
  const auto begin = Clock::now();
  const auto policy = load_policy(text, vocabulary);
  const auto load = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  if (!policy) {
    std::fprintf(stderr, "%s\n", policy.error().message.c_str());
    std::exit(1);
  }
  const Percentiles allowed = measure(**policy, shape, grants, false);
  const Percentiles denied = measure(**policy, shape, grants, true);
  const nlohmann::ordered_json line = {{"machines", shape.name},      {"grants", grants},
                                       {"p50_ns", allowed.p50},       {"p99_ns", allowed.p99},
                                       {"denied_p50_ns", denied.p50}, {"denied_p99_ns", denied.p99},
                                       {"load_ms", load.count()},     {"bytes", text.size()}};
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

}  // namespace
}  // namespace chancery

int main() {
  for (const chancery::Shape& shape : chancery::kShapes) {
    for (std::size_t grants : {10u, 1'000u, 100'000u}) chancery::run(shape, grants);
  }
}
