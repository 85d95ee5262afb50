#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/certificate_selection.h"
#include "core/signing_service.h"

namespace chancery {

/// What an incident would do, before anybody does it.
struct IncidentPreview {
  std::uint64_t matched = 0;  ///< not expired, not revoked for good
  std::uint64_t already = 0;  ///< fit, and are revoked for good
  std::uint64_t missing = 0;  ///< serials that there are not
  std::map<std::string, std::uint64_t> issuers, profiles, machines;
  bool more_machines = false;  ///< than limits::incident_machines; the others are only in `matched`
  /// How many end within a day, a week, a month, and later.
  std::array<std::uint64_t, 4> ending{};
  Time last_end;              ///< of them all
  std::vector<Serial> first;  ///< the first few
  /// Of `matched`, that the policy does not let this caller revoke; what is counted above leaves
  /// them out.
  std::uint64_t refused = 0;
  std::string refusal;  ///< the first reason
  /// Of a CA's certificate among them: what it, and the CAs below, have issued that has not ended.
  struct Dependants {
    CaName ca;
    std::uint64_t certificates = 0;
  };
  std::vector<Dependants> dependants;
};

struct OpenIncident {
  std::optional<IncidentName> name;  ///< none: one is made up
  CertificateSelector selector;
  RevocationReason reason{};  ///< final
  std::optional<Time> invalidity_date = {};
  std::optional<Time> deadline = {};  ///< until when machines may renew; none: revoked at once
  std::string explanation_url = {};
  std::uint64_t per_second = limits::incident_rate;
};

/// Decides and records what is to happen to many certificates; IncidentRunner does it. Every method
/// may be called from many threads at once.
///
/// Each certificate that fits when it is opened has to be one that the caller may revoke. What is
/// issued later and fits, too, is revoked as well until the incident has ended, so that a stolen
/// identity cannot renew its way out, unless there is a deadline: then the later ones are the
/// replacements.
class Incidents {
 public:
  /// Everything given here outlives it.
  Incidents(SigningService& service, Store& store, AuditLog& log, const Config& config,
            MachinePatternParser parse_pattern)
      : service_(service),
        store_(store),
        log_(log),
        config_(config),
        parse_pattern_(std::move(parse_pattern)) {}

  /// Recorded, changes nothing. forbidden where the caller may open none.
  Result<IncidentPreview> preview(const Caller& caller, const CertificateSelector& selector);
  /// invalid_request where nothing fits; forbidden where the caller may not revoke all that does;
  /// conflict where there is one of this name.
  Result<IncidentRecord> open(const Caller& caller, const OpenIncident& request);
  /// Of one that waits for a second person: by somebody else than who opened it.
  Result<IncidentRecord> approve(const Caller& caller, const IncidentName& name);
  /// What was revoked stays revoked.
  Result<IncidentRecord> cancel(const Caller& caller, const IncidentName& name);

  [[nodiscard]] Result<CertificateSelection> select(const CertificateSelector& selector) const {
    return CertificateSelection::make(store_, selector, parse_pattern_);
  }
  /// Of a CA that is no more: what it, and the CAs below, have issued that has not ended.
  Result<std::vector<IncidentPreview::Dependants>> dependants(const Serial& ca_certificate) const;

 private:
  Result<IncidentPreview> look(const Caller& caller, const CertificateSelector& selector,
                               std::uint64_t through) const;
  Result<void> count(const Caller& caller, const SelectedCertificate& certificate,
                     IncidentPreview& preview) const;
  static Result<void> check(const OpenIncident& request);
  static IncidentName made_up_name();
  static void block_key(const CertificateSelector& selector, AuditEntry& entry,
                        std::vector<StoreChange>& changes);
  Result<IncidentRecord> known(const IncidentName& name) const;
  Result<IncidentRecord> move(const Caller& caller, const Decision& decision,
                              IncidentRecord incident, IncidentState to, std::string_view event);

  SigningService& service_;
  Store& store_;
  AuditLog& log_;
  const Config& config_;
  const MachinePatternParser parse_pattern_;
};

/// The entry of an incident's next step, and the state that it brings.
AuditEntry incident_entry(const IncidentName& name, std::string_view event, IncidentState state);
/// What begins once nobody is waited for.
inline IncidentState first_state(const IncidentRecord& incident) {
  return incident.deadline ? IncidentState::asking : IncidentState::revoking;
}

}  // namespace chancery
