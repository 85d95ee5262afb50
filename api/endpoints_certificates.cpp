#include "api/endpoint.h"
#include "core/revocation_clock.h"

namespace chancery {
namespace {

/// Certificates of the issuer and those above it, PEM, up to the root.
std::string chain_pem(const Call& call, const CaName& issuer) {
  std::string text;
  auto ca = call.service().ca(issuer);
  while (ca) {
    text += to_pem((*ca)->record.certificate, "CERTIFICATE");
    if ((*ca)->record.issuer == (*ca)->record.name) break;
    ca = call.service().ca((*ca)->record.issuer);
  }
  return text;
}

Result<HttpResponse> issued(const Call& call, const Outcome& outcome) {
  ASSIGN_OR_RETURN(HttpResponse response,
                   with_receipt(call, outcome.outcome, 201,
                                {{"request_id", outcome.request_id},
                                 {"serial", outcome.serial},
                                 {"certificate", to_pem(outcome.certificate, "CERTIFICATE")},
                                 {"chain", chain_pem(call, outcome.issuer)},
                                 {"not_after", to_rfc3339_seconds(outcome.not_after)},
                                 {"intent", outcome.intent},
                                 {"outcome", outcome.outcome}}));
  response.headers.emplace_back("Location", "/v1/certificates/" + outcome.serial);
  return response;
}

Result<std::optional<Seconds>> validity_of(JsonBody& body) {
  ASSIGN_OR_RETURN(const auto text, body.optional_string("validity"));
  if (!text) return std::nullopt;
  auto validity = parse_duration(*text);
  if (!validity) return invalid("validity", validity.error().message);
  return *validity;
}

Result<CertificateRequest> csr_of(JsonBody& body) {
  ASSIGN_OR_RETURN(const std::string text, body.string("csr"));
  return parse_certificate_request(bytes_of(text));
}

/// What a known machine asks for stands in the log also where its request is refused unread.
Result<CertificateRequest> csr_of(Call& call, JsonBody& body, Operation operation) {
  auto csr = csr_of(body);
  if (csr) return csr;
  return call.service().refuse_malformed(call.caller, operation, std::move(csr.error()));
}

Result<Serial> serial_of(const Call& call) {
  return Serial::parse(call.request.path_value("serial"));
}

Result<HttpResponse> enroll(Call& call) {
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(std::string text, body.string("token"));
  const Secret token(std::move(text));
  ASSIGN_OR_RETURN(CertificateRequest csr, csr_of(body));
  RETURN_IF_ERROR(body.finish());
  auto outcome =
      call.service().sign(call.caller, Enroll{sha256(bytes_of(token.reveal())), std::move(csr)});
  if (!outcome && outcome.error().code == ErrorCode::unauthenticated) {
    call.application.failures.note(call.caller.context.machine.source, "enrolment token refused");
  }
  if (!outcome) return Failure(std::move(outcome.error()));
  return issued(call, *outcome);
}

Result<HttpResponse> issue(Call& call) {
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(CertificateRequest csr, csr_of(call, body, Operation::certificate_issue));
  ASSIGN_OR_RETURN(const std::string profile_text, body.string("profile"));
  ASSIGN_OR_RETURN(ProfileName profile, ProfileName::parse(profile_text));
  ASSIGN_OR_RETURN(const auto issuer_text, body.optional_string("issuer"));
  CaName issuer = call.instance().config().enrollment_ca;
  if (issuer_text) {
    ASSIGN_OR_RETURN(issuer, CaName::parse(*issuer_text));
  }
  ASSIGN_OR_RETURN(const auto validity, validity_of(body));
  RETURN_IF_ERROR(body.finish());
  ASSIGN_OR_RETURN(
      const Outcome outcome,
      call.service().sign(call.caller, IssueCertificate{std::move(issuer), std::move(profile),
                                                        std::move(csr), validity}));
  return issued(call, outcome);
}

Result<HttpResponse> renew(Call& call) {
  ASSIGN_OR_RETURN(const Serial serial, serial_of(call));
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(CertificateRequest csr, csr_of(call, body, Operation::certificate_renew));
  ASSIGN_OR_RETURN(const auto validity, validity_of(body));
  RETURN_IF_ERROR(body.finish());
  ASSIGN_OR_RETURN(
      const Outcome outcome,
      call.service().sign(call.caller, RenewCertificate{serial, std::move(csr), validity}));
  return issued(call, outcome);
}

Result<HttpResponse> revoke(const Call& call, const RevokeCertificate& request) {
  ASSIGN_OR_RETURN(const Revoked revoked, call.service().revoke(call.caller, request));
  const Revocation& revocation = revoked.revocation;
  if (!revoked.already) {
    call.application.crls.revoked(revocation);
    call.application.publish_soon();
  }
  Json answer = {{"serial", revocation.serial.hex()},
                 {"reason", name_of(revocation.reason)},
                 {"revoked_at", to_rfc3339_seconds(revocation.revoked_at)},
                 {"already", revoked.already},
                 {"request_id", call.caller.context.id}};
  if (revocation.invalidity_date) {
    answer["invalidity_date"] = to_rfc3339_seconds(*revocation.invalidity_date);
  }
  if (is_final(revocation.reason)) {
    ASSIGN_OR_RETURN(const auto under, call.application.incidents.dependants(revocation.serial));
    if (!under.empty()) answer["dependants"] = described(under);
  }
  return json_response(200, answer);
}

Result<HttpResponse> revoke_for_reason(Call& call) {
  ASSIGN_OR_RETURN(const Serial serial, serial_of(call));
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(const std::string reason_text, body.string("reason"));
  ASSIGN_OR_RETURN(const RevocationReason reason, parse_revocation_reason(reason_text));
  if (reason == RevocationReason::remove_from_crl) {
    return invalid("reason", "removeFromCRL is the end of a hold: POST …/release");
  }
  ASSIGN_OR_RETURN(const auto invalidity_date, optional_time(body, "invalidity_date"));
  ASSIGN_OR_RETURN(const auto reported_at, optional_time(body, "reported_at"));
  RETURN_IF_ERROR(body.finish());
  return revoke(call, RevokeCertificate{serial, reason, invalidity_date, reported_at});
}

Result<HttpResponse> release(Call& call) {
  RETURN_IF_ERROR(expect_no_members(call.request));
  ASSIGN_OR_RETURN(const Serial serial, serial_of(call));
  return revoke(call, RevokeCertificate{serial, RevocationReason::remove_from_crl});
}

}  // namespace

std::string_view state_of(const CertificateRecord& record,
                          const std::optional<Revocation>& revocation) {
  if (revocation && is_final(revocation->reason)) return "revoked";
  if (revocation && revocation->reason == RevocationReason::certificate_hold) return "held";
  if (record.state == CertificateState::unknown) return "unknown";
  return record.not_after < now() ? "expired" : "issued";
}

namespace {

Json row_of(const CertificateRecord& record, const std::optional<Revocation>& revocation) {
  return {{"serial", record.serial.hex()},
          {"issuer", record.issuer.text()},
          {"machine", record.machine.text()},
          {"profile", record.profile.text()},
          {"state", state_of(record, revocation)},
          {"not_before", to_rfc3339_seconds(record.not_before)},
          {"not_after", to_rfc3339_seconds(record.not_after)}};
}

Json described(const Revocation& revocation) {
  Json shown = {{"reason", name_of(revocation.reason)},
                {"revoked_at", to_rfc3339_seconds(revocation.revoked_at)},
                {"by", revocation.by.text()},
                {"entry", revocation.entry}};
  if (!revocation.incident.empty()) shown["incident"] = revocation.incident;
  if (revocation.invalidity_date) {
    shown["invalidity_date"] = to_rfc3339_seconds(*revocation.invalidity_date);
  }
  return shown;
}

/// And when it was asked for, where that was before, and when everybody could see it.
Result<Json> with_clock(const Call& call, const Revocation& revocation) {
  Json shown = described(revocation);
  std::uint64_t asked = revocation.entry;
  if (!revocation.incident.empty()) {
    ASSIGN_OR_RETURN(const IncidentName name, IncidentName::parse(revocation.incident));
    ASSIGN_OR_RETURN(const auto incident, call.store().incident(name));
    if (incident) {
      shown["requested_at"] = to_rfc3339_seconds(incident->opened_at);
      asked = incident->entry;
    }
  }
  ASSIGN_OR_RETURN(const auto reported, reported_in(call.store(), asked));
  if (reported) shown["reported_at"] = to_rfc3339_seconds(*reported);
  ASSIGN_OR_RETURN(const auto publication,
                   publication_of(call.store(), call.application.crls, revocation));
  shown["published"] = publication.is;
  if (publication.at) shown["published_at"] = to_rfc3339_seconds(*publication.at);
  return shown;
}

Result<HttpResponse> list(Call& call) {
  ASSIGN_OR_RETURN(const Page page, page_of(call.request));
  MachineName machine;
  if (const std::string* text = call.request.query_value("machine")) {
    ASSIGN_OR_RETURN(machine, MachineName::parse(*text));
  }
  if (!page.after.empty()) {
    RETURN_IF_ERROR(Serial::parse(page.after));
  }
  RETURN_IF_ERROR(authorize(call, Operation::certificate_read, machine.text()));
  ASSIGN_OR_RETURN(const auto records, call.store().certificates(machine, page));
  Json rows = Json::array();
  for (const CertificateRecord& record : records) {
    ASSIGN_OR_RETURN(const auto revocation, call.store().revocation(record.serial));
    rows.push_back(row_of(record, revocation));
  }
  Json body = {{"certificates", std::move(rows)}};
  if (records.size() == page.limit) body["next"] = records.back().serial.hex();
  return json_response(200, body);
}

Result<HttpResponse> show(Call& call) {
  ASSIGN_OR_RETURN(const Serial serial, serial_of(call));
  ASSIGN_OR_RETURN(const auto record, call.store().certificate(serial));
  // Asked before the answer tells whether the certificate exists.
  RETURN_IF_ERROR(
      authorize(call, Operation::certificate_read, record ? record->machine.text() : ""));
  if (!record) {
    return fail(ErrorCode::not_found, "there is no certificate " + serial.hex() + " here",
                "serial");
  }
  ASSIGN_OR_RETURN(const auto revocation, call.store().revocation(serial));
  Json body = row_of(*record, revocation);
  body["intent"] = record->intent;
  body["outcome"] = record->outcome;
  if (!record->der.empty()) body["certificate"] = to_pem(record->der, "CERTIFICATE");
  if (revocation) {
    ASSIGN_OR_RETURN(body["revocation"], with_clock(call, *revocation));
  }
  if (record->replaces) body["replaces"] = record->replaces->hex();
  ASSIGN_OR_RETURN(const auto replacement, call.store().replacement_of(serial));
  if (replacement) body["replaced_by"] = replacement->hex();
  ASSIGN_OR_RETURN(const auto request, call.store().renewal_request(serial));
  if (request) body["renewal_request"] = described(*request);
  return json_response(200, body);
}

}  // namespace

std::vector<Route> certificate_routes(Application& app) {
  return {
      open(app, "POST", "/v1/enroll", "enroll", enroll, true),
      with_query(authenticated(app, "GET", "/v1/certificates", "listCertificates", list),
                 {"machine", "after", "limit"}),
      authenticated(app, "POST", "/v1/certificates", "issueCertificate", issue, true),
      authenticated(app, "GET", "/v1/certificates/{serial}", "showCertificate", show),
      authenticated(app, "POST", "/v1/certificates/{serial}/revoke", "revokeCertificate",
                    revoke_for_reason, true),
      authenticated(app, "POST", "/v1/certificates/{serial}/release", "releaseCertificate", release,
                    true),
      authenticated(app, "POST", "/v1/certificates/{serial}/renew", "renewCertificate", renew,
                    true),
  };
}

}  // namespace chancery
