#pragma once

#include <memory>

#include "core/algorithm.h"
#include "core/bytes.h"

namespace chancery {

/// The digest of what comes piece by piece.
class DigestStream {
 public:
  explicit DigestStream(DigestAlgorithm algorithm);
  DigestStream(DigestStream&&) noexcept;
  DigestStream& operator=(DigestStream&&) noexcept;
  ~DigestStream();

  void add(ByteView piece);
  /// Of all that was added; once.
  Bytes finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery
