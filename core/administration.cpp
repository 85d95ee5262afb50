#include "core/machine_attribute.h"
#include "core/signing_service.h"

// Revocation and enrolment tokens: decided and recorded like a signature, but without the token.

namespace chancery {
namespace {

AuditEntry entry_of(const PolicyQuestion& question, const Revocation& revocation) {
  AuditEntry entry(EntryKind::revocation);
  describe(entry, question);
  entry.set("serial", revocation.serial.hex());
  entry.set("revocation_reason", name_of(revocation.reason));
  if (revocation.invalidity_date) {
    entry.set("invalidity_date", to_rfc3339_seconds(*revocation.invalidity_date));
  }
  entry.set("incident", revocation.incident);
  return entry;
}

/// For those who are to agree.
std::string text_of_all(const std::vector<MachineAttribute>& attributes) {
  std::string text;
  for (const std::string& one : texts_of(attributes)) text += (text.empty() ? "" : ", ") + one;
  return text.empty() ? "no attributes" : "attributes: " + text;
}

Error not_on_hold(const Serial& serial) {
  return {ErrorCode::conflict, "the certificate " + serial.hex() + " is not on hold", "serial"};
}

}  // namespace

Result<bool> SigningService::is_revoked(const Serial& serial) const {
  ASSIGN_OR_RETURN(const auto revocation, store_.revocation(serial));
  return revocation && revocation->reason != RevocationReason::remove_from_crl;
}

Result<bool> SigningService::is_key_blocked(const Bytes& spki_sha256) const {
  if (blocked_.contains(spki_sha256)) return true;
  ASSIGN_OR_RETURN(const auto row, store_.blocked_key(spki_sha256));
  return row.has_value();
}

Result<Revoked> SigningService::revoke(const Caller& caller, const RevokeCertificate& request) {
  const bool is_release = request.reason == RevocationReason::remove_from_crl;
  PolicyQuestion question{.operation = is_release ? Operation::certificate_release
                                                  : Operation::certificate_revoke};
  ASSIGN_OR_RETURN(const auto record, store_.certificate(request.serial));
  if (record) question = question_about(question.operation, *record);
  ASSIGN_OR_RETURN(const Permit permitted, permit(caller, question));
  if (!record) {
    return reject(caller, question,
                  Error{ErrorCode::not_found,
                        "there is no certificate " + request.serial.hex() + " here", "serial"});
  }
  ASSIGN_OR_RETURN(auto earlier, store_.revocation(request.serial));
  if (is_release) {
    if (!earlier || earlier->reason != RevocationReason::certificate_hold) {
      return reject(caller, question, not_on_hold(request.serial));
    }
  } else if (earlier && (is_final(earlier->reason) || earlier->reason == request.reason)) {
    return Revoked{std::move(*earlier), true};
  }
  if (auto allowed = check_reason(*record, request); !allowed) {
    return reject(caller, question, std::move(allowed.error()));
  }
  return record_revocation(caller, question, permitted, *record, request);
}

Result<void> SigningService::check_reason(const CertificateRecord& record,
                                          const RevokeCertificate& request) const {
  if (request.reason == RevocationReason::certificate_hold) {
    ASSIGN_OR_RETURN(const Profile* wanted, profile(record.profile));
    if (!wanted->hold) {
      return invalid("reason", "profile \"" + record.profile.text() +
                                   "\" does not permit certificateHold; revoke it for good, or set "
                                   "hold: true in the profile");
    }
  }
  if (request.invalidity_date &&
      (*request.invalidity_date > now() || *request.invalidity_date < record.not_before)) {
    return invalid(
        "invalidity_date",
        "invalidity_date must be after the certificate's beginning and not in the future");
  }
  if (request.reported_at && *request.reported_at > now()) {
    return invalid("reported_at", "must not be in the future");
  }
  return {};
}

Result<Revoked> SigningService::record_revocation(const Caller& caller,
                                                  const PolicyQuestion& question,
                                                  const Permit& permitted,
                                                  const CertificateRecord& certificate,
                                                  const RevokeCertificate& request) {
  Revocation revocation{.serial = request.serial,
                        .issuer = certificate.issuer,
                        .reason = request.reason,
                        .revoked_at = now(),
                        .by = caller.context.machine.name,
                        .not_after = certificate.not_after,
                        .crl_shards = certificate.crl_shards,
                        .invalidity_date = request.invalidity_date,
                        .incident = {}};
  AuditEntry entry = entry_of(question, revocation);
  if (request.reported_at) entry.set("reported_at", to_rfc3339_seconds(*request.reported_at));
  auto index =
      log_.record(caller.context, permitted, std::move(entry), {AddRevocation{revocation}});
  if (!index && index.error().code == ErrorCode::conflict) {
    // Somebody else did it between our look and our record: what they did stands.
    ASSIGN_OR_RETURN(auto earlier, store_.revocation(request.serial));
    if (earlier && (is_final(earlier->reason) || earlier->reason == request.reason)) {
      return Revoked{std::move(*earlier), true};
    }
  }
  if (!index) return Failure(std::move(index.error()));
  revocation.entry = *index;
  ++revocation_changes_;
  return Revoked{std::move(revocation), false};
}

Result<SigningService::RevokedBatch> SigningService::revoke_for(
    const RequestContext& context, const IncidentRecord& incident,
    const std::vector<SelectedCertificate>& certificates) {
  std::vector<AuditLog::Record> records;
  std::vector<Revocation> revocations;
  for (const SelectedCertificate& certificate : certificates) {
    ASSIGN_OR_RETURN(const auto earlier, store_.revocation(certificate.serial));
    if (earlier && is_final(earlier->reason)) continue;
    Revocation revocation{.serial = certificate.serial,
                          .issuer = certificate.issuer,
                          .reason = incident.reason,
                          .revoked_at = now(),
                          .by = incident.opened_by,
                          .not_after = certificate.not_after,
                          .crl_shards = certificate.crl_shards,
                          .invalidity_date = incident.invalidity_date,
                          .incident = incident.name.text()};
    records.push_back(
        {entry_of(question_about(Operation::certificate_revoke, certificate), revocation),
         {AddRevocation{revocation}}});
    revocations.push_back(std::move(revocation));
  }
  const auto results = log_.record_all(context, std::move(records));
  RevokedBatch batch;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i]) {
      revocations[i].entry = *results[i];
      ++revocation_changes_;
      batch.revoked.push_back(std::move(revocations[i]));
    } else if (results[i].error().code != ErrorCode::conflict) {  // somebody else was first
      batch.failure = results[i].error();
    }
  }
  return batch;
}

