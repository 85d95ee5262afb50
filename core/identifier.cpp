#include "core/identifier.h"

#include <openssl/rand.h>

#include <algorithm>

namespace chancery {

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
  const auto units = static_cast<std::uint64_t>(std::max<std::int64_t>(0, unix_seconds)) / 256;
  // 24 bits of 256 s last until the year 2106; octet 0 counts on from there.
  serial.bytes[0] = static_cast<std::uint8_t>(1 + (units >> 24) % 127);
  serial.bytes[1] = static_cast<std::uint8_t>(units >> 16);
  serial.bytes[2] = static_cast<std::uint8_t>(units >> 8);
  serial.bytes[3] = static_cast<std::uint8_t>(units);
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
