#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/audit_findings.h"
#include "core/incident_rows_check.h"
#include "core/log_replay.h"
#include "core/named_rows_check.h"
#include "core/pruned_entries.h"
#include "core/store.h"

namespace chancery {

/// Rows of the inventory in the order of the entries that made them, a few at a time.
template <class Row>
class RowStream {
 public:
  using Fetch = Result<std::vector<Numbered<Row>>> (Store::*)(std::uint64_t first,
                                                              std::size_t count);
  RowStream(Store& store, Fetch fetch) : store_(store), fetch_(fetch) {}

  /// The next row, or null at the end.
  Result<const Row*> peek();
  void advance() { last_ = rows_[position_++].number; }
  /// The number of the last row that was taken, and to begin behind that.
  [[nodiscard]] std::uint64_t last() const { return last_; }
  void skip(std::uint64_t last) { last_ = last; }

 private:
  Store& store_;
  const Fetch fetch_;
  std::vector<Numbered<Row>> rows_;
  std::size_t position_ = 0;
  std::uint64_t last_ = 0;
};

/// Holds the inventory against intents and outcomes, entry by entry.
class InventoryCheck {
 public:
  /// What the checks of later entries need to know of earlier ones.
  struct State {
    std::uint64_t certificates = 0, revocations = 0;  ///< numbers of the last rows behind us
    std::set<std::string, std::less<>> policies;      ///< versions that are kept as they were
    NamedRowsCheck::PublishedCrls published_crls;
    /// Of what was on hold at any time: the serial, and the last entry about it.
    std::map<std::string, std::uint64_t, std::less<>> held;
  };

  /// `pruned` outlives it.
  InventoryCheck(Store& store, AuditFindings& findings, const PrunedEntries& pruned);
  void resume(const State& state);
  [[nodiscard]] State state() const;

  Result<void> check_entry(const LogReplay::Checked& checked);
  /// After the last of `size` entries.
  Result<void> finish(std::uint64_t size);

  /// Rows that are there, of those behind us.
  [[nodiscard]] std::uint64_t certificates() const {
    return certificates_.last() - std::min(missing_.certificates, certificates_.last());
  }
  [[nodiscard]] std::uint64_t revocations() const {
    return revocations_.last() - std::min(missing_.revocations, revocations_.last());
  }

 private:
  void check_intent(const LogReplay::Checked& intent);
  Result<void> check_outcome(const LogReplay::Checked& outcome);
  Result<void> check_certificate(const LogReplay::Checked& outcome, CertificateRecord expected);
  Result<void> check_revocation(std::uint64_t index, const EntryView& entry);
  Result<void> check_after_hold(std::uint64_t index, const EntryView& entry);
  Result<void> compare_revocation(std::uint64_t index, const EntryView& entry,
                                  const Revocation& row);
  Result<void> check_policy(std::uint64_t index, std::string_view spelled);
  /// Rows that say they came with an entry before `index`, which did not account for them.
  Result<void> reject_certificates_before(std::uint64_t index);
  Result<void> reject_revocations_before(std::uint64_t index);

  Store& store_;
  AuditFindings& findings_;
  const PrunedEntries& pruned_;
  Store::MissingRows missing_;
  std::set<std::string, std::less<>> policies_;
  RowStream<CertificateRecord> certificates_;
  RowStream<Revocation> revocations_;
  NamedRowsCheck named_rows_;
  IncidentRowsCheck incident_rows_;
  std::map<std::string, std::uint64_t, std::less<>> held_;
};

}  // namespace chancery
