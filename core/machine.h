#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/identifier.h"

namespace chancery {

/// What the inventory says of a machine beside its name: team, environment, location, …
struct MachineAttribute {
  std::string name, value;
  bool operator==(const MachineAttribute&) const = default;
};

/// Who asks, as established by the API from the verified client certificate.
struct Machine {
  /// The inventory's name for it; of a foreign trust anchor's certificate, the name the policy
  /// binds to one of the identities below, or empty.
  MachineName name;
  std::string spiffe_id;               ///< URI SAN that begins with spiffe://, or empty
  std::vector<std::string> dns_names;  ///< DNS SANs, lower case
  std::string fingerprint;             ///< SHA-256 of the certificate, 64 hexadecimal digits
  std::optional<Serial> serial;        ///< of its certificate, where this service issued it
  std::string source;                  ///< the peer's IP address, without port; empty for `self`
  std::vector<MachineAttribute> attributes;    ///< of the inventory, by name, none twice
  std::optional<Time> certificate_since = {};  ///< when its certificate became valid
  Bytes key_sha256 = {};                       ///< of its certificate's SPKI

  /// The service itself: CRLs, its own TLS certificate, first set-up.
  static Machine self() {
    Machine machine;
    machine.name = MachineName::literal("self");
    return machine;
  }
  /// As the log names it. A machine of a foreign trust anchor may have no name here; its
  /// certificate always has a hash.
  [[nodiscard]] std::string text() const {
    if (!name.empty() || fingerprint.empty()) return name.text();
    return "sha256:" + fingerprint;
  }
  /// Whose doings are counted and agreed to: also of a machine whose certificates last an hour, as
  /// long as each has its SPIFFE ID.
  [[nodiscard]] std::string identity() const {
    return name.empty() && !spiffe_id.empty() ? spiffe_id : text();
  }
  [[nodiscard]] bool is_self() const { return name.text() == "self" && fingerprint.empty(); }
};

}  // namespace chancery
