#include "pkcs11/key_handles.h"

#include <mutex>

#include "core/public_key.h"

namespace chancery::keyholder {

TokenResult<KeyHandles::Known> KeyHandles::search(const Session& session, const KeyId& id) const {
  TOKEN_ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE private_key,
                         find_key(session, CKO_PRIVATE_KEY, id));
  TOKEN_ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE public_key, find_key(session, CKO_PUBLIC_KEY, id));
  TOKEN_ASSIGN_OR_RETURN(Bytes spki, read_spki(session, public_key));
  const auto key = PublicKey::from_spki(spki);
  if (!key) return token_failure(Status::refused, "the token's key is of no type that we use");
  return Known{{private_key, key->type()}, std::move(spki)};
}

TokenResult<KeyHandles::Entry> KeyHandles::find(const Session& session, const KeyId& id) {
  {
    const std::shared_lock lock(mutex_);
    const auto known = known_.find(id);
    if (known != known_.end()) return known->second.entry;
  }
  TOKEN_ASSIGN_OR_RETURN(Known found, search(session, id));
  const std::unique_lock lock(mutex_);
  return known_.insert_or_assign(id, std::move(found)).first->second.entry;
}

TokenResult<KeyHandles::Entry> KeyHandles::find_again(const Session& session, const KeyId& id) {
  TOKEN_ASSIGN_OR_RETURN(Known found, search(session, id));
  const std::unique_lock lock(mutex_);
  const auto known = known_.find(id);
  if (known != known_.end() && known->second.spki != found.spki) {
    return token_failure(Status::token_failed, "another key has the CKA_ID now");
  }
  return known_.insert_or_assign(id, std::move(found)).first->second.entry;
}

TokenResult<Bytes> KeyHandles::public_key(const Session& session, const KeyId& id) {
  TOKEN_RETURN_IF_ERROR(find_again(session, id));
  const std::shared_lock lock(mutex_);
  return known_.at(id).spki;
}

}  // namespace chancery::keyholder
