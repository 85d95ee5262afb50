#include "core/incidents.h"

#include <algorithm>
#include <iterator>

#include "core/signing_task.h"

namespace chancery {
namespace {

constexpr std::size_t kFirst = 20;

PolicyQuestion opening() {
  return PolicyQuestion{.operation = Operation::incident_open};
}

Error in_state(const IncidentRecord& incident, const std::string& what) {
  return {
      ErrorCode::conflict,
      "the incident " + incident.name.text() + " is " + std::string(name_of(incident.state)) + what,
      "incident"};
}

void add_selector(AuditEntry& entry, const std::string& selector) {
  // What an entry cannot hold goes in by its hash; the row has it.
  if (selector.size() <= limits::incident_text_bytes) entry.set("selector", selector);
  entry.set("selector_sha256", to_hex(sha256(bytes_of(selector))));
}

}  // namespace

AuditEntry incident_entry(const IncidentName& name, std::string_view event, IncidentState state) {
  AuditEntry entry(EntryKind::incident);
  entry.set("incident", name.text());
  entry.set("event", event);
  entry.set("state", name_of(state));
  return entry;
}

Result<IncidentPreview> Incidents::preview(const Caller& caller,
                                           const CertificateSelector& selector) {
  std::string asked = selector.text();
  if (asked.size() > limits::incident_text_bytes) asked = to_hex(sha256(bytes_of(asked)));
  RETURN_IF_ERROR(service_.authorize(caller, opening(), asked));
  ASSIGN_OR_RETURN(const std::uint64_t through, store_.certificate_count());
  return look(caller, selector, through);
}

Result<IncidentPreview> Incidents::look(const Caller& caller, const CertificateSelector& selector,
                                        std::uint64_t through) const {
  ASSIGN_OR_RETURN(CertificateSelection selection, select(selector));
  IncidentPreview preview;
  while (!selection.done(through)) {
    ASSIGN_OR_RETURN(const auto batch, selection.next(through));
    for (const SelectedCertificate& certificate : batch) {
      RETURN_IF_ERROR(count(caller, certificate, preview));
    }
  }
  preview.missing = selection.missing();
  return preview;
}

Result<void> Incidents::count(const Caller& caller, const SelectedCertificate& certificate,
                              IncidentPreview& preview) const {
  ASSIGN_OR_RETURN(const auto revocation, store_.revocation(certificate.serial));
  if (revocation && is_final(revocation->reason)) {
    ++preview.already;
    return {};
  }
  ++preview.matched;
  const std::string& machine = certificate.machine.text();
  const Decision decision = service_.policy()->decide(
      caller.context.machine, question_about(Operation::certificate_revoke, certificate));
  if (!decision.allowed()) {
    // Whose it is, is none of the caller's business beyond the reason.
    if (preview.refused++ == 0) {
      preview.refusal = certificate.serial.hex() + ": " + decision.reason();
    }
    return {};
  }
  if (preview.first.size() < kFirst) preview.first.push_back(certificate.serial);
  ++preview.issuers[certificate.issuer.text()];
  ++preview.profiles[certificate.profile.text()];
  if (preview.machines.size() < limits::incident_machines || preview.machines.contains(machine)) {
    ++preview.machines[machine];
  } else {
    preview.more_machines = true;
  }
  constexpr std::array<std::chrono::hours, 3> kSpans = {
      std::chrono::hours{24}, std::chrono::hours{24 * 7}, std::chrono::hours{24 * 30}};
  const auto left = certificate.not_after - now();
  const auto span = std::ranges::find_if(kSpans, [&](auto most) { return left <= most; });
  ++preview.ending[static_cast<std::size_t>(span - kSpans.begin())];
  preview.last_end = std::max(preview.last_end, certificate.not_after);

  if (machine != "self") return {};
  ASSIGN_OR_RETURN(auto under, dependants(certificate.serial));
  std::ranges::move(under, std::back_inserter(preview.dependants));
  return {};
}

Result<std::vector<IncidentPreview::Dependants>> Incidents::dependants(
    const Serial& ca_certificate) const {
  std::vector<IncidentPreview::Dependants> found;
  // Nearly every certificate is a machine's: for these no CA is looked at.
  ASSIGN_OR_RETURN(const auto certificate, store_.select_certificate(ca_certificate));
  if (!certificate || certificate->machine.text() != "self") return found;
  std::vector<CaName> below;
  for (const CertificateAuthority* ca : service_.cas()) {
    ASSIGN_OR_RETURN(const CertificateInfo info, parse_certificate(ca->record.certificate));
    if (std::ranges::equal(info.serial, ca_certificate.bytes)) below.push_back(ca->record.name);
  }
  for (std::size_t i = 0; i < below.size(); ++i) {
    CertificateSelector all;
    all.issuer = below[i];
    IncidentPreview::Dependants of_one{below[i]};
    ASSIGN_OR_RETURN(const std::uint64_t through, store_.certificate_count());
    for (std::uint64_t first = 1; first <= through; first += limits::incident_scan) {
      ASSIGN_OR_RETURN(
          const auto rows,
          store_.select_certificates(all, first,
                                     std::min(through, first + limits::incident_scan - 1), now(),
                                     limits::incident_scan));
      of_one.certificates += rows.size();
    }
    found.push_back(std::move(of_one));
    for (const CertificateAuthority* ca : service_.cas()) {
      const bool root = ca->record.issuer == ca->record.name;
      if (!root && ca->record.issuer == below[i]) below.push_back(ca->record.name);
    }
  }
  return found;
}

Result<void> Incidents::check(const OpenIncident& request) {
  if (!is_final(request.reason)) {
    return invalid("reason", "must be a reason to revoke them for good");
  }
  if (request.invalidity_date && *request.invalidity_date > now()) {
    return invalid("invalidity_date", "must not be in the future");
  }
  if (request.deadline && *request.deadline <= now()) {
    return invalid("replace_by", "must be in the future");
  }
  if (!request.explanation_url.empty() && !request.deadline) {
    return invalid("explanation_url", "is for machines that are asked to renew: give replace_by");
  }
  if (!request.explanation_url.empty() && !is_web_address(request.explanation_url)) {
    return invalid("explanation_url", "must be an http:// or https:// address of at most " +
                                          std::to_string(limits::explanation_url_bytes) + " bytes");
  }
  if (request.per_second == 0 || request.per_second > limits::incident_rate_at_most) {
    return invalid("per_second", "must be 1 to " + std::to_string(limits::incident_rate_at_most));
  }
  return {};
}

Result<IncidentRecord> Incidents::open(const Caller& caller, const OpenIncident& request) {
  ASSIGN_OR_RETURN(const Decision decision, service_.permit(caller, opening()));
  const auto reject = [&](Error error) {
    return service_.refuse_malformed(caller, Operation::incident_open, std::move(error));
  };
  if (auto good = check(request); !good) return reject(std::move(good.error()));
  ASSIGN_OR_RETURN(const std::uint64_t through, store_.certificate_count());
  auto preview = look(caller, request.selector, through);
  if (!preview) return reject(std::move(preview.error()));
  if (preview->refused > 0) {
    return reject({ErrorCode::forbidden,
                   std::to_string(preview->refused) + " of " + std::to_string(preview->matched) +
                       " certificates are not yours to revoke, the first: " + preview->refusal,
                   "selector"});
  }
  if (preview->matched == 0) {
    return reject({ErrorCode::invalid_request,
                   "there is no certificate to revoke that fits (" +
                       std::to_string(preview->already) + " are revoked already, " +
                       std::to_string(preview->missing) + " are not known)",
                   "selector"});
  }

  IncidentRecord row;
  row.name = request.name ? *request.name : made_up_name();
  row.selector = request.selector.text();
  row.reason = request.reason;
  row.invalidity_date = request.invalidity_date;
  row.opened_by = caller.context.machine.name;
  row.opened_at = std::chrono::floor<Seconds>(now());
  row.through = through;
  row.matched = preview->matched;
  row.per_second = request.per_second;
  row.deadline = request.deadline;
  row.explanation_url = request.explanation_url;
  const bool alone = !config_.incident_second_person_above ||
                     preview->matched <= *config_.incident_second_person_above;
  row.state = alone ? first_state(row) : IncidentState::waiting;

  AuditEntry entry = incident_entry(row.name, "opened", row.state);
  entry.set("operation", name_of(Operation::incident_open));
  add_selector(entry, row.selector);
  entry.set("revocation_reason", name_of(row.reason));
  if (row.invalidity_date) entry.set("invalidity_date", to_rfc3339_seconds(*row.invalidity_date));
  if (row.deadline) entry.set("deadline", to_rfc3339_seconds(*row.deadline));
  entry.set("explanation_url", row.explanation_url);
  entry.set("opened_at", to_rfc3339_seconds(row.opened_at));
  entry.set("through", row.through);
  entry.set("matched", row.matched);
  entry.set("per_second", row.per_second);
  entry.set("grant", decision.grant());
  entry.set("policy", decision.policy_version());
  std::vector<StoreChange> changes = {AddIncident{row}};
  if (alone) block_key(request.selector, entry, changes);
  ASSIGN_OR_RETURN(row.entry, log_.record(caller.context, std::move(entry), std::move(changes)));
  row.last_entry = row.entry;
  return row;
}

IncidentName Incidents::made_up_name() {
  return IncidentName::parse("inc-" + to_hex(random_bytes(6))).value();
}

void Incidents::block_key(const CertificateSelector& selector, AuditEntry& entry,
                          std::vector<StoreChange>& changes) {
  if (selector.spki_sha256.empty()) return;
  entry.set("blocked_key", to_hex(selector.spki_sha256));
  changes.push_back(BlockKey{selector.spki_sha256});
}

Result<IncidentRecord> Incidents::known(const IncidentName& name) const {
  ASSIGN_OR_RETURN(auto incident, store_.incident(name));
  if (incident) return std::move(*incident);
  return fail(ErrorCode::not_found, "there is no incident \"" + name.text() + "\"", "incident");
}

Result<IncidentRecord> Incidents::approve(const Caller& caller, const IncidentName& name) {
  ASSIGN_OR_RETURN(const Decision decision, service_.permit(caller, opening()));
  const auto reject = [&](Error error) {
    return service_.refuse_malformed(caller, Operation::incident_open, std::move(error));
  };
  auto incident = known(name);
  if (!incident) return reject(std::move(incident.error()));
  if (incident->state != IncidentState::waiting) {
    return reject(in_state(*incident, " and waits for nobody"));
  }
  if (incident->opened_by == caller.context.machine.name) {
    return reject({ErrorCode::forbidden, "who opened it does not approve it; somebody else must",
                   "incident"});
  }
  ASSIGN_OR_RETURN(const auto selector, CertificateSelector::parse(incident->selector));
  ASSIGN_OR_RETURN(const IncidentPreview preview, look(caller, selector, incident->through));
  if (preview.refused > 0) {
    return reject({ErrorCode::forbidden,
                   "not every certificate is yours to revoke, the first: " + preview.refusal,
                   "incident"});
  }
  const IncidentState to = first_state(*incident);
  return move(caller, decision, std::move(*incident), to, "approved");
}

Result<IncidentRecord> Incidents::cancel(const Caller& caller, const IncidentName& name) {
  ASSIGN_OR_RETURN(const Decision decision, service_.permit(caller, opening()));
  auto incident = known(name);
  if (incident && has_ended(incident->state)) {
    incident = Failure(in_state(*incident, "; what was revoked stays revoked"));
  }
  if (!incident) {
    return service_.refuse_malformed(caller, Operation::incident_open, std::move(incident.error()));
  }
  return move(caller, decision, std::move(*incident), IncidentState::cancelled, "cancelled");
}

Result<IncidentRecord> Incidents::move(const Caller& caller, const Decision& decision,
                                       IncidentRecord incident, IncidentState to,
                                       std::string_view event) {
  AuditEntry entry = incident_entry(incident.name, event, to);
  entry.set("operation", name_of(Operation::incident_open));
  entry.set("grant", decision.grant());
  entry.set("policy", decision.policy_version());
  std::vector<StoreChange> changes = {MoveIncident{incident.name, incident.state, to}};
  if (incident.state == IncidentState::waiting && !has_ended(to)) {
    ASSIGN_OR_RETURN(const auto selector, CertificateSelector::parse(incident.selector));
    block_key(selector, entry, changes);
  }
  ASSIGN_OR_RETURN(incident.last_entry,
                   log_.record(caller.context, std::move(entry), std::move(changes)));
  incident.state = to;
  return incident;
}

}  // namespace chancery
