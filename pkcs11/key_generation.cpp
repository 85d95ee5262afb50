#include "pkcs11/key_generation.h"

#include <array>

#include "pkcs11/mechanism.h"

namespace chancery::keyholder {
namespace {

/// A template for C_GenerateKeyPair that owns the values its attributes point to.
class Template {
 public:
  void add_flag(CK_ATTRIBUTE_TYPE type, bool value) {
    static CK_BBOOL yes = CK_TRUE;
    static CK_BBOOL no = CK_FALSE;
    attributes_.push_back({type, value ? &yes : &no, sizeof(CK_BBOOL)});
  }
  template <class Value>
  void add_reference(CK_ATTRIBUTE_TYPE type, Value& value) {
    attributes_.push_back({type, &value, sizeof value});
  }
  // Cryptoki's types know no const; templates are only read (PKCS#11 v2.40 section 5.13).
  void add_bytes(CK_ATTRIBUTE_TYPE type, ByteView value) {
    attributes_.push_back({type, const_cast<std::uint8_t*>(value.data()), value.size()});
  }
  [[nodiscard]] CK_ATTRIBUTE* data() { return attributes_.data(); }
  [[nodiscard]] CK_ULONG size() const { return attributes_.size(); }

 private:
  std::vector<CK_ATTRIBUTE> attributes_;
};

struct Flag {
  CK_ATTRIBUTE_TYPE type;
  const char* name;
  bool value;
  enum class Origin { requested, set_by_token } origin;
};

/// What a private key must be. `requested` go into the template; all are read back.
constexpr Flag private_key_flags[] = {
    {CKA_TOKEN, "CKA_TOKEN", true, Flag::Origin::requested},
    {CKA_PRIVATE, "CKA_PRIVATE", true, Flag::Origin::requested},
    {CKA_SENSITIVE, "CKA_SENSITIVE", true, Flag::Origin::requested},
    {CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false, Flag::Origin::requested},
    {CKA_SIGN, "CKA_SIGN", true, Flag::Origin::requested},
    {CKA_DECRYPT, "CKA_DECRYPT", false, Flag::Origin::requested},
    {CKA_UNWRAP, "CKA_UNWRAP", false, Flag::Origin::requested},
    {CKA_DERIVE, "CKA_DERIVE", false, Flag::Origin::requested},
    {CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE", true, Flag::Origin::set_by_token},
    {CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", true, Flag::Origin::set_by_token},
    {CKA_LOCAL, "CKA_LOCAL", true, Flag::Origin::set_by_token},
};

/// The name of the first attribute that is not as it must be; empty when all are.
TokenResult<std::string> find_wrong_attribute(const Session& session, const KeyPair& pair,
                                              const KeyId& id) {
  for (const Flag& flag : private_key_flags) {
    TOKEN_ASSIGN_OR_RETURN(const bool value, read_flag(session, pair.private_key, flag.type));
    if (value != flag.value) return std::string(flag.name);
  }
  for (const CK_OBJECT_HANDLE half : {pair.private_key, pair.public_key}) {
    TOKEN_ASSIGN_OR_RETURN(const Bytes held, read_attribute(session, half, CKA_ID));
    if (held != copy_of(id.bytes)) return std::string("CKA_ID");
  }
  return std::string();
}

TokenResult<KeyPair> call_generate(const Session& session, const KeyMechanism& mechanism,
                                   const KeyId& id, std::string_view label) {
  Template public_template;
  public_template.add_flag(CKA_TOKEN, true);
  public_template.add_flag(CKA_PRIVATE, false);
  public_template.add_flag(CKA_VERIFY, true);
  public_template.add_flag(CKA_ENCRYPT, false);
  public_template.add_flag(CKA_WRAP, false);
  public_template.add_bytes(CKA_ID, id.bytes);
  public_template.add_bytes(CKA_LABEL, bytes_of(label));
  CK_ULONG modulus_bits = mechanism.modulus_bits;
  static constexpr std::array<std::uint8_t, 3> exponent_65537 = {1, 0, 1};
  if (mechanism.key_type == CKK_RSA) {
    public_template.add_reference(CKA_MODULUS_BITS, modulus_bits);
    public_template.add_bytes(CKA_PUBLIC_EXPONENT, exponent_65537);
  } else {
    public_template.add_bytes(CKA_EC_PARAMS, mechanism.curve);
  }

  Template private_template;
  for (const Flag& flag : private_key_flags) {
    if (flag.origin == Flag::Origin::requested) private_template.add_flag(flag.type, flag.value);
  }
  private_template.add_bytes(CKA_ID, id.bytes);
  private_template.add_bytes(CKA_LABEL, bytes_of(label));

  CK_MECHANISM call_mechanism{mechanism.generation, nullptr, 0};
  KeyPair pair;
  const CK_RV value = session.functions().C_GenerateKeyPair(
      session.handle(), &call_mechanism, public_template.data(), public_template.size(),
      private_template.data(), private_template.size(), &pair.public_key, &pair.private_key);
  if (value != CKR_OK) return failed_call("C_GenerateKeyPair", value);
  return pair;
}

}  // namespace

TokenResult<KeyPair> generate_key_pair(const Session& session, KeyType type, const KeyId& id,
                                       std::string_view label) {
  for (const CK_OBJECT_CLASS half : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    TOKEN_ASSIGN_OR_RETURN(const auto taken, find_keys(session, half, id));
    if (!taken.empty()) return token_failure(Status::conflict, "the CKA_ID is taken");
  }
  TOKEN_ASSIGN_OR_RETURN(const KeyPair pair,
                         call_generate(session, mechanism_for(type), id, label));
  const auto wrong = find_wrong_attribute(session, pair, id);
  if (wrong && wrong->empty()) return pair;
  destroy(session, pair);
  if (!wrong) return TokenFailure(wrong.error());
  return token_failure(Status::refused, *wrong + " of the new key is not as requested");
}

void destroy(const Session& session, const KeyPair& pair) {
  for (const CK_OBJECT_HANDLE half : {pair.private_key, pair.public_key}) {
    if (half != CK_INVALID_HANDLE) session.functions().C_DestroyObject(session.handle(), half);
  }
}

}  // namespace chancery::keyholder
