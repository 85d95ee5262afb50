#include "core/witness_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using PkeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;
using ContextPtr = HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free>;

constexpr std::string_view kBegin = "PRIVATE+KEY+";
constexpr std::size_t kSeedBytes = 32;
constexpr std::uint8_t kCosignature = 0x04;

Failure bad_key(const char* why) {
  return invalid("key", std::string("the witness's key file ") + why);
}

PkeyPtr private_key(const Secret& seed) {
  const ByteView raw = bytes_of(seed.reveal());
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size()));
  CHECK(key);
  return key;
}

}  // namespace

Result<WitnessKey> WitnessKey::generate(const std::string& name) {
  Bytes seed = random_bytes(kSeedBytes);
  Secret kept{std::string(text_of(seed))};
  OPENSSL_cleanse(seed.data(), seed.size());
  return from_seed(name, std::move(kept));
}

Result<WitnessKey> WitnessKey::from_seed(const std::string& name, Secret seed) {
  const PkeyPtr key = private_key(seed);
  Bytes raw(kSeedBytes);
  std::size_t size = raw.size();
  CHECK(EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) == 1 && size == raw.size());
  ASSIGN_OR_RETURN(CosignatureVerifier verifier, CosignatureVerifier::create(name, raw));
  return WitnessKey(std::move(verifier), std::move(seed));
}

Result<WitnessKey> WitnessKey::parse(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (!text.starts_with(kBegin)) return bad_key("does not begin with PRIVATE+KEY+");
  text.remove_prefix(kBegin.size());
  const auto name_end = text.find('+');
  const auto id_end = name_end == text.npos ? text.npos : text.find('+', name_end + 1);
  if (id_end == text.npos) return bad_key("is cut short");
  auto typed = from_base64(text.substr(id_end + 1));
  if (!typed || typed->size() != 1 + kSeedBytes || typed->front() != kCosignature) {
    return bad_key("does not hold an Ed25519 key of type 0x04");
  }
  Secret seed{std::string(text_of(ByteView(*typed).subspan(1)))};
  OPENSSL_cleanse(typed->data(), typed->size());
  auto key = from_seed(std::string(text.substr(0, name_end)), std::move(seed));
  if (!key) return bad_key("has a bad name");
  if (!key->verifier_.vkey().starts_with(std::string(text.substr(0, id_end)) + "+")) {
    return bad_key("does not carry its own key's id");
  }
  return key;
}

Secret WitnessKey::text() const {
  Bytes typed = {kCosignature};
  typed.reserve(1 + kSeedBytes);
  const ByteView seed = bytes_of(seed_.reveal());
  typed.insert(typed.end(), seed.begin(), seed.end());
  const std::string vkey = verifier_.vkey();
  Secret text(std::string(kBegin) + vkey.substr(0, vkey.find('+', vkey.find('+') + 1) + 1) +
              to_base64(typed) + "\n");
  OPENSSL_cleanse(typed.data(), typed.size());
  return text;
}

std::string WitnessKey::cosign(std::string_view text, Time at) const {
  const auto seconds = static_cast<std::uint64_t>(to_unix_seconds(at));
  const std::string message = CosignatureVerifier::message(text, seconds);
  const PkeyPtr key = private_key(seed_);
  const ContextPtr context(EVP_MD_CTX_new());
  Bytes signature(64);
  std::size_t size = signature.size();
  const ByteView input = bytes_of(message);
  CHECK(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
        EVP_DigestSign(context.get(), signature.data(), &size, input.data(), input.size()) == 1 &&
        size == signature.size());
  return verifier_.signature_line(seconds, signature);
}

}  // namespace chancery
