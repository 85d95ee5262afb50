#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/result.h"
#include "tests/bench/load_client/histogram.h"
#include "tests/bench/load_client/options.h"

namespace chancery::load {

/// What a run saw. Warm-up answers are in none of the counts but `errors` and `unexpected`.
struct Report {
  Histogram latency;
  std::map<int, std::uint64_t> statuses;
  std::map<std::string, std::uint64_t> errors;  ///< by reason: connections and requests that failed
  std::uint64_t unexpected = 0;                 ///< answers with a status that was not expected
  std::string first_unexpected;                 ///< what the first of them said
  double seconds = 0;                           ///< from the first request to the last answer
  double cpu_seconds = 0;                       ///< of this client, in that time

  [[nodiscard]] bool good() const {
    return latency.count() > 0 && unexpected == 0 && errors.empty();
  }
};

/// Connects all clients, then keeps each busy until time or requests are used up, then waits for
/// the answers under way. invalid_request where options cannot be used; what the server does wrong
/// is in the report.
Result<Report> run_load(const Options& options);

}  // namespace chancery::load
