#include "policies/text_table.h"

#include <functional>
#include <limits>

#include "core/result.h"

namespace chancery {
namespace {

std::size_t hash_of(std::string_view text) {
  return std::hash<std::string_view>{}(text);
}

/// The half of the hash that does not choose the slot of any table that fits into memory.
std::uint32_t tag_of(std::size_t hash) {
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

/// The slot that holds `text`, or the free one where it belongs.
std::size_t TextTable::slot_of(std::string_view text, std::size_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.value == 0) return at;
    if (slot.tag != tag_of(hash) || slot.length != text.size()) continue;
    if (std::string_view(texts_).substr(slot.offset, slot.length) == text) return at;
  }
}

std::uint32_t TextTable::find(std::string_view text) const {
  return slots_[slot_of(text, hash_of(text))].value;
}

std::uint32_t& TextTable::insert(std::string_view text) {
  if (count_ * 2 >= slots_.size()) grow();
  const std::size_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(text, hash)];
  if (slot.value != 0) return slot.value;
  // limits::policy_bytes keeps the texts of a policy far below this.
  CHECK(texts_.size() + text.size() <= std::numeric_limits<std::uint32_t>::max());
  slot.tag = tag_of(hash);
  slot.length = static_cast<std::uint32_t>(text.size());
  slot.offset = static_cast<std::uint32_t>(texts_.size());
  texts_ += text;
  ++count_;
  return slot.value;
}

void TextTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.value == 0) continue;
    const auto text = std::string_view(texts_).substr(slot.offset, slot.length);
    slots_[slot_of(text, hash_of(text))] = slot;
  }
}

}  // namespace chancery
