#include "core/signing_service.h"

// A machine is asked to renew: decided and recorded like a revocation, which may follow.

namespace chancery {
namespace {

AuditEntry entry_of(const PolicyQuestion& question, const RenewalRequestRecord& row) {
  AuditEntry entry(EntryKind::replacement);
  describe(entry, question);
  entry.set("serial", row.serial.hex());
  entry.set("revocation_reason", name_of(row.reason));
  entry.set("deadline", to_rfc3339_seconds(row.deadline));
  entry.set("explanation_url", row.explanation_url);
  entry.set("incident", row.incident);
  return entry;
}

Result<void> check(const ReplaceCertificate& request) {
  if (!is_final(request.reason)) {
    return invalid("reason", "must be a reason to revoke it for good");
  }
  if (request.deadline <= now()) return invalid("deadline", "must be in the future");
  if (!request.explanation_url.empty() && !is_web_address(request.explanation_url)) {
    return invalid("explanation_url", "must be an http:// or https:// address of at most " +
                                          std::to_string(limits::explanation_url_bytes) + " bytes");
  }
  return {};
}

}  // namespace

Result<void> SigningService::check_replaceable(const CertificateRecord& record) const {
  const std::string serial = record.serial.hex();
  const auto conflict = [&](const std::string& reason) {
    return fail(ErrorCode::conflict, "the certificate " + serial + " " + reason, "serial");
  };
  if (record.state != CertificateState::issued) return conflict("was never released; revoke it");
  if (record.machine.text() == "self")
    return conflict("is the service's own; no machine renews it");
  if (record.not_after < now()) return conflict("has expired");
  ASSIGN_OR_RETURN(const auto revocation, store_.revocation(record.serial));
  if (revocation && is_final(revocation->reason)) return conflict("is revoked");
  ASSIGN_OR_RETURN(const auto replacement, store_.replacement_of(record.serial));
  if (replacement) return conflict("has been replaced by " + replacement->hex() + "; revoke it");
  return {};
}

Result<RenewalRequestRecord> SigningService::replace(const Caller& caller,
                                                     const ReplaceCertificate& request) {
  PolicyQuestion question{.operation = Operation::certificate_replace};
  ASSIGN_OR_RETURN(const auto record, store_.certificate(request.serial));
  if (record) question = question_about(question.operation, *record);
  ASSIGN_OR_RETURN(const Permit permitted, permit(caller, question));
  if (!record) {
    return reject(caller, question,
                  Error{ErrorCode::not_found,
                        "there is no certificate " + request.serial.hex() + " here", "serial"});
  }
  if (auto good = check(request); !good) return reject(caller, question, std::move(good.error()));
  if (auto good = check_replaceable(*record); !good) {
    return reject(caller, question, std::move(good.error()));
  }

  RenewalRequestRecord row{.serial = request.serial,
                           .issuer = record->issuer,
                           .reason = request.reason,
                           .deadline = request.deadline,
                           .explanation_url = request.explanation_url};
  AuditEntry entry = entry_of(question, row);
  ASSIGN_OR_RETURN(row.entry, log_.record(caller.context, permitted, std::move(entry),
                                          {PutRenewalRequest{row}}));
  return row;
}

Result<std::optional<Error>> SigningService::ask_to_replace(
    const RequestContext& context, const std::vector<SelectedCertificate>& certificates,
    const ReplaceCertificate& request, const IncidentName& incident) {
  std::vector<AuditLog::Record> records;
  for (const SelectedCertificate& certificate : certificates) {
    ASSIGN_OR_RETURN(const auto asked, store_.renewal_request(certificate.serial));
    if (asked && asked->incident == incident.text()) continue;  // before a restart
    ASSIGN_OR_RETURN(const auto record, store_.certificate(certificate.serial));
    if (!record) continue;
    if (const auto good = check_replaceable(*record); !good) {
      // It waits for the deadline, unless it is replaced or revoked already.
      if (good.error().code == ErrorCode::conflict) continue;
      return Failure(good.error());
    }
    const RenewalRequestRecord row{.serial = certificate.serial,
                                   .issuer = certificate.issuer,
                                   .reason = request.reason,
                                   .deadline = request.deadline,
                                   .explanation_url = request.explanation_url,
                                   .incident = incident.text()};
    records.push_back({entry_of(question_about(Operation::certificate_replace, certificate), row),
                       {PutRenewalRequest{row}}});
  }
  std::optional<Error> failure;
  for (const auto& result : log_.record_all(context, std::move(records))) {
    if (!result && result.error().code != ErrorCode::conflict) failure = result.error();
  }
  return failure;
}

}  // namespace chancery
