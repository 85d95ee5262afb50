#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/certificate_selection.h"
#include "core/signing_service.h"
#include "core/turns.h"

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
  /// Of `matched`: the service's own, CAs' among them, which no machine renews.
  std::uint64_t own = 0;
  std::optional<Serial> first_own;
  /// Of an incident that is open: fit, were issued later, and are not its opener's to revoke. In no
  /// other number.
  std::uint64_t passed_over = 0;
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
  std::optional<Time> reported_at = {};  ///< when somebody was told of the reason
  std::optional<Time> deadline = {};     ///< until when machines may renew; none: revoked at once
  std::string explanation_url = {};
  std::uint64_t per_second = limits::incident_rate;
};

struct OpenedIncident : IncidentRecord {
  bool again = false;  ///< the same request opened it before
};

/// Of an incident whose machines have time to renew: a certificate that waits for the deadline.
struct LeftCertificate {
  Serial serial;
  MachineName machine;
  std::string why;
};
struct LeftCertificates {
  std::vector<LeftCertificate> first;  ///< limits::incident_left at most
  bool more = false;                   ///< there are, or may be
};

/// Decides and records what is to happen to many certificates; IncidentRunner does it. Every method
/// may be called from many threads at once; of those that look at certificates one does at a time,
/// and the others wait: "busy" where that takes limits::incident_look_wait, or too many do.
///
/// Each certificate that fits when it is opened has to be one that the caller may revoke. What is
/// issued later and fits, too, is revoked as well until the incident has ended, so that a stolen
/// identity cannot renew its way out, as far as the opener may revoke it; unless there is a
/// deadline: then the later ones are the replacements.
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
  /// conflict where there is another one of this name. The same request again, by its name or its
  /// idempotency key, gives what it opened before.
  Result<OpenedIncident> open(const Caller& caller, const OpenIncident& request);
  /// Recorded, changes nothing: what the second person would agree to.
  Result<IncidentPreview> preview_approval(const Caller& caller, const IncidentName& name);
  /// Of one that waits for a second person: by somebody else than who opened it, who may revoke all
  /// of it, too. conflict where more certificates fit now than `matched`, or, without it, than
  /// when it was opened.
  Result<IncidentRecord> approve(const Caller& caller, const IncidentName& name,
                                 std::optional<std::uint64_t> matched = {});
  /// By who opened it, or may revoke all of it. What was revoked stays revoked.
  Result<IncidentRecord> cancel(const Caller& caller, const IncidentName& name);

  /// forbidden, recorded, unless the caller opened it or may read every certificate that it is
  /// about.
  Result<void> expect_readable(const Caller& caller, const IncidentRecord& incident) const;
  /// The same of any incident, without asking about each.
  [[nodiscard]] bool reads_all(const Caller& caller) const;
  [[nodiscard]] static bool is_opener(const Caller& caller, const IncidentRecord& incident) {
    return !incident.opened_by.empty() && incident.opened_by == caller.context.machine.name;
  }
  /// Who is left, of an incident with a deadline.
  Result<LeftCertificates> left(const IncidentRecord& incident) const;

  // For IncidentRunner.
  /// Who opened it, with the identities that it had then.
  Result<Machine> opener(const IncidentRecord& incident) const;
  /// By the policy as it is now.
  [[nodiscard]] bool permits(const Machine& opener, const SelectedCertificate& certificate) const {
    return why_not(opener, certificate).empty();
  }
  [[nodiscard]] bool asks_second_person() const {
    return config_.incident_second_person_above.has_value();
  }
  [[nodiscard]] bool needs_second_person(std::uint64_t certificates) const {
    return config_.incident_second_person_above &&
           certificates > *config_.incident_second_person_above;
  }
  /// Nothing is left to wait for: it has a replacement, or is revoked for good.
  Result<bool> is_done_with(const SelectedCertificate& certificate) const;

  [[nodiscard]] Result<CertificateSelection> select(const CertificateSelector& selector) const {
    return CertificateSelection::make(store_, selector, parse_pattern_);
  }
  /// Of a CA that is no more: what it, and the CAs below, have issued that has not ended.
  Result<std::vector<IncidentPreview::Dependants>> dependants(const Serial& ca_certificate) const;

 private:
  Result<IncidentPreview> look(const Caller& caller, const CertificateSelector& selector,
                               std::uint64_t through, const IncidentRecord* opened = nullptr) const;
  /// At what fits of it now.
  Result<IncidentPreview> look(const Caller& caller, const IncidentRecord& incident) const;
  Result<void> check_preview(const OpenIncident& request, const IncidentPreview& preview) const;
  Result<std::optional<IncidentRecord>> opened_before(const Caller& caller,
                                                      const OpenIncident& request,
                                                      const IncidentName& name) const;
  Result<OpenedIncident> record(const Caller& caller, const Permit& permitted,
                                const OpenIncident& request, IncidentRecord row);
  Result<IncidentPreview> expect_approvable(const Caller& caller,
                                            const IncidentRecord& incident) const;
  Result<std::optional<std::string>> first_unreadable(const Caller& caller,
                                                      const IncidentRecord& incident) const;
  Result<void> count(const Caller& caller, const SelectedCertificate& certificate,
                     IncidentPreview& preview) const;
  /// Empty where the machine may revoke the certificate by an incident. What others have to agree
  /// to one by one, it may not, unless they have to agree to the incident itself.
  [[nodiscard]] std::string why_not(const Machine& machine,
                                    const SelectedCertificate& certificate) const;
  Result<std::string> why_left(const IncidentRecord& incident,
                               const SelectedCertificate& certificate) const;
  static Result<void> check(const OpenIncident& request);
  static IncidentName name_for(const Caller& caller, const OpenIncident& request);
  static void block_key(const CertificateSelector& selector, AuditEntry& entry,
                        std::vector<StoreChange>& changes);
  Result<IncidentRecord> known(const IncidentName& name) const;
  Result<IncidentRecord> move(const Caller& caller, const Permit& permitted,
                              IncidentRecord incident, IncidentState to, AuditEntry entry);

  SigningService& service_;
  Store& store_;
  AuditLog& log_;
  const Config& config_;
  const MachinePatternParser parse_pattern_;
  mutable Turns looks_{limits::incident_looks, limits::incident_look_wait,
                       "certificates are being looked at for others; ask again"};
};

/// The entry of an incident's next step, and the state that it brings.
AuditEntry incident_entry(const IncidentName& name, std::string_view event, IncidentState state);
/// What begins once nobody is waited for.
inline IncidentState first_state(const IncidentRecord& incident) {
  return incident.deadline ? IncidentState::asking : IncidentState::revoking;
}

}  // namespace chancery
