#include "core/key_ring.h"

namespace chancery {

Result<std::unique_ptr<KeyRing>> KeyRing::load(Store& store) {
  ASSIGN_OR_RETURN(std::vector<KeyRecord> rows, store.keys());
  auto ring = std::make_unique<KeyRing>();
  for (KeyRecord& row : rows) {
    auto public_key = PublicKey::from_spki(row.spki);
    if (!public_key || public_key->type() != row.type) {
      return fail(ErrorCode::internal, "the pinned public key of \"" + row.name.text() +
                                           "\" is damaged; restore the database");
    }
    ring->add(Key{row.name, row.id, row.purpose, row.algorithms, row.creator, row.created_at,
                  std::move(*public_key)});
  }
  return ring;
}

Result<const Key*> KeyRing::find(const KeyName& name) const {
  const std::shared_lock lock(mutex_);
  const auto found = keys_.find(name);
  if (found == keys_.end()) {
    return fail(ErrorCode::not_found, "there is no key \"" + name.text() + "\"", "key");
  }
  return found->second.get();
}

std::vector<const Key*> KeyRing::all() const {
  const std::shared_lock lock(mutex_);
  std::vector<const Key*> keys;
  for (const auto& [name, key] : keys_) keys.push_back(key.get());
  return keys;
}

const Key& KeyRing::add(Key key) {
  const std::unique_lock lock(mutex_);
  auto [place, added] = keys_.try_emplace(key.name);
  CHECK(added);  // the store refuses a second key of the same name
  place->second = std::make_unique<const Key>(std::move(key));
  return *place->second;
}

}  // namespace chancery
