#include "core/incidents.h"

#include "core/signing_task.h"

namespace chancery {
namespace {

PolicyQuestion opening() {
  return PolicyQuestion{.operation = Operation::incident_open};
}

Error in_state(const IncidentRecord& incident, const std::string& what) {
  return {
      ErrorCode::conflict,
      "the incident " + incident.name.text() + " is " + std::string(name_of(incident.state)) + what,
      "incident"};
}

/// With the selector and the terms of two requests the same, the second one is the first again.
bool is_same(const IncidentRecord& row, const OpenIncident& request) {
  return row.selector == request.selector.text() && row.reason == request.reason &&
         row.invalidity_date == request.invalidity_date && row.deadline == request.deadline &&
         row.explanation_url == request.explanation_url && row.per_second == request.per_second;
}

/// By which the policy may know who opened it, beside the name (Incidents::opener).
void add_identities(AuditEntry& entry, const Machine& machine) {
  entry.set("opener_spiffe_id", machine.spiffe_id);
  if (!machine.dns_names.empty()) entry.set("opener_dns_names", machine.dns_names);
  entry.set("opener_fingerprint", machine.fingerprint);
  if (machine.certificate_since) {
    entry.set("opener_certificate_since", to_rfc3339_seconds(*machine.certificate_since));
  }
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
  RETURN_IF_ERROR(service_.authorize_preview(caller, opening(), asked));
  ASSIGN_OR_RETURN(const std::uint64_t through, store_.certificate_count());
  return look(caller, selector, through);
}

Result<void> Incidents::check(const OpenIncident& request) {
  if (!is_final(request.reason)) {
    return invalid("reason", "must be a reason to revoke them for good");
  }
  if (request.invalidity_date && *request.invalidity_date > now()) {
    return invalid("invalidity_date", "must not be in the future");
  }
  if (request.reported_at && *request.reported_at > now()) {
    return invalid("reported_at", "must not be in the future");
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

Result<std::optional<IncidentRecord>> Incidents::opened_before(const Caller& caller,
                                                               const OpenIncident& request,
                                                               const IncidentName& name) const {
  ASSIGN_OR_RETURN(auto earlier, store_.incident(name));
  if (!earlier || (is_opener(caller, *earlier) && is_same(*earlier, request))) return earlier;
  if (request.name) return fail(ErrorCode::conflict, "an incident of this name exists", "name");
  return fail(ErrorCode::unprocessable, "this idempotency key was used for another request",
              "Idempotency-Key");
}

Result<void> Incidents::check_preview(const OpenIncident& request,
                                      const IncidentPreview& preview) const {
  if (preview.refused > 0) {
    return fail(ErrorCode::forbidden,
                std::to_string(preview.refused) + " of " + std::to_string(preview.matched) +
                    " certificates are not yours to revoke, the first: " + preview.refusal,
                "selector");
  }
  if (preview.matched == 0) {
    return invalid("selector", "there is no certificate to revoke that fits (" +
                                   std::to_string(preview.already) + " are revoked already, " +
                                   std::to_string(preview.missing) + " are not known)");
  }
  if (request.deadline && preview.own > 0) {
    return invalid("replace_by", std::to_string(preview.own) +
                                     " of the certificates are the service's own, which no "
                                     "machine renews, the first: " +
                                     preview.first_own->hex() +
                                     "; leave them out, or revoke without replace_by");
  }
  return {};
}

Result<OpenedIncident> Incidents::open(const Caller& caller, const OpenIncident& request) {
  ASSIGN_OR_RETURN(const Permit permitted, service_.permit(caller, opening()));
  const auto reject = [&](Error error) {
    return service_.refuse_malformed(caller, Operation::incident_open, std::move(error));
  };
  const IncidentName name = name_for(caller, request);
  auto earlier = opened_before(caller, request, name);
  if (!earlier) return reject(std::move(earlier.error()));
  if (*earlier && !has_ended((*earlier)->state)) return OpenedIncident{std::move(**earlier), true};

  if (auto good = check(request); !good) return reject(std::move(good.error()));
  ASSIGN_OR_RETURN(const std::uint64_t through, store_.certificate_count());
  auto preview = look(caller, request.selector, through);
  if (!preview) return reject(std::move(preview.error()));
  if (*earlier) {
    // Its answer got lost, and it has ended meanwhile; or this is a new request under an old name.
    if (preview->matched == 0) return OpenedIncident{std::move(**earlier), true};
    return reject(in_state(**earlier, ", and " + std::to_string(preview->matched) +
                                          " certificates fit now: open one of another name"));
  }
  if (auto good = check_preview(request, *preview); !good) return reject(std::move(good.error()));

  IncidentRecord row;
  row.name = name;
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
  row.state = needs_second_person(row.matched) ? IncidentState::waiting : first_state(row);
  return record(caller, permitted, request, std::move(row));
}

Result<OpenedIncident> Incidents::record(const Caller& caller, const Permit& permitted,
                                         const OpenIncident& request, IncidentRecord row) {
  AuditEntry entry = incident_entry(row.name, "opened", row.state);
  entry.set("operation", name_of(Operation::incident_open));
  add_selector(entry, row.selector);
  entry.set("revocation_reason", name_of(row.reason));
  if (row.invalidity_date) entry.set("invalidity_date", to_rfc3339_seconds(*row.invalidity_date));
  if (row.deadline) entry.set("deadline", to_rfc3339_seconds(*row.deadline));
  entry.set("explanation_url", row.explanation_url);
  entry.set("opened_at", to_rfc3339_seconds(row.opened_at));
  if (request.reported_at) entry.set("reported_at", to_rfc3339_seconds(*request.reported_at));
  entry.set("through", row.through);
  entry.set("matched", row.matched);
  entry.set("per_second", row.per_second);
  add_identities(entry, caller.context.machine);
  std::vector<StoreChange> changes = {AddIncident{row}};
  if (row.state != IncidentState::waiting) block_key(request.selector, entry, changes);
  const auto index = log_.record(caller.context, permitted, std::move(entry), std::move(changes));
  if (!index && index.error().code == ErrorCode::conflict) {
    // The same request, sent again while the first was under way, may have been faster.
    ASSIGN_OR_RETURN(auto earlier, opened_before(caller, request, row.name));
    if (earlier) return OpenedIncident{std::move(*earlier), true};
  }
  if (!index) return Failure(index.error());
  row.entry = row.last_entry = *index;
  return OpenedIncident{std::move(row), false};
}

/// One that follows from the idempotency key, where there is one: then the same request opens the
/// same incident.
IncidentName Incidents::name_for(const Caller& caller, const OpenIncident& request) {
  if (request.name) return *request.name;
  if (caller.idempotency_key.empty()) {
    return IncidentName::parse("inc-" + to_hex(random_bytes(6))).value();
  }
  const std::string key = caller.context.machine.text() + "\n" + caller.idempotency_key;
  return IncidentName::parse("inc-" + to_hex(sha256(bytes_of(key))).substr(0, 24)).value();
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

Result<IncidentPreview> Incidents::expect_approvable(const Caller& caller,
                                                     const IncidentRecord& incident) const {
  if (incident.state != IncidentState::waiting) {
    return Failure(in_state(incident, " and waits for nobody"));
  }
  if (is_opener(caller, incident)) {
    return fail(ErrorCode::forbidden, "who opened it does not approve it; somebody else must",
                "incident");
  }
  ASSIGN_OR_RETURN(IncidentPreview preview, look(caller, incident));
  if (preview.refused > 0) {
    return fail(ErrorCode::forbidden,
                "not every certificate is yours to revoke, the first: " + preview.refusal,
                "incident");
  }
  return preview;
}

Result<IncidentPreview> Incidents::preview_approval(const Caller& caller,
                                                    const IncidentName& name) {
  RETURN_IF_ERROR(service_.authorize_preview(caller, opening(), name.text()));
  auto incident = known(name);
  if (!incident) {
    return service_.refuse_malformed(caller, Operation::incident_open, std::move(incident.error()));
  }
  auto preview = expect_approvable(caller, *incident);
  if (preview) return preview;
  return service_.refuse_malformed(caller, Operation::incident_open, std::move(preview.error()));
}

Result<IncidentRecord> Incidents::approve(const Caller& caller, const IncidentName& name,
                                          std::optional<std::uint64_t> matched) {
  ASSIGN_OR_RETURN(const Permit permitted, service_.permit_to_go_on(caller, opening()));
  const auto reject = [&](Error error) {
    return service_.refuse_malformed(caller, Operation::incident_open, std::move(error));
  };
  auto incident = known(name);
  if (!incident) return reject(std::move(incident.error()));
  auto preview = expect_approvable(caller, *incident);
  if (!preview) return reject(std::move(preview.error()));
  const std::uint64_t agreed = matched.value_or(incident->matched);
  if (preview->matched > agreed) {
    return reject({ErrorCode::conflict,
                   std::to_string(preview->matched) + " certificates fit now, not " +
                       std::to_string(agreed) + "; look again, and say how many you agree to",
                   "matched"});
  }
  const IncidentState to = first_state(*incident);
  AuditEntry entry = incident_entry(name, "approved", to);
  entry.set("matched", preview->matched);
  return move(caller, permitted, std::move(*incident), to, std::move(entry));
}

Result<IncidentRecord> Incidents::cancel(const Caller& caller, const IncidentName& name) {
  ASSIGN_OR_RETURN(const Permit permitted, service_.permit_to_go_on(caller, opening()));
  const auto reject = [&](Error error) {
    return service_.refuse_malformed(caller, Operation::incident_open, std::move(error));
  };
  auto incident = known(name);
  if (!incident) return reject(std::move(incident.error()));
  if (has_ended(incident->state)) {
    return reject(in_state(*incident, "; what was revoked stays revoked"));
  }
  if (!is_opener(caller, *incident)) {
    auto preview = look(caller, *incident);
    if (!preview) return reject(std::move(preview.error()));
    if (preview->refused > 0) {
      return reject({ErrorCode::forbidden,
                     "somebody else opened it, and not every certificate is yours to revoke, the "
                     "first: " +
                         preview->refusal,
                     "incident"});
    }
  }
  constexpr IncidentState to = IncidentState::cancelled;
  return move(caller, permitted, std::move(*incident), to, incident_entry(name, "cancelled", to));
}

Result<IncidentRecord> Incidents::move(const Caller& caller, const Permit& permitted,
                                       IncidentRecord incident, IncidentState to,
                                       AuditEntry entry) {
  entry.set("operation", name_of(Operation::incident_open));
  std::vector<StoreChange> changes = {MoveIncident{incident.name, incident.state, to}};
  if (incident.state == IncidentState::waiting && !has_ended(to)) {
    ASSIGN_OR_RETURN(const auto selector, CertificateSelector::parse(incident.selector));
    block_key(selector, entry, changes);
  }
  ASSIGN_OR_RETURN(incident.last_entry,
                   log_.record(caller.context, permitted, std::move(entry), std::move(changes)));
  incident.state = to;
  return incident;
}

}  // namespace chancery
