// Messages that machines have signed: one that is read as one class is read as no other, a lenient
// look takes it for that class too, and what is read is within bounds and the same each time. Data
// is of one context at most.

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "core/limits.h"
#include "core/message.h"
#include "core/message_cms.h"
#include "core/message_fields.h"
#include "core/message_jwt.h"
#include "core/message_ssh.h"
#include "core/message_x509.h"
#include "core/openssl_ptr.h"

namespace {

using namespace chancery;

const Time kAt = from_unix_seconds(1'800'000'000);

void require(bool condition) {
  if (!condition) std::abort();
}

const PublicKey& signer() {
  static const PublicKey key = [] {
    const HandlePtr<EVP_PKEY, EVP_PKEY_free> made(
        EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(made.get(), &der);
    auto read = PublicKey::from_spki({der, static_cast<std::size_t>(size)});
    OPENSSL_free(der);
    require(read.has_value());
    return std::move(*read);
  }();
  return key;
}

Result<MessageContent> content_of(Result<MessageContent> read) {
  return read;
}
template <class Read>
Result<MessageContent> content_of(Result<Read> read) {
  if (!read) return Failure(std::move(read.error()));
  return std::move(read->content);
}

/// Whoever signs it, and by whichever algorithm.
std::array<Result<MessageContent>, 5> read_all(ByteView message) {
  return {content_of(parse_jwt_signing_input(message, kAt)),
          content_of(parse_ssh_certificate(message, kAt)),
          content_of(parse_tbs_certificate(message, kAt)), content_of(parse_tbs_crl(message, kAt)),
          content_of(parse_cms_attributes(message))};
}

void check(const MessageContent& content) {
  std::size_t values = 0;
  for (const MessageField& field : content.fields) {
    require(has_field(content.message_class, field.name) && !field.values.empty());
    values += field.values.size();
    for (const std::string& value : field.values) {
      require(value.size() <= limits::message_value_bytes);
      require(value.find_first_of(std::string_view("\0\n\r\x7f", 4)) == value.npos);
    }
  }
  require(values <= limits::message_values);
  require(!content.lifetime || *content.lifetime >= Seconds(0));
}

bool same(const MessageContent& a, const MessageContent& b) {
  if (a.message_class != b.message_class || a.lifetime != b.lifetime ||
      a.fields.size() != b.fields.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    if (a.fields[i].name != b.fields[i].name || a.fields[i].values != b.fields[i].values) {
      return false;
    }
  }
  return true;
}

/// Nor do two contexts take one message, as one that begins like the other would.
void check_contexts(ByteView message) {
  const std::string_view text = text_of(message);
  const std::string_view before_nul = text.substr(0, std::min(text.find('\0'), text.size()));
  int taken = 0;
  for (std::string_view context : {before_nul, before_nul.substr(0, before_nul.size() / 2),
                                   before_nul.substr(0, 1), std::string_view("release")}) {
    if (!check_context(context) || (taken > 0 && context == before_nul)) continue;
    const MessageBinding binding{MessageClass::data, context, SignatureAlgorithm::ecdsa_p256_sha256,
                                 signer()};
    const auto read = read_message(message, binding, kAt);
    if (!read) continue;
    require(context == before_nul && text.size() > context.size());
    ++taken;
  }
  require(taken <= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView message(data, size);
  const auto reads = read_all(message);
  const MessageContent* found = nullptr;
  for (const auto& read : reads) {
    if (!read) {
      require(read.error().code == ErrorCode::invalid_request);
      require(read.error().field.starts_with("data"));
      continue;
    }
    require(found == nullptr);
    found = &*read;
    check(*found);
  }
  const auto resembled = class_resembled(message);
  const MessageBinding unbound{MessageClass::data, "", SignatureAlgorithm::ecdsa_p256_sha256,
                               signer()};
  const auto as_data = read_message(message, unbound, kAt);
  require(as_data.has_value() == !resembled.has_value());
  require(!as_data || found == nullptr);
  check_contexts(message);
  if (found == nullptr) return 0;
  require(resembled == found->message_class);
  const auto again = read_all(message);
  for (const auto& read : again) {
    if (read) require(same(*read, *found));
  }
  // Behind a context it is none of them any more.
  Bytes behind = copy_of(bytes_of(std::string_view("release\0", 8)));
  behind.insert(behind.end(), message.begin(), message.end());
  for (const auto& read : read_all(behind)) require(!read.has_value());
  return 0;
}
