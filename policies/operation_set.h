#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "core/operation.h"

namespace chancery {

/// A set of operations, as bits.
class OperationSet {
 public:
  constexpr OperationSet() = default;
  constexpr OperationSet(std::initializer_list<Operation> operations) {
    for (Operation operation : operations) add(operation);
  }
  static constexpr OperationSet everything() {
    OperationSet all;
    all.bits_ = ~std::uint32_t{0};
    return all;
  }
  constexpr void add(Operation operation) { bits_ |= bit(operation); }
  [[nodiscard]] constexpr bool has(Operation operation) const { return bits_ & bit(operation); }
  [[nodiscard]] constexpr bool meets(OperationSet other) const { return bits_ & other.bits_; }
  [[nodiscard]] constexpr OperationSet only(OperationSet other) const {
    OperationSet both;
    both.bits_ = bits_ & other.bits_;
    return both;
  }
  [[nodiscard]] constexpr OperationSet without(OperationSet other) const {
    OperationSet rest;
    rest.bits_ = bits_ & ~other.bits_;
    return rest;
  }

  /// "certificate.issue, certificate.renew".
  [[nodiscard]] std::string text() const {
    std::string names;
    for (Operation operation : operations()) {
      if (has(operation)) names += (names.empty() ? "" : ", ") + std::string(name_of(operation));
    }
    return names;
  }

 private:
  static constexpr std::uint32_t bit(Operation operation) {
    return std::uint32_t{1} << static_cast<unsigned>(operation);
  }
  std::uint32_t bits_ = 0;
};

}  // namespace chancery
