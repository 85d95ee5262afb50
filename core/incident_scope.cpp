#include <nlohmann/json.hpp>

#include "core/incidents.h"
#include "core/logged_entry.h"
#include "core/signing_task.h"

// Whose incident it is, who may read it, and whom it waits for.

namespace chancery {

Result<Machine> Incidents::opener(const IncidentRecord& incident) const {
  ASSIGN_OR_RETURN(const nlohmann::json entry, logged_entry(store_, incident.entry));
  Machine machine;
  machine.name = incident.opened_by;
  machine.spiffe_id = text_member(entry, "opener_spiffe_id");
  machine.fingerprint = text_member(entry, "opener_fingerprint");
  machine.source = text_member(entry, "source");
  if (const std::string since = text_member(entry, "opener_certificate_since"); !since.empty()) {
    ASSIGN_OR_RETURN(machine.certificate_since, from_rfc3339(since));
  }
  // As for whoever comes: what the inventory says now.
  ASSIGN_OR_RETURN(const auto known, store_.machine(incident.opened_by));
  if (known) machine.attributes = known->attributes;
  const auto names = entry.find("opener_dns_names");
  if (names == entry.end() || !names->is_array()) return machine;
  for (const nlohmann::json& name : *names) {
    if (name.is_string()) machine.dns_names.push_back(name.get<std::string>());
  }
  return machine;
}

bool Incidents::reads_all(const Caller& caller) const {
  // Of no owner: only who is bound to none is allowed it.
  const PolicyQuestion any{.operation = Operation::certificate_read};
  return service_.policy()->decide(caller.context.machine, any).allowed();
}

/// Why the policy does not let the caller read the first one that it does not.
Result<std::optional<std::string>> Incidents::first_unreadable(
    const Caller& caller, const IncidentRecord& incident) const {
  const auto policy = service_.policy();
  const auto refusal = [&](const SelectedCertificate& certificate) -> std::optional<std::string> {
    const Decision decision = policy->decide(
        caller.context.machine, question_about(Operation::certificate_read, certificate));
    if (decision.allowed()) return std::nullopt;
    return decision.reason();
  };
  // Those that it has revoked are in its report, whether they fit any more or not.
  for (std::uint64_t first = 0;;) {
    ASSIGN_OR_RETURN(const auto rows,
                     store_.revocations_of(incident.name, first, limits::page_rows));
    for (const Revocation& row : rows) {
      ASSIGN_OR_RETURN(const auto certificate, store_.select_certificate(row.serial));
      if (!certificate) return fail(ErrorCode::internal, "a revocation has no certificate");
      if (auto why = refusal(*certificate)) return why;
    }
    if (rows.size() < limits::page_rows) break;
    first = rows.back().entry + 1;
  }
  ASSIGN_OR_RETURN(const auto selector, CertificateSelector::parse(incident.selector));
  ASSIGN_OR_RETURN(CertificateSelection selection, select(selector));
  while (!selection.done(incident.through)) {
    ASSIGN_OR_RETURN(const auto batch, selection.next(incident.through));
    for (const SelectedCertificate& certificate : batch) {
      if (auto why = refusal(certificate)) return why;
    }
  }
  return std::nullopt;
}

Result<void> Incidents::expect_readable(const Caller& caller,
                                        const IncidentRecord& incident) const {
  if (is_opener(caller, incident) || reads_all(caller)) return {};
  ASSIGN_OR_RETURN(const auto turn, looks_.take());
  ASSIGN_OR_RETURN(const auto why, first_unreadable(caller, incident));
  if (!why) return {};
  return service_.refuse_malformed(
      caller, Operation::incident_read,
      {ErrorCode::forbidden, "not every certificate of it is yours to read: " + *why, "incident"});
}

Result<bool> Incidents::is_done_with(const SelectedCertificate& certificate) const {
  ASSIGN_OR_RETURN(const auto replacement, store_.replacement_of(certificate.serial));
  if (replacement) return true;
  if (certificate.not_after < now()) return true;
  ASSIGN_OR_RETURN(const auto revocation, store_.revocation(certificate.serial));
  return revocation && is_final(revocation->reason);
}

/// Why this one has no replacement yet, so far as it can be told.
Result<std::string> Incidents::why_left(const IncidentRecord& incident,
                                        const SelectedCertificate& certificate) const {
  if (certificate.machine.text() == "self") return "is the service's own; no machine renews it";
  ASSIGN_OR_RETURN(const auto record, store_.certificate(certificate.serial));
  if (!record || record->state != CertificateState::issued) {
    return "was never released; no machine has it";
  }
  ASSIGN_OR_RETURN(const auto asked, store_.renewal_request(certificate.serial));
  if (!asked) return "is not asked for yet";
  if (asked->incident == incident.name.text()) return "has not been renewed";
  return "has not been renewed; asked for by " +
         (asked->incident.empty() ? "somebody" : "incident " + asked->incident) + ", too";
}

Result<LeftCertificates> Incidents::left(const IncidentRecord& incident) const {
  ASSIGN_OR_RETURN(const auto turn, looks_.take());
  ASSIGN_OR_RETURN(const auto selector, CertificateSelector::parse(incident.selector));
  ASSIGN_OR_RETURN(CertificateSelection selection, select(selector));
  LeftCertificates left;
  std::size_t looked = 0;
  while (!selection.done(incident.through)) {
    ASSIGN_OR_RETURN(const auto batch, selection.next(incident.through));
    for (const SelectedCertificate& certificate : batch) {
      if (left.first.size() == limits::incident_left || looked++ == limits::incident_left_looked) {
        left.more = true;
        return left;
      }
      ASSIGN_OR_RETURN(const bool done, is_done_with(certificate));
      if (done) continue;
      ASSIGN_OR_RETURN(std::string why, why_left(incident, certificate));
      left.first.push_back({certificate.serial, certificate.machine, std::move(why)});
    }
  }
  return left;
}

}  // namespace chancery
