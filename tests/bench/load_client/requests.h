#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "tests/bench/load_client/options.h"

namespace chancery::load {

/// The requests to send, in turn: one text for each body, with {n} in its head replaced by the
/// number of the request.
class Requests {
 public:
  /// Reads the bodies. invalid_request with the file that cannot be read.
  static Result<Requests> create(const Target& target, const Options& options);

  /// The next request, head and body; good until the next call.
  const std::string& next();
  [[nodiscard]] bool head() const { return head_; }

 private:
  Requests() = default;
  std::vector<std::string> texts_;
  std::string numbered_;
  bool has_number_ = false;
  bool head_ = false;
  std::uint64_t count_ = 0;
};

}  // namespace chancery::load
