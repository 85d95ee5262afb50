#include "policy_analysis_bench.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "policies/explanation.h"
#include "policies/policy_conflicts.h"
#include "policies/policy_diff.h"
#include "policies/policy_file.h"
#include "policies/reach.h"

namespace chancery {
namespace {

using Clock = std::chrono::steady_clock;

std::string site(std::size_t i) {
  return "site-" + std::to_string(i) + ".example.com";
}

/// A grant a site, and what every machine may do. Grant `changed` has a longer validity.
std::string policy_text(std::size_t grants, std::size_t changed) {
  std::string text = "version: 1\nroles: {operator: [operator]}\ngrants:\n";
  for (std::size_t i = 0; i < grants; ++i) {
    text += "  - {name: grant-" + std::to_string(i) + ", machines: [\"*." + site(i) +
            "\"], operations: [certificate.issue, certificate.renew], issuers: [issuing], "
            "profiles: [tls-server], when: {dns_names: [\"{machine.name}\", " +
            site(i) + "], max_validity: " + (i == changed ? "48h" : "24h") + "}}\n";
  }
  return text +
         "  - {name: own, machines: [\"**\"], operations: [certificate.read]}\n"
         "denials:\n"
         "  - {name: long, operations: [certificate.issue], when: {longer_than: 36h}}\n"
         "  - {name: gone, machines: [\"*.site-0.example.com\"], operations: "
         "[certificate.issue]}\n";
}

std::shared_ptr<const GrantPolicy> load(const std::string& text) {
  PolicyVocabulary vocabulary;
  Profile profile;
  profile.name = ProfileName::literal("tls-server");
  profile.key_types = {KeyType::ec_p256};
  profile.alt_names = {AltNameType::dns};
  vocabulary.profiles.emplace(profile.name, profile);
  auto policy = load_policy(text, vocabulary);
  if (policy) return *std::move(policy);
  std::fprintf(stderr, "%s\n", policy.error().message.c_str());
  std::exit(1);
}

void fail_unless(bool expected, const char* what) {
  if (expected) return;
  std::fprintf(stderr, "unexpected answer of %s\n", what);
  std::exit(1);
}

template <class Function>
double milliseconds(Function run) {
  const auto begin = Clock::now();
  run();
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

}  // namespace

void measure_policy_analysis(std::size_t grants, std::size_t machines) {
  const std::string before = policy_text(grants, grants);
  const std::size_t last = grants - 1;
  std::shared_ptr<const GrantPolicy> old;
  const double load_ms = milliseconds([&] { old = load(before); });
  const auto now = load(policy_text(grants, last));
  const Time at = *from_rfc3339("2026-11-26T12:00:00Z");

  Machine machine;
  machine.name = MachineName::literal("web." + site(last));
  machine.fingerprint = std::string(64, 'f');
  machine.source = "10.0.0.1";
  PolicyQuestion question{.operation = Operation::certificate_issue};
  question.issuer = "issuing";
  question.profile = "tls-server";
  question.owner = machine.name.text();
  question.names.dns = {"db.example.org"};
  question.validity = std::chrono::hours(1);
  const double explain_ms = milliseconds(
      [&] { fail_unless(!explain(*old, machine, question, at).changes.empty(), "explain"); });

  std::vector<Machine> inventory;
  for (std::size_t i = 0; i < machines; ++i) {
    Machine one;
    one.name = MachineName::literal("web-" + std::to_string(i) + "." + site(i % grants));
    inventory.push_back(std::move(one));
  }
  PolicyQuestion wanted{.operation = Operation::certificate_issue};
  wanted.names.dns = {site(last)};
  const double who_can_ms = milliseconds([&] {
    const auto found = who_can(*old, wanted, inventory, at);
    fail_unless(found && found->rules.size() == 1 && !found->rules[0].known.empty(), "who-can");
  });
  const double diff_ms = milliseconds([&] {
    const auto found = diff(*old, *now, at);
    fail_unless(found && !found->regions.empty() && found->exact(), "diff");
  });
  std::size_t doubts = 0;
  const double conflicts_ms = milliseconds([&] {
    const PolicyConflicts found = conflicts(*old, at);
    doubts = found.doubts.size();
  });
  const nlohmann::ordered_json line = {{"analysis_grants", grants},
                                       {"inventory", machines},
                                       {"load_ms", load_ms},
                                       {"explain_ms", explain_ms},
                                       {"explain ratio", explain_ms / load_ms},
                                       {"who_can_ms", who_can_ms},
                                       {"who-can ratio", who_can_ms / load_ms},
                                       {"diff_ms", diff_ms},
                                       {"diff ratio", diff_ms / load_ms},
                                       {"conflicts_ms", conflicts_ms},
                                       {"conflicts ratio", conflicts_ms / load_ms},
                                       {"undecided", doubts}};
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

}  // namespace chancery
