#include "core/signing_service.h"

#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/message_fields.h"

namespace chancery {
namespace {

/// How long a repeat of an idempotent request gets the stored answer.
constexpr auto kAnswerLife = std::chrono::hours{24};

/// Stored in place of an Outcome where the token may have signed and nobody knows.
constexpr std::string_view kUnknownAnswer = "unknown";

/// The stored form of an Outcome. A certificate is found again by its serial.
std::string encode_answer(const Outcome& outcome) {
  nlohmann::json answer = {{"request", outcome.request_id}, {"intent", outcome.intent}};
  if (!outcome.serial.empty()) answer["serial"] = outcome.serial;
  if (!outcome.signature.empty()) answer["signature"] = to_base64(outcome.signature);
  return answer.dump();
}

/// What a claim is kept under, beside the machine's name. Machines of a foreign trust anchor may
/// have none in common; their certificates keep them apart.
std::string stored_key(const Caller& caller) {
  const Machine& machine = caller.context.machine;
  if (!machine.name.empty()) return caller.idempotency_key;
  return machine.fingerprint + "/" + caller.idempotency_key;
}

/// At most this many bytes of names stand in an entry; beyond it, their hash does.
constexpr std::size_t kNamesInEntry = 16 << 10;

void describe_names(AuditEntry& entry, const PolicyQuestion& question) {
  std::vector<std::string> names;
  if (!question.subject.common_name.empty()) names.push_back("cn:" + question.subject.common_name);
  // So that it can be decided again (docs/policy-tools.md), the rest of the subject too.
  if (!question.subject.country.empty()) names.push_back("c:" + question.subject.country);
  if (!question.subject.organization.empty()) names.push_back("o:" + question.subject.organization);
  if (!question.subject.organizational_unit.empty()) {
    names.push_back("ou:" + question.subject.organizational_unit);
  }
  for (const auto& name : question.names.dns) names.push_back("dns:" + name);
  for (const auto& name : question.names.ip) names.push_back("ip:" + name);
  for (const auto& name : question.names.uri) names.push_back("uri:" + name);
  // A person's address is guessable: the log has its commitment, the certificate itself.
  if (!question.names.email.empty()) {
    names.push_back("email:" + std::to_string(question.names.email.size()) + " withheld");
  }
  std::string all;
  for (const auto& name : names) all += name + "\n";
  if (names.empty()) return;
  if (all.size() <= kNamesInEntry) {
    entry.set("names", names);
  } else {
    entry.set("names_sha256", to_hex(sha256(bytes_of(all))));
  }
}

/// The same of what a message says. Written out, it is up to three times as long, and beside it
/// stand the commitments to as many addresses as a message may have values.
constexpr std::size_t kContentInEntry = 8 << 10;

void describe_message(AuditEntry& entry, const MessageContent& message) {
  entry.set("message_class", name_of(message.message_class));
  if (message.lifetime) {
    entry.set("lifetime", static_cast<std::uint64_t>(message.lifetime->count()));
  }
  std::vector<std::string> content;
  std::string all;
  for (const MessageField& field : message.fields) {
    for (const std::string& value : field.values) {
      const std::string said = is_personal(field.name, value) ? "withheld" : value;
      content.push_back(field.name + ":" + said);
      all += content.back() + "\n";
    }
  }
  if (content.empty()) return;
  if (all.size() <= kContentInEntry) {
    entry.set("content", content);
  } else {
    entry.set("content_sha256", to_hex(sha256(bytes_of(all))));
  }
}

/// What stays out of an entry but for a commitment to it.
std::vector<std::string> addresses_in(const PolicyQuestion& question) {
  std::vector<std::string> addresses = question.names.email;
  if (!question.message) return addresses;
  for (const MessageField& field : question.message->fields) {
    for (const std::string& value : field.values) {
      if (is_personal(field.name, value)) addresses.push_back(value);
    }
  }
  return addresses;
}

}  // namespace

void describe(AuditEntry& entry, const PolicyQuestion& question) {
  entry.set("operation", name_of(question.operation));
  entry.set("issuer", question.issuer);
  entry.set("profile", question.profile);
  entry.set("owner", question.owner);
  // Of an intent to sign, the log itself writes the key and algorithm, from the SigningInput.
  if (entry.kind() != EntryKind::intent || question.operation == Operation::key_create) {
    entry.set("key", question.key);
    if (question.algorithm) entry.set("algorithm", row(*question.algorithm).name);
  }
  if (question.key_type) entry.set("key_type", row(*question.key_type).name);
  if (question.validity) entry.set("validity", format_duration(*question.validity));
  describe_names(entry, question);
  if (question.message) describe_message(entry, *question.message);
}

Error token_down(const std::string& problem) {
  return {
      ErrorCode::token_unavailable, "the token is not available; nothing was signed", {}, problem};
}

Bytes input_of(SignatureAlgorithm algorithm, ByteView message) {
  const auto hash = row(algorithm).digest;
  return hash ? digest(*hash, message) : copy_of(message);
}

SigningService::SigningService(const Config& config, Store& store, AuditLog& log, Token& token,
                               KeyRing& keys, BlockedKeys blocked, Commitments commitments)
    : config_(config),
      store_(store),
      log_(log),
      token_(token),
      keys_(keys),
      blocked_(std::move(blocked)),
      commitments_(std::move(commitments)),
      approvals_(store, log, config.log_origin) {}

void SigningService::describe_asked(AuditEntry& entry, const Caller& caller,
                                    const PolicyQuestion& question) const {
  describe(entry, question);
  const std::vector<std::string> addresses = addresses_in(question);
  if (addresses.empty()) return;
  std::vector<std::string> emails;
  for (const std::string& address : addresses) {
    emails.push_back(commitments_.commit(caller.context.id, address));
  }
  entry.set("emails", emails);
}

Result<Outcome> SigningService::sign(const Caller& caller, const SigningRequest& request) {
  Caller asking = caller;
  if (const auto* enroll = std::get_if<Enroll>(&request)) {
    RETURN_IF_ERROR(identify(asking, *enroll));
  }
  // A repeated request gets the stored answer, never a second signature.
  ASSIGN_OR_RETURN(std::optional<Outcome> repeated, replay(asking));
  if (repeated) return std::move(*repeated);

  ASSIGN_OR_RETURN(const std::unique_ptr<SigningTask> task, task_for(asking, request));
  return perform(asking, *task);
}

// The order of signing. Each step needs what the one before it made: skipping one does not compile.
Result<Outcome> SigningService::perform(const Caller& caller, SigningTask& task) {
  // 1. Decide.
  const PolicyQuestion question = task.question();
  ASSIGN_OR_RETURN(const Permit permitted, permit(caller, question));

  // A token that is known to be down is not asked: nothing is claimed, no serial is burnt.
  if (const TokenStatus token = token_.status(); !token.up) {
    return reject(caller, question, token_down(token.problem));
  }

  // 2. Build exactly what will be signed, and record the intent, durably.
  AuditEntry entry(EntryKind::intent);
  describe_asked(entry, caller, question);
  std::vector<StoreChange> changes;
  // The claim of the idempotency key comes first: a repeat that races is told to wait, before it is
  // told that what the first one used is used up.
  if (!caller.idempotency_key.empty()) {
    const Time at = now();
    changes.push_back(
        ClaimRequest{{caller.context.machine.name, stored_key(caller), caller.request_sha256,
                      caller.context.id, 0, std::nullopt, at + kAnswerLife},
                     at});
  }
  auto input = task.build(entry, changes);
  if (!input) return reject(caller, question, std::move(input.error()));
  ASSIGN_OR_RETURN(Intent intent, log_.intend(caller.context, permitted, std::move(entry),
                                              std::move(*input), std::move(changes)));
  // A crash from here to step 5 leaves an intent without an outcome: recover() lists it "unknown".
  if (question.operation == Operation::certificate_issue ||
      question.operation == Operation::certificate_renew) {
    auto valid = expect_still_valid(caller);
    if (!valid) {
      return give_up(caller, std::move(intent), task, std::move(valid.error()), TokenAsked::no);
    }
  }

  // 3. The token signs what the intent says, and nothing else.
  Result<Bytes> signature = token_.sign(intent);
  if (!signature) {
    // busy: no lane came free. Everything else may have signed.
    const TokenAsked asked =
        signature.error().code == ErrorCode::busy ? TokenAsked::no : TokenAsked::perhaps;
    return give_up(caller, std::move(intent), task, std::move(signature.error()), asked);
  }

  // 4. Verify with the public key pinned at creation: a stale handle can reach another key.
  const SigningInput& signed_input = intent.input();
  if (!signed_input.key->public_key.verify(signed_input.algorithm, signed_input.input,
                                           *signature)) {
    return give_up(caller, std::move(intent), task,
                   Error{ErrorCode::token_unavailable, "the token made a wrong signature", "",
                         "signature does not verify with the pinned public key"},
                   TokenAsked::perhaps);
  }

  // 5. Record the outcome, with what it brings about, durably, before the bytes are released.
  Effects effects = task.finish(std::move(*signature));
  effects.outcome.request_id = caller.context.id;
  effects.outcome.intent = intent.index();
  if (!caller.idempotency_key.empty()) {
    effects.changes.push_back(AnswerRequest{caller.context.machine.name, stored_key(caller),
                                            encode_answer(effects.outcome)});
  }
  ASSIGN_OR_RETURN(const Concluded concluded,
                   log_.conclude(caller.context, std::move(intent), Conclusion::ok,
                                 std::move(effects.entry), std::move(effects.changes)));

  // 6. Answer.
  effects.outcome.outcome = concluded.outcome();
  return std::move(effects.outcome);
}

/// Records the policy's no and explains it.
Failure SigningService::refuse(const Caller& caller, const PolicyQuestion& question,
                               const Decision& decision) {
  CHECK(!decision.allowed());
  AuditEntry entry(EntryKind::denial);
  describe_asked(entry, caller, question);
  entry.set("grant", decision.grant());
  entry.set("reason", decision.reason());
  entry.set("policy", decision.policy_version());
  entry.set("shadow", decision.shadow());
  auto recorded = log_.record(caller.context, std::move(entry));
  if (!recorded) return Failure(std::move(recorded.error()));
  return fail(ErrorCode::forbidden, decision.reason());
}

/// Records what was allowed or not yet asked, but cannot be done.
Failure SigningService::reject(const Caller& caller, const PolicyQuestion& question, Error error) {
  AuditEntry entry(EntryKind::failure);
  describe_asked(entry, caller, question);
  entry.set("field", error.field);
  entry.set("reason", error.message);
  auto recorded = log_.record(caller.context, std::move(entry));
  if (!recorded) return Failure(std::move(recorded.error()));
  return Failure(std::move(error));
}

Failure SigningService::refuse_malformed(const Caller& caller, Operation operation, Error error) {
  return reject(caller, PolicyQuestion{.operation = operation}, std::move(error));
}

/// Concludes an intent whose signature did not come, or came wrong.
Failure SigningService::give_up(const Caller& caller, Intent intent, const SigningTask& task,
                                Error error, TokenAsked asked) {
  AuditEntry entry(EntryKind::outcome);
  entry.set("reason", error.message);
  entry.set("detail", error.detail);
  const bool never_asked = asked == TokenAsked::no;
  std::vector<StoreChange> changes = never_asked ? task.not_asked() : task.lost();
  if (!caller.idempotency_key.empty()) {
    const MachineName& machine = caller.context.machine.name;
    if (never_asked) {
      changes.push_back(ReleaseRequest{machine, stored_key(caller)});
    } else {
      changes.push_back(AnswerRequest{machine, stored_key(caller), std::string(kUnknownAnswer)});
    }
  }
  auto concluded = log_.conclude(caller.context, std::move(intent),
                                 never_asked ? Conclusion::failed : Conclusion::unknown,
                                 std::move(entry), std::move(changes));
  if (!concluded) return Failure(std::move(concluded.error()));
  return Failure(std::move(error));
}

/// It was valid when the connection was looked at. Whoever revokes certificates and wants what they
/// brought about waits for the intents that were open then (IncidentRunner): a later intent must
/// not come from one of them.
Result<void> SigningService::expect_still_valid(const Caller& caller) const {
  const auto& serial = caller.context.machine.serial;
  if (!serial) return {};
  ASSIGN_OR_RETURN(const bool revoked, is_revoked(*serial));
  if (!revoked) return {};
  return fail(ErrorCode::unauthenticated, "the client certificate is revoked");
}

Result<std::optional<Outcome>> SigningService::replay(const Caller& caller) {
  if (caller.idempotency_key.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(auto row, store_.request(caller.context.machine.name, stored_key(caller)));
  if (!row || row->expires_at <= now()) return std::nullopt;
  if (row->request_sha256 != caller.request_sha256) {
    return fail(ErrorCode::unprocessable, "this idempotency key was used for another request",
                "Idempotency-Key");
  }
  if (!row->answer && row->intent >= log_.began_at() && !log_.was_abandoned(row->intent)) {
    return fail(ErrorCode::busy, "the first request with this idempotency key is under way");
  }
  if (!row->answer || *row->answer == kUnknownAnswer) {
    return fail(ErrorCode::conflict,
                "the end of the first request with this key is unknown (see entry " +
                    std::to_string(row->intent) + " of the log); ask again with a new key",
                "Idempotency-Key");
  }
  ASSIGN_OR_RETURN(const nlohmann::json answer, parse_json(*row->answer));
  Outcome outcome;
  outcome.request_id = answer.at("request");
  outcome.intent = answer.at("intent");
  outcome.outcome = row->outcome;
  outcome.repeated = true;
  if (answer.contains("signature")) {
    ASSIGN_OR_RETURN(outcome.signature, from_base64(answer.at("signature").get<std::string>()));
  }
  if (answer.contains("serial")) {
    outcome.serial = answer.at("serial");
    ASSIGN_OR_RETURN(const Serial serial, Serial::parse(outcome.serial));
    ASSIGN_OR_RETURN(auto certificate, store_.certificate(serial));
    if (!certificate) return fail(ErrorCode::internal, "the stored answer's certificate is gone");
    outcome.certificate = certificate->der;
    outcome.issuer = certificate->issuer;
    outcome.not_after = certificate->not_after;
  }
  return outcome;
}

Result<Permit> SigningService::permit(const Caller& caller, const PolicyQuestion& question) {
  const auto in_force = policy();
  const Decision decision = in_force->decide(caller.context.machine, question);
  if (!decision.allowed()) return refuse(caller, question, decision);
  if (decision.duties() == nullptr) return Permit(decision);
  AuditEntry asked(EntryKind::denial);
  describe_asked(asked, caller, question);
  std::optional<UseApproval> approval;
  if (const auto& need = decision.duties()->approval) {
    auto settled = approvals_.settle(caller, *in_force, *need, question);
    if (!settled && settled.error().code == ErrorCode::approval_needed) {
      return refuse_until_approved(caller, decision, std::move(asked), std::move(settled.error()));
    }
    if (!settled) return reject(caller, question, std::move(settled.error()));
    approval = std::move(*settled);
  }
  return Permit::discharging(decision, std::move(asked), std::move(approval));
}

Result<Permit> SigningService::permit_to_go_on(const Caller& caller,
                                               const PolicyQuestion& question) {
  const Decision decision = policy()->decide(caller.context.machine, question);
  if (!decision.allowed()) return refuse(caller, question, decision);
  return Permit::to_go_on(decision);
}

Failure SigningService::refuse_until_approved(const Caller& caller, const Decision& decision,
                                              AuditEntry asked, Error error) {
  asked.set("grant", decision.grant()).set("policy", decision.policy_version());
  asked.set("approval", error.approval).set("reason", error.message);
  auto recorded = log_.record(caller.context, std::move(asked));
  if (!recorded) return Failure(std::move(recorded.error()));
  return Failure(std::move(error));
}

Result<std::uint64_t> SigningService::authorize(const Caller& caller,
                                                const PolicyQuestion& question,
                                                const std::string& asked) {
  ASSIGN_OR_RETURN(const Permit permitted, permit(caller, question));
  AuditEntry entry(EntryKind::read);
  describe_asked(entry, caller, question);
  entry.set("asked", asked);
  return log_.record(caller.context, permitted, std::move(entry));
}

Result<std::uint64_t> SigningService::authorize_preview(const Caller& caller,
                                                        const PolicyQuestion& question,
                                                        const std::string& asked) {
  const Decision decision = policy()->decide(caller.context.machine, question);
  if (!decision.allowed()) return refuse(caller, question, decision);
  AuditEntry entry(EntryKind::read);
  describe_asked(entry, caller, question);
  entry.set("asked", asked);
  return log_.record(caller.context, Permit::to_preview(decision), std::move(entry));
}

Result<void> SigningService::authorize_look(const Caller& caller, const PolicyQuestion& question) {
  const Decision decision = policy()->decide(caller.context.machine, question);
  if (decision.allowed() && decision.duties() == nullptr) return {};
  RETURN_IF_ERROR(authorize(caller, question));
  return {};
}

}  // namespace chancery
