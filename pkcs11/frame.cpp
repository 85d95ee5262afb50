#include "pkcs11/frame.h"

#include <algorithm>
#include <cstring>

namespace chancery::keyholder {
namespace {

constexpr std::uint8_t protocol_version = 1;

// The numbers on the wire are positions in these tables, from 1, whatever the enums' order.
constexpr std::array wire_algorithms = {
    SignatureAlgorithm::rsa_pkcs1_sha256,  SignatureAlgorithm::rsa_pkcs1_sha384,
    SignatureAlgorithm::rsa_pkcs1_sha512,  SignatureAlgorithm::rsa_pss_sha256,
    SignatureAlgorithm::rsa_pss_sha384,    SignatureAlgorithm::rsa_pss_sha512,
    SignatureAlgorithm::ecdsa_p256_sha256, SignatureAlgorithm::ecdsa_p384_sha384,
    SignatureAlgorithm::ecdsa_p521_sha512, SignatureAlgorithm::ed25519,
};
constexpr std::array wire_key_types = {
    KeyType::rsa_2048, KeyType::rsa_3072, KeyType::rsa_4096, KeyType::ec_p256,
    KeyType::ec_p384,  KeyType::ec_p521,  KeyType::ed25519,
};

template <class Table, class Value>
std::uint8_t to_wire(const Table& table, Value value) {
  const auto found = std::find(table.begin(), table.end(), value);
  CHECK(found != table.end());
  return static_cast<std::uint8_t>(found - table.begin() + 1);
}

template <class Unsigned>
void put(std::uint8_t* out, Unsigned value) {
  for (std::size_t i = sizeof value; i-- > 0; value = static_cast<Unsigned>(value >> 8)) {
    out[i] = static_cast<std::uint8_t>(value & 0xff);
  }
}

template <class Unsigned>
Unsigned get(const std::uint8_t* in) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) value = static_cast<Unsigned>(value << 8 | in[i]);
  return value;
}

Failure bad_frame(const char* why) {
  return invalid("frame", why);
}

bool is_printable(ByteView text) {
  return std::all_of(text.begin(), text.end(),
                     [](std::uint8_t c) { return c >= 0x20 && c < 0x7f; });
}

// Octets 0 to 5 are the same in both directions.
void put_prefix(std::uint8_t* out, std::size_t size, Op op) {
  put(out, static_cast<std::uint32_t>(size - sizeof(std::uint32_t)));
  out[4] = protocol_version;
  out[5] = static_cast<std::uint8_t>(op);
}

Result<Op> decode_prefix(ByteView frame) {
  if (frame.size() < header_bytes) return bad_frame("shorter than a header");
  if (frame.size() > limits::frame_bytes) return bad_frame("longer than a frame");
  if (get<std::uint32_t>(frame.data()) != frame.size() - sizeof(std::uint32_t)) {
    return bad_frame("length is not the frame's");
  }
  if (frame[4] != protocol_version) return bad_frame("unknown version");
  if (frame[5] < static_cast<std::uint8_t>(Op::token_info) ||
      frame[5] > static_cast<std::uint8_t>(Op::public_key)) {
    return bad_frame("unknown op");
  }
  return static_cast<Op>(frame[5]);
}

// Octet 6 of a request: what the op needs beside the key id.
std::uint8_t parameter_of(const Request& request) {
  switch (request.op) {
    case Op::sign:
      return to_wire(wire_algorithms, request.algorithm);
    case Op::generate:
      return to_wire(wire_key_types, request.key_type);
    case Op::token_info:
    case Op::public_key:
      break;
  }
  return 0;
}

Result<void> decode_sign(Request& request, std::uint8_t parameter) {
  if (parameter < 1 || parameter > wire_algorithms.size()) return bad_frame("unknown algorithm");
  request.algorithm = wire_algorithms[parameter - 1U];
  const auto digest = row(request.algorithm).digest;
  if (digest && request.payload.size() != row(*digest).size) {
    return bad_frame("payload is not a digest of the algorithm");
  }
  if (request.payload.size() > limits::ed25519_message_bytes) return bad_frame("message too long");
  return {};
}

Result<void> decode_generate(Request& request, std::uint8_t parameter) {
  if (parameter < 1 || parameter > wire_key_types.size()) return bad_frame("unknown key type");
  request.key_type = wire_key_types[parameter - 1U];
  if (request.payload.empty() || request.payload.size() > limits::name_bytes) {
    return bad_frame("label is empty or too long");
  }
  if (!is_printable(request.payload)) return bad_frame("label is not printable ASCII");
  return {};
}

Result<void> decode_plain(const Request& request, std::uint8_t parameter) {
  if (parameter != 0) return bad_frame("parameter where none belongs");
  if (!request.payload.empty()) return bad_frame("payload where none belongs");
  if (request.op == Op::token_info && request.key != KeyId{}) {
    return bad_frame("key where none belongs");
  }
  return {};
}

}  // namespace

Result<ByteView> take_frame(ByteView& packet) {
  if (packet.size() < header_bytes) return bad_frame("shorter than a header");
  const std::size_t size = sizeof(std::uint32_t) + get<std::uint32_t>(packet.data());
  if (size < header_bytes || size > packet.size()) return bad_frame("length is not the frame's");
  const ByteView frame = packet.first(size);
  packet = packet.subspan(size);
  return frame;
}

