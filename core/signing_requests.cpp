#include <algorithm>

#include "core/signing_service.h"

// From each typed request to its task: what is asked for is looked up and checked here, before the
// policy is asked.

namespace chancery {
namespace {

bool within(const std::vector<std::string>& asked, const std::vector<std::string>& allowed) {
  return std::all_of(asked.begin(), asked.end(), [&](const std::string& name) {
    return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
  });
}

/// A renewal may leave names out of its request, but not bring new ones.
bool within(const CertificateRequest& asked, const CertificateInfo& old) {
  const SubjectAltNames& names = asked.names;
  return (asked.subject == Subject{} || asked.subject == old.subject) &&
         within(names.dns, old.names.dns) && within(names.ip, old.names.ip) &&
         within(names.uri, old.names.uri) && within(names.email, old.names.email);
}

/// What a machine is called in certificates, when its request names nothing.
SubjectAltNames names_of_machine(const MachineName& machine, const std::string& trust_domain) {
  SubjectAltNames names;
  if (is_dns_name(machine.text(), false)) names.dns.push_back(machine.text());
  if (!trust_domain.empty()) {
    names.uri.push_back("spiffe://" + trust_domain + "/machine/" + machine.text());
  }
  return names;
}

}  // namespace

SigningService::TaskResult SigningService::task_for(const Caller& caller,
                                                    const SigningRequest& request) {
  return std::visit([&](const auto& one) { return task_for(caller, one); }, request);
}

SigningService::TaskResult SigningService::task_for(const Caller& caller,
                                                    const IssueCertificate& request) {
  PolicyQuestion question{.operation = Operation::certificate_issue};
  question.issuer = request.issuer.text();
  question.profile = request.profile.text();
  auto authority = ca(request.issuer);
  if (!authority) return reject(caller, question, std::move(authority.error()));
  auto wanted = profile(request.profile);
  if (!wanted) return reject(caller, question, std::move(wanted.error()));

  CertificateOrder order{.issuer_name = request.issuer,
                         .issuer = &(*authority)->issuer,
                         .issuer_key = (*authority)->key,
                         .profile = *wanted,
                         .public_key = request.request.public_key.copy(),
                         .subject = request.request.subject,
                         .names = request.request.names,
                         .owner = caller.context.machine.name};
  return certificate_task(caller, std::move(order), request.validity);
}

SigningService::TaskResult SigningService::task_for(const Caller& caller,
                                                    const RenewCertificate& request) {
  PolicyQuestion question{.operation = Operation::certificate_renew};
  ASSIGN_OR_RETURN(auto record, store_.certificate(request.serial));
  if (!record || record->state != CertificateState::issued) {
    return reject(caller, question,
                  Error{ErrorCode::not_found, "there is no such certificate", "serial"});
  }
  question.issuer = record->issuer.text();
  question.profile = record->profile.text();
  question.owner = record->machine.text();
  ASSIGN_OR_RETURN(const auto revocation, store_.revocation(request.serial));
  if (revocation && revocation->reason != RevocationReason::remove_from_crl) {
    return reject(caller, question,
                  Error{ErrorCode::conflict, "the certificate is revoked; enrol again", "serial"});
  }
  if (record->not_after < now()) {
    return reject(caller, question,
                  Error{ErrorCode::conflict, "the certificate has expired; enrol again", "serial"});
  }
  auto authority = ca(record->issuer);
  if (!authority) return reject(caller, question, std::move(authority.error()));
  auto wanted = profile(record->profile);
  if (!wanted) return reject(caller, question, std::move(wanted.error()));
  if (auto good = check_renewal_key(*record, **wanted, request.request.public_key); !good) {
    return reject(caller, question, std::move(good.error()));
  }
  ASSIGN_OR_RETURN(const CertificateInfo old, parse_certificate(record->der));
  if (!within(request.request, old)) {
    return reject(caller, question,
                  Error{ErrorCode::invalid_request,
                        "a renewal keeps its names; ask for a new certificate with others",
                        "csr.subject_alt_name"});
  }

  CertificateOrder order{.operation = Operation::certificate_renew,
                         .issuer_name = record->issuer,
                         .issuer = &(*authority)->issuer,
                         .issuer_key = (*authority)->key,
                         .profile = *wanted,
                         .public_key = request.request.public_key.copy(),
                         .subject = old.subject,
                         .names = old.names,
                         .owner = record->machine,
                         .replaces = request.serial};
  return certificate_task(caller, std::move(order), request.validity);
}

Result<void> SigningService::check_renewal_key(const CertificateRecord& record,
                                               const Profile& profile, const PublicKey& key) const {
  if (key.spki_sha256() != record.spki_sha256) return {};
  if (!profile.same_key_renewal) {
    return invalid("csr.public_key",
                   "profile \"" + profile.name.text() + "\" wants a new key at renewal");
  }
  ASSIGN_OR_RETURN(const auto request, store_.renewal_request(record.serial));
  if (request && request->reason == RevocationReason::key_compromise) {
    return invalid("csr.public_key",
                   "the certificate is to be replaced because of its key; make a new one");
  }
  return {};
}

Result<void> SigningService::identify(Caller& caller, const Enroll& request) {
  const Failure refused = fail(
      ErrorCode::unauthenticated,
      "the enrolment token is unknown, used or expired; ask an operator for a new one", "token");
  ASSIGN_OR_RETURN(const auto ticket, store_.enrollment(request.token_sha256));
  if (!ticket) return refused;
  ASSIGN_OR_RETURN(auto record, store_.machine(ticket->machine));
  caller.context.machine.name = ticket->machine;
  if (record) caller.context.machine.attributes = std::move(record->attributes);
  if (!ticket->used_at && ticket->expires_at > now()) return {};
  // Who used it may still ask for the answer again; nobody else learns that it was good once.
  if (!caller.idempotency_key.empty()) {
    ASSIGN_OR_RETURN(const auto first, store_.request(ticket->machine, caller.idempotency_key));
    if (first && first->request_sha256 == caller.request_sha256) return {};
  }
  return refused;
}

SigningService::TaskResult SigningService::task_for(const Caller& caller, const Enroll& request) {
  ASSIGN_OR_RETURN(const auto ticket, store_.enrollment(request.token_sha256));
  CHECK(ticket);  // identify() found it
  PolicyQuestion question{.operation = Operation::certificate_issue};
  question.profile = ticket->profile.text();
  question.owner = ticket->machine.text();
  auto authority = ca(config_.enrollment_ca);
  if (!authority) return reject(caller, question, std::move(authority.error()));
  auto wanted = profile(ticket->profile);
  if (!wanted) return reject(caller, question, std::move(wanted.error()));

  CertificateOrder order{.issuer_name = config_.enrollment_ca,
                         .issuer = &(*authority)->issuer,
                         .issuer_key = (*authority)->key,
                         .profile = *wanted,
                         .public_key = request.request.public_key.copy(),
                         .subject = request.request.subject,
                         .names = request.request.names,
                         .owner = ticket->machine,
                         .claim = ClaimEnrollment{request.token_sha256, now()}};
  if (order.names.size() == 0) {
    order.names = names_of_machine(ticket->machine, config_.trust_domain);
  }
  if (order.subject == Subject{}) order.subject.common_name = ticket->machine.text();
  return certificate_task(caller, std::move(order), std::nullopt);
}

SigningService::TaskResult SigningService::task_for(const Caller& caller, const SignData& request) {
  auto key = keys_.find(request.key);
  if (!key) {
    PolicyQuestion question{.operation = request.is_digest ? Operation::key_sign_digest
                                                           : Operation::key_sign};
    question.key = request.key.text();
    return reject(caller, question, std::move(key.error()));
  }
  auto content = read_content(request, **key, now());
  if (!content) {
    PolicyQuestion question = question_about(request, **key);
    question.message =
        MessageContent{.message_class = (*key)->message_class, .fields = {}};  // that it should be
    return reject(caller, question, std::move(content.error()));
  }
  return make_data_task(request, **key, std::move(*content));
}

SigningService::TaskResult SigningService::task_for(const Caller&, const SignCrl& request) {
  ASSIGN_OR_RETURN(const CertificateAuthority* authority, ca(request.issuer));
  return make_crl_task(*authority, request.scope, crl_shard_counts(request.issuer), config_,
                       store_);
}

SigningService::TaskResult SigningService::task_for(const Caller&, const SignOcsp& request) {
  return make_ocsp_task(request);
}

SigningService::TaskResult SigningService::certificate_task(const Caller& caller,
                                                            CertificateOrder order,
                                                            std::optional<Seconds> validity) {
  order.validity = validity.value_or(order.profile->default_validity);
  order.crl_shards = crl_shard_counts(order.issuer_name).back();
  auto checked = check_profile(*order.profile, order.subject, order.names, order.public_key.type(),
                               order.validity);
  ASSIGN_OR_RETURN(const CertificateAuthority* issuer, ca(order.issuer_name));
  // The service itself goes on: without its own TLS certificate nobody could read CRLs and the log.
  if (checked && caller.context.machine.name.text() != "self") {
    checked = expect_not_revoked(*issuer);
  }
  auto task = make_certificate_task(std::move(order), config_, blocked_, store_);
  if (!checked) return reject(caller, task->question(), std::move(checked.error()));
  return task;
}

Result<void> SigningService::expect_not_revoked(const CertificateAuthority& authority) const {
  for (const CertificateAuthority* one = &authority;;) {
    ASSIGN_OR_RETURN(const bool revoked, is_revoked(one->serial));
    if (revoked) {
      return fail(ErrorCode::conflict,
                  "the certificate of the CA \"" + one->record.name.text() + "\" is revoked; \"" +
                      authority.record.name.text() + "\" issues nothing any more",
                  "issuer");
    }
    if (one->record.issuer == one->record.name) return {};
    ASSIGN_OR_RETURN(one, ca(one->record.issuer));
  }
}

Result<const Profile*> SigningService::profile(const ProfileName& name) const {
  const auto found = config_.profiles.find(name);
  if (found != config_.profiles.end()) return &found->second;
  std::string known;
  for (const auto& [known_name, profile] : config_.profiles) {
    known += (known.empty() ? "" : ", ") + known_name.text();
  }
  return invalid("profile", "there is no profile \"" + name.text() + "\"; there are " + known);
}

}  // namespace chancery
