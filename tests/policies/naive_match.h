#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/machine.h"

// How the naive reading of a policy compares: by trying everything. Shares no code with policies/.
namespace chancery::naive_match {

using Texts = std::vector<std::string>;

/// '@', ' ' and 't' stand for the rules of email's local part, of common names, and of text.
struct Syntax {
  char separator;
  bool dns = false;
  [[nodiscard]] char split_at() const { return separator == '/' || separator == 't' ? '/' : '.'; }
};

bool in(const Texts& values, std::string_view value);
bool matches(std::string pattern, const std::string& value, const Machine& machine, Syntax syntax);
bool email_matches(const std::string& pattern, const std::string& value, const Machine& machine);
bool any_email(const Texts& patterns, const std::string& value, const Machine& machine);
bool any(const Texts& patterns, const std::string& value, const Machine& machine, Syntax syntax);
/// IPv4.
bool in_ranges(const Texts& ranges, const std::string& address);

/// Hours of some days by the clocks of a zone: in UTC (no zone), in Zurich by the rule of the
/// European Union, or in India.
struct Hours {
  Texts days;  ///< "mon"; none: every day
  int from = 0, to = 0;
  std::string zone;
};
bool in_hours(const Hours& hours, Time at);

}  // namespace chancery::naive_match
