#include "policies/identity.h"

#include <algorithm>

#include "core/identifier.h"
#include "core/machine_attribute.h"
#include "policies/pattern.h"

namespace chancery {
namespace {

constexpr std::string_view kDns = "dns:";
constexpr std::string_view kFingerprint = "sha256:";
constexpr std::string_view kSpiffe = "spiffe://";
constexpr std::string_view kAttribute = "attribute:";
constexpr std::string_view kGroup = "group:";

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

Failure not_a_holder(const std::string& what) {
  return invalid("", "a role is held by a machine name, a SPIFFE ID or a fingerprint, not " + what);
}

Result<MachinePattern> parse_attribute(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos) {
    return invalid("", "an attribute is written attribute:NAME=VALUE");
  }
  ASSIGN_OR_RETURN(const MachineAttribute attribute,
                   parse_machine_attribute(text.substr(0, equals), text.substr(equals + 1)));
  return attribute_pattern(attribute.name, attribute.value);
}

}  // namespace

Result<void> check_policy_name(std::string_view name) {
  const bool good =
      !name.empty() && name.size() <= limits::name_bytes &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
      });
  if (good) return {};
  return invalid("", "must be 1 to " + std::to_string(limits::name_bytes) + " of a-z 0-9 . _ -");
}

Result<MachinePattern> parse_machine_pattern(std::string_view source) {
  if (source.starts_with(kFingerprint))
    return parse_fingerprint(source.substr(kFingerprint.size()));
  if (source.starts_with(kSpiffe)) {
    return parse_names(IdentityKind::spiffe, PatternKind::uri, source);
  }
  if (source.starts_with(kDns)) {
    return parse_names(IdentityKind::dns, PatternKind::dns_name, source.substr(kDns.size()));
  }
  if (source.starts_with(kAttribute)) return parse_attribute(source.substr(kAttribute.size()));
  if (source.starts_with(kGroup)) {
    const std::string_view name = source.substr(kGroup.size());
    if (const auto good = check_policy_name(name); !good) {
      return invalid("", "the name of a group " + good.error().message);
    }
    return MachinePattern{IdentityKind::group, std::string(name), false};
  }
  if (source.find(':') != source.npos) {
    return invalid("", "\"" + std::string(source) +
                           "\" is not a machine: write a name, or begin with spiffe://, dns:, "
                           "sha256:, attribute: or group:");
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
  switch (identity.kind) {
    case IdentityKind::name:
    case IdentityKind::spiffe:
    case IdentityKind::fingerprint:
      return identity;
    case IdentityKind::dns:
      return not_a_holder("a DNS name");
    case IdentityKind::attribute:
      return not_a_holder("an attribute");
    case IdentityKind::group:
      return not_a_holder("a group");
  }
  CHECK(!"every kind of identity is here");
  return identity;
}

MachinePattern attribute_pattern(std::string_view name, std::string_view value) {
  return {IdentityKind::attribute, std::string(name) + "=" + std::string(value), false};
}

AttributeText::AttributeText(const MachineAttribute& attribute) {
  const std::size_t size = attribute.name.size() + 1 + attribute.value.size();
  if (size > buffer_.size()) return;
  char* end = std::copy(attribute.name.begin(), attribute.name.end(), buffer_.data());
  *end++ = '=';
  std::copy(attribute.value.begin(), attribute.value.end(), end);
  size_ = size;
}

std::string source_of(const MachinePattern& pattern) {
  const auto with = [&](std::string_view prefix) { return std::string(prefix) + pattern.text; };
  switch (pattern.kind) {
    case IdentityKind::name:
    case IdentityKind::spiffe:
      return pattern.text;
    case IdentityKind::dns:
      return with(kDns);
    case IdentityKind::fingerprint:
      return with(kFingerprint);
    case IdentityKind::attribute:
      return with(kAttribute);
    case IdentityKind::group:
      return with(kGroup);
  }
  CHECK(!"every kind of identity is here");
  return {};
}

}  // namespace chancery
