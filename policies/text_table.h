#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chancery {

/// A hash table from text to numbers above zero, for tables of which a look-up finds nothing in the
/// processor's cache: open addressing in one array, the keys in another, so that a text costs about
/// two cache lines when it is there and one when it is not. std::unordered_map needs three to five.
class TextTable {
 public:
  TextTable() : slots_(kFewest) {}

  /// The number of `text`, or 0.
  [[nodiscard]] std::uint32_t find(std::string_view text) const;
  /// The number of `text`, 0 when it is new: set it before the next call.
  std::uint32_t& insert(std::string_view text);

 private:
  struct Slot {
    std::uint32_t tag = 0;  ///< of the hash, to tell texts apart without looking at them
    std::uint32_t length = 0;
    std::uint32_t offset = 0;  ///< in texts_
    std::uint32_t value = 0;   ///< 0: the slot is free
  };
  static constexpr std::size_t kFewest = 16;

  [[nodiscard]] std::size_t slot_of(std::string_view text, std::size_t hash) const;
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::string texts_;
  std::size_t count_ = 0;
};

}  // namespace chancery
