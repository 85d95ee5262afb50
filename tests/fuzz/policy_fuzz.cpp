#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/policy_bundle.h"
#include "policies/policy_file.h"

// Any text is either refused with a place, or a policy that keeps what no policy can change.

namespace {

using namespace chancery;

void require(bool condition) {
  if (!condition) std::abort();
}

PolicyVocabulary vocabulary() {
  PolicyVocabulary known;
  for (const char* name : {"machine", "tls-server", "tls-client", "code-signing"}) {
    Profile profile;
    profile.name = ProfileName::literal(name);
    profile.key_types = {KeyType::ec_p256, KeyType::ec_p384, KeyType::rsa_3072};
    profile.subject = {SubjectField::country, SubjectField::organization,
                       SubjectField::common_name};
    profile.alt_names = {AltNameType::uri};
    if (profile.name.text() != "code-signing") {
      profile.alt_names = {AltNameType::dns, AltNameType::ip, AltNameType::uri, AltNameType::email};
    }
    known.profiles.emplace(profile.name, profile);
  }
  known.issuers = {{"root", "issuing"}};
  return known;
}

std::vector<Machine> machines() {
  std::vector<Machine> all(4);
  all[0].name = MachineName::literal("web-1.example.com");
  all[1].name = MachineName::literal("carol");
  all[2].name = MachineName::literal("self");  // but with a certificate
  all[3].spiffe_id = "spiffe://example.com/ns/shop/sa/web";
  for (Machine& machine : all) {
    machine.fingerprint = std::string(64, 'a');
    machine.source = "10.0.0.1";
    machine.dns_names = {"web-1.example.com", "*.example.com"};
  }
  return all;
}

PolicyQuestion question(Operation operation) {
  PolicyQuestion asked{};
  asked.operation = operation;
  asked.issuer = "issuing";
  asked.profile = "tls-server";
  asked.key = "web-1.example.com.k";
  asked.owner = "web-1.example.com";
  asked.names.dns = {"web-1.example.com", "*.example.com"};
  asked.names.uri = {"https://www.example.com/a/b"};
  asked.names.email = {"ops@example.com"};
  asked.names.ip = {"192.0.2.1"};
  asked.subject.organization = "Example";
  asked.key_type = KeyType::ec_p256;
  asked.validity = std::chrono::hours(1);
  asked.algorithm = SignatureAlgorithm::ecdsa_p256_sha256;
  return asked;
}

/// "FILE:LINE:COLUMN: …"
bool has_place(const std::string& message) {
  const std::size_t file = message.find(':');
  if (file == message.npos || !is_policy_file_name(message.substr(0, file))) return false;
  std::size_t colons = 0;
  for (std::size_t i = file + 1; i < message.size() && colons < 2; ++i) {
    if (message[i] == ':') {
      ++colons;
    } else if (message[i] < '0' || message[i] > '9') {
      return false;
    }
  }
  return colons == 2;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const PolicyVocabulary known = vocabulary();
  static const std::vector<Machine> askers = machines();
  const std::string text(reinterpret_cast<const char*>(data), size);

  const auto policy = load_policy(text, known);
  if (!policy) {
    require(has_place(policy.error().message));
    require(policy.error().code == ErrorCode::invalid_request ||
            policy.error().code == ErrorCode::too_large);
    return 0;
  }
  require((*policy)->version() == to_hex(sha256(bytes_of(text))));
  for (Operation operation : operations()) {
    const PolicyQuestion asked = question(operation);
    for (const Machine& machine : askers) {
      const Decision decision = (*policy)->decide(machine, asked);
      require(decision.policy_version() == (*policy)->version());
      require(decision.allowed() == decision.reason().empty());
      require(!decision.allowed() || !decision.grant().empty());
      require(!decision.allowed() || machine.name.text() != "self");
    }
    const Decision own = (*policy)->decide(Machine::self(), asked);
    require(own.grant() == "builtin:self");
  }
  return 0;
}
