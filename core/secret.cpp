#include "core/secret.h"

#include <openssl/crypto.h>

namespace chancery {

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  // A short string lives inside the object, so a plain move would leave the bytes behind.
  value_ = other.value_;
  other.wipe();
  return *this;
}

void Secret::wipe() {
  // The capacity too: an earlier, longer value may have left its tail there.
  value_.resize(value_.capacity());
  OPENSSL_cleanse(value_.data(), value_.size());
  value_.clear();
}

}  // namespace chancery
