#include "policies/identity.h"

#include <algorithm>

#include "policies/pattern.h"

namespace chancery {
namespace {

constexpr std::string_view kDns = "dns:";
constexpr std::string_view kFingerprint = "sha256:";
constexpr std::string_view kSpiffe = "spiffe://";

Result<MachinePattern> parse_fingerprint(std::string_view digits) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (digits.size() != 64 || !std::all_of(digits.begin(), digits.end(), is_hex)) {
    return invalid("", "a fingerprint is sha256: and 64 hexadecimal digits in lower case");
  }
  return MachinePattern{IdentityKind::fingerprint, std::string(digits), false};
}

Result<MachinePattern> parse_names(IdentityKind kind, PatternKind syntax, std::string_view text) {
  ASSIGN_OR_RETURN(const Pattern pattern, Pattern::parse_without_variables(syntax, text));
  return MachinePattern{kind, pattern.source(), pattern.has_wildcards()};
}

}  // namespace

Result<MachinePattern> parse_machine_pattern(std::string_view source) {
  if (source.starts_with(kFingerprint))
    return parse_fingerprint(source.substr(kFingerprint.size()));
  if (source.starts_with(kSpiffe)) {
    return parse_names(IdentityKind::spiffe, PatternKind::uri, source);
  }
  if (source.starts_with(kDns)) {
    return parse_names(IdentityKind::dns, PatternKind::dns_name, source.substr(kDns.size()));
  }
  if (source.find(':') != source.npos) {
    return invalid("", "\"" + std::string(source) +
                           "\" is not a machine: write a name, or begin with spiffe://, dns: or "
                           "sha256:");
  }
  if (source == "self") {
    return invalid("", "\"self\" is the service itself, whose rights are fixed");
  }
  return parse_names(IdentityKind::name, PatternKind::machine_name, source);
}

Result<MachinePattern> parse_role_identity(std::string_view source) {
  ASSIGN_OR_RETURN(MachinePattern identity, parse_machine_pattern(source));
  if (identity.wildcards) {
    return invalid("", "\"" + std::string(source) + "\" has a wildcard; a role is held by name");
  }
  if (identity.kind == IdentityKind::dns) {
    return invalid(
        "", "a role is held by a machine name, a SPIFFE ID or a fingerprint, not a DNS name");
  }
  return identity;
}

}  // namespace chancery
