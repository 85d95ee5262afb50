#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/limits.h"
#include "core/machine.h"
#include "core/result.h"

namespace chancery {

/// How a machine can be called. The policy tells them apart by their prefix.
enum class IdentityKind {
  name,         ///< web-1, web-1.example.com: the inventory's name
  dns,          ///< dns:web-1.example.com: a DNS name in its certificate
  spiffe,       ///< spiffe://example.com/web: the SPIFFE ID in its certificate
  fingerprint,  ///< sha256: and 64 hexadecimal digits: exactly one certificate
  attribute,    ///< attribute:team=shop: what the inventory says of it
  group,        ///< group:web: a group of the policy; no machine is called so by itself
};
inline constexpr std::size_t kIdentityKinds = 5;  ///< those that a machine has by itself

/// Which machines a rule is for: one, all that a pattern covers, or those of a group.
struct MachinePattern {
  IdentityKind kind{};
  std::string text;  ///< without the prefix dns:, sha256:, attribute: or group:
  bool wildcards = false;
};

/// What rules and groups are called: 1 to limits::name_bytes of a-z 0-9 . _ -. Names stand in
/// decisions and the audit log beside "role:…" and "builtin:…". The error says what a name must be.
Result<void> check_policy_name(std::string_view name);

/// Reads an entry of a rule's `machines`. The name `self`, which is the service itself, is
/// refused.
Result<MachinePattern> parse_machine_pattern(std::string_view source);

/// Reads the holder of a role: exactly one machine or person, by name, SPIFFE ID or fingerprint.
/// A DNS name is refused: it is what a certificate may be used for, not who holds it.
Result<MachinePattern> parse_role_identity(std::string_view source);

/// The pattern of machines whose attribute `name` is `value`.
MachinePattern attribute_pattern(std::string_view name, std::string_view value);

/// The text of such a pattern, without allocating; empty for an attribute beyond the limits.
class AttributeText {
 public:
  explicit AttributeText(const MachineAttribute& attribute);
  [[nodiscard]] std::string_view text() const { return {buffer_.data(), size_}; }

 private:
  std::array<char, limits::attribute_name_bytes + 1 + limits::attribute_value_bytes> buffer_;
  std::size_t size_ = 0;
};

/// Shown in messages as it is written in a policy, with its prefix.
std::string source_of(const MachinePattern& pattern);

}  // namespace chancery