Result<void> SigningService::grow_crl_shards(const Caller& caller, const GrowCrlShards& request) {
  PolicyQuestion question{.operation = Operation::ca_create};
  question.issuer = request.ca.text();
  ASSIGN_OR_RETURN(const Permit permitted, permit(caller, question));
  if (auto authority = ca(request.ca); !authority) {
    return reject(caller, question, std::move(authority.error()));
  }
  const unsigned most = crl_shard_counts(request.ca).back();
  if (request.shards <= most || request.shards > limits::crl_shards) {
    return reject(
        caller, question,
        Error{ErrorCode::invalid_request,
              "shards must be above " + std::to_string(most) + ", what there are now, and " +
                  std::to_string(limits::crl_shards) + " at most",
              "shards"});
  }
  AuditEntry entry(EntryKind::ca);
  describe(entry, question);
  entry.set("ca", request.ca.text());
  entry.set("crl_shards", request.shards);
  ASSIGN_OR_RETURN([[maybe_unused]] const std::uint64_t index,
                   log_.record(caller.context, permitted, std::move(entry),
                               {AddCrlShards{{request.ca, request.shards}}}));
  return load_crl_shards();
}

Result<EnrollmentTicket> SigningService::add_machine(const Caller& caller,
                                                     const AddMachineRequest& request) {
  PolicyQuestion question{.operation = Operation::machine_add};
  question.owner = request.name.text();
  question.profile = request.profile.text();
  ASSIGN_OR_RETURN(const Permit permitted,
                   permit(caller.with_details(text_of_all(request.attributes)), question));
  if (auto known = profile(request.profile); !known) {
    return reject(caller, question, std::move(known.error()));
  }
  if (request.name.text() == "self") {
    return reject(caller, question,
                  Error{ErrorCode::invalid_request, "\"self\" is the service's own name", "name"});
  }
  if (request.token_life <= Seconds{0} ||
      request.token_life > limits::enrollment_token_life_at_most) {
    return reject(caller, question,
                  Error{ErrorCode::invalid_request, "a token lives 1s to 7d", "token_life"});
  }
  ASSIGN_OR_RETURN(const auto known, store_.machine(request.name));
  if (known && !request.known) {
    return reject(caller, question,
                  Error{ErrorCode::conflict,
                        "there is a machine \"" + request.name.text() +
                            "\" already; `chancery machine token` makes a new token for it",
                        "name"});
  }
  if (!known && request.known) {
    return reject(
        caller, question,
        Error{ErrorCode::not_found, "there is no machine \"" + request.name.text() + "\"", "name"});
  }

  Bytes random = random_bytes(32);
  // In whole seconds, so that the row and the entry say the same.
  const Time expires_at = std::chrono::ceil<Seconds>(now() + request.token_life);
  EnrollmentTicket ticket{Secret(to_base64url(random)), request.name, expires_at};
  std::vector<StoreChange> changes;
  if (!known) {
    changes.push_back(
        AddMachine{{request.name, caller.context.machine.name, now(), 0, request.attributes, 0}});
  }
  const Bytes token_sha256 = sha256(bytes_of(ticket.token.reveal()));
  changes.push_back(AddEnrollment{
      {token_sha256, request.name, request.profile, ticket.expires_at, std::nullopt}});
  AuditEntry entry(EntryKind::machine);
  describe(entry, question);
  entry.set("expires_at", to_rfc3339_seconds(ticket.expires_at));
  entry.set("token_sha256", to_hex(token_sha256));
  if (!request.attributes.empty()) entry.set("attributes", texts_of(request.attributes));
  ASSIGN_OR_RETURN([[maybe_unused]] const std::uint64_t index,
                   log_.record(caller.context, permitted, std::move(entry), std::move(changes)));
  return ticket;
}

