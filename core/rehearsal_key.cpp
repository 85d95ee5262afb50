#include "core/rehearsal_key.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <map>
#include <mutex>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using PkeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;
using MdCtxPtr = HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free>;

const char* curve_name(KeyType type) {
  switch (type) {
    case KeyType::ec_p256:
      return "P-256";
    case KeyType::ec_p384:
      return "P-384";
    case KeyType::ec_p521:
      return "P-521";
    case KeyType::rsa_2048:
    case KeyType::rsa_3072:
    case KeyType::rsa_4096:
    case KeyType::ed25519:
      break;
  }
  CHECK(!"a key type with a curve");
  return nullptr;
}

PkeyPtr generate(KeyType type) {
  switch (row(type).family) {
    case KeyFamily::rsa:
      return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{row(type).bits}));
    case KeyFamily::ec:
      return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve_name(type)));
    case KeyFamily::ed25519:
      return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  }
  return nullptr;
}

const char* digest_name(KeyType type) {
  const auto digest = row(row(type).default_algorithm).digest;
  if (!digest) return nullptr;
  switch (*digest) {
    case DigestAlgorithm::sha256:
      return "SHA256";
    case DigestAlgorithm::sha384:
      return "SHA384";
    case DigestAlgorithm::sha512:
      return "SHA512";
  }
  return nullptr;
}

Failure failed(const char* what) {
  ERR_clear_error();
  return fail(ErrorCode::internal, std::string("the rehearsal key could not be ") + what);
}

}  // namespace

struct RehearsalKey::State {
  PkeyPtr key;
  // Ready to sign; copied for each signature. Setting one up looks algorithms up under locks.
  MdCtxPtr ready;

  static Result<std::shared_ptr<const State>> create(KeyType type) {
    auto state = std::make_shared<State>();
    state->key = generate(type);
    state->ready.reset(EVP_MD_CTX_new());
    if (!state->key || !state->ready ||
        EVP_DigestSignInit_ex(state->ready.get(), nullptr, digest_name(type), nullptr, nullptr,
                              state->key.get(), nullptr) != 1) {
      return failed("made");
    }
    return std::shared_ptr<const State>(std::move(state));
  }
};

RehearsalKey::RehearsalKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
RehearsalKey::RehearsalKey(RehearsalKey&&) noexcept = default;
RehearsalKey& RehearsalKey::operator=(RehearsalKey&&) noexcept = default;
RehearsalKey::~RehearsalKey() = default;

Result<RehearsalKey> RehearsalKey::create(KeyType type) {
  if (row(type).family != KeyFamily::rsa) {
    ASSIGN_OR_RETURN(auto state, State::create(type));
    return RehearsalKey(std::move(state));
  }
  static std::mutex mutex;
  static std::map<KeyType, std::shared_ptr<const State>> made;
  const std::lock_guard lock(mutex);
  std::shared_ptr<const State>& shared = made[type];
  if (!shared) {
    ASSIGN_OR_RETURN(shared, State::create(type));
  }
  return RehearsalKey(shared);
}

Result<Bytes> RehearsalKey::sign(ByteView message) const {
  const MdCtxPtr context(EVP_MD_CTX_new());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(state_->key.get()));
  Bytes signature(size);
  if (!context || EVP_MD_CTX_copy_ex(context.get(), state_->ready.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return failed("used");
  }
  signature.resize(size);
  return signature;
}

}  // namespace chancery