std::size_t encode(const Request& request, std::span<std::uint8_t> out) {
  const std::size_t size = header_bytes + request.payload.size();
  CHECK(size <= limits::frame_bytes && size <= out.size());
  put_prefix(out.data(), size, request.op);
  out[6] = parameter_of(request);
  out[7] = 0;
  put(&out[8], request.number);
  std::copy(request.key.bytes.begin(), request.key.bytes.end(), &out[16]);
  std::copy(request.payload.begin(), request.payload.end(), out.begin() + header_bytes);
  return size;
}

Result<Request> decode_request(ByteView frame) {
  ASSIGN_OR_RETURN(const Op op, decode_prefix(frame));
  if (frame[7] != 0) return bad_frame("reserved octet is not zero");
  Request request{
      .op = op, .number = get<std::uint64_t>(&frame[8]), .payload = frame.subspan(header_bytes)};
  std::copy_n(&frame[16], request.key.bytes.size(), request.key.bytes.begin());
  const std::uint8_t parameter = frame[6];
  switch (op) {
    case Op::sign:
      RETURN_IF_ERROR(decode_sign(request, parameter));
      break;
    case Op::generate:
      RETURN_IF_ERROR(decode_generate(request, parameter));
      break;
    case Op::token_info:
    case Op::public_key:
      RETURN_IF_ERROR(decode_plain(request, parameter));
      break;
  }
  return request;
}

std::size_t encode(const Reply& reply, std::span<std::uint8_t> out) {
  const std::size_t size = header_bytes + reply.payload.size();
  CHECK(size <= limits::frame_bytes && size <= out.size());
  put_prefix(out.data(), size, reply.op);
  out[6] = static_cast<std::uint8_t>(reply.status);
  out[7] = 0;
  put(&out[8], reply.number);
  put(&out[16], reply.return_value);
  put(&out[24], reply.signatures);
  std::copy(reply.payload.begin(), reply.payload.end(), out.begin() + header_bytes);
  return size;
}

Result<Reply> decode_reply(ByteView frame) {
  ASSIGN_OR_RETURN(const Op op, decode_prefix(frame));
  if (frame[6] > static_cast<std::uint8_t>(Status::token_failed)) {
    return bad_frame("unknown status");
  }
  if (frame[7] != 0) return bad_frame("reserved octet is not zero");
  const Reply reply{.op = op,
                    .status = static_cast<Status>(frame[6]),
                    .number = get<std::uint64_t>(&frame[8]),
                    .return_value = get<std::uint64_t>(&frame[16]),
                    .signatures = get<std::uint64_t>(&frame[24]),
                    .payload = frame.subspan(header_bytes)};
  if (reply.status == Status::ok) {
    if (reply.return_value != 0) return bad_frame("return value of a success");
    return reply;
  }
  if (reply.payload.size() > problem_bytes) return bad_frame("problem too long");
  if (!is_printable(reply.payload)) return bad_frame("problem is not printable ASCII");
  return reply;
}

namespace {

// CK_TOKEN_INFO's own field sizes, so that the texts always fit.
constexpr std::size_t token_info_bytes = 32 + 32 + 16 + 16;

void put_padded(Bytes& out, const std::string& text, std::size_t size) {
  CHECK(text.size() <= size);
  out.insert(out.end(), text.begin(), text.end());
  out.resize(out.size() + size - text.size(), ' ');
}

std::string take_padded(ByteView& in, std::size_t size) {
  std::string text(text_of(in.first(size)));
  in = in.subspan(size);
  text.resize(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace

Bytes encode(const TokenInfo& info) {
  Bytes out;
  out.reserve(token_info_bytes);
  put_padded(out, info.label, 32);
  put_padded(out, info.manufacturer, 32);
  put_padded(out, info.model, 16);
  put_padded(out, info.serial, 16);
  return out;
}

Result<TokenInfo> decode_token_info(ByteView payload) {
  if (payload.size() != token_info_bytes) return bad_frame("token info has another size");
  TokenInfo info;
  info.label = take_padded(payload, 32);
  info.manufacturer = take_padded(payload, 32);
  info.model = take_padded(payload, 16);
  info.serial = take_padded(payload, 16);
  return info;
}

Bytes encode(const GeneratedKey& key) {
  Bytes out(sizeof(std::uint16_t));
  put(out.data(), static_cast<std::uint16_t>(key.spki.size()));
  out.insert(out.end(), key.spki.begin(), key.spki.end());
  out.insert(out.end(), key.trial_signature.begin(), key.trial_signature.end());
  CHECK(key.spki.size() <= UINT16_MAX && out.size() <= payload_bytes);
  return out;
}

Result<GeneratedKey> decode_generated_key(ByteView payload) {
  if (payload.size() < sizeof(std::uint16_t)) return bad_frame("generated key is cut short");
  if (payload.size() > payload_bytes) return bad_frame("longer than a frame");
  const std::size_t spki_size = get<std::uint16_t>(payload.data());
  payload = payload.subspan(sizeof(std::uint16_t));
  if (spki_size == 0 || spki_size >= payload.size()) {
    return bad_frame("generated key is cut short");
  }
  return GeneratedKey{payload.first(spki_size), payload.subspan(spki_size)};
}

Bytes trial_input(KeyType type, const KeyId& id) {
  const std::string text = "chancery trial of a new key " + to_hex(id.bytes) + "\n";
  const auto hash = row(row(type).default_algorithm).digest;
  return hash ? digest(*hash, bytes_of(text)) : copy_of(bytes_of(text));
}

}  // namespace chancery::keyholder
