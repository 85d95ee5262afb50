#include "core/digest_stream.h"

#include <openssl/evp.h>

#include <string>

#include "core/openssl_ptr.h"

namespace chancery {

struct DigestStream::State {
  HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
  std::size_t size = 0;
};

DigestStream::DigestStream(DigestAlgorithm algorithm) : state_(std::make_unique<State>()) {
  const EVP_MD* type = EVP_get_digestbyname(std::string(row(algorithm).name).c_str());
  CHECK(state_->context && type && EVP_DigestInit_ex(state_->context.get(), type, nullptr) == 1);
  state_->size = row(algorithm).size;
}

DigestStream::DigestStream(DigestStream&&) noexcept = default;
DigestStream& DigestStream::operator=(DigestStream&&) noexcept = default;
DigestStream::~DigestStream() = default;

void DigestStream::add(ByteView piece) {
  CHECK(EVP_DigestUpdate(state_->context.get(), piece.data(), piece.size()) == 1);
}

Bytes DigestStream::finish() {
  Bytes digest(state_->size);
  CHECK(EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace chancery
