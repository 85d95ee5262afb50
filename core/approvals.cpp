#include "core/approvals.h"

#include <algorithm>
#include <set>

#include "core/approval_summary.h"
#include "core/certificate_machine.h"
#include "core/signing_task.h"

namespace chancery {
namespace {

/// What break-glass is approved for: no single request, but whose they may be and by which rule.
Bytes digest_for(const Caller& caller, const ApprovalNeed& need) {
  if (need.opens_for <= Seconds{0}) return caller.request_sha256;
  return sha256(bytes_of("chancery-break-glass/v1\n" + caller.context.machine.identity() + "\n" +
                         need.rule + "\n"));
}

AuditEntry approval_entry(const ApprovalRecord& approval, std::string_view event) {
  AuditEntry entry(EntryKind::approval);
  entry.set("approval", approval.id.text()).set("event", event).set("rule", approval.rule);
  return entry;
}

bool is_signed(const PublicKey& key, SignatureAlgorithm algorithm, const std::string& statement,
               const Bytes& signature) {
  return fits(algorithm, key.type()) &&
         key.verify(algorithm, input_of(algorithm, bytes_of(statement)), signature);
}

Failure conflict(std::string message) {
  return fail(ErrorCode::conflict, std::move(message), "Chancery-Approval");
}

/// When break-glass closes under the policy in force.
Time closes_at(const ApprovalRecord& approval, const ApprovalNeed& need) {
  return approval.approved_at.value_or(Time{}) + std::min(approval.opens_for, need.opens_for);
}

/// Of one that is pending, by the clock. Break-glass that was approved, and not opened in its time,
/// is over, too.
bool is_over(const ApprovalRecord& approval, Time at) {
  const bool missed =
      approval.approved_at && approval.opens_for > Seconds{0} && approval.closes_at() <= at;
  return missed || approval.expires_at <= at;
}

Failure needed(const ApprovalView& view) {
  const ApprovalRecord& approval = view.record;
  const unsigned given = view.count();
  std::string message = "\"" + approval.rule + "\" asks for " + std::to_string(approval.needed) +
                        " approvals, and " + std::to_string(given) + " are given; ";
  message += given < approval.needed
                 ? "approvers sign " + approval.id.text() + " until " +
                       to_rfc3339_seconds(approval.expires_at) +
                       ", then repeat the request with the header Chancery-Approval: "
                 : std::string("repeat the request with the header Chancery-Approval: ");
  message += approval.id.text();
  Failure failure = fail(ErrorCode::approval_needed, std::move(message));
  failure.value().approval = approval.id.text();
  return failure;
}

/// Whether break-glass is open by it, or would be.
bool opens(const ApprovalView& view, const ApprovalNeed& need, Time at) {
  return view.count() >= std::max(view.record.needed, need.needed) &&
         closes_at(view.record, need) > at;
}

}  // namespace

unsigned ApprovalView::count() const {
  return static_cast<unsigned>(
      std::ranges::count_if(given, [](const Given& one) { return one.why_not.empty(); }));
}

Result<UseApproval> Approvals::settle(const Caller& caller, const Policy& policy,
                                      const ApprovalNeed& need, const PolicyQuestion& question) {
  const std::string requester = caller.context.machine.identity();
  const Bytes digest = digest_for(caller, need);
  if (requester.empty() || digest.empty()) {
    return fail(ErrorCode::forbidden, "others cannot agree to what nobody in particular asks for");
  }
  const bool break_glass = need.opens_for > Seconds{0};
  if (break_glass) {
    ASSIGN_OR_RETURN(auto open, store_.open_approval(requester, need.rule, now()));
    if (open) {
      // Who has opened it may have lost the right to, and the policy may ask for more by now.
      ASSIGN_OR_RETURN(const ApprovalView view, this->view(policy, std::move(*open)));
      if (opens(view, need, now())) return use_open(caller, question, view.record);
    }
  }
  if (caller.approval.empty()) {
    ASSIGN_OR_RETURN(ApprovalRecord record, pending(caller, policy, need, question, digest));
    ASSIGN_OR_RETURN(const ApprovalView asked, view(policy, std::move(record)));
    return needed(asked);
  }
  ASSIGN_OR_RETURN(ApprovalRecord record, named(caller, need, digest));
  // A repeat gets what the first one has brought about; where it would do something again, the
  // record refuses it.
  if (record.state == ApprovalState::used) return UseApproval{record.id, caller.context.id, {}};
  ASSIGN_OR_RETURN(const ApprovalView view, this->view(policy, std::move(record)));
  if (view.count() < view.record.needed) return needed(view);
  if (!break_glass) return UseApproval{view.record.id, caller.context.id, {}};
  if (!opens(view, need, now())) {
    return conflict("the approval " + view.record.id.text() +
                    " was not used while it would have been open; ask without it for a new one");
  }

  AuditEntry entry = approval_entry(view.record, "opened");
  entry.set("closes_at", to_rfc3339_seconds(view.record.closes_at()));
  RETURN_IF_ERROR(
      log_.record(caller.context, std::move(entry),
                  {MoveApproval{view.record.id, ApprovalState::approved, ApprovalState::open}}));
  // Crash point: open and not used. Whoever asks again uses it.
  return use_open(caller, question, view.record);
}

/// The alarm first: what is then done is never without it.
Result<UseApproval> Approvals::use_open(const Caller& caller, const PolicyQuestion& question,
                                        const ApprovalRecord& approval) {
  AuditEntry alarm(EntryKind::alarm);
  alarm.set("event", "raised").set("alarm", "break-glass");
  alarm.set("approval", approval.id.text()).set("rule", approval.rule);
  alarm.set("operation", name_of(question.operation));
  RETURN_IF_ERROR(log_.record(caller.context, std::move(alarm)));
  ++break_glass_uses_;
  return UseApproval{approval.id, caller.context.id, {}};
}

/// That which waits for this request already, or a new one.
Result<ApprovalRecord> Approvals::pending(const Caller& caller, const Policy& policy,
                                          const ApprovalNeed& need, const PolicyQuestion& question,
                                          const Bytes& digest) {
  const std::string requester = caller.context.machine.identity();
  ASSIGN_OR_RETURN(auto known, store_.pending_approval(requester, need.rule, digest));
  if (known) {
    const bool missed =
        need.opens_for > Seconds{0} && known->approved_at && closes_at(*known, need) <= now();
    const bool expired = missed || is_over(*known, now());
    if (!expired && known->needed >= need.needed) return std::move(*known);
    RETURN_IF_ERROR(
        end(caller.context, *known, expired ? ApprovalState::expired : ApprovalState::cancelled));
  }
  auto asked = ask(caller, policy, need, question, digest);
  if (asked || asked.error().code != ErrorCode::conflict) return asked;
  // The same request, sent again while the first was under way, was faster.
  ASSIGN_OR_RETURN(known, store_.pending_approval(requester, need.rule, digest));
  if (known) return std::move(*known);
  return asked;
}

Result<ApprovalRecord> Approvals::ask(const Caller& caller, const Policy& policy,
                                      const ApprovalNeed& need, const PolicyQuestion& question,
                                      const Bytes& digest) {
  ApprovalRecord row;
  row.requester = caller.context.machine.identity();
  row.id = new_approval_id();
  row.rule = need.rule;
  row.requester_key = caller.context.machine.key_sha256;
  row.operation = name_of(question.operation);
  row.request_sha256 = digest;
  ASSIGN_OR_RETURN(row.summary, approval_summary(question, caller.request_line, caller.details));
  row.needed = need.needed;
  row.opens_for = need.opens_for;
  // In whole seconds, as the statement says them.
  row.created_at = std::chrono::floor<Seconds>(now());
  row.expires_at = row.created_at + need.life;
  row.state = ApprovalState::waiting;
  AuditEntry entry = approval_entry(row, "requested");
  describe(entry, question);
  entry.set("requester", row.requester).set("request_sha256", to_hex(digest));
  entry.set("needed", row.needed).set("expires_at", to_rfc3339_seconds(row.expires_at));
  if (row.opens_for > Seconds{0}) entry.set("opens_for", format_duration(row.opens_for));
  entry.set("policy", policy.version());
  ASSIGN_OR_RETURN(row.entry, log_.record(caller.context, std::move(entry), {AddApproval{row}}));
  row.last_entry = row.entry;
  return row;
}

/// The one that the caller names, if it is for this request and may still be used.
Result<ApprovalRecord> Approvals::named(const Caller& caller, const ApprovalNeed& need,
                                        const Bytes& digest) const {
  const auto id = ApprovalId::parse(caller.approval);
  if (!id) return conflict("is not the id of an approval");
  ASSIGN_OR_RETURN(auto record, store_.approval(*id));
  if (!record || record->requester != caller.context.machine.identity()) {
    return conflict("there is no approval " + id->text() + " that this machine has asked for");
  }
  if (record->rule != need.rule) {
    return conflict("the approval " + id->text() + " is by \"" + record->rule +
                    "\", and the policy asks for one by \"" + need.rule + "\" now");
  }
  if (record->request_sha256 != digest) {
    return conflict("the approval " + id->text() +
                    " is for another request: what was agreed to is not what is asked now");
  }
  if (is_pending(record->state) && record->needed < need.needed) {
    return conflict("the policy asks for " + std::to_string(need.needed) +
                    " approvals now; ask without " + id->text() + " for a new one");
  }
  const bool may_come = is_pending(record->state) || record->state == ApprovalState::used;
  if (record->state == ApprovalState::open && closes_at(*record, need) > now()) {
    return conflict("fewer have agreed to the open approval " + id->text() +
                    " than the policy in force wants; ask without it for a new one");
  }
  if (!may_come || (is_pending(record->state) && is_over(*record, now()))) {
    // One that is open was asked for by its grant before; here it has closed by the clock.
    const auto state = may_come                               ? ApprovalState::expired
                       : record->state == ApprovalState::open ? ApprovalState::closed
                                                              : record->state;
    return conflict("the approval " + id->text() + " is " + std::string(name_of(state)) +
                    "; ask without it for a new one");
  }
  return std::move(*record);
}

Result<ApprovalView> Approvals::find(const Policy& policy, const ApprovalId& id) const {
  ASSIGN_OR_RETURN(auto record, store_.approval(id));
  if (!record) {
    return fail(ErrorCode::not_found, "there is no approval \"" + id.text() + "\"", "approval");
  }
  return view(policy, std::move(*record));
}

Result<ApprovalView> Approvals::view(const Policy& policy, ApprovalRecord record) const {
  ApprovalView view{std::move(record), {}};
  ASSIGN_OR_RETURN(auto signatures, store_.approval_signatures(view.record.id));
  std::set<std::string> approvers;
  std::set<Bytes> keys;
  for (ApprovalSignatureRecord& signature : signatures) {
    ASSIGN_OR_RETURN(std::string reason, why_not(policy, view.record, signature));
    if (reason.empty() && (!approvers.insert(signature.approver).second ||
                           !keys.insert(signature.spki_sha256).second)) {
      reason = "this approver or this key has agreed already";
    }
    view.given.push_back({std::move(signature), std::move(reason)});
  }
  return view;
}

/// Who has agreed may have lost the right to, or the key, since.
Result<std::string> Approvals::why_not(const Policy& policy, const ApprovalRecord& approval,
                                       const ApprovalSignatureRecord& signature) const {
  ASSIGN_OR_RETURN(const auto certificate, store_.certificate(signature.serial));
  if (!certificate) return "the approver's certificate is removed from the inventory";
  ASSIGN_OR_RETURN(const auto revocation, store_.revocation(signature.serial));
  if (revocation && revocation->reason != RevocationReason::remove_from_crl) {
    return "the approver's certificate is revoked";
  }
  ASSIGN_OR_RETURN(const CertificateInfo info, parse_certificate(certificate->der));
  ASSIGN_OR_RETURN(Machine approver, machine_of(info, certificate->der));
  // Again, each time: what stands in the database is only as good as this.
  const auto key = PublicKey::from_spki(info.spki);
  const auto algorithm = parse_signature_algorithm(signature.algorithm);
  if (!key || !algorithm ||
      !is_signed(*key, *algorithm, statement(approval), signature.signature)) {
    return "the signature does not verify";
  }
  const Bytes spki_sha256 = sha256(info.spki);
  if (signature.approver != certificate->machine.text() || signature.spki_sha256 != spki_sha256) {
    return "the certificate is not this approver's, or has another key";
  }
  if (signature.approver == approval.requester || spki_sha256 == approval.requester_key) {
    return "the approver has asked for it";
  }
  ASSIGN_OR_RETURN(const bool before, is_certified_before(approval, *certificate));
  if (!before) return "the approver's certificate is newer than what was asked";
  ASSIGN_OR_RETURN(const auto machine, store_.machine(certificate->machine));
  if (machine) approver.attributes = machine->attributes;
  approver.name = certificate->machine;
  approver.serial = certificate->serial;
  if (!policy.may_approve(approval.rule, approver)) {
    return "the policy does not ask the approver any more";
  }
  return std::string();
}

/// Whether its machine had it, or one that it renews, when others were asked to agree: who sees the
/// request may not become one of them then.
Result<bool> Approvals::is_certified_before(const ApprovalRecord& approval,
                                            CertificateRecord certificate) const {
  const MachineName machine = certificate.machine;
  for (unsigned i = 0; i < limits::approver_renewals; ++i) {
    if (certificate.machine != machine) return false;
    if (certificate.intent < approval.entry) return true;
    if (!certificate.replaces) return false;
    ASSIGN_OR_RETURN(auto before, store_.certificate(*certificate.replaces));
    if (!before) return false;
    certificate = std::move(*before);
  }
  return false;
}

/// Not the requester's own, by whichever certificate of it.
Result<void> Approvals::check_key(const ApprovalRecord& approval, const Key& own) const {
  const Bytes spki_sha256 = own.key.spki_sha256();
  bool same = spki_sha256 == approval.requester_key;
  if (const auto requester = MachineName::parse(approval.requester); requester && !same) {
    ASSIGN_OR_RETURN(same, store_.has_certified(*requester, spki_sha256));
  }
  if (same)
    return fail(ErrorCode::forbidden, "who asked for it has the same key; others must", "approval");
  ASSIGN_OR_RETURN(auto certificate, store_.certificate(own.serial));
  if (!certificate) return fail(ErrorCode::internal, "the approver's certificate is gone");
  ASSIGN_OR_RETURN(const bool before, is_certified_before(approval, std::move(*certificate)));
  if (before) return {};
  return fail(ErrorCode::forbidden,
              "your certificate is newer than this request, and does not renew an older one; who "
              "asked may ask again (cancel this first)");
}

Result<Approvals::Key> Approvals::key_of(const Caller& caller) const {
  const auto& serial = caller.context.machine.serial;
  const auto unusable = [] {
    return fail(ErrorCode::forbidden,
                "an approver needs a valid certificate that this service has issued to it");
  };
  if (!serial) return unusable();
  ASSIGN_OR_RETURN(const auto certificate, store_.certificate(*serial));
  if (!certificate || certificate->state != CertificateState::issued ||
      certificate->not_after < now()) {
    return unusable();
  }
  ASSIGN_OR_RETURN(const auto revocation, store_.revocation(*serial));
  if (revocation && revocation->reason != RevocationReason::remove_from_crl) return unusable();
  ASSIGN_OR_RETURN(const CertificateInfo info, parse_certificate(certificate->der));
  ASSIGN_OR_RETURN(PublicKey key, PublicKey::from_spki(info.spki));
  return Key{std::move(key), *serial};
}

Result<void> Approvals::check_approver(const Caller& caller, const Policy& policy,
                                       const ApprovalView& view) const {
  const ApprovalRecord& approval = view.record;
  const std::string approver = caller.context.machine.text();
  if (caller.context.machine.identity() == approval.requester) {
    return fail(ErrorCode::forbidden, "who asked for it does not approve it; others must",
                "approval");
  }
  if (!policy.may_approve(approval.rule, caller.context.machine)) {
    return fail(ErrorCode::forbidden,
                "\"" + approval.rule + "\" does not ask " + approver + " for approval", "approval");
  }
  if (!is_pending(approval.state) || is_over(approval, now())) {
    const auto state = is_pending(approval.state) ? ApprovalState::expired : approval.state;
    return fail(ErrorCode::conflict,
                "it is " + std::string(name_of(state)) + " and waits for nobody", "approval");
  }
  if (view.count() >= approval.needed) {
    return fail(ErrorCode::conflict, "enough have agreed already", "approval");
  }
  return {};
}

Result<ApprovalView> Approvals::give(const Caller& caller, const Policy& policy,
                                     const ApprovalId& id,
                                     const std::optional<SignatureAlgorithm>& algorithm,
                                     const Bytes& signature) {
  auto known = find(policy, id);
  if (!known) return refuse(caller, policy, id, std::move(known.error()));
  const ApprovalRecord& approval = known->record;
  if (auto good = check_approver(caller, policy, *known); !good) {
    return refuse(caller, policy, id, std::move(good.error()));
  }
  auto own = key_of(caller);
  if (!own) return refuse(caller, policy, id, std::move(own.error()));
  const PublicKey& key = own->key;
  if (auto good = check_key(approval, *own); !good) {
    return refuse(caller, policy, id, std::move(good.error()));
  }
  const SignatureAlgorithm used = algorithm.value_or(row(key.type()).default_algorithm);
  const std::string text = statement(approval);
  if (!is_signed(key, used, text, signature)) {
    return refuse(caller, policy, id,
                  Error{ErrorCode::invalid_request,
                        "is not a signature (" + std::string(row(used).name) +
                            ") over the statement by the key of the certificate you came with",
                        "signature"});
  }
  ApprovalSignatureRecord given{.approval = id,
                                .approver = caller.context.machine.text(),
                                .serial = own->serial,
                                .spki_sha256 = key.spki_sha256(),
                                .algorithm = std::string(row(used).name),
                                .signature = signature,
                                .given_at = {}};
  AuditEntry entry = approval_entry(approval, "given");
  entry.set("operation", name_of(Operation::approval_give));
  entry.set("approver_serial", given.serial.hex()).set("spki", to_base64(key.spki()));
  entry.set("algorithm", given.algorithm).set("signature", to_base64(signature));
  entry.set("statement", text).set("policy", policy.version());
  auto index = log_.record(caller.context, std::move(entry), {GiveApproval{std::move(given)}});
  if (!index) return refuse(caller, policy, id, std::move(index.error()));
  return find(policy, id);
}

Failure Approvals::refuse(const Caller& caller, const Policy& policy, const ApprovalId& id,
                          Error error) {
  // What the store says of itself cannot be recorded either.
  if (error.code == ErrorCode::store_unavailable) return Failure(std::move(error));
  const bool denied = error.code == ErrorCode::forbidden;
  AuditEntry entry(denied ? EntryKind::denial : EntryKind::failure);
  entry.set("operation", name_of(Operation::approval_give)).set("approval", id.text());
  entry.set("field", error.field).set("reason", error.message).set("policy", policy.version());
  auto recorded = log_.record(caller.context, std::move(entry));
  if (!recorded) return Failure(std::move(recorded.error()));
  return Failure(std::move(error));
}

Result<void> Approvals::cancel(const Caller& caller, const ApprovalRecord& approval,
                               const std::optional<Permit>& permit) {
  if (is_pending(approval.state)) {
    return end(caller.context, approval, ApprovalState::cancelled, permit);
  }
  if (approval.state == ApprovalState::open) {
    return end(caller.context, approval, ApprovalState::closed, permit);
  }
  return fail(ErrorCode::conflict, "it is " + std::string(name_of(approval.state)) + " already",
              "approval");
}

Result<void> Approvals::end(const RequestContext& context, const ApprovalRecord& approval,
                            ApprovalState to, const std::optional<Permit>& permit) {
  AuditEntry entry = approval_entry(approval, name_of(to));
  std::vector<StoreChange> changes = {MoveApproval{approval.id, approval.state, to}};
  const auto recorded = permit ? log_.record(context, *permit, std::move(entry), std::move(changes))
                               : log_.record(context, std::move(entry), std::move(changes));
  // Somebody else was first.
  if (!recorded && (permit || recorded.error().code != ErrorCode::conflict)) {
    return Failure(recorded.error());
  }
  return {};
}

Result<void> Approvals::record_ended() {
  ASSIGN_OR_RETURN(const auto ended, store_.ended_approvals(now(), limits::approval_rows_ended));
  for (const ApprovalRecord& approval : ended) {
    const bool open = approval.state == ApprovalState::open;
    RETURN_IF_ERROR(end({new_request_id(), Machine::self()}, approval,
                        open ? ApprovalState::closed : ApprovalState::expired));
  }
  return {};
}

}  // namespace chancery
