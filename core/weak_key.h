#pragma once

#include <set>
#include <string>

#include "core/public_key.h"

namespace chancery {

/// SHA-256 of SubjectPublicKeyInfos known to be compromised.
class BlockedKeys {
 public:
  /// A text file: one lower-case hexadecimal SHA-256 a line, # comments. Errors name the line.
  static Result<BlockedKeys> load(const std::string& path);
  [[nodiscard]] bool contains(const Bytes& spki_sha256) const {
    return hashes_.contains(spki_sha256);
  }
  void add(Bytes spki_sha256) { hashes_.insert(std::move(spki_sha256)); }

 private:
  std::set<Bytes> hashes_;
};

/// The RSA keys that Debian's OpenSSL made from 2006 to 2008 (CVE-2008-0166), by the lists of the
/// package openssl-blacklist: files blacklist.RSA-BITS, a line the last 20 hexadecimal digits of
/// the SHA-1 of `openssl rsa -modulus`, # comments.
class DebianWeakKeys {
 public:
  /// Lists that are absent are empty. internal when one cannot be read; the error names the line.
  static Result<DebianWeakKeys> load(const std::string& directory);
  [[nodiscard]] bool contains(const PublicKey& key) const;

 private:
  std::set<std::string> hashes_;
};

/// invalid_request (field "public_key") that names the weakness: RSA exponent at most 65536 or
/// even, a modulus with a small factor, ROCA's fingerprint (CVE-2017-15361), p and q close together
/// (Fermat), one of `debian`'s; an Ed25519 point of small order. EC points are on their curve and
/// not at infinity since PublicKey::from_spki().
Result<void> check_strength(const PublicKey& key, const DebianWeakKeys& debian);
/// With the lists in /usr/share/openssl-blacklist, which are read at the first call.
Result<void> check_strength(const PublicKey& key);

}  // namespace chancery
