#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// How a machine can be called. The policy tells them apart by their prefix.
enum class IdentityKind {
  name,         ///< web-1, web-1.example.com: the inventory's name
  dns,          ///< dns:web-1.example.com: a DNS name in its certificate
  spiffe,       ///< spiffe://example.com/web: the SPIFFE ID in its certificate
  fingerprint,  ///< sha256: and 64 hexadecimal digits: exactly one certificate
};
inline constexpr std::size_t kIdentityKinds = 4;

/// Which machines a grant is for: one, or all that a pattern covers.
struct MachinePattern {
  IdentityKind kind{};
  std::string text;  ///< without the prefix dns: or sha256:
  bool wildcards = false;
};

/// Reads an entry of a grant's `machines`. The name `self`, which is the service itself, is
/// refused.
Result<MachinePattern> parse_machine_pattern(std::string_view source);

/// Reads the holder of a role: exactly one machine or person, by name, SPIFFE ID or fingerprint.
/// A DNS name is refused: it is what a certificate may be used for, not who holds it.
Result<MachinePattern> parse_role_identity(std::string_view source);

}  // namespace chancery
