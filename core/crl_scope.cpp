#include "core/crl_scope.h"

#include <charconv>

#include "core/limits.h"

namespace chancery {
namespace {

/// A decimal number in its only form; false for any other text.
bool read_number(std::string_view text, unsigned& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() &&
         (text[0] != '0' || text.size() == 1);
}

}  // namespace

std::string CrlScope::name() const {
  if (delta) return "delta";
  return is_shard() ? std::to_string(shards) + "/" + std::to_string(shard) : "all";
}

Result<CrlScope> CrlScope::parse(std::string_view name) {
  if (name == "all") return all();
  if (name == "delta") return delta_of_all();
  CrlScope scope;
  const std::size_t slash = name.find('/');
  if (slash != name.npos && read_number(name.substr(0, slash), scope.shards) &&
      read_number(name.substr(slash + 1), scope.shard) && scope.is_shard() &&
      scope.shards <= limits::crl_shards && scope.shard < scope.shards) {
    return scope;
  }
  return invalid("crl", "there is no list \"" + std::string(name) + "\"");
}

std::string CrlScope::path(const std::string& ca) const {
  return ca + (*this == all() ? "" : "/" + name()) + ".crl";
}

}  // namespace chancery
