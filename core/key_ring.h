#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "core/key.h"
#include "core/store.h"

namespace chancery {

/// The keys this service knows, by name, with their pinned public keys. Keys are added and never
/// removed, so a `const Key*` stays good as long as the ring.
class KeyRing {
 public:
  /// Reads every key from the store.
  static Result<std::unique_ptr<KeyRing>> load(Store& store);

  /// not_found with the name.
  Result<const Key*> find(const KeyName& name) const;
  [[nodiscard]] std::vector<const Key*> all() const;
  const Key& add(Key key);

 private:
  Result<void> add(const KeyRecord& row);

  mutable std::shared_mutex mutex_;
  std::map<KeyName, std::unique_ptr<const Key>> keys_;
};

}  // namespace chancery
