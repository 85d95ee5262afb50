#pragma once

#include <compare>
#include <string>

#include "core/result.h"

namespace chancery {

/// Of which of a CA's certificates a CRL speaks. A certificate names the list of the shard that its
/// serial falls into, of as many shards as its CA had when it was issued: more shards later change
/// nothing for it.
struct CrlScope {
  unsigned shards = 1;  ///< 1: all of the CA's certificates, whatever they name
  unsigned shard = 0;   ///< below `shards`
  bool delta = false;   ///< what has changed since the last list of all certificates

  static CrlScope all() { return {}; }
  static CrlScope delta_of_all() { return {1, 0, true}; }
  static CrlScope of_shard(unsigned shards, unsigned shard) { return {shards, shard, false}; }

  [[nodiscard]] bool is_shard() const { return shards > 1; }
  /// "all", "delta", "64/3": how the log and the database call it.
  [[nodiscard]] std::string name() const;
  /// Reads name(). invalid_request (field "crl").
  static Result<CrlScope> parse(std::string_view name);
  /// Behind "/crl/": "CA.crl", "CA/delta.crl", "CA/64/3.crl".
  [[nodiscard]] std::string path(const std::string& ca) const;
  auto operator<=>(const CrlScope&) const = default;
};

}  // namespace chancery
