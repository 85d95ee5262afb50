#include "policies/default_policy.h"

namespace chancery {
namespace {

constexpr std::string_view kBeforeUris =
    R"(# Who may do what. docs/policy.md explains this file; what is not granted here is refused.
version: 1

roles:
  administrator: [admin]   # configuration, policy, keys, CAs
  operator: [operator]     # machines, certificates, revocation
  auditor: [auditor]       # reads and verifies everything, changes nothing

grants:
  # A machine is certified for its own name and the names below it. Its first certificate, paid for
  # with an enrolment token, is decided by this grant too.
  - name: own-certificates
    machines: ["**"]
    operations: [certificate.issue, certificate.renew]
    issuers: [issuing]
    profiles: [machine, tls-server, tls-client]
    when:
      dns_names: ["{machine.name}", "**.{machine.name}"]
)";

constexpr std::string_view kIdentities = R"(
  # Those who hold a role, with certificates that live longer; add who is added above.
  - name: identities
    machines: [admin, operator, auditor]
    operations: [certificate.issue, certificate.renew]
    issuers: [issuing]
    profiles: [identity]
    when:
      dns_names: ["{machine.name}"]
)";

constexpr std::string_view kAfterUris = R"(
  # It sees and revokes what it was issued.
  - name: own-revocation
    machines: ["**"]
    operations: [certificate.read, certificate.revoke]
    when:
      owner: self

  # It signs with keys called after it, such as web-1.releases for the machine web-1. Only data, not
  # bare digests: key.sign-digest is granted by name where it is needed.
  - name: own-keys
    machines: ["**"]
    operations: [key.read, key.sign]
    keys: ["{machine.name}.*"]
)";

}  // namespace

std::string default_policy(std::string_view trust_domain) {
  std::string uris;
  if (!trust_domain.empty()) {
    uris = "      uris: [\"spiffe://" + std::string(trust_domain) + "/machine/{machine.name}\"]\n";
  }
  std::string text(kBeforeUris);
  text += uris;
  text += kIdentities;
  text += uris;
  text += kAfterUris;
  return text;
}

}  // namespace chancery