Result<void> SigningService::set_attributes(const Caller& caller, const MachineName& name,
                                            const std::vector<MachineAttribute>& attributes) {
  PolicyQuestion question{.operation = Operation::machine_add};
  question.owner = name.text();
  ASSIGN_OR_RETURN(const Permit permitted,
                   permit(caller.with_details(text_of_all(attributes)), question));
  ASSIGN_OR_RETURN(const auto known, store_.machine(name));
  if (!known) {
    return reject(
        caller, question,
        Error{ErrorCode::not_found, "there is no machine \"" + name.text() + "\"", "name"});
  }
  if (known->attributes == attributes) return {};
  AuditEntry entry(EntryKind::machine);
  describe(entry, question);
  entry.set("attributes", texts_of(attributes));
  ASSIGN_OR_RETURN([[maybe_unused]] const std::uint64_t index,
                   log_.record(caller.context, permitted, std::move(entry),
                               {SetMachineAttributes{name, attributes}}));
  ++attribute_changes_;
  return {};
}

bool SigningService::concerns(const Caller& caller, const ApprovalRecord& approval) const {
  const Machine& machine = caller.context.machine;
  return machine.identity() == approval.requester || policy()->may_approve(approval.rule, machine);
}

Result<ApprovalView> SigningService::show_approval(const Caller& caller, const ApprovalId& id) {
  const PolicyQuestion question{.operation = Operation::approval_read};
  const auto in_force = policy();
  auto found = approvals_.find(*in_force, id);
  if (!found || !concerns(caller, found->record)) {
    RETURN_IF_ERROR(authorize(caller, question, id.text()));
    return found;
  }
  AuditEntry entry(EntryKind::read);
  describe(entry, question);
  entry.set("asked", id.text()).set("policy", in_force->version());
  RETURN_IF_ERROR(log_.record(caller.context, std::move(entry)));
  return found;
}

Result<ApprovalView> SigningService::cancel_approval(const Caller& caller, const ApprovalId& id) {
  const PolicyQuestion question{.operation = Operation::approval_cancel};
  const auto in_force = policy();
  auto found = approvals_.find(*in_force, id);
  std::optional<Permit> permitted;
  if (!found || found->record.requester != caller.context.machine.identity()) {
    ASSIGN_OR_RETURN(permitted, permit(caller, question));
  }
  if (!found) return reject(caller, question, std::move(found.error()));
  if (auto ended = approvals_.cancel(caller, found->record, permitted); !ended) {
    return reject(caller, question, std::move(ended.error()));
  }
  return approvals_.find(*in_force, id);
}

}  // namespace chancery
