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
  if (row.der.empty() != (expected.state == CertificateState::unknown)) return "der";
  return "";
}

std::string first_difference(const Revocation& row, const nlohmann::json& entry,
                             const std::optional<CertificateRecord>& certificate) {
  if (row.serial.hex() != text_member(entry, "serial")) return "serial";
  if (name_of(row.reason) != text_member(entry, "revocation_reason")) return "reason";
  if (to_rfc3339(row.revoked_at) != text_member(entry, "time")) return "revoked_at";
  if (row.by.text() != machine_of(entry)) return "by";
  if (!certificate) return "serial (no certificate has it)";
  if (row.issuer != certificate->issuer) return "issuer";
  if (row.not_after != certificate->not_after) return "not_after";
  return "";
}

}  // namespace

template <class Row>
Result<const Row*> RowStream<Row>::peek() {
  if (position_ < rows_.size()) return &rows_[position_];
  // Counted before they are fetched: on a live service there may be more by then, never fewer.
  ASSIGN_OR_RETURN(const std::uint64_t count, (store_.*count_)());
  if (next_number_ > count) return nullptr;
  const auto expected = std::min<std::uint64_t>(kRows, count - next_number_ + 1);
  ASSIGN_OR_RETURN(rows_, (store_.*fetch_)(next_number_, static_cast<std::size_t>(expected)));
  position_ = 0;
  missing_ += expected - rows_.size();
  if (rows_.empty()) {
    // A number may be far away from all others, because somebody wrote it there: what is behind a
    // hole of this size is not looked for.
    next_number_ = count + 1;
    return nullptr;
  }
  next_number_ += expected;
  return &rows_[0];
}

InventoryCheck::InventoryCheck(Store& store, AuditFindings& findings)
    : store_(store),
      findings_(findings),
      certificates_(store, &Store::certificates_by_number, &Store::certificate_count),
      revocations_(store, &Store::revocations_by_number, &Store::revocation_count),
      named_rows_(store, findings) {}

std::optional<std::uint64_t> InventoryCheck::first_open_intent() const {
  if (open_.empty()) return std::nullopt;
  return open_.begin()->first;
}

Result<void> InventoryCheck::check_entry(std::uint64_t index, EntryKind kind,
                                         const nlohmann::json& entry) {
  if (const std::string policy = text_member(entry, "policy"); !policy.empty()) {
    RETURN_IF_ERROR(check_policy(index, policy));
  }
  switch (kind) {
    case EntryKind::start:
      last_start_ = index;
      return {};
    case EntryKind::intent:
      check_intent(index, entry);
      return {};
    case EntryKind::outcome:
      return check_outcome(index, entry);
    case EntryKind::revocation:
      return check_revocation(index, entry);
    case EntryKind::ca:
      return named_rows_.check_ca(index, entry);
    case EntryKind::machine:
      return named_rows_.check_machine(index, entry);
    case EntryKind::stop:
    case EntryKind::policy:
    case EntryKind::denial:
    case EntryKind::failure:
    case EntryKind::authentication:
    case EntryKind::read:
    case EntryKind::token:
    case EntryKind::heartbeat:
    case EntryKind::log:
      return {};
  }
  return {};
}

void InventoryCheck::check_intent(std::uint64_t index, const nlohmann::json& entry) {
  // Recovery comes before serving: what an earlier run left open is concluded by now.
  while (last_start_ && !open_.empty() && open_.begin()->first < *last_start_) {
    findings_.add(open_.begin()->first, "an intent of an earlier run never got its outcome");
    open_.erase(open_.begin());
  }
  OpenIntent& intent = open_[index];
  intent.token_sha256 = text_member(entry, "token_sha256");
  if (!entry.contains("serial")) return;
  auto certificate = certificate_of_intent(entry);
  if (!certificate) {
    findings_.add(index, "the intent does not say what certificate it is about");
    return;
  }
  intent.certificate = std::move(*certificate);
}

