#include "core/commitment.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/durable_file.h"

namespace chancery {
namespace {

constexpr std::size_t kSecretOctets = 32;
constexpr std::string_view kSaltLabel = "chancery/commitment-salt/v1";

Bytes hmac(ByteView key, ByteView message) {
  Bytes mac(kSecretOctets);
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
             mac.data(), nullptr) != nullptr);
  return mac;
}

}  // namespace

Result<Commitments> Commitments::open(const std::string& path) {
  ASSIGN_OR_RETURN(auto content, read_durable_file(path));
  if (!content) {
    const Bytes secret = random_bytes(kSecretOctets);
    content = std::string(text_of(secret));
    RETURN_IF_ERROR(replace_durable_file(path, *content, 0600));
  }
  Secret secret(std::move(*content));
  if (secret.reveal().size() == kSecretOctets) return Commitments(std::move(secret));
  return fail(ErrorCode::internal, path + " is not the secret of the log's commitments");
}

Bytes Commitments::salt(std::string_view request_id) const {
  const std::string message = std::string(kSaltLabel) + '\n' + std::string(request_id);
  return hmac(bytes_of(secret_.reveal()), bytes_of(message));
}

std::string Commitments::commit(std::string_view request_id, std::string_view value) const {
  return to_hex(hmac(salt(request_id), bytes_of(value)));
}

}  // namespace chancery
