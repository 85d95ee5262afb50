#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace chancery::load {

/// Counts durations in microseconds, in buckets less than 1 % wide, from 0 to about an hour.
class Histogram {
 public:
  void add(std::chrono::microseconds duration) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
    ++buckets_[std::min(bucket_of(value), buckets_.size() - 1)];
    ++count_;
    sum_ += value;
    max_ = std::max(max_, value);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }
  /// The duration that `fraction` (0 to 1) of all do not exceed, but for the bucket's width.
  [[nodiscard]] std::uint64_t quantile(double fraction) const {
    const auto rank = static_cast<std::uint64_t>(fraction * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
      seen += buckets_[bucket];
      if (seen > rank) return std::min(upper_end(bucket), max_);
    }
    return max_;
  }

 private:
  // Below 2^precision each value has a bucket; above, each power of two has 2^precision of them.
  static constexpr unsigned precision = 7;
  static constexpr std::size_t steps = std::size_t{1} << precision;

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < steps) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - precision;
    return (shift + 1) * steps + ((value >> shift) - steps);
  }
  static std::uint64_t upper_end(std::size_t bucket) {
    if (bucket < steps) return bucket;
    const std::size_t shift = bucket / steps - 1;
    return ((bucket % steps + steps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, steps * 26> buckets_{};
  std::uint64_t count_ = 0, sum_ = 0, max_ = 0;
};

}  // namespace chancery::load
