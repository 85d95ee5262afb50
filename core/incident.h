#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/revocation.h"

namespace chancery {

struct IncidentNameTag {
  static constexpr const char* field = "incident";
  static constexpr std::size_t bytes = limits::name_bytes;
};
using IncidentName = Name<IncidentNameTag>;

/// waiting: for a second person. asking: each machine is being told to renew. replacing: until all
/// have, or the deadline. finished and cancelled are the ends.
enum class IncidentState { waiting, asking, replacing, revoking, finished, cancelled };
std::string_view name_of(IncidentState state);
Result<IncidentState> parse_incident_state(std::string_view name);
inline bool has_ended(IncidentState state) {
  return state == IncidentState::finished || state == IncidentState::cancelled;
}

/// Which certificates an incident is about: those that fit every member that is there. With
/// `serials` there is no other member.
struct CertificateSelector {
  std::vector<Serial> serials;  ///< in order, none twice
  Bytes spki_sha256;            ///< 32 bytes; empty: any key
  MachineName machine;
  std::string machines;  ///< a pattern of the policy's language, over the machine's name
  std::string grant;     ///< that allowed the certificate
  ProfileName profile;
  CaName issuer;
  std::optional<Time> issued_from, issued_before;
  std::string policy;  ///< the version that allowed it, 64 hexadecimal digits

  /// From a JSON object; invalid_request with the member. One that asks for nothing is refused.
  static Result<CertificateSelector> parse(std::string_view json);
  /// Canonical: parse() of it gives the same.
  [[nodiscard]] std::string text() const;
};

/// A revocation of many certificates: what is to happen, and how far it has come.
struct IncidentRecord {
  IncidentName name;
  std::string selector;  ///< CertificateSelector::text()
  RevocationReason reason{};
  std::optional<Time> invalidity_date;
  MachineName opened_by;
  Time opened_at;
  std::uint64_t through = 0;     ///< certificates that there were when it was opened
  std::uint64_t matched = 0;     ///< that it was about then
  std::uint64_t per_second = 0;  ///< certificates, at most
  std::optional<Time> deadline;  ///< until when machines may renew; none: revoked at once
  std::string explanation_url;   ///< for those machines' people; may be empty
  IncidentState state{};
  std::uint64_t entry = 0;       ///< that opened it
  std::uint64_t last_entry = 0;  ///< that brought it into its state
};

/// What is read of a certificate to select it.
struct SelectedCertificate {
  std::uint64_t number = 0;  ///< in the order of issue, from 1
  Serial serial;
  CaName issuer;
  MachineName machine;
  ProfileName profile;
  Time not_after;
  unsigned crl_shards = 1;
};

struct BlockedKeyRecord {
  Bytes spki_sha256;
  std::uint64_t entry = 0;  ///< that blocked it first
};

/// Compiles a pattern over machine names; invalid_request says what is wrong with it.
using MachineMatcher = std::function<bool(const std::string& machine)>;
using MachinePatternParser = std::function<Result<MachineMatcher>(std::string_view pattern)>;

}  // namespace chancery
