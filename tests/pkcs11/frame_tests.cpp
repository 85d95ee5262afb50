#include <boost/test/unit_test.hpp>

#include "pkcs11/frame.h"

namespace chancery::keyholder {
namespace {

BOOST_AUTO_TEST_SUITE(frame)

std::string encoded(const Request& request) {
  FrameBuffer buffer;
  return to_hex(ByteView(buffer.data(), encode(request, buffer)));
}
std::string encoded(const Reply& reply) {
  FrameBuffer buffer;
  return to_hex(ByteView(buffer.data(), encode(reply, buffer)));
}

constexpr const char* id_hex = "000102030405060708090a0b0c0d0e0f";
const KeyId id = *KeyId::from(*from_hex(id_hex));

BOOST_AUTO_TEST_CASE(frames_look_as_the_protocol_says) {
  BOOST_TEST(encoded(Request{.op = Op::token_info, .number = 1}) ==
             "0000001c"
             "01010000"
             "0000000000000001"
             "00000000000000000000000000000000");
  const Bytes digest(32, 0xaa);
  BOOST_TEST(encoded(Request{.op = Op::sign,
                             .number = 0x0102030405060708,
                             .key = id,
                             .algorithm = SignatureAlgorithm::ecdsa_p256_sha256,
                             .payload = digest}) ==
             "0000003c"
             "01020700"
             "0102030405060708" +
                 std::string(id_hex) + to_hex(digest));
  BOOST_TEST(encoded(Request{.op = Op::generate,
                             .number = 2,
                             .key = id,
                             .key_type = KeyType::ed25519,
                             .payload = bytes_of("ab")}) ==
             "0000001e"
             "01030700"
             "0000000000000002" +
                 std::string(id_hex) + "6162");
  BOOST_TEST(encoded(Request{.op = Op::public_key, .number = 3, .key = id}) ==
             "0000001c"
             "01040000"
             "0000000000000003" +
                 std::string(id_hex));
  BOOST_TEST(encoded(Reply{.op = Op::sign,
                           .status = Status::token_failed,
                           .number = 4,
                           .return_value = 0x30,
                           .signatures = 5,
                           .payload = bytes_of("x")}) ==
             "0000001d"
             "01020500"
             "0000000000000004"
             "0000000000000030"
             "0000000000000005"
             "78");
}

struct Invalid {
  const char* name;
  std::string hex;
  const char* reason;
};

const std::string number = "0000000000000001";
const std::string no_key(32, '0');
const std::string digest_hex(64, 'a');

BOOST_AUTO_TEST_CASE(requests_that_are_refused) {
  const Invalid vectors[] = {
      {"nothing", "", "shorter than a header"},
      {"a header cut short", "0000001b01010000" + number + no_key.substr(2),
       "shorter than a header"},
      {"length too small", "0000001b01010000" + number + no_key, "length is not the frame's"},
      {"length too large", "0000001d01010000" + number + no_key, "length is not the frame's"},
      {"length that wraps", "ffffffff01010000" + number + no_key, "length is not the frame's"},
      {"version 0", "0000001c00010000" + number + no_key, "unknown version"},
      {"version 2", "0000001c02010000" + number + no_key, "unknown version"},
      {"op 0", "0000001c01000000" + number + no_key, "unknown op"},
      {"op 5", "0000001c01050000" + number + no_key, "unknown op"},
      {"reserved octet", "0000001c01010001" + number + no_key, "reserved octet is not zero"},
      {"token info with a parameter", "0000001c01010100" + number + no_key,
       "parameter where none belongs"},
      {"token info with a key", "0000001c01010000" + number + id_hex, "key where none belongs"},
      {"token info with a payload", "0000001d01010000" + number + no_key + "00",
       "payload where none belongs"},
      {"public key with a payload", "0000001d01040000" + number + id_hex + "00",
       "payload where none belongs"},
      {"algorithm 0", "0000003c01020000" + number + id_hex + digest_hex, "unknown algorithm"},
      {"algorithm 11", "0000003c01020b00" + number + id_hex + digest_hex, "unknown algorithm"},
      {"no digest", "0000001c01020700" + number + id_hex,
       "payload is not a digest of the algorithm"},
      {"digest of another size", "0000003c01020800" + number + id_hex + digest_hex,
       "payload is not a digest of the algorithm"},
      {"key type 0", "0000001d01030000" + number + id_hex + "61", "unknown key type"},
      {"key type 8", "0000001d01030800" + number + id_hex + "61", "unknown key type"},
      {"no label", "0000001c01030100" + number + id_hex, "label is empty or too long"},
      {"label of 65 bytes", "0000005d01030100" + number + id_hex + std::string(130, '6'),
       "label is empty or too long"},
      {"label with a NUL", "0000001d01030100" + number + id_hex + "00",
       "label is not printable ASCII"},
      {"label not ASCII", "0000001e01030100" + number + id_hex + "c3a4",
       "label is not printable ASCII"},
  };
  for (const Invalid& vector : vectors) {
    BOOST_TEST_CONTEXT(vector.name) {
      const auto request = decode_request(*from_hex(vector.hex));
      BOOST_REQUIRE(!request);
      BOOST_TEST(request.error().message == vector.reason);
    }
  }
}

BOOST_AUTO_TEST_CASE(replies_that_are_refused) {
  const std::string zero = "0000000000000000";
  const Invalid vectors[] = {
      {"nothing", "", "shorter than a header"},
      {"status 6", "0000001c01020600" + number + zero + zero, "unknown status"},
      {"reserved octet", "0000001c01020080" + number + zero + zero, "reserved octet is not zero"},
      {"success with a return value", "0000001c01020000" + number + number + zero,
       "return value of a success"},
      {"problem with a newline", "0000001d01020500" + number + zero + zero + "0a",
       "problem is not printable ASCII"},
      {"problem of 201 bytes", "000000e501020500" + number + zero + zero + std::string(402, '6'),
       "problem too long"},
  };
  for (const Invalid& vector : vectors) {
    BOOST_TEST_CONTEXT(vector.name) {
      const auto reply = decode_reply(*from_hex(vector.hex));
      BOOST_REQUIRE(!reply);
      BOOST_TEST(reply.error().message == vector.reason);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_message_over_the_limit_is_refused) {
  const Bytes message(limits::ed25519_message_bytes + 1);
  FrameBuffer buffer;
  const std::size_t size =
      encode(Request{.op = Op::sign, .algorithm = SignatureAlgorithm::ed25519, .payload = message},
             buffer);
  const auto request = decode_request(ByteView(buffer.data(), size));
  BOOST_REQUIRE(!request);
  BOOST_TEST(request.error().message == "message too long");
}

BOOST_AUTO_TEST_CASE(a_packet_comes_apart_into_its_frames) {
  FrameBuffer buffer;
  const Bytes digest(32, 0xd1);
  std::size_t size = encode(Request{.op = Op::sign,
                                    .number = 7,
                                    .algorithm = SignatureAlgorithm::ecdsa_p256_sha256,
                                    .payload = digest},
                            buffer);
  const std::size_t second = size;
  size += encode(Request{.op = Op::token_info, .number = 8}, std::span(buffer).subspan(size));
  const Bytes packet(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));

  ByteView rest = packet;
  auto frame = take_frame(rest);
  BOOST_REQUIRE(frame);
  BOOST_TEST(frame->size() == second);
  BOOST_TEST(decode_request(*frame)->number == 7U);
  frame = take_frame(rest);
  BOOST_REQUIRE(frame);
  BOOST_TEST(decode_request(*frame)->number == 8U);
  BOOST_TEST(rest.empty());

  // Cut at any octet, one of the two is no frame any more.
  for (std::size_t cut = 1; cut < packet.size(); ++cut) {
    ByteView part = ByteView(packet).first(cut);
    const auto first = take_frame(part);
    BOOST_TEST(first.has_value() == (cut >= second));
    if (first && !part.empty()) BOOST_TEST(!take_frame(part).has_value());
  }
  // A length that says less than a header.
  Bytes small = packet;
  small[3] = header_bytes - sizeof(std::uint32_t) - 1;
  ByteView view = small;
  BOOST_TEST(!take_frame(view).has_value());
  // The largest length wraps no number.
  for (std::size_t i = 0; i < 4; ++i) small[i] = 0xff;
  view = small;
  BOOST_TEST(!take_frame(view).has_value());
}

BOOST_AUTO_TEST_CASE(a_frame_over_the_limit_is_refused) {
  const auto request = decode_request(Bytes(limits::frame_bytes + 1));
  BOOST_REQUIRE(!request);
  BOOST_TEST(request.error().message == "longer than a frame");
}

BOOST_AUTO_TEST_CASE(token_info_keeps_its_texts) {
  const TokenInfo info{
      .label = std::string(32, 'l'), .manufacturer = "", .model = "m o d", .serial = "1"};
  const auto read = decode_token_info(encode(info));
  BOOST_REQUIRE(read);
  BOOST_TEST(read->label == info.label);
  BOOST_TEST(read->manufacturer == "");
  BOOST_TEST(read->model == "m o d");
  BOOST_TEST(read->serial == "1");
  BOOST_TEST(!decode_token_info(Bytes(95)));
  BOOST_TEST(!decode_token_info(Bytes(97)));
}

BOOST_AUTO_TEST_CASE(generated_keys_that_are_refused) {
  const Invalid vectors[] = {
      {"nothing", "", "generated key is cut short"},
      {"half a length", "00", "generated key is cut short"},
      {"no key", "000001", "generated key is cut short"},
      {"no signature", "0001aa", "generated key is cut short"},
      {"key cut short", "0003aabb", "generated key is cut short"},
      {"over a frame's payload", "0001" + std::string(2 * payload_bytes, 'a'),
       "longer than a frame"},
  };
  for (const Invalid& vector : vectors) {
    BOOST_TEST_CONTEXT(vector.name) {
      const Bytes payload = *from_hex(vector.hex);
      const auto key = decode_generated_key(payload);
      BOOST_REQUIRE(!key);
      BOOST_TEST(key.error().message == vector.reason);
    }
  }
  const Bytes payload = *from_hex("0002aabbcc");
  const auto key = decode_generated_key(payload);
  BOOST_REQUIRE(key);
  BOOST_TEST(to_hex(key->spki) == "aabb");
  BOOST_TEST(to_hex(key->trial_signature) == "cc");
  BOOST_TEST(encode(*key) == payload, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_trial_belongs_to_one_key) {
  BOOST_TEST(trial_input(KeyType::ec_p256, id).size() == 32U);
  BOOST_TEST(trial_input(KeyType::ec_p521, id).size() == 64U);
  BOOST_TEST((trial_input(KeyType::ec_p256, id) != trial_input(KeyType::ec_p256, KeyId{})));
  BOOST_TEST(text_of(trial_input(KeyType::ed25519, id)) ==
             "chancery trial of a new key " + std::string(id_hex) + "\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery::keyholder
