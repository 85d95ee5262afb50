#include "core/identifier.h"

#include <openssl/rand.h>

#include <algorithm>

namespace chancery {

namespace {

constexpr std::int64_t kSerialEpoch = 1'735'689'600;  // 2025-01-01
// Octet 0 is 1 to 127: without zero the serial always has 20 octets, above 127 it is negative.
constexpr std::uint32_t kSerialsFrom = 0x01000000, kSerialsTo = 0x80000000;

}  // namespace

KeyId KeyId::random() {
  KeyId id;
  CHECK(RAND_bytes(id.bytes.data(), static_cast<int>(id.bytes.size())) == 1);
  return id;
}

Result<KeyId> KeyId::from(ByteView bytes) {
  KeyId id;
  if (bytes.size() != id.bytes.size()) return invalid("id", "a key id has 16 bytes");
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

Serial Serial::allocate(std::int64_t unix_seconds) {
  Serial serial;
  const auto seconds =
      static_cast<std::uint64_t>(std::max(kSerialEpoch, unix_seconds) - kSerialEpoch);
  const std::uint64_t prefix = kSerialsFrom + seconds % (kSerialsTo - kSerialsFrom);
  serial.bytes[0] = static_cast<std::uint8_t>(prefix >> 24);
  serial.bytes[1] = static_cast<std::uint8_t>(prefix >> 16);
  serial.bytes[2] = static_cast<std::uint8_t>(prefix >> 8);
  serial.bytes[3] = static_cast<std::uint8_t>(prefix);
  CHECK(RAND_bytes(serial.bytes.data() + 4, 16) == 1);
  return serial;
}

Result<Serial> Serial::from(ByteView bytes) {
  Serial serial;
  if (bytes.size() != serial.bytes.size() || bytes[0] == 0 || bytes[0] > 127) {
    return invalid("serial", "a serial number of this service has 40 hexadecimal digits");
  }
  std::copy(bytes.begin(), bytes.end(), serial.bytes.begin());
  return serial;
}

Result<Serial> Serial::parse(std::string_view hex) {
  auto bytes = from_hex(hex);
  if (!bytes) {
    return invalid("serial", "a serial number of this service has 40 hexadecimal digits");
  }
  return from(*bytes);
}

unsigned Serial::shard(unsigned count) const {
  CHECK(count > 0);
  const unsigned low = static_cast<unsigned>(bytes[16]) << 24 |
                       static_cast<unsigned>(bytes[17]) << 16 |
                       static_cast<unsigned>(bytes[18]) << 8 | bytes[19];
  return low % count;
}

std::string new_request_id() {
  std::array<std::uint8_t, 16> bytes{};
  CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return "req-" + to_hex(bytes);
}

}  // namespace chancery
