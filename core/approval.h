#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/identifier.h"

namespace chancery {

struct ApprovalIdTag {
  static constexpr const char* field = "approval";
  static constexpr std::size_t bytes = limits::name_bytes;
};
/// "apr-" and 24 hexadecimal digits, random: who guesses none cannot ask about any.
using ApprovalId = Name<ApprovalIdTag>;
ApprovalId new_approval_id();

/// waiting: for approvers. approved: enough have signed, the requester may go on. used, expired,
/// cancelled: the ends. open: of break-glass, from its first use on; closed is then the end.
enum class ApprovalState { waiting, approved, used, expired, cancelled, open, closed };
std::string_view name_of(ApprovalState state);
Result<ApprovalState> parse_approval_state(std::string_view name);
inline bool is_pending(ApprovalState state) {
  return state == ApprovalState::waiting || state == ApprovalState::approved;
}

/// What somebody asked for and others have to agree to.
struct ApprovalRecord {
  ApprovalId id;
  std::string rule;       ///< of the policy, that asks for it (ApprovalNeed)
  std::string requester;  ///< Machine::text()
  Bytes requester_key;    ///< SHA-256 of its certificate's SPKI; empty where unknown
  std::string operation;
  Bytes request_sha256;  ///< of the request; of break-glass, of requester and rule
  std::string summary;   ///< JSON object for the approvers; no e-mail addresses
  unsigned needed = 0;
  Seconds opens_for{};  ///< of break-glass; else zero
  Time created_at, expires_at;
  ApprovalState state{};
  std::optional<Time> approved_at = {};  ///< when the last needed one agreed
  std::string used_by = {};              ///< id of the request that used it
  std::uint64_t entry = 0;               ///< that asked for it
  std::uint64_t last_entry = 0;          ///< that brought it into its state

  /// When break-glass closes by itself, once approved.
  [[nodiscard]] Time closes_at() const { return approved_at.value_or(Time{}) + opens_for; }
};

/// What an approver signs: `chancery-approval/v1` and one line for each thing that must not change
/// between what was agreed to and what is done. `origin` is the log's.
std::string approval_statement(const ApprovalRecord& approval, std::string_view origin);

/// One approver's agreement.
struct ApprovalSignatureRecord {
  ApprovalId approval;
  std::string approver;  ///< Machine::text()
  Serial serial;         ///< of the certificate whose key has signed
  Bytes spki_sha256;     ///< of that key
  std::string algorithm;
  Bytes signature;  ///< over approval_statement()
  Time given_at;
  std::uint64_t entry = 0;
};

}  // namespace chancery
