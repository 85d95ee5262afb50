#include "tests/contract/software_token.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using PkeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;
using PkeyCtxPtr = HandlePtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdCtxPtr = HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free>;

PkeyPtr make_pkey(KeyType type) {
  switch (row(type).family) {
    case KeyFamily::rsa:
      return PkeyPtr(EVP_RSA_gen(row(type).bits));
    case KeyFamily::ed25519:
      return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    case KeyFamily::ec:
      break;
  }
  const char* curve = type == KeyType::ec_p256   ? "P-256"
                      : type == KeyType::ec_p384 ? "P-384"
                                                 : "P-521";
  return PkeyPtr(EVP_EC_gen(curve));
}

Bytes spki_of(EVP_PKEY* key) {
  std::uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  CHECK(size > 0);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

const EVP_MD* md_of(DigestAlgorithm algorithm) {
  return EVP_get_digestbyname(std::string(row(algorithm).name).c_str());
}

Bytes sign_message(EVP_PKEY* key, ByteView message) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) == 1);
  std::size_t size = 64;
  Bytes signature(size);
  CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) ==
        1);
  return signature;
}

bool is_pss(SignatureAlgorithm algorithm) {
  return row(algorithm).jose.starts_with("PS");
}

Bytes sign_digest(EVP_PKEY* key, SignatureAlgorithm algorithm, ByteView digest) {
  const PkeyCtxPtr context(EVP_PKEY_CTX_new(key, nullptr));
  CHECK(EVP_PKEY_sign_init(context.get()) == 1);
  if (is_pss(algorithm)) {
    CHECK(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) == 1);
    CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  CHECK(EVP_PKEY_CTX_set_signature_md(context.get(), md_of(*row(algorithm).digest)) == 1);
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t size = signature.size();
  CHECK(EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) == 1);
  signature.resize(size);
  return signature;
}

}  // namespace

struct SoftwareToken::KeyPair {
  KeyType type;
  PkeyPtr key;
  static std::shared_ptr<const KeyPair> make(KeyType type) {
    PkeyPtr key = make_pkey(type);
    CHECK(key);
    return std::make_shared<const KeyPair>(KeyPair{type, std::move(key)});
  }
};

SoftwareToken::SoftwareToken(std::chrono::milliseconds deadline) : deadline_(deadline) {}
SoftwareToken::~SoftwareToken() = default;

void SoftwareToken::inject(TokenFault fault, unsigned times) {
  const std::lock_guard lock(mutex_);
  faults_.insert(faults_.end(), times, fault);
}

void SoftwareToken::take_down(std::string problem) {
  const std::lock_guard lock(mutex_);
  up_ = false;
  problem_ = std::move(problem);
  wake_.notify_all();
}

void SoftwareToken::bring_up() {
  const std::lock_guard lock(mutex_);
  up_ = true;
  problem_.clear();
}

void SoftwareToken::duplicate(const KeyId& id) {
  const auto pair = find(id);
  CHECK(pair);
  auto second = KeyPair::make((*pair)->type);
  const std::lock_guard lock(mutex_);
  keys_.emplace(id, std::move(second));
}

Result<void> SoftwareToken::check_up() const {
  const std::lock_guard lock(mutex_);
  if (up_) return {};
  return fail(ErrorCode::token_unavailable, "the token is not available", {}, problem_);
}

Result<std::shared_ptr<const SoftwareToken::KeyPair>> SoftwareToken::find(const KeyId& id) const {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = keys_.equal_range(id);
  if (first == last) return fail(ErrorCode::not_found, "no key with this id is in the token");
  if (std::next(first) != last) {
    return fail(ErrorCode::not_found, "several keys with this id are in the token");
  }
  return first->second;
}

