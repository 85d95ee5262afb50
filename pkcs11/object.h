#pragma once

#include <optional>

#include "core/identifier.h"
#include "pkcs11/session.h"

namespace chancery::keyholder {

/// Handles of the token's key objects of this class (CKO_PRIVATE_KEY or CKO_PUBLIC_KEY) with
/// CKA_ID = id; at most three of them, since more than one is wrong already. Searches the token.
TokenResult<std::vector<CK_OBJECT_HANDLE>> find_keys(const Session& session,
                                                     CK_OBJECT_CLASS object_class, const KeyId& id);

/// The one object; none or several are not_found.
TokenResult<CK_OBJECT_HANDLE> find_key(const Session& session, CK_OBJECT_CLASS object_class,
                                       const KeyId& id);

/// An attribute's value, at most 4 kB.
TokenResult<Bytes> read_attribute(const Session& session, CK_OBJECT_HANDLE object,
                                  CK_ATTRIBUTE_TYPE type);
TokenResult<CK_ULONG> read_number(const Session& session, CK_OBJECT_HANDLE object,
                                  CK_ATTRIBUTE_TYPE type);
TokenResult<bool> read_flag(const Session& session, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE_TYPE type);

/// The DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of a public key object. refused when the
/// key is of a kind that Chancery does not know.
TokenResult<Bytes> read_spki(const Session& session, CK_OBJECT_HANDLE public_key);

}  // namespace chancery::keyholder
