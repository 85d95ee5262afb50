#include "core/limits.h"
#include "core/store.h"
#include "core/store_connections.h"
#include "core/store_rows.h"

// What a pruning reads and removes.

namespace chancery {
namespace {

using store_rows::to_micros;

Result<std::uint64_t> read_index(const sqlite::Statement& row) {
  return row.index(0);
}

Result<EntryRange> read_range(const sqlite::Statement& row) {
  return EntryRange{row.index(0), row.index(1)};
}

Result<PruningRecord> read_pruning(const sqlite::Statement& row) {
  return PruningRecord{.minimum = row.index(1),
                       .entries = row.index(2),
                       .certificates = row.index(3),
                       .revocations = row.index(4),
                       .entry = row.index(0),
                       .done = row.integer(5) != 0};
}

Result<PrunableCertificate> read_prunable(const sqlite::Statement& row) {
  PrunableCertificate certificate{.number = row.index(0), .serial = {}};
  ASSIGN_OR_RETURN(certificate.serial, Serial::from(row.blob(1)));
  certificate.revoked = row.integer(2) != 0;
  if (!row.is_null(3)) {
    ASSIGN_OR_RETURN(certificate.renews, Serial::from(row.blob(3)));
  }
  return certificate;
}

/// Runs one step on the writer's connection.
struct Prune {
  sqlite::Connection& writer;

  Result<void> operator()(const PlanPruning& step) const {
    for (const EntryRange& range : step.ranges) {
      RETURN_IF_ERROR(sqlite::run(writer, "INSERT INTO pruning_range (first, last) VALUES (?, ?)",
                                  range.first, range.last));
    }
    return {};
  }

  Result<void> operator()(const DropPruningPlan&) const {
    RETURN_IF_ERROR(sqlite::run(writer,
                                "DELETE FROM pruning_range WHERE first IN"
                                " (SELECT first FROM pruning_range ORDER BY first LIMIT ?)"
                                " AND NOT EXISTS (SELECT 1 FROM pruning WHERE done = 0)",
                                limits::pruning_ranges));
    return {};
  }

  Result<void> operator()(const RemoveExpiredRequests& step) const {
    RETURN_IF_ERROR(sqlite::run(writer,
                                "DELETE FROM request WHERE rowid IN (SELECT rowid FROM request"
                                " WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
                                to_micros(step.at), limits::pruning_batch));
    return {};
  }

  Result<void> operator()(const RemoveEntries& step) const {
    for (const Serial& serial : step.serials) {
      RETURN_IF_ERROR(sqlite::run(writer, "DELETE FROM revocation WHERE serial = ?", serial.bytes));
      RETURN_IF_ERROR(
          sqlite::run(writer, "DELETE FROM renewal_request WHERE serial = ?", serial.bytes));
      RETURN_IF_ERROR(
          sqlite::run(writer, "DELETE FROM certificate WHERE serial = ?", serial.bytes));
    }
    for (const auto& [first, last] : step.ranges) {
      RETURN_IF_ERROR(
          sqlite::run(writer, "DELETE FROM entry WHERE number >= ? AND number <= ?", first, last));
      RETURN_IF_ERROR(sqlite::run(writer,
                                  "INSERT INTO pruning_range (first, last)"
                                  " SELECT ?1 + 1, last FROM pruning_range"
                                  " WHERE first = ?2 AND last > ?1",
                                  last, first));
      RETURN_IF_ERROR(sqlite::run(writer, "DELETE FROM pruning_range WHERE first = ?", first));
    }
    RETURN_IF_ERROR(sqlite::run(writer,
                                "UPDATE pruning SET done = 1 WHERE done = 0"
                                " AND NOT EXISTS (SELECT 1 FROM pruning_range)"));
    return {};
  }
};

}  // namespace

Result<void> Store::prune(const PruningStep& step) {
  return std::visit(Prune{*connections_->writer}, step);
}

Result<std::uint64_t> Store::minimum() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader, "SELECT minimum FROM pruning ORDER BY entry DESC LIMIT 1");
}

Result<std::vector<PruningRecord>> Store::prunings() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, read_pruning,
                  "SELECT entry, minimum, entries, certificates, revocations, done FROM pruning"
                  " ORDER BY entry");
}

Result<std::vector<EntryRange>> Store::pruning_ranges(std::uint64_t from, std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, read_range,
                  "SELECT first, last FROM pruning_range WHERE first >= ? ORDER BY first LIMIT ?",
                  from, limit);
}

// Kept with its certificate's row: that of a CA; a revocation that blocks its key or belongs to an
// incident, whose report is made of it; one that a CRL of its issuer may still have to list; a
// renewal of what is itself kept because somebody asked for that renewal.
Result<std::vector<PrunableCertificate>> Store::prunable_certificates(std::uint64_t after,
                                                                      std::uint64_t limit_entry,
                                                                      Time expired,
                                                                      std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(
      *reader, read_prunable,
      "SELECT c.number, c.serial, r.number IS NOT NULL, CASE WHEN"
      " EXISTS (SELECT 1 FROM renewal_request AS q WHERE q.serial = c.replaces)"
      " OR EXISTS (SELECT 1 FROM revocation AS i WHERE i.serial = c.replaces AND i.incident <> '')"
      " THEN c.replaces END"
      " FROM certificate AS c INDEXED BY certificate_selection"
      " LEFT JOIN revocation AS r ON r.serial = c.serial"
      " WHERE c.number > ?1 AND c.not_after <= ?3 AND c.outcome < ?2"
      " AND c.number < (SELECT max(number) FROM certificate)"
      " AND (r.number IS NULL OR (r.entry < ?2 AND r.reason <> 'keyCompromise'"
      "  AND r.incident = '' AND r.number < (SELECT max(number) FROM revocation)"
      "  AND NOT EXISTS (SELECT 1 FROM crl WHERE crl.issuer = c.issuer"
      "   AND crl.since <= c.not_after)))"
      " AND NOT EXISTS (SELECT 1 FROM renewal_request AS q WHERE q.serial = c.serial"
      "  AND (q.entry >= ?2 OR q.incident <> ''))"
      " AND NOT EXISTS (SELECT 1 FROM ca WHERE ca.certificate = c.der)"
      " ORDER BY c.number LIMIT ?4",
      after, limit_entry, to_micros(expired), limit);
}

Result<std::vector<std::uint64_t>> Store::repeatable_intents(std::uint64_t limit_entry, Time at) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, read_index,
                  "SELECT intent FROM request WHERE expires_at > ? AND intent < ?", to_micros(at),
                  limit_entry);
}

Result<bool> Store::has_expired_request(Time at) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  ASSIGN_OR_RETURN(
      const std::uint64_t found,
      read_number(*reader, "SELECT EXISTS (SELECT 1 FROM request WHERE expires_at <= ?)",
                  to_micros(at)));
  return found != 0;
}

Result<Store::MissingRows> Store::missing_rows() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  MissingRows missing;
  ASSIGN_OR_RETURN(
      missing.certificates,
      read_number(*reader, "SELECT coalesce(max(number), 0) - count(*) FROM certificate"));
  ASSIGN_OR_RETURN(
      missing.revocations,
      read_number(*reader, "SELECT coalesce(max(number), 0) - count(*) FROM revocation"));
  return missing;
}

Result<std::vector<std::uint64_t>> Store::entry_numbers(std::uint64_t first, std::uint64_t end,
                                                        std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, read_index,
                  "SELECT number FROM entry WHERE number >= ? AND number < ?"
                  " ORDER BY number LIMIT ?",
                  first, end, limit);
}

}  // namespace chancery
