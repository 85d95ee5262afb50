#pragma once

#include <initializer_list>

#include "core/bytes.h"

/// As much of DER (X.690) as public keys and ECDSA signatures need.
namespace chancery::der {

Bytes sequence(std::initializer_list<ByteView> elements);
/// INTEGER from an unsigned big-endian number of any length, also with leading zeros.
Bytes unsigned_integer(ByteView big_endian);
/// BIT STRING without unused bits.
Bytes bit_string(ByteView octets);
/// The content of the one OCTET STRING that `der` is; invalid_request when it is anything else.
Result<ByteView> octet_string_content(ByteView der);

/// Ecdsa-Sig-Value (RFC 3279 section 2.2.3) from PKCS#11's r and s, each half of `raw`
/// (PKCS#11 v2.40 section 2.3.1). invalid_request when `raw` is empty, odd, or over P-521's.
Result<Bytes> ecdsa_signature(ByteView raw);

}  // namespace chancery::der
