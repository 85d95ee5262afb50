#include "core/inventory_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/certificate_intent.h"
#include "core/logged_entry.h"
#include "core/request_rows_check.h"

namespace chancery {
namespace {

constexpr std::size_t kRows = 256;

/// The first column in which a row differs from what the log says of it; empty when none does.
std::string first_difference(const CertificateRecord& row, const CertificateRecord& expected) {
  if (row.serial != expected.serial) return "serial";
  if (row.issuer != expected.issuer) return "issuer";
  if (row.machine != expected.machine) return "machine";
  if (row.profile != expected.profile) return "profile";
  if (row.not_before != expected.not_before) return "not_before";
  if (row.not_after != expected.not_after) return "not_after";
  if (row.spki_sha256 != expected.spki_sha256) return "spki_sha256";
  if (row.state != expected.state) return "state";
  if (row.intent != expected.intent) return "intent";
  if (row.crl_shards != expected.crl_shards) return "crl_shards";
  if (row.replaces != expected.replaces) return "replaces";
  if (row.grant != expected.grant) return "grant";
  if (row.policy != expected.policy) return "policy";
  if (row.der.empty() != (expected.state == CertificateState::unknown)) return "der";
  return "";
}

std::string first_difference(const Revocation& row, const EntryView& entry,
                             const std::optional<CertificateRecord>& certificate) {
  if (row.serial.hex() != text_member(entry, "serial")) return "serial";
  if (name_of(row.reason) != text_member(entry, "revocation_reason")) return "reason";
  if (to_rfc3339(row.revoked_at) != text_member(entry, "time")) return "revoked_at";
  if (row.by.text() != machine_of(entry)) return "by";
  if (!certificate) return "serial (no certificate has it)";
  if (row.issuer != certificate->issuer) return "issuer";
  if (row.not_after != certificate->not_after) return "not_after";
  if (row.crl_shards != certificate->crl_shards) return "crl_shards";
  if (row.incident != text_member(entry, "incident")) return "incident";
  const std::string since = text_member(entry, "invalidity_date");
  if ((row.invalidity_date ? to_rfc3339_seconds(*row.invalidity_date) : "") != since) {
    return "invalidity_date";
  }
  return "";
}

}  // namespace

template <class Row>
Result<const Row*> RowStream<Row>::peek() {
  if (position_ == rows_.size()) {
    ASSIGN_OR_RETURN(rows_, (store_.*fetch_)(last_ + 1, kRows));
    position_ = 0;
  }
  return rows_.empty() ? nullptr : &rows_[position_].row;
}

InventoryCheck::InventoryCheck(Store& store, AuditFindings& findings, const PrunedEntries& pruned)
    : store_(store),
      findings_(findings),
      pruned_(pruned),
      certificates_(store, &Store::certificates_by_number),
      revocations_(store, &Store::revocations_by_number),
      named_rows_(store, findings, pruned),
      incident_rows_(store, findings) {}

void InventoryCheck::resume(const State& state) {
  certificates_.skip(state.certificates);
  revocations_.skip(state.revocations);
  policies_ = state.policies;
  named_rows_.resume(state.published_crls);
  held_ = state.held;
}

InventoryCheck::State InventoryCheck::state() const {
  return {certificates_.last(), revocations_.last(), policies_, named_rows_.published(), held_};
}

Result<void> InventoryCheck::check_entry(const LogReplay::Checked& checked) {
  const EntryView& entry = checked.entry;
  RETURN_IF_ERROR(check_policy(checked.index, entry.spelled("policy")));
  switch (entry.kind()) {
    case EntryKind::intent:
      check_intent(checked);
      return {};
    case EntryKind::outcome:
      return check_outcome(checked);
    case EntryKind::revocation:
      return check_revocation(checked.index, entry);
    case EntryKind::ca:
      return named_rows_.check_ca(checked.index, nlohmann::json::parse(entry.source()));
    case EntryKind::machine:
      return named_rows_.check_machine(checked.index, nlohmann::json::parse(entry.source()));
    case EntryKind::replacement:
      return named_rows_.check_replacement(checked.index, text_member(entry, "serial"));
    case EntryKind::incident:
      return incident_rows_.check_incident(checked.index, nlohmann::json::parse(entry.source()));
    case EntryKind::start:
    case EntryKind::stop:
    case EntryKind::policy:
    case EntryKind::denial:
    case EntryKind::failure:
    case EntryKind::authentication:
    case EntryKind::read:
    case EntryKind::token:
    case EntryKind::heartbeat:
    case EntryKind::alarm:
    case EntryKind::approval:
      return {};
    case EntryKind::log:
      if (entry.text("event") == "pruned") {
        return pruned_.check_entry(store_, findings_, checked.index,
                                   nlohmann::json::parse(entry.source()));
      }
      if (!entry.has("vkeys")) return {};
      return named_rows_.check_log_keys(checked.index, nlohmann::json::parse(entry.source()));
  }
  return {};
}

void InventoryCheck::check_intent(const LogReplay::Checked& intent) {
  if (!intent.entry.has("serial") || certificate_of_intent(intent.entry)) return;
  findings_.add(intent.index, "the intent does not say what certificate it is about");
}

Result<void> InventoryCheck::check_outcome(const LogReplay::Checked& outcome) {
  const std::string result = outcome.entry.text("result");
  if (result == "failed") return {};
  const auto intent = EntryView::parse(outcome.intent_text);
  CHECK(intent);  // it was read before
  if (const std::string token = intent->text("token_sha256"); !token.empty()) {
    RETURN_IF_ERROR(named_rows_.check_used(outcome.index, token));
  }
  const bool named = outcome.entry.has("spki_sha256") || outcome.entry.has("crl_sha256");
  if (result == "ok" && named) {
    RETURN_IF_ERROR(
        named_rows_.check_outcome(outcome.index, nlohmann::json::parse(outcome.entry.source())));
  }
  if (!intent->has("serial")) return {};
  auto certificate = certificate_of_intent(*intent);
  if (!certificate) return {};  // check_intent() said so
  certificate->state = result == "ok" ? CertificateState::issued : CertificateState::unknown;
  return check_certificate(outcome, std::move(*certificate));
}

Result<void> InventoryCheck::check_certificate(const LogReplay::Checked& outcome,
                                               CertificateRecord expected) {
  const std::uint64_t index = outcome.index;
  expected.intent = *outcome.intent;
  RETURN_IF_ERROR(reject_certificates_before(index));
  ASSIGN_OR_RETURN(const CertificateRecord* row, certificates_.peek());
  if (!row || row->outcome != index) {
    findings_.add(index, "the inventory has no certificate " + expected.serial.hex());
    return {};
  }
  std::string difference = first_difference(*row, expected);
  const bool issued = expected.state == CertificateState::issued;
  if (issued && to_hex(sha256(row->der)) != outcome.entry.text("certificate_sha256")) {
    difference = "der";
  }
  if (!difference.empty()) {
    findings_.add(index, "the inventory has another " + difference + " for certificate " +
                             expected.serial.hex());
  }
  certificates_.advance();
  return {};
}

/// A row's number is that of the first entry about its serial; all that it says is what the last
/// one said. There are several only where one before the last was a hold, or its end.
Result<void> InventoryCheck::check_revocation(std::uint64_t index, const EntryView& entry) {
  RETURN_IF_ERROR(reject_revocations_before(index));
  const std::string serial = text_member(entry, "serial");
  if (held_.contains(serial)) return check_after_hold(index, entry);
  ASSIGN_OR_RETURN(const Revocation* row, revocations_.peek());
  if (!row || row->entry < index || row->serial.hex() != serial) {
    findings_.add(index, "the inventory does not have this revocation");
    return {};
  }
  const bool is_hold =
      text_member(entry, "revocation_reason") == name_of(RevocationReason::certificate_hold);
  if (is_hold) held_.emplace(serial, index);
  if (row->entry == index) {
    RETURN_IF_ERROR(compare_revocation(index, entry, *row));
  } else if (!is_hold) {
    findings_.add(index, "the inventory has another entry for this revocation");
  }
  revocations_.advance();
  return {};
}

Result<void> InventoryCheck::check_after_hold(std::uint64_t index, const EntryView& entry) {
  const std::string hex = text_member(entry, "serial");
  held_[hex] = index;
  ASSIGN_OR_RETURN(const Serial serial, Serial::parse(hex));  // a row had it
  ASSIGN_OR_RETURN(const auto row, store_.revocation(serial));
  if (row && row->entry == index) return compare_revocation(index, entry, *row);
  const auto reason = parse_revocation_reason(text_member(entry, "revocation_reason"));
  // What is for good is the last; anything else may have been changed by a later entry.
  if (!row || row->entry < index || !reason || is_final(*reason)) {
    findings_.add(index, "the inventory has another entry for this revocation");
  }
  return {};
}

Result<void> InventoryCheck::compare_revocation(std::uint64_t index, const EntryView& entry,
                                                const Revocation& row) {
  ASSIGN_OR_RETURN(const auto certificate, store_.certificate(row.serial));
  if (certificate && row.reason == RevocationReason::key_compromise) {
    RETURN_IF_ERROR(incident_rows_.check_blocked(index, certificate->spki_sha256));
  }
  const std::string difference = first_difference(row, entry, certificate);
  if (!difference.empty()) {
    findings_.add(index, "the inventory has another " + difference + " for this revocation");
  }
  return {};
}

Result<void> InventoryCheck::check_policy(std::uint64_t index, std::string_view spelled) {
  if (spelled.size() < 2 || spelled[0] != '"') return {};  // absent, or no text
  const std::string_view name = spelled.substr(1, spelled.size() - 2);
  if (name.empty() || policies_.contains(name)) return {};
  const std::string& version = *policies_.emplace(name).first;
  ASSIGN_OR_RETURN(const auto policy, store_.policy_version(version));
  if (!policy) {
    findings_.add(index, "the policy version " + version + " is not kept");
  } else if (to_hex(sha256(bytes_of(policy->text))) != version) {
    findings_.add(index, "the text of policy version " + version + " is another one");
  }
  return {};
}

Result<void> InventoryCheck::reject_certificates_before(std::uint64_t index) {
  for (;;) {
    ASSIGN_OR_RETURN(const CertificateRecord* row, certificates_.peek());
    if (!row || (row->outcome >= index && !pruned_.is_going(row->outcome))) return {};
    if (!pruned_.is_going(row->outcome))
      findings_.add(row->outcome, "accounts for no certificate " + row->serial.hex());
    certificates_.advance();
  }
}

Result<void> InventoryCheck::reject_revocations_before(std::uint64_t index) {
  for (;;) {
    ASSIGN_OR_RETURN(const Revocation* row, revocations_.peek());
    if (!row || (row->entry >= index && !pruned_.is_going(row->entry))) return {};
    if (!pruned_.is_going(row->entry))
      findings_.add(row->entry, "accounts for no revocation of " + row->serial.hex());
    revocations_.advance();
  }
}

Result<void> InventoryCheck::finish(std::uint64_t size) {
  RETURN_IF_ERROR(reject_certificates_before(size));
  RETURN_IF_ERROR(reject_revocations_before(size));
  for (const auto& [hex, last] : held_) {
    ASSIGN_OR_RETURN(const Serial serial, Serial::parse(hex));
    ASSIGN_OR_RETURN(const auto row, store_.revocation(serial));
    ASSIGN_OR_RETURN(const std::uint64_t log_size, store_.log_size());
    ASSIGN_OR_RETURN(const bool removed, pruned_.has_removed(store_, last));
    if (removed) continue;  // since what was verified before
    // On a live service it may have changed by now.
    if (!row || (row->entry != last && (row->entry < size || row->entry >= log_size))) {
      findings_.add(last, "the inventory has another entry for the revocation of " + hex);
    }
  }
  ASSIGN_OR_RETURN(const CertificateRecord* certificate, certificates_.peek());
  ASSIGN_OR_RETURN(const Revocation* revocation, revocations_.peek());
  // After the rows: on a live service, what made them may be as new as they are.
  ASSIGN_OR_RETURN(const std::uint64_t log_size, store_.log_size());
  if (certificate && certificate->outcome >= log_size) {
    findings_.add("certificate " + certificate->serial.hex() + " names an entry beyond the log");
  }
  if (revocation && revocation->entry >= log_size) {
    findings_.add("the revocation of " + revocation->serial.hex() +
                  " names an entry beyond the log");
  }
  ASSIGN_OR_RETURN(missing_, store_.missing_rows());
  RETURN_IF_ERROR(pruned_.check_rows(store_, findings_));
  RETURN_IF_ERROR(named_rows_.finish());
  RETURN_IF_ERROR(incident_rows_.finish());
  return check_request_rows(store_, findings_, pruned_);
}

}  // namespace chancery
