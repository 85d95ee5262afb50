#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"

namespace chancery {

/// What clocks show in a part of the world, by the IANA time zone database of this system. The
/// zone is read once, as a whole: asking it needs no file.
class TimeZone {
 public:
  /// A change of the clocks: from `begin` on they are `offset` ahead of UTC.
  struct Change {
    Time begin;
    Seconds offset;
  };

  TimeZone();  ///< UTC
  /// "Europe/Zurich", or "UTC". invalid_request for a zone that there is not, with a suggestion;
  /// internal where this system has no database.
  static Result<TimeZone> locate(std::string_view name);

  [[nodiscard]] Seconds offset_at(Time time) const;
  [[nodiscard]] const std::string& name() const;
  /// In the order of their times; the first one has no beginning, and the last no end.
  [[nodiscard]] const std::vector<Change>& changes() const;

 private:
  struct Clocks {
    std::string name;
    std::vector<Change> changes;
  };
  explicit TimeZone(std::shared_ptr<const Clocks> clocks) : clocks_(std::move(clocks)) {}
  std::shared_ptr<const Clocks> clocks_;
};

}  // namespace chancery
