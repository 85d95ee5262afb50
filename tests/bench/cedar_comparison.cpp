#include "cedar_comparison.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "percentiles.h"
#include "policies/policy_file.h"

namespace chancery {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::size_t kRequests = 2'000;

std::string site(std::size_t i) {
  return "site-" + std::to_string(i) + ".example.com";
}

std::string policy_text(std::size_t machines) {
  std::string text = "version: 1\ngrants:\n";
  for (std::size_t i = 0; i < machines; ++i) {
    const std::string name = site(i);
    text += "  - name: grant-" + std::to_string(i) + "\n";
    text += "    machines: [" + name + "]\n";
    text += "    operations: [certificate.issue, certificate.renew]\n";
    text += "    issuers: [issuing]\n";
    text += "    profiles: [tls-server]\n";
    text += "    when:\n";
    text += "      dns_names: [" + name + ", www." + name + "]\n";
    text += "      max_validity: 24h\n";
    text += "      key_types: [ec-p256, ed25519]\n";
    text += "      source: [10.0.0.0/8]\n";
  }
  return text;
}

/// The same rules. A common name is not asked for, so that it needs none.
std::string cedar_text(std::size_t machines) {
  std::string text;
  for (std::size_t i = 0; i < machines; ++i) {
    const std::string name = site(i);
    text += "permit(principal == Machine::\"" + name +
            "\", action in [Action::\"certificate.issue\", Action::\"certificate.renew\"], "
            "resource == Issuer::\"issuing\") when { context.profile == \"tls-server\" && "
            "context.owner == \"" +
            name + "\" && [\"" + name + "\", \"www." + name +
            "\"].containsAll(context.dns_names) && context.validity <= 86400 && "
            "[\"ec-p256\", \"ed25519\"].contains(context.key_type) && "
            "context.source.isInRange(ip(\"10.0.0.0/8\")) };\n";
  }
  return text;
}

struct Request {
  Machine machine;
  PolicyQuestion question{};
};

/// Half of them are as the machine's grant has it; each of the others differs in one thing.
Request make_request(std::mt19937_64& random, std::size_t machines) {
  const std::string name = site(random() % machines);
  Request request;
  request.machine.name = MachineName::literal(name);
  request.machine.source = "10.1.2.3";
  PolicyQuestion& question = request.question;
  question.operation =
      random() % 2 == 0 ? Operation::certificate_issue : Operation::certificate_renew;
  question.issuer = "issuing";
  question.profile = "tls-server";
  question.owner = name;
  question.names.dns = {name, "www." + name};
  question.key_type = KeyType::ec_p256;
  question.validity = std::chrono::hours(1);
  switch (random() % 14) {
    case 0:
      question.names.dns.push_back("db." + name);
      break;
    case 1:
      question.validity = std::chrono::hours(25);
      break;
    case 2:
      question.key_type = KeyType::rsa_2048;
      break;
    case 3:
      request.machine.source = "192.0.2.7";
      break;
    case 4:
      question.profile = "tls-client";
      break;
    case 5:
      question.issuer = "root";
      break;
    case 6:
      question.owner = site(machines);
      break;
    default:
      break;
  }
  return request;
}

json cedar_request(const Request& request, bool allowed) {
  const PolicyQuestion& question = request.question;
  return {{"principal", {{"type", "Machine"}, {"id", request.machine.name.text()}}},
          {"action", {{"type", "Action"}, {"id", name_of(question.operation)}}},
          {"resource", {{"type", "Issuer"}, {"id", question.issuer}}},
          {"context",
           {{"profile", question.profile},
            {"owner", question.owner},
            {"dns_names", question.names.dns},
            {"validity", question.validity->count()},
            {"key_type", row(*question.key_type).name},
            {"source", {{"__extn", {{"fn", "ip"}, {"arg", request.machine.source}}}}}}},
          {"allowed", allowed}};
}

PolicyVocabulary vocabulary() {
  PolicyVocabulary vocabulary;
  for (const char* name : {"tls-server", "tls-client"}) {
    Profile profile;
    profile.name = ProfileName::literal(name);
    profile.key_types = {KeyType::ec_p256, KeyType::ed25519, KeyType::rsa_2048};
    profile.alt_names = {AltNameType::dns};
    vocabulary.profiles.emplace(profile.name, profile);
  }
  return vocabulary;
}

}  // namespace

void compare_with_cedar(const std::string& directory, std::size_t machines) {
  const auto policy = load_policy(policy_text(machines), vocabulary());
  if (!policy) {
    std::fprintf(stderr, "%s\n", policy.error().message.c_str());
    std::exit(1);
  }
  std::mt19937_64 random(11);
  std::vector<std::uint64_t> nanoseconds;
  json cases = json::array();
  for (std::size_t i = 0; i < kRequests; ++i) {
    const Request request = make_request(random, machines);
    const auto begin = Clock::now();
    const Decision decision = (*policy)->decide(request.machine, request.question);
    const auto end = Clock::now();
    nanoseconds.push_back(static_cast<std::uint64_t>((end - begin).count()));
    cases.push_back(cedar_request(request, decision.allowed()));
  }
  std::ofstream(directory + "/policy.cedar") << cedar_text(machines);
  std::ofstream(directory + "/cases.json") << cases.dump();
  const Percentiles times = percentiles(std::move(nanoseconds));
  const json line = {
      {"grants", machines}, {"requests", kRequests}, {"p50_ns", times.p50}, {"p99_ns", times.p99}};
  std::printf("%s\n", line.dump().c_str());
}

}  // namespace chancery
