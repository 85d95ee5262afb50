#pragma once

#include <memory>

#include "core/bytes.h"

struct bignum_st;  // OpenSSL's BIGNUM

namespace chancery {

/// The number n of an RSA key, and what can be seen of bad factors without factoring it.
class RsaModulus {
 public:
  explicit RsaModulus(ByteView big_endian);
  ~RsaModulus();

  [[nodiscard]] unsigned bits() const;

  /// The smallest prime below 2,048 that divides it, or 0.
  [[nodiscard]] unsigned small_factor() const;

  /// Whether it looks like a product of two primes of Infineon's RSALib, which have the form
  /// k*M + (65537^a mod M), M being a product of small primes: then n is a power of 65537 modulo
  /// each of them (Nemec et al., "The Return of Coppersmith's Attack", section 2.1). A modulus of
  /// another origin does so with a probability below 2^-27.
  [[nodiscard]] bool has_roca_fingerprint() const;

  /// Whether Fermat's method factors it in 100 steps, p and q being close together
  /// (CVE-2022-26320).
  [[nodiscard]] bool has_close_factors() const;

 private:
  struct Free {
    void operator()(bignum_st* number) const;
  };
  std::unique_ptr<bignum_st, Free> n_;
};

}  // namespace chancery