Result<void> InventoryCheck::check_outcome(std::uint64_t index, const nlohmann::json& entry) {
  const auto named = entry.find("intent");
  const bool is_number = named != entry.end() && named->is_number_unsigned();
  const auto intent = is_number ? open_.find(named->get<std::uint64_t>()) : open_.end();
  if (intent == open_.end()) {
    findings_.add(index, "the outcome names no intent that was open");
    return {};
  }
  const std::uint64_t intent_index = intent->first;
  auto [certificate, token_sha256] = std::move(intent->second);
  open_.erase(intent);

  const std::string result = text_member(entry, "result");
  if (result != "ok" && result != "failed" && result != "unknown") {
    findings_.add(index, "the outcome's result is none of ok, failed and unknown");
    return {};
  }
  if (result == "failed") return {};
  if (!token_sha256.empty()) RETURN_IF_ERROR(named_rows_.check_used(index, token_sha256));
  if (result == "ok") RETURN_IF_ERROR(named_rows_.check_outcome(index, entry));
  if (!certificate) return {};
  certificate->state = result == "ok" ? CertificateState::issued : CertificateState::unknown;
  return check_certificate(index, entry, intent_index, std::move(*certificate));
}

Result<void> InventoryCheck::check_certificate(std::uint64_t index, const nlohmann::json& outcome,
                                               std::uint64_t intent, CertificateRecord expected) {
  expected.intent = intent;
  RETURN_IF_ERROR(reject_certificates_before(index));
  ASSIGN_OR_RETURN(const CertificateRecord* row, certificates_.peek());
  if (!row || row->outcome != index) {
    findings_.add(index, "the inventory has no certificate " + expected.serial.hex());
    return {};
  }
  std::string difference = first_difference(*row, expected);
  const bool issued = expected.state == CertificateState::issued;
  if (issued && to_hex(sha256(row->der)) != text_member(outcome, "certificate_sha256")) {
    difference = "der";
  }
  if (difference.empty()) {
    ++certificates_matched_;
  } else {
    findings_.add(index, "the inventory has another " + difference + " for certificate " +
                             expected.serial.hex());
  }
  certificates_.advance();
  return {};
}

Result<void> InventoryCheck::check_revocation(std::uint64_t index, const nlohmann::json& entry) {
  RETURN_IF_ERROR(reject_revocations_before(index));
  ASSIGN_OR_RETURN(const Revocation* row, revocations_.peek());
  if (!row || row->entry != index) {
    findings_.add(index, "the inventory does not have this revocation");
    return {};
  }
  ASSIGN_OR_RETURN(const auto certificate, store_.certificate(row->serial));
  const std::string difference = first_difference(*row, entry, certificate);
  if (difference.empty()) {
    ++revocations_matched_;
  } else {
    findings_.add(index, "the inventory has another " + difference + " for this revocation");
  }
  revocations_.advance();
  return {};
}

Result<void> InventoryCheck::check_policy(std::uint64_t index, const std::string& version) {
  if (policies_.contains(version)) return {};
  policies_.insert(version);
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
    if (!row || row->outcome >= index) return {};
    findings_.add(row->outcome, "accounts for no certificate " + row->serial.hex());
    certificates_.advance();
  }
}

Result<void> InventoryCheck::reject_revocations_before(std::uint64_t index) {
  for (;;) {
    ASSIGN_OR_RETURN(const Revocation* row, revocations_.peek());
    if (!row || row->entry >= index) return {};
    findings_.add(row->entry, "accounts for no revocation of " + row->serial.hex());
    revocations_.advance();
  }
}

Result<void> InventoryCheck::finish(std::uint64_t size) {
  RETURN_IF_ERROR(reject_certificates_before(size));
  RETURN_IF_ERROR(reject_revocations_before(size));
  ASSIGN_OR_RETURN(const std::uint64_t log_size, store_.log_size());
  ASSIGN_OR_RETURN(const CertificateRecord* certificate, certificates_.peek());
  if (certificate && certificate->outcome >= log_size) {
    findings_.add("certificate " + certificate->serial.hex() + " names an entry beyond the log");
  }
  ASSIGN_OR_RETURN(const Revocation* revocation, revocations_.peek());
  if (revocation && revocation->entry >= log_size) {
    findings_.add("the revocation of " + revocation->serial.hex() +
                  " names an entry beyond the log");
  }
  if (certificates_.missing() + revocations_.missing() > 0) {
    findings_.add("rows of certificates or revocations were taken out of the inventory");
  }
  RETURN_IF_ERROR(named_rows_.finish());
  return check_request_rows(store_, findings_);
}

}  // namespace chancery
