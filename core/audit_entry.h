#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"

namespace chancery {

enum class EntryKind {
  start,           ///< the service began: version, configuration digest
  stop,            ///< the service ended in order
  policy,          ///< a policy version came into force, or a new one was rejected
  denial,          ///< the policy said no
  failure,         ///< allowed, but refused before the token was asked (bad request, conflict, …)
  intent,          ///< the token is about to be used
  outcome,         ///< the one terminal record of an intent: ok, failed or unknown
  authentication,  ///< failed authentications, coalesced and counted
  read,            ///< somebody read what only some may read (entries of this log)
  ca,              ///< a CA came into being
  machine,         ///< a machine was added, an enrolment token made
  revocation,      ///< a certificate was revoked
  replacement,     ///< a machine is asked to renew its certificate
  incident,        ///< many are to be revoked: one was opened, went on, or ended
  token,           ///< the token went down or came back, a keyholder was replaced
  heartbeat,       ///< nothing else happened for a while
  log,             ///< the log goes on after a failure of the store
  alarm,           ///< what is published is not as it should be, or is again; break-glass is used
  approval,        ///< others were asked to agree, agreed, or what they agreed to ended
};
std::span<const EntryKind> entry_kinds();
std::string_view name_of(EntryKind kind);
/// By name; an unknown one is invalid_request (field "kind").
Result<EntryKind> parse_entry_kind(std::string_view name);

inline constexpr std::uint64_t kLargestInteger = (1ULL << 53) - 1;  // exact in every JSON reader

/// One entry of the audit log as it is hashed: a JSON object on one line, ASCII only, no white
/// space, members in order of their names, values strings, non-negative integers below 2^53, true,
/// or arrays of strings. Every entry has "kind", "time" and "v" (1). docs/audit-format.md lists
/// the members of each kind.
class AuditEntry {
 public:
  explicit AuditEntry(EntryKind kind);
  /// Sets a member once (CHECK); an empty text is left out. Non-ASCII is escaped by its number,
  /// what is not UTF-8 becomes U+FFFD.
  AuditEntry& set(std::string_view member, std::string_view value);
  AuditEntry& set(std::string_view member, const char* value) {
    return set(member, std::string_view(value));
  }
  AuditEntry& set(std::string_view member, std::uint64_t value);
  AuditEntry& set(std::string_view member, const std::vector<std::string>& values);
  AuditEntry& set_true(std::string_view member);
  /// Whether a member is there; for context (request, machine) that the caller may have given.
  [[nodiscard]] bool has(std::string_view member) const;

  [[nodiscard]] EntryKind kind() const { return kind_; }
  /// The canonical text with this time.
  [[nodiscard]] std::string text(Time time) const;

  /// The canonical text before its time is known: to_rfc3339 of it goes over the 27 characters at
  /// `time_at`.
  struct Draft {
    std::string text;
    std::size_t time_at = 0;
  };
  [[nodiscard]] Draft draft() const;

 private:
  using Member = std::pair<std::string, std::string>;  // name, encoded value
  std::vector<Member>::const_iterator place_of(std::string_view member) const;
  AuditEntry& put(std::string_view member, std::string encoded);

  EntryKind kind_;
  std::vector<Member> members_;  // sorted by name, without "time"
};

}  // namespace chancery
