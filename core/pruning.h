#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/identifier.h"

namespace chancery {

/// How long what is in the log stays there at least (config.yaml's log.retention).
struct Retention {
  Seconds certificates{};  ///< a certificate's entries and row, after its end
  Seconds other{};         ///< every entry, after its time
};

/// Entries first … last of the log.
struct EntryRange {
  std::uint64_t first = 0, last = 0;
  bool operator==(const EntryRange&) const = default;
};

/// An entry with its index in the log.
struct NumberedEntry {
  std::uint64_t index = 0;
  std::string text;
};

/// A removal of entries and rows, by the entry that records it: kind log, event "pruned"
/// (docs/audit-format.md). What goes stands in the table of ranges until it is gone.
struct PruningRecord {
  std::uint64_t minimum = 0;  ///< below it entries may be gone; bundles of entries are not served
  std::uint64_t entries = 0;  ///< how many it removes
  std::uint64_t certificates = 0, revocations = 0;  ///< rows that go with them
  std::uint64_t entry = 0;                          ///< filled in by the store
  bool done = false;                                ///< all of it is gone
};

/// What could go as far as its row says.
struct PrunableCertificate {
  std::uint64_t number = 0;
  Serial serial;
  bool revoked = false;
  /// The certificate that it renews, where that one's row says so: it goes only with it.
  std::optional<Serial> renews = {};
};

/// Adds to what a pruning will remove; from then on those certificates do not change.
struct PlanPruning {
  std::vector<EntryRange> ranges;
};
/// Forgets a part of a plan that nothing has come of; of a recorded one nothing.
struct DropPruningPlan {};
/// Takes out requests that have expired by then, a few at a time.
struct RemoveExpiredRequests {
  Time at;
};
/// Takes out the first ranges, of the last of them perhaps a part, and the rows of the certificates
/// whose intents are among them. The pruning is done with its last range.
struct RemoveEntries {
  std::vector<EntryRange> ranges;
  std::vector<Serial> serials;
};
using PruningStep =
    std::variant<PlanPruning, DropPruningPlan, RemoveExpiredRequests, RemoveEntries>;

}  // namespace chancery
