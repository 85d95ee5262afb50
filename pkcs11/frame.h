#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "core/algorithm.h"
#include "core/identifier.h"
#include "core/limits.h"

/// What chanceryd and a keyholder say to each other; PROTOCOL.md is the specification.
namespace chancery::keyholder {

enum class Op : std::uint8_t { token_info = 1, sign = 2, generate = 3, public_key = 4 };

enum class Status : std::uint8_t {
  ok = 0,
  not_found = 1,     ///< no key, or several, carry the id
  conflict = 2,      ///< the id is taken
  refused = 3,       ///< the key cannot do that
  busy = 4,          ///< the token has no room now; nothing was signed
  token_failed = 5,  ///< the token failed; it may have signed
};

inline constexpr std::size_t header_bytes = 32;
inline constexpr std::size_t payload_bytes = limits::frame_bytes - header_bytes;
inline constexpr std::size_t problem_bytes = 200;  // "C_GenerateKeyPair: CKR_…" and a reason

/// Room for a packet: one frame, or several one after the other.
using FrameBuffer = std::array<std::uint8_t, limits::frame_bytes>;

/// Takes the first frame off a packet that is not empty. It still has to be decoded.
/// invalid_request where its length says that it is longer than the packet, or no frame.
Result<ByteView> take_frame(ByteView& packet);

/// One request frame. Members that its op does not use have their default value.
struct Request {
  Op op = Op::token_info;
  std::uint64_t number = 0;
  KeyId key = {};                  ///< sign, generate, public_key
  SignatureAlgorithm algorithm{};  ///< sign
  KeyType key_type{};              ///< generate
  ByteView payload = {};           ///< sign: digest or message; generate: the label
};

/// One reply frame.
struct Reply {
  Op op = Op::token_info;
  Status status = Status::ok;
  std::uint64_t number = 0;
  std::uint64_t return_value = 0;  ///< CK_RV; 0 where Cryptoki reported none
  std::uint64_t signatures = 0;    ///< that this keyholder has made since it began
  ByteView payload = {};           ///< ok: the op's result; else why, printable ASCII
};

/// Writes the frame to `out` and gives its size. The members must be such as decode_… accepts
/// (CHECK for sizes).
std::size_t encode(const Request& request, std::span<std::uint8_t> out);
std::size_t encode(const Reply& reply, std::span<std::uint8_t> out);

/// Reads exactly one frame; `payload` points into it. Anything that encode() would not write is
/// invalid_request with the reason.
Result<Request> decode_request(ByteView frame);
Result<Reply> decode_reply(ByteView frame);

/// Payload of a token_info reply: CK_TOKEN_INFO's texts without their padding.
struct TokenInfo {
  std::string label, manufacturer, model, serial;
};
Bytes encode(const TokenInfo& info);
Result<TokenInfo> decode_token_info(ByteView payload);

/// Payload of a generate reply.
struct GeneratedKey {
  ByteView spki;             ///< DER SubjectPublicKeyInfo
  ByteView trial_signature;  ///< over trial_input(), with the key type's default algorithm
};
Bytes encode(const GeneratedKey& key);
Result<GeneratedKey> decode_generated_key(ByteView payload);

/// What a new key signs once, so that both sides see that its halves belong together: a text that
/// is no certificate, CRL, checkpoint or digest of one.
Bytes trial_input(KeyType type, const KeyId& id);

}  // namespace chancery::keyholder
