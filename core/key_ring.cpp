#include "core/key_ring.h"

namespace chancery {
namespace {

constexpr std::size_t kPage = 1000;

}  // namespace

Result<std::unique_ptr<KeyRing>> KeyRing::load(Store& store) {
  auto ring = std::make_unique<KeyRing>();
  Page page{"", kPage};
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<KeyRecord> rows, store.keys(page));
    if (rows.empty()) return ring;
    for (const KeyRecord& row : rows) RETURN_IF_ERROR(ring->add(row));
    page.after = rows.back().name.text();
  }
}

Result<void> KeyRing::add(const KeyRecord& row) {
  auto public_key = PublicKey::from_spki(row.spki);
  if (!public_key || public_key->type() != row.type) {
    return fail(ErrorCode::internal, "the pinned public key of \"" + row.name.text() +
                                         "\" is damaged; restore the database");
  }
  add(Key{row.name, row.id, row.purpose, row.algorithms, row.creator, row.created_at,
          std::move(*public_key), row.message_class, row.context});
  return {};
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
