#include "core/config.h"

namespace chancery {
namespace {

constexpr const char* kHead =
    R"(# Chancery's configuration; docs/operations.md explains each member.
# A change takes effect at the next start of chanceryd.
version: 1

)";

constexpr const char* kRest = R"(
# notBefore of certificates is set back by this, for clocks that lag.
backdate: 60s

# A CRL is made anew within seconds of a revocation, and when it is older than `refresh`.
crl:
  lifetime: 24h
  refresh: 12h

# Who issues the first certificate of a machine (and the service's own), under which profile.
enrollment:
  ca: issuing
  profile: machine

profiles:
  machine:
    description: a machine that is client and server; its identity towards this service
    key_usages: [digital_signature]
    extended_key_usages: [server_auth, client_auth]
    default_validity: 7d
    max_validity: 30d
    key_types: [ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096]
    subject: [common_name]
    alt_names: [dns, ip, uri]

  identity:
    description: the administrative identities; they sign nothing and serve nothing
    key_usages: [digital_signature]
    extended_key_usages: [client_auth]
    default_validity: 90d
    max_validity: 1y
    key_types: [ec-p256, ec-p384, ed25519, rsa-3072, rsa-4096]
    subject: [common_name]
    alt_names: [uri, dns]

  tls-server:
    key_usages: [digital_signature]
    extended_key_usages: [server_auth]
    default_validity: 7d
    max_validity: 90d
    key_types: [ec-p256, ec-p384, ec-p521, ed25519, rsa-2048, rsa-3072, rsa-4096]
    subject: [common_name]
    alt_names: [dns, ip, uri]
    wildcard: true

  tls-client:
    key_usages: [digital_signature]
    extended_key_usages: [client_auth]
    default_validity: 7d
    max_validity: 90d
    key_types: [ec-p256, ec-p384, ec-p521, ed25519, rsa-2048, rsa-3072, rsa-4096]
    subject: [common_name]
    alt_names: [dns, uri, email]

  code-signing:
    key_usages: [digital_signature]
    extended_key_usages: [code_signing]
    default_validity: 90d
    max_validity: 1y
    key_types: [ec-p256, ec-p384, ec-p521, rsa-3072, rsa-4096]
    subject: [country, organization, organizational_unit, common_name]
    alt_names: [uri, email]
    require_alt_name: false

  ocsp-signing:
    key_usages: [digital_signature]
    extended_key_usages: [ocsp_signing]
    default_validity: 30d
    max_validity: 90d
    key_types: [ec-p256, ec-p384, rsa-2048, rsa-3072, rsa-4096]
    subject: [organization, common_name]
    require_alt_name: false
    ocsp_nocheck: true

  intermediate-ca:
    key_usages: [key_cert_sign, crl_sign]
    ca: true
    path_length: 0
    default_validity: 5y
    max_validity: 10y
    key_types: [ec-p256, ec-p384, ec-p521, rsa-3072, rsa-4096]
    subject: [country, organization, organizational_unit, common_name]
    require_alt_name: false

  root-ca:
    key_usages: [key_cert_sign, crl_sign]
    ca: true
    path_length: 1
    default_validity: 10y
    max_validity: 25y
    key_types: [ec-p256, ec-p384, ec-p521, rsa-3072, rsa-4096]
    subject: [country, organization, organizational_unit, common_name]
    require_alt_name: false
)";

/// A YAML double-quoted scalar; paths may hold anything.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

}  // namespace

std::string default_config(const NewInstallation& installation) {
  std::string text = kHead;
  text += "# The API (mutual TLS), and what everybody may fetch: CRLs, CA certificates, health.\n";
  text += "api: " + quoted(to_text(installation.api)) + "\n";
  text += "public: " + quoted(to_text(installation.public_http)) + "\n";
  text += "# Stands in every certificate (CRL and CA addresses): change it before issuing only.\n";
  text += "public_url: " + quoted("http://" + to_text(installation.public_http)) + "\n";
  text += "tls_names: [localhost, " + quoted(installation.api.host) + "]\n\n";
  text += "token:\n";
  text += "  module: " + quoted(installation.module) + "\n";
  text += "  label: " + quoted(installation.token_label) + "\n";
  text += "  pin_file: " + quoted(installation.pin_file) + "\n";
  if (!installation.softhsm_config.empty()) {
    text += "  softhsm_config: " + quoted(installation.softhsm_config) + "\n";
  }
  text += "  keyholders: 2\n  lanes: 4\n  deadline: 10s\n\n";
  text += "# Names the audit log in its checkpoints, for ever.\n";
  text += "log_origin: " + quoted(installation.log_origin) + "\n";
  text += "# Machines are spiffe://TRUST_DOMAIN/machine/NAME in their certificates.\n";
  text += "trust_domain: chancery.internal\n";
  return text + kRest;
}

}  // namespace chancery
