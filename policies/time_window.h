#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/time_zone.h"
#include "core/yaml.h"

namespace chancery {

class FieldPath;

/// Hours of some days of the week, as clocks of one zone show them.
struct TimeWindow {
  std::uint8_t days = 0;  ///< on which it begins: bit 0 Monday, bit 6 Sunday
  /// Minutes of the day; the window ends before `to`, on the next day where `to` <= `from`.
  unsigned from = 0, to = 0;
  TimeZone zone;

  [[nodiscard]] bool contains(Time time) const;
  /// "mon-fri 08:00-18:00 Europe/Zurich".
  [[nodiscard]] std::string text() const;
};

/// A list of {days: [mon, tue-fri], from: "08:00", to: "18:00", zone: "Europe/Zurich"}: without
/// days every day, without from 00:00, without to 24:00, without zone UTC.
Result<std::vector<TimeWindow>> read_time_windows(const YamlNode& node, const FieldPath& path);

}  // namespace chancery
