#pragma once

#include <map>
#include <shared_mutex>

#include "pkcs11/object.h"

namespace chancery::keyholder {

/// Handles of the private keys that this process has used, so that nothing searches the token for
/// each signature. Object handles are valid in every session of the process. Safe from many
/// threads.
class KeyHandles {
 public:
  struct Entry {
    CK_OBJECT_HANDLE private_key;
    KeyType type;
  };

  /// The key with this CKA_ID; searches the token the first time. Exactly one private and one
  /// public key must carry the id, else not_found.
  TokenResult<Entry> find(const Session& session, const KeyId& id);

  /// Searches the token once more, after a handle went stale. token_failed when the key now found
  /// has another public key than before.
  TokenResult<Entry> find_again(const Session& session, const KeyId& id);

  /// The DER SubjectPublicKeyInfo of the key, as the token holds it now.
  TokenResult<Bytes> public_key(const Session& session, const KeyId& id);

 private:
  struct Known {
    Entry entry;
    Bytes spki;
  };
  TokenResult<Known> search(const Session& session, const KeyId& id) const;

  std::shared_mutex mutex_;
  std::map<KeyId, Known> known_;
};

}  // namespace chancery::keyholder
