#include "core/signing_service.h"

// Revocation and enrolment tokens: decided and recorded like a signature, but without the token.

namespace chancery {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

Result<void> SigningService::load_revoked() {
  for (const CertificateAuthority* authority : cas()) {
    std::uint64_t last = 0;
    for (;;) {
      ASSIGN_OR_RETURN(const std::vector<Revocation> rows,
                       store_.revocations(authority->record.name, last, kPage));
      const std::unique_lock lock(mutex_);
      for (const Revocation& row : rows) {
        revoked_.insert(row.serial);
        last = row.entry;
      }
      if (rows.size() < kPage) break;
    }
  }
  return {};
}

bool SigningService::is_revoked(const Serial& serial) const {
  const std::shared_lock lock(mutex_);
  return revoked_.contains(serial);
}

Result<Revoked> SigningService::revoke(const Caller& caller, const RevokeCertificate& request) {
  PolicyQuestion question{.operation = Operation::certificate_revoke};
  ASSIGN_OR_RETURN(const auto record, store_.certificate(request.serial));
  if (record) {
    question.issuer = record->issuer.text();
    question.profile = record->profile.text();
    question.owner = record->machine.text();
  }
  const Decision decision = policy()->decide(caller.context.machine, question);
  if (!decision.allowed()) return refuse(caller, question, decision);
  if (!record) {
    return reject(caller, question,
                  Error{ErrorCode::not_found,
                        "there is no certificate " + request.serial.hex() + " here", "serial"});
  }
  ASSIGN_OR_RETURN(auto earlier, store_.revocation(request.serial));
  if (earlier) return Revoked{std::move(*earlier), true};

  Revocation revocation{
      request.serial,   record->issuer, request.reason, now(), caller.context.machine.name,
      record->not_after};
  AuditEntry entry(EntryKind::revocation);
  describe(entry, question);
  entry.set("serial", request.serial.hex());
  entry.set("revocation_reason", name_of(request.reason));
  entry.set("grant", decision.grant());
  entry.set("policy", decision.policy_version());
  auto index = log_.record(caller.context, std::move(entry), {AddRevocation{revocation}});
  if (!index && index.error().code == ErrorCode::conflict) {
    // Somebody else revoked it between our look and our record: the first one stands.
    ASSIGN_OR_RETURN(earlier, store_.revocation(request.serial));
    if (earlier) return Revoked{std::move(*earlier), true};
  }
  if (!index) return Failure(std::move(index.error()));
  revocation.entry = *index;
  {
    const std::unique_lock lock(mutex_);
    revoked_.insert(request.serial);
  }
  return Revoked{std::move(revocation), false};
}

Result<EnrollmentTicket> SigningService::add_machine(const Caller& caller,
                                                     const AddMachineRequest& request) {
  PolicyQuestion question{.operation = Operation::machine_add};
  question.owner = request.name.text();
  question.profile = request.profile.text();
  const Decision decision = policy()->decide(caller.context.machine, question);
  if (!decision.allowed()) return refuse(caller, question, decision);
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
    changes.push_back(AddMachine{{request.name, caller.context.machine.name, now(), 0}});
  }
  const Bytes token_sha256 = sha256(bytes_of(ticket.token.reveal()));
  changes.push_back(AddEnrollment{
      {token_sha256, request.name, request.profile, ticket.expires_at, std::nullopt}});
  AuditEntry entry(EntryKind::machine);
  describe(entry, question);
  entry.set("grant", decision.grant());
  entry.set("policy", decision.policy_version());
  entry.set("expires_at", to_rfc3339_seconds(ticket.expires_at));
  entry.set("token_sha256", to_hex(token_sha256));
  ASSIGN_OR_RETURN([[maybe_unused]] const std::uint64_t index,
                   log_.record(caller.context, std::move(entry), std::move(changes)));
  return ticket;
}

}  // namespace chancery
