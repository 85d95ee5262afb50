#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace chancery {

/// In the unit of the samples.
struct Percentiles {
  std::uint64_t p50, p99;
};

/// At least one sample.
inline Percentiles percentiles(std::vector<std::uint64_t> samples) {
  std::sort(samples.begin(), samples.end());
  return {samples[samples.size() / 2], samples[samples.size() * 99 / 100]};
}

}  // namespace chancery
