#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>

#include "core/audit_entry.h"
#include "core/audit_findings.h"
#include "core/named_rows_check.h"
#include "core/store.h"

namespace chancery {

/// Rows of the inventory in the order of the entries that made them, a few at a time.
template <class Row>
class RowStream {
 public:
  using Fetch = Result<std::vector<Row>> (Store::*)(std::uint64_t first, std::size_t count);
  using Count = Result<std::uint64_t> (Store::*)();
  RowStream(Store& store, Fetch fetch, Count count) : store_(store), fetch_(fetch), count_(count) {}

  /// The next row, or null at the end.
  Result<const Row*> peek();
  void advance() { ++position_; }
  /// Rows that are gone from between others.
  [[nodiscard]] std::uint64_t missing() const { return missing_; }

 private:
  Store& store_;
  const Fetch fetch_;
  const Count count_;
  std::vector<Row> rows_;
  std::size_t position_ = 0;
  std::uint64_t next_number_ = 1;
  std::uint64_t missing_ = 0;
};

/// Holds intents against outcomes, and the inventory against both, entry by entry.
class InventoryCheck {
 public:
  InventoryCheck(Store& store, AuditFindings& findings);

  Result<void> check_entry(std::uint64_t index, EntryKind kind, const nlohmann::json& entry);
  /// After the last of `size` entries.
  Result<void> finish(std::uint64_t size);

  [[nodiscard]] std::uint64_t certificates() const { return certificates_matched_; }
  [[nodiscard]] std::uint64_t revocations() const { return revocations_matched_; }
  [[nodiscard]] std::uint64_t open_intents() const { return open_.size(); }
  [[nodiscard]] std::optional<std::uint64_t> first_open_intent() const;

 private:
  struct OpenIntent {
    std::optional<CertificateRecord> certificate;
    std::string token_sha256;  ///< of the enrolment token that it uses up
  };

  void check_intent(std::uint64_t index, const nlohmann::json& entry);
  Result<void> check_outcome(std::uint64_t index, const nlohmann::json& entry);
  Result<void> check_certificate(std::uint64_t index, const nlohmann::json& outcome,
                                 std::uint64_t intent, CertificateRecord expected);
  Result<void> check_revocation(std::uint64_t index, const nlohmann::json& entry);
  Result<void> check_policy(std::uint64_t index, const std::string& version);
  /// Rows that say they came with an entry before `index`, which did not account for them.
  Result<void> reject_certificates_before(std::uint64_t index);
  Result<void> reject_revocations_before(std::uint64_t index);

  Store& store_;
  AuditFindings& findings_;
  std::map<std::uint64_t, OpenIntent> open_;
  std::optional<std::uint64_t> last_start_;
  std::set<std::string> policies_;
  RowStream<CertificateRecord> certificates_;
  RowStream<Revocation> revocations_;
  NamedRowsCheck named_rows_;
  std::uint64_t certificates_matched_ = 0, revocations_matched_ = 0;
};

}  // namespace chancery
