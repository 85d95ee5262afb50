#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/audit_findings.h"
#include "core/pruned_entries.h"
#include "core/store.h"

namespace chancery {

/// Holds the rows that are found by a name (keys, CAs, machines, enrolments, CRLs, requests to
/// renew) against the entries that made them: the row of each entry as the log is read, the entry
/// of each row at the end. Of CRLs the store keeps the last only.
class NamedRowsCheck {
 public:
  /// `pruned` outlives it.
  NamedRowsCheck(Store& store, AuditFindings& findings, const PrunedEntries& pruned)
      : store_(store), findings_(findings), pruned_(pruned) {}

  /// The outcome of the last CRL so far of each scope, by "issuer scope".
  using PublishedCrls = std::map<std::string, std::uint64_t>;
  [[nodiscard]] const PublishedCrls& published() const { return published_; }
  void resume(PublishedCrls published) { published_ = std::move(published); }

  /// Of a good outcome: the key or CRL that it made, if any.
  Result<void> check_outcome(std::uint64_t index, const nlohmann::json& outcome);
  Result<void> check_ca(std::uint64_t index, const nlohmann::json& entry);
  /// The machine, what it says of its attributes, and the enrolment token that was made for it.
  Result<void> check_machine(std::uint64_t index, const nlohmann::json& entry);
  Result<void> check_log_keys(std::uint64_t index, const nlohmann::json& entry);
  Result<void> check_replacement(std::uint64_t index, const std::string& serial);
  /// What was, or may have been, signed for an enrolment token has used it up.
  Result<void> check_used(std::uint64_t index, const std::string& token_sha256);
  /// After the last entry.
  Result<void> finish();

 private:
  Result<void> check_key(std::uint64_t index, const nlohmann::json& outcome);
  Result<void> check_enrollment(std::uint64_t index, const nlohmann::json& entry);
  void check_attributes(std::uint64_t index, const nlohmann::json& entry, const MachineRecord& row);
  Result<void> check_crl_shards(std::uint64_t index, const nlohmann::json& entry);
  Result<void> check_crl(const CrlRecord& row);
  Result<void> check_renewal_request(const RenewalRequestRecord& row);
  Result<void> finish_keys();
  Result<void> finish_cas();
  Result<void> finish_machines();
  Result<void> finish_enrollments();
  Result<void> finish_crls();
  Result<void> finish_crl_shards();
  Result<void> finish_log_keys();
  Result<void> finish_renewal_requests();

  Result<std::optional<CaRecord>> find_ca(const std::string& name);
  Result<std::optional<EnrollmentRecord>> find_enrollment(const std::string& token_sha256);
  template <class Row, class Difference>
  void compare(std::uint64_t index, const std::string& what, const std::optional<Row>& row,
               const Difference& first_difference);
  template <class Condition>
  Result<void> expect_entry(std::uint64_t index, const std::string& what,
                            const Condition& makes_it);

  Store& store_;
  AuditFindings& findings_;
  const PrunedEntries& pruned_;
  PublishedCrls published_;
};

}  // namespace chancery
