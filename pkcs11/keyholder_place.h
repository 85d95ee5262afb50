#pragma once

#include "pkcs11/keyholder_pool.h"

namespace chancery {

/// Where one keyholder at a time serves.
struct KeyholderPool::Place {
  unsigned number = 0;
  std::unique_ptr<keyholder::Keyholder> keyholder;  // none before the first start and between two
  std::vector<keyholder::Lane*> free;               // the last one used is taken first: it is warm
  unsigned loaned = 0;
  bool broken = false;  // killed; is retired once its lanes are back
  bool had_one = false;
  std::string problem = "not started";
  Clock::time_point last_start{}, next_start{};
  std::chrono::milliseconds delay{};

  [[nodiscard]] bool serving() const { return keyholder && !broken; }
};

}  // namespace chancery