Result<Bytes> SoftwareToken::sign_counted(const KeyPair& pair, const SigningInput& input) {
  if (!fits(input.algorithm, pair.type)) {
    return fail(ErrorCode::token_unavailable, "the key in the token has another type");
  }
  Bytes signature = row(input.algorithm).digest
                        ? sign_digest(pair.key.get(), input.algorithm, input.input)
                        : sign_message(pair.key.get(), input.input);
  const std::lock_guard lock(mutex_);
  ++signatures_;
  return signature;
}

Result<Bytes> SoftwareToken::sign_with_faults(const SigningInput& input) {
  RETURN_IF_ERROR(check_signing_input(input));
  RETURN_IF_ERROR(check_up());
  ASSIGN_OR_RETURN(const auto pair, find(input.key->id));
  std::unique_lock lock(mutex_);
  if (faults_.empty()) {
    lock.unlock();
    return sign_counted(*pair, input);
  }
  const TokenFault fault = faults_.front();
  faults_.pop_front();
  switch (fault) {
    case TokenFault::turn_away:
      return fail(ErrorCode::busy, "too many requests for the token at once");
    case TokenFault::refuse:
      return fail(ErrorCode::token_unavailable, "the token failed", {}, "CKR_DEVICE_ERROR");
    case TokenFault::lose_answer: {
      lock.unlock();
      RETURN_IF_ERROR(sign_counted(*pair, input));
      return fail(ErrorCode::token_unavailable, "the token's answer was lost");
    }
    case TokenFault::hang:
      wake_.wait_for(lock, deadline_, [this] { return !up_; });
      return fail(ErrorCode::token_unavailable, "the token did not answer in time");
    case TokenFault::wrong_signature: {
      lock.unlock();
      ASSIGN_OR_RETURN(Bytes signature, sign_counted(*pair, input));
      signature.back() ^= 1;
      return signature;
    }
    case TokenFault::swapped_key:
      lock.unlock();
      return sign_counted(*KeyPair::make(pair->type), input);
    case TokenFault::sign_and_end_process:
      lock.unlock();
      RETURN_IF_ERROR(sign_counted(*pair, input));
      [[fallthrough]];
    case TokenFault::end_process:
      ::_exit(kEndedByTokenFault);
  }
  return fail(ErrorCode::internal, "no such fault");
}

namespace {

class Busy {
 public:
  Busy(std::mutex& mutex, unsigned& count) : mutex_(mutex), count_(count) {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  ~Busy() {
    const std::lock_guard lock(mutex_);
    --count_;
  }

 private:
  std::mutex& mutex_;
  unsigned& count_;
};

}  // namespace

Result<Bytes> SoftwareToken::sign(const Intent& intent) {
  const Busy busy(mutex_, busy_);
  return sign_with_faults(intent.input());
}

Result<Bytes> SoftwareToken::sign(const CheckpointText& checkpoint, const Key& key) {
  const Busy busy(mutex_, busy_);
  ASSIGN_OR_RETURN(const SigningInput input, checkpoint_input(checkpoint, key));
  return sign_with_faults(input);
}

Result<Bytes> SoftwareToken::generate(const Intent& intent, KeyType type, const KeyId& id,
                                      const std::string& label) {
  CHECK(intent.input().key == nullptr);
  if (label.empty() || label.size() > limits::name_bytes) {
    return invalid("label", "a label has 1 to " + std::to_string(limits::name_bytes) + " bytes");
  }
  RETURN_IF_ERROR(check_up());
  auto pair = KeyPair::make(type);
  Bytes spki = spki_of(pair->key.get());
  const std::lock_guard lock(mutex_);
  if (keys_.contains(id)) {
    return fail(ErrorCode::conflict, "a key with this id is in the token already");
  }
  keys_.emplace(id, std::move(pair));
  ++signatures_;  // the trial signature
  return spki;
}

TokenStatus SoftwareToken::status() const {
  const std::lock_guard lock(mutex_);
  return TokenStatus{.up = up_,
                     .problem = problem_,
                     .lanes = 1,
                     .lanes_busy = busy_,
                     .restarts = 0,
                     .signatures = signatures_};
}

}  // namespace chancery
