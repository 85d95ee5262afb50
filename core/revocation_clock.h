#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/crl_publisher.h"
#include "core/instance.h"

namespace chancery {

/// The clock of each revocation: from when it was asked for, or its reason was reported, to when
/// everybody can see it. What has
/// waited for longer than `incidents.alarm_after` is overdue: a revocation that a list lacks, or an
/// incident that has not ended, whoever it waits for. That it begins and that it ends is one entry
/// (`alarm`) and one line for the operator each.
class RevocationClock {
 public:
  RevocationClock(Instance& instance, const CrlPublisher& crls,
                  std::function<void(const std::string&)> tell)
      : instance_(instance), crls_(crls), tell_(std::move(tell)) {}

  /// From one thread, each few seconds.
  void look();

  /// Since the first revocation that is durable and not published; zero where all are.
  [[nodiscard]] double oldest_unpublished_seconds() const;
  /// Since the first open incident was opened; zero where none is.
  [[nodiscard]] double oldest_incident_seconds() const;
  [[nodiscard]] bool overdue() const;

 private:
  Result<std::string> find_overdue(Time at);
  [[nodiscard]] Result<std::vector<IncidentRecord>> open_incidents() const;
  /// When the clock of an open incident began, and which one's did first.
  Result<Time> began(const IncidentRecord& incident);
  Result<const IncidentRecord*> first_of(const std::vector<IncidentRecord>& open);
  void record(const std::string& reason);

  Instance& instance_;
  const CrlPublisher& crls_;
  const std::function<void(const std::string&)> tell_;
  bool recorded_ = false;                ///< as overdue
  std::map<std::uint64_t, Time> begun_;  ///< of open incidents, by their entries
  mutable std::mutex mutex_;
  std::optional<Time> oldest_, oldest_incident_;
  bool overdue_ = false;
};

/// When somebody was told of the reason, as the entry `entry` says that asked for a revocation.
Result<std::optional<Time>> reported_in(Store& store, std::uint64_t entry);

/// When the list was published that first carried what the entry `entry` revoked, from the log:
/// nothing where that is not among the next limits::publication_scan entries.
Result<std::optional<Time>> publication_in_log(Store& store, const CaName& ca,
                                               const CrlScope& scope, std::uint64_t entry);

/// When everybody could see a revocation: its certificate's list and that of all carry it. OCSP
/// answers from the inventory itself.
Result<CrlPublisher::Publication> publication_of(Store& store, const CrlPublisher& crls,
                                                 const Revocation& revocation);

}  // namespace chancery
