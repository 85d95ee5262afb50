#include "core/named_rows_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/audit_entry.h"
#include "core/logged_entry.h"
#include "core/machine_attribute.h"

namespace chancery {
namespace {

constexpr std::size_t kRows = 256;

bool has_number(const nlohmann::json& entry, const char* name, std::uint64_t value) {
  const auto found = entry.find(name);
  return found != entry.end() && found->is_number_unsigned() && *found == value;
}

std::optional<Time> time_member(const nlohmann::json& entry, const char* name) {
  const auto time = from_rfc3339(text_member(entry, name));
  return time ? std::optional(*time) : std::nullopt;
}

// The first column in which a row differs from what the log says of it; empty when none does. Times
// at which rows were made are not among them: they are for display, and the entry has its own.

std::string first_difference(const KeyRecord& row, const nlohmann::json& intent,
                             const nlohmann::json& outcome) {
  if (to_hex(row.id.bytes) != text_member(intent, "key_id")) return "id";
  if (name_of(row.purpose) != text_member(intent, "purpose")) return "purpose";
  if (chancery::row(row.type).name != text_member(intent, "key_type")) return "type";
  if (intent.value("algorithms", nlohmann::json()) != nlohmann::json(names_of(row.algorithms))) {
    return "algorithms";
  }
  const std::string message_class = text_member(intent, "message_class");
  if (name_of(row.message_class) != (message_class.empty() ? "data" : message_class)) {
    return "message_class";
  }
  if (row.context != text_member(intent, "context")) return "context";
  if (row.creator.text() != machine_of(intent)) return "creator";
  if (to_hex(sha256(row.spki)) != text_member(outcome, "spki_sha256")) return "spki";
  return "";
}

std::string first_difference(const CaRecord& row, const nlohmann::json& entry) {
  if (row.key.text() != text_member(entry, "key")) return "key";
  if (row.issuer.text() != text_member(entry, "issuer")) return "issuer";
  if (to_hex(sha256(row.certificate)) != text_member(entry, "certificate_sha256")) {
    return "certificate";
  }
  if (!has_number(entry, "crl_shards", row.crl_shards)) return "crl_shards";
  return "";
}

std::string first_difference(const EnrollmentRecord& row, const nlohmann::json& entry) {
  if (row.machine.text() != text_member(entry, "owner")) return "machine";
  if (row.profile.text() != text_member(entry, "profile")) return "profile";
  if (row.expires_at != time_member(entry, "expires_at")) return "expires_at";
  return "";
}

std::string first_difference(const RenewalRequestRecord& row, const nlohmann::json& entry) {
  if (!is_of_kind(entry, EntryKind::replacement)) return "entry";
  if (row.serial.hex() != text_member(entry, "serial")) return "serial";
  if (row.issuer.text() != text_member(entry, "issuer")) return "issuer";
  if (name_of(row.reason) != text_member(entry, "revocation_reason")) return "reason";
  if (row.deadline != time_member(entry, "deadline")) return "deadline";
  if (row.explanation_url != text_member(entry, "explanation_url")) return "explanation_url";
  if (row.incident != text_member(entry, "incident")) return "incident";
  return "";
}

std::string first_difference(const CrlRecord& row, const nlohmann::json& intent,
                             const nlohmann::json& outcome) {
  if (!is_good_outcome(outcome) || outcome.contains("published")) return "entry";
  if (row.issuer.text() != text_member(intent, "issuer")) return "issuer";
  if (row.number != text_member(intent, "crl_number")) return "number";
  if (row.scope.name() != text_member(intent, "crl_list")) return "scope";
  if (!has_number(intent, "crl_entries", row.entries)) return "entries";
  if (!has_number(intent, "crl_covers", row.covers)) return "covers";
  if (row.since != time_member(intent, "since")) return "since";
  if (row.base_number != text_member(intent, "crl_base")) return "base_number";
  if (row.base_covers != number_member(intent, "base_covers").value_or(0)) return "base_covers";
  if (row.this_update != time_member(intent, "this_update")) return "this_update";
  if (row.next_update != time_member(intent, "next_update")) return "next_update";
  if (to_hex(row.sha256) != text_member(outcome, "crl_sha256")) return "sha256";
  return "";
}

}  // namespace

template <class Row, class Difference>
void NamedRowsCheck::compare(std::uint64_t index, const std::string& what,
                             const std::optional<Row>& row, const Difference& first_difference) {
  if (!row) {
    findings_.add(index, "the inventory has no " + what);
    return;
  }
  const std::string difference = row->entry == index ? first_difference(*row) : "entry";
  if (!difference.empty()) {
    findings_.add(index, "the inventory has another " + difference + " for " + what);
  }
}

template <class Condition>
Result<void> NamedRowsCheck::expect_entry(std::uint64_t index, const std::string& what,
                                          const Condition& makes_it) {
  ASSIGN_OR_RETURN(const nlohmann::json entry, logged_entry(store_, index));
  if (!makes_it(entry)) findings_.add(index, "accounts for no " + what);
  return {};
}

Result<void> NamedRowsCheck::check_outcome(std::uint64_t index, const nlohmann::json& outcome) {
  if (outcome.contains("spki_sha256")) return check_key(index, outcome);
  if (!outcome.contains("crl_sha256") || outcome.contains("published")) return {};
  ASSIGN_OR_RETURN(const nlohmann::json intent, logged_entry(store_, outcome, "intent"));
  // Lists of versions before the fourth had no scope, and their rows are gone.
  const std::string scope = text_member(intent, "crl_list");
  if (!scope.empty()) published_[text_member(intent, "issuer") + " " + scope] = index;
  return {};
}

Result<void> NamedRowsCheck::check_key(std::uint64_t index, const nlohmann::json& outcome) {
  const std::string name = text_member(outcome, "key");
  std::optional<KeyRecord> row;
  if (const auto parsed = KeyName::parse(name)) {
    ASSIGN_OR_RETURN(row, store_.key(*parsed));
  }
  ASSIGN_OR_RETURN(const nlohmann::json intent, logged_entry(store_, outcome, "intent"));
  compare(index, "key " + name, row,
          [&](const KeyRecord& key) { return first_difference(key, intent, outcome); });
  return {};
}

Result<void> NamedRowsCheck::check_ca(std::uint64_t index, const nlohmann::json& entry) {
  RETURN_IF_ERROR(check_crl_shards(index, entry));
  // Later entries of a CA only split its lists.
  if (!entry.contains("certificate_sha256")) return {};
  const std::string name = text_member(entry, "ca");
  ASSIGN_OR_RETURN(const auto row, find_ca(name));
  compare(index, "CA " + name, row,
          [&](const CaRecord& ca) { return first_difference(ca, entry); });
  return {};
}

Result<void> NamedRowsCheck::check_crl_shards(std::uint64_t index, const nlohmann::json& entry) {
  ASSIGN_OR_RETURN(const auto rows, store_.crl_shards());
  const bool found = std::ranges::any_of(rows, [&](const CrlShardsRecord& row) {
    return row.entry == index && row.issuer.text() == text_member(entry, "ca") &&
           has_number(entry, "crl_shards", row.shards);
  });
  if (!found) {
    findings_.add(index, "the inventory has other shards of CA " + text_member(entry, "ca"));
  }
  return {};
}

Result<void> NamedRowsCheck::check_machine(std::uint64_t index, const nlohmann::json& entry) {
  const std::string name = text_member(entry, "owner");
  std::optional<MachineRecord> row;
  if (const auto parsed = MachineName::parse(name)) {
    ASSIGN_OR_RETURN(row, store_.machine(*parsed));
  }
  if (!row) {
    findings_.add(index, "the inventory has no machine " + name);
  } else if (row->entry > index) {
    // The first entry of a machine made it; every later one, a new token.
    findings_.add(index, "the inventory has another entry for machine " + name);
  } else if (row->entry == index && row->added_by.text() != machine_of(entry)) {
    findings_.add(index, "the inventory has another added_by for machine " + name);
  }
  if (row) check_attributes(index, entry, *row);
  return entry.contains("token_sha256") ? check_enrollment(index, entry) : Result<void>();
}

void NamedRowsCheck::check_attributes(std::uint64_t index, const nlohmann::json& entry,
                                      const MachineRecord& row) {
  if (!entry.contains("attributes") && row.entry != index) return;  // it made a token
  // A row tells of the last entry; finish_machines() compares it with that.
  if (row.attributes_entry >= index) return;
  findings_.add(index, "the inventory has other attributes for machine " + row.name.text());
}

Result<void> NamedRowsCheck::check_enrollment(std::uint64_t index, const nlohmann::json& entry) {
  const std::string token = text_member(entry, "token_sha256");
  ASSIGN_OR_RETURN(const auto row, find_enrollment(token));
  compare(index, "enrolment token " + token, row,
          [&](const EnrollmentRecord& enrollment) { return first_difference(enrollment, entry); });
  return {};
}

Result<void> NamedRowsCheck::check_log_keys(std::uint64_t index, const nlohmann::json& entry) {
  ASSIGN_OR_RETURN(const auto rows, store_.log_keys());
  const bool found = std::ranges::any_of(rows, [&](const LogKeysRecord& row) {
    return row.entry == index && nlohmann::json(row.vkeys) == entry["vkeys"];
  });
  if (!found) findings_.add(index, "the inventory has other keys of the log");
  return {};
}

Result<void> NamedRowsCheck::check_replacement(std::uint64_t index, const std::string& serial) {
  std::optional<RenewalRequestRecord> row;
  if (const auto parsed = Serial::parse(serial)) {
    ASSIGN_OR_RETURN(row, store_.renewal_request(*parsed));
  }
  // A row tells of the last request; finish_renewal_requests() compares it with that.
  if (!row || row->entry < index) {
    findings_.add(index, "the inventory does not have this request to replace " + serial);
  }
  return {};
}

Result<void> NamedRowsCheck::check_used(std::uint64_t index, const std::string& token_sha256) {
  ASSIGN_OR_RETURN(const auto row, find_enrollment(token_sha256));
  if (row && row->used_at) return {};
  findings_.add(index, "the inventory has the enrolment token " + token_sha256 + " as unused");
  return {};
}

Result<std::optional<CaRecord>> NamedRowsCheck::find_ca(const std::string& name) {
  ASSIGN_OR_RETURN(std::vector<CaRecord> rows, store_.cas());
  for (CaRecord& row : rows) {
    if (row.name.text() == name) return std::optional(std::move(row));
  }
  return std::nullopt;
}

Result<std::optional<EnrollmentRecord>> NamedRowsCheck::find_enrollment(
    const std::string& token_sha256) {
  const auto token = from_hex(token_sha256);
  if (!token) return std::nullopt;
  return store_.enrollment(*token);
}

Result<void> NamedRowsCheck::finish() {
  RETURN_IF_ERROR(finish_keys());
  RETURN_IF_ERROR(finish_cas());
  RETURN_IF_ERROR(finish_machines());
  RETURN_IF_ERROR(finish_enrollments());
  RETURN_IF_ERROR(finish_crl_shards());
  RETURN_IF_ERROR(finish_log_keys());
  RETURN_IF_ERROR(finish_renewal_requests());
  return finish_crls();
}

Result<void> NamedRowsCheck::finish_keys() {
  Page page{"", kRows};
  for (;;) {
    ASSIGN_OR_RETURN(const auto rows, store_.keys(page));
    if (rows.empty()) return {};
    for (const KeyRecord& row : rows) {
      page.after = row.name.text();
      RETURN_IF_ERROR(expect_entry(row.entry, "key " + page.after, [&](const auto& entry) {
        return is_good_outcome(entry) && entry.contains("spki_sha256") &&
               text_member(entry, "key") == page.after;
      }));
    }
  }
}

Result<void> NamedRowsCheck::finish_cas() {
  ASSIGN_OR_RETURN(const auto rows, store_.cas());
  for (const CaRecord& row : rows) {
    RETURN_IF_ERROR(expect_entry(row.entry, "CA " + row.name.text(), [&](const auto& entry) {
      return is_of_kind(entry, EntryKind::ca) && text_member(entry, "ca") == row.name.text();
    }));
  }
  return {};
}

Result<void> NamedRowsCheck::finish_machines() {
  Page page{"", kRows};
  for (;;) {
    ASSIGN_OR_RETURN(const auto rows, store_.machines(page));
    if (rows.empty()) return {};
    for (const MachineRecord& row : rows) {
      page.after = row.name.text();
      RETURN_IF_ERROR(expect_entry(row.entry, "machine " + page.after, [&](const auto& entry) {
        return is_of_kind(entry, EntryKind::machine) && text_member(entry, "owner") == page.after;
      }));
      RETURN_IF_ERROR(expect_entry(
          row.attributes_entry, "attributes of machine " + page.after, [&](const auto& entry) {
            return is_of_kind(entry, EntryKind::machine) &&
                   text_member(entry, "owner") == page.after &&
                   (entry.contains("attributes") || row.attributes_entry == row.entry) &&
                   entry.value("attributes", nlohmann::json::array()) ==
                       nlohmann::json(texts_of(row.attributes));
          }));
    }
  }
}

Result<void> NamedRowsCheck::finish_enrollments() {
  for (Bytes after;;) {
    ASSIGN_OR_RETURN(const auto rows, store_.enrollments(after, kRows));
    if (rows.empty()) return {};
    for (const EnrollmentRecord& row : rows) {
      const std::string token = to_hex(row.token_sha256);
      RETURN_IF_ERROR(expect_entry(row.entry, "enrolment token " + token, [&](const auto& entry) {
        return is_of_kind(entry, EntryKind::machine) && text_member(entry, "token_sha256") == token;
      }));
    }
    after = rows.back().token_sha256;
  }
}

Result<void> NamedRowsCheck::finish_crl_shards() {
  ASSIGN_OR_RETURN(const auto rows, store_.crl_shards());
  for (const CrlShardsRecord& row : rows) {
    const std::string what = std::to_string(row.shards) + " shards of CA " + row.issuer.text();
    RETURN_IF_ERROR(expect_entry(row.entry, what, [&](const auto& entry) {
      return is_of_kind(entry, EntryKind::ca) && text_member(entry, "ca") == row.issuer.text() &&
             has_number(entry, "crl_shards", row.shards);
    }));
  }
  return {};
}

Result<void> NamedRowsCheck::finish_log_keys() {
  ASSIGN_OR_RETURN(const auto rows, store_.log_keys());
  for (const LogKeysRecord& row : rows) {
    RETURN_IF_ERROR(expect_entry(row.entry, "keys of the log", [&](const auto& entry) {
      return is_of_kind(entry, EntryKind::log) &&
             entry.value("vkeys", nlohmann::json()) == nlohmann::json(row.vkeys);
    }));
  }
  return {};
}

Result<void> NamedRowsCheck::finish_renewal_requests() {
  Page page{"", kRows};
  for (;;) {
    ASSIGN_OR_RETURN(const auto rows, store_.renewal_requests(false, page));
    if (rows.empty()) return {};
    for (const RenewalRequestRecord& row : rows) {
      if (!pruned_.is_going(row.entry)) RETURN_IF_ERROR(check_renewal_request(row));
    }
    page.after = rows.back().serial.hex();
  }
}

Result<void> NamedRowsCheck::check_renewal_request(const RenewalRequestRecord& row) {
  const std::string serial = row.serial.hex();
  ASSIGN_OR_RETURN(const nlohmann::json entry, logged_entry(store_, row.entry));
  const std::string difference = first_difference(row, entry);
  if (!difference.empty()) {
    findings_.add(row.entry,
                  "accounts for no request to replace " + serial + " with this " + difference);
  }
  ASSIGN_OR_RETURN(const auto replacement, store_.replacement_of(row.serial));
  if (row.replaced_by == replacement) return {};
  // On a live service it may have been replaced since the row was read.
  ASSIGN_OR_RETURN(const auto again, store_.renewal_request(row.serial));
  if (!again || again->replaced_by != replacement) {
    findings_.add(row.entry, "the inventory has another replaced_by for " + serial);
  }
  return {};
}

Result<void> NamedRowsCheck::finish_crls() {
  ASSIGN_OR_RETURN(const auto rows, store_.crls());
  for (const CrlRecord& row : rows) RETURN_IF_ERROR(check_crl(row));
  for (const auto& [name, index] : published_) {
    findings_.add(index, "the inventory has no CRL of " + name);
  }
  return {};
}

Result<void> NamedRowsCheck::check_crl(const CrlRecord& row) {
  const std::string name = row.issuer.text() + " " + row.scope.name();
  ASSIGN_OR_RETURN(const nlohmann::json outcome, logged_entry(store_, row.entry));
  ASSIGN_OR_RETURN(const nlohmann::json intent, logged_entry(store_, outcome, "intent"));
  const std::string difference = first_difference(row, intent, outcome);
  if (!difference.empty()) {
    findings_.add(row.entry, "accounts for no CRL of " + name + " with this " + difference);
  }
  const auto last = published_.find(name);
  if (last == published_.end()) return {};
  // On a live service it may be a later one by now.
  if (row.entry < last->second) {
    findings_.add(last->second, "the inventory has an older CRL of " + name);
  }
  published_.erase(last);
  return {};
}

}  // namespace chancery
