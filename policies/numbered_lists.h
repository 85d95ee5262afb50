#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/result.h"

namespace chancery {

/// Lists of items by number, in two arrays. Items of one number keep the order in which they came.
template <class Item>
class NumberedLists {
 public:
  void add(std::uint32_t number, Item item) { added_.emplace_back(number, std::move(item)); }

  /// Call once after the last add(); `last` is the highest number that of() is asked for.
  void finish(std::uint32_t last) {
    starts_.assign(std::size_t{last} + 2, 0);
    for (const auto& [number, item] : added_) ++starts_[number + 1];
    for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
    items_.resize(added_.size());
    std::vector<std::size_t> next(starts_);
    for (auto& [number, item] : added_) items_[next[number]++] = std::move(item);
    added_ = {};
  }

  [[nodiscard]] std::span<const Item> of(std::uint32_t number) const {
    return std::span(items_).subspan(starts_[number], starts_[number + 1] - starts_[number]);
  }

 private:
  std::vector<std::pair<std::uint32_t, Item>> added_;
  std::vector<Item> items_;
  std::vector<std::size_t> starts_;  // of a number's items; one more at the end
};

}  // namespace chancery
