#pragma once

#include <memory>

#include "core/algorithm.h"

namespace chancery {

/// A software key of an issuer's key type. What it signs is linted and thrown away: no certificate
/// verifies with it. Safe to use from many threads.
class RehearsalKey {
 public:
  /// RSA keys are slow to make and shared by all issuers of their type in this process.
  static Result<RehearsalKey> create(KeyType type);
  RehearsalKey(RehearsalKey&&) noexcept;
  RehearsalKey& operator=(RehearsalKey&&) noexcept;
  ~RehearsalKey();

  /// By the type's default algorithm, in X.509's form.
  [[nodiscard]] Result<Bytes> sign(ByteView message) const;

 private:
  struct State;
  explicit RehearsalKey(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;  // shared between issuers: RSA
};

}  // namespace chancery
