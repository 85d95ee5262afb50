#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "naive_policy.h"

// Random policies and requests over a small universe, where names, patterns and roles meet often.
namespace chancery::random_universe {

using Texts = std::vector<std::string>;

/// Every choice from one generator, so that a seed is a whole test.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return random_() % bound; }
  int between(int least, int most) {
    return least + static_cast<int>(below(static_cast<std::size_t>(most - least + 1)));
  }
  bool once_in(std::size_t n) { return below(n) == 0; }
  template <class Value>
  const Value& one_of(const std::vector<Value>& values) {
    return values[below(values.size())];
  }
  /// At least one and at most three different ones.
  Texts some_of(const Texts& texts) {
    Texts chosen;
    for (std::size_t i = 1 + below(3); i > 0; --i) {
      const std::string& text = one_of(texts);
      if (std::find(chosen.begin(), chosen.end(), text) == chosen.end()) chosen.push_back(text);
    }
    return chosen;
  }
  Texts sometimes(std::size_t n, const Texts& texts) {
    return once_in(n) ? some_of(texts) : Texts();
  }

 private:
  std::mt19937_64 random_;
};

inline const Texts kNames = {"a",     "b",     "web-1",  "web-2",   "web-1.eu", "web-2.eu", "db.eu",
                             "db.us", "x.y.z", "a.b.eu", "admin",   "ops",      "ops-eu",   "audit",
                             "self",  "a.eu",  "b.x",    "b.web-1", ""};
inline const Texts kNamePatterns = {"a",     "b",        "web-1", "web-2.eu", "*",      "**",
                                    "web-*", "web-*.eu", "*.eu",  "**.eu",    "*-1",    "*.*",
                                    "a.**",  "**.web-1", "x.*.z", "x.**",     "*.b.**", "d*.*",
                                    "ops",   "*s",       "a*",    "web-*.*",  "admin"};
inline const Texts kSpiffe = {"spiffe://e.org/ns/a",      "spiffe://e.org/ns/b",
                              "spiffe://e.org/ns/a/sa/x", "spiffe://e.org/root",
                              "spiffe://e.org/audit",     "spiffe://f.org/ns/a",
                              "spiffe://e.org/ns/a/../b", "spiffe://e.org/ns/*"};
inline const Texts kSpiffePatterns = {
    "spiffe://e.org/ns/a", "spiffe://e.org/ns/*", "spiffe://e.org/**", "spiffe://e.org/ns/**",
    "spiffe://e.org/*/a",  "spiffe://e.org/**/x", "spiffe://f.org/*/*"};
inline const Texts kFingerprints = {"", std::string(64, 'a'), std::string(64, 'b')};
inline const std::vector<std::pair<std::string, Texts>> kAttributes = {
    {"env", {"prod", "test"}}, {"site", {"Zug", "a/b"}}, {"team", {"shop", "web-1", "a"}}};
inline const Texts kAttributePatterns = {"*", "**", "a/*", "prod", "Zug", "sho*", "{machine.name}"};
inline const Texts kDns = {"a",       "web-1",  "www.eu",   "*.eu",   "a.web-1",
                           "*.web-1", "a.b.eu", "web-1.eu", "shop.eu"};
inline const Texts kDnsPatterns = {"{machine.name}",
                                   "*.{machine.name}",
                                   "**.eu",
                                   "www.*",
                                   "*.eu",
                                   "web-*",
                                   "a",
                                   "**.b.*",
                                   "{machine.name}.eu",
                                   "{machine.attribute.team}.eu"};
inline const Texts kUris = {"spiffe://e.org/ns/a",    "spiffe://e.org/root", "https://a.eu/x",
                            "https://a.eu/x/y",       "https://a.eu/x/../y", "https://b?.eu/x",
                            "spiffe://e.org/m/web-1", "https://a.eu/shop"};
inline const Texts kUriPatterns = {"{machine.spiffe_id}",
                                   "https://*.eu/*",
                                   "https://a.eu/**",
                                   "spiffe://e.org/**",
                                   "spiffe://e.org/m/{machine.name}",
                                   "https://*/x",
                                   "https://a.eu/{machine.attribute.team}"};
inline const Texts kEmails = {"a@e.org", "b@x.e.org", "ab@e.org", "a@eu"};
inline const Texts kEmailPatterns = {"*@e.org", "a@**", "a*@*.org", "*@*.e.org", "b@x.e.org"};
inline const Texts kCommonNames = {"a", "web-1", "www.eu", "Some Name", "web-2.eu"};
inline const Texts kCommonPatterns = {"*", "Some *", "{machine.name}", "www.*", "**"};
inline const Texts kOrganizations = {"Example", "Other"};
inline const Texts kKeys = {"a",        "web-1.k", "web-1.eu.k", "shared",
                            "shared.x", "a.b.k",   "b.k",        "shop.k"};
inline const Texts kKeyPatterns = {
    "{machine.name}.*",          "shared", "shared.*", "**", "*", "a.**", "*.k",
    "{machine.attribute.team}.k"};
inline const Texts kIssuers = {"root", "issuing"};
inline const Texts kProfiles = {"machine", "tls-server", "intermediate-ca"};
inline const Texts kKeyTypes = {"rsa-2048", "ec-p256", "ed25519"};
inline const std::vector<ExtendedKeyUsage> kUsages = {
    ExtendedKeyUsage::server_auth, ExtendedKeyUsage::client_auth, ExtendedKeyUsage::code_signing,
    ExtendedKeyUsage::ocsp_signing};
inline const Texts kAlgorithms = {"ecdsa-p256-sha256", "ed25519", "rsa-pss-sha384",
                                  "rsa-pss-sha256"};
inline const Texts kRanges = {"10.0.0.0/8", "10.128.0.0/9", "192.0.2.1", "192.0.2.0/25",
                              "0.0.0.0/0"};
inline const Texts kAddresses = {"10.1.2.3", "10.200.0.1", "192.0.2.1", "192.0.2.200", "8.8.8.8"};
inline const Texts kOwnerPatterns = {"*.eu", "**", "{machine.name}", "web-*", "**.{machine.name}"};

/// Classes of messages with fields that they have.
inline const std::vector<std::pair<MessageClass, Texts>> kClasses = {
    {MessageClass::data, {"context"}},
    {MessageClass::jwt, {"issuer", "subject", "audience"}},
    {MessageClass::ssh_certificate, {"type", "principal"}},
    {MessageClass::certificate, {"subject", "common_name", "dns_name", "uri", "email"}},
};
inline const Texts kFieldValues = {"https://a.eu", "shop", "web-1",   "a/b",
                                   "user",         "x y",  "web-1.eu"};
inline const Texts kFieldPatterns = {"https://*", "**",    "*",
                                     "a/*",       "web-*", "{machine.name}",
                                     "user",      "x *",   "{machine.attribute.team}"};

/// What the field of a message may say, and patterns for it.
inline const Texts& values_of_field(const std::string& field) {
  if (field == "dns_name") return kDns;
  if (field == "uri") return kUris;
  if (field == "email") return kEmails;
  return field == "common_name" ? kCommonNames : kFieldValues;
}
inline const Texts& patterns_of_field(const std::string& field) {
  if (field == "dns_name") return kDnsPatterns;
  if (field == "uri") return kUriPatterns;
  if (field == "email") return kEmailPatterns;
  return field == "common_name" ? kCommonPatterns : kFieldPatterns;
}

/// The last of these is in the hour that the clocks of Zurich show twice, the second in the one
/// before which they skip one.
inline const Texts kMoments = {"2026-06-17T11:59:30Z", "2026-03-29T00:59:30Z",
                               "2026-10-25T00:30:00Z"};

NaivePolicy random_policy(Chance& chance);

struct Request {
  Machine machine;
  PolicyQuestion question;
  Time at;
};
Machine random_machine(Chance& chance, Time at);
/// Mostly near to what a rule of the policy is about, so that single conditions decide.
Request random_request(Chance& chance, const NaivePolicy& policy);

}  // namespace chancery::random_universe
