#include "pkcs11/object.h"

#include <array>

#include "pkcs11/der.h"

namespace chancery::keyholder {
namespace {

template <class T>
CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, T& value) {
  return {type, &value, sizeof value};
}

// AlgorithmIdentifiers without their parameters (RFC 3279 section 2.3, RFC 8410 section 3).
constexpr std::uint8_t rsa_encryption[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                           0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr std::uint8_t ec_public_key_oid[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
constexpr std::uint8_t ed25519_identifier[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

TokenResult<Bytes> rsa_spki(const Session& session, CK_OBJECT_HANDLE key) {
  TOKEN_ASSIGN_OR_RETURN(const Bytes modulus, read_attribute(session, key, CKA_MODULUS));
  TOKEN_ASSIGN_OR_RETURN(const Bytes exponent, read_attribute(session, key, CKA_PUBLIC_EXPONENT));
  const Bytes rsa_public_key =
      der::sequence({der::unsigned_integer(modulus), der::unsigned_integer(exponent)});
  return der::sequence({rsa_encryption, der::bit_string(rsa_public_key)});
}

TokenResult<Bytes> read_point(const Session& session, CK_OBJECT_HANDLE key) {
  TOKEN_ASSIGN_OR_RETURN(const Bytes value, read_attribute(session, key, CKA_EC_POINT));
  const auto point = der::octet_string_content(value);
  if (!point) return token_failure(Status::token_failed, "CKA_EC_POINT is not an OCTET STRING");
  return copy_of(*point);
}

TokenResult<Bytes> ec_spki(const Session& session, CK_OBJECT_HANDLE key) {
  TOKEN_ASSIGN_OR_RETURN(const Bytes curve, read_attribute(session, key, CKA_EC_PARAMS));
  TOKEN_ASSIGN_OR_RETURN(const Bytes point, read_point(session, key));
  return der::sequence({der::sequence({ec_public_key_oid, curve}), der::bit_string(point)});
}

TokenResult<Bytes> edwards_spki(const Session& session, CK_OBJECT_HANDLE key) {
  TOKEN_ASSIGN_OR_RETURN(const Bytes point, read_point(session, key));
  if (point.size() != 32) return token_failure(Status::refused, "an Edwards key, not Ed25519");
  return der::sequence({ed25519_identifier, der::bit_string(point)});
}

}  // namespace

TokenResult<std::vector<CK_OBJECT_HANDLE>> find_keys(const Session& session,
                                                     CK_OBJECT_CLASS object_class,
                                                     const KeyId& id) {
  std::array<std::uint8_t, 16> id_bytes = id.bytes;
  CK_BBOOL yes = CK_TRUE;
  std::array<CK_ATTRIBUTE, 3> wanted = {attribute_of(CKA_CLASS, object_class),
                                        attribute_of(CKA_TOKEN, yes),
                                        {CKA_ID, id_bytes.data(), id_bytes.size()}};
  const Functions& p11 = session.functions();
  CK_RV value = p11.C_FindObjectsInit(session.handle(), wanted.data(), wanted.size());
  if (value != CKR_OK) return failed_call("C_FindObjectsInit", value);
  std::vector<CK_OBJECT_HANDLE> found(3);
  CK_ULONG count = 0;
  value = p11.C_FindObjects(session.handle(), found.data(), found.size(), &count);
  const CK_RV end_value = p11.C_FindObjectsFinal(session.handle());
  if (value != CKR_OK) return failed_call("C_FindObjects", value);
  if (end_value != CKR_OK) return failed_call("C_FindObjectsFinal", end_value);
  found.resize(count);
  return found;
}

TokenResult<CK_OBJECT_HANDLE> find_key(const Session& session, CK_OBJECT_CLASS object_class,
                                       const KeyId& id) {
  TOKEN_ASSIGN_OR_RETURN(const auto found, find_keys(session, object_class, id));
  if (found.size() == 1) return found[0];
  const std::string what = object_class == CKO_PRIVATE_KEY ? "private" : "public";
  return token_failure(Status::not_found, (found.empty() ? "no " : "more than one ") + what +
                                              " key with CKA_ID " + to_hex(id.bytes));
}

TokenResult<Bytes> read_attribute(const Session& session, CK_OBJECT_HANDLE object,
                                  CK_ATTRIBUTE_TYPE type) {
  Bytes value(4096);
  CK_ATTRIBUTE attribute{type, value.data(), value.size()};
  const CK_RV result =
      session.functions().C_GetAttributeValue(session.handle(), object, &attribute, 1);
  if (result != CKR_OK) return failed_call("C_GetAttributeValue", result);
  if (attribute.ulValueLen > value.size()) {
    return token_failure(Status::token_failed, "an attribute without a value");
  }
  value.resize(attribute.ulValueLen);
  return value;
}

TokenResult<CK_ULONG> read_number(const Session& session, CK_OBJECT_HANDLE object,
                                  CK_ATTRIBUTE_TYPE type) {
  CK_ULONG number = 0;
  CK_ATTRIBUTE attribute = attribute_of(type, number);
  const CK_RV result =
      session.functions().C_GetAttributeValue(session.handle(), object, &attribute, 1);
  if (result != CKR_OK) return failed_call("C_GetAttributeValue", result);
  if (attribute.ulValueLen != sizeof number) {
    return token_failure(Status::token_failed, "an attribute is not a CK_ULONG");
  }
  return number;
}

TokenResult<bool> read_flag(const Session& session, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE_TYPE type) {
  TOKEN_ASSIGN_OR_RETURN(const Bytes value, read_attribute(session, object, type));
  if (value.size() != 1 || value[0] > CK_TRUE) {
    return token_failure(Status::token_failed, "an attribute is not a CK_BBOOL");
  }
  return value[0] == CK_TRUE;
}

TokenResult<Bytes> read_spki(const Session& session, CK_OBJECT_HANDLE public_key) {
  TOKEN_ASSIGN_OR_RETURN(const CK_ULONG key_type, read_number(session, public_key, CKA_KEY_TYPE));
  switch (key_type) {
    case CKK_RSA:
      return rsa_spki(session, public_key);
    case CKK_EC:
      return ec_spki(session, public_key);
    case CKK_EC_EDWARDS:
      return edwards_spki(session, public_key);
    default:  // not an enum: any other number is a kind of key that we do not use
      return token_failure(Status::refused, "CKA_KEY_TYPE is " + std::to_string(key_type));
  }
}

}  // namespace chancery::keyholder
