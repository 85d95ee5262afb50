#include <boost/test/unit_test.hpp>
#include <limits>
#include <set>

#include "core/clock.h"
#include "core/identifier.h"

namespace chancery {
namespace {

std::string prefix_at(std::int64_t unix_seconds) {
  return Serial::allocate(unix_seconds).hex().substr(0, 8);
}

std::string prefix_at(const char* time) {
  return prefix_at(to_unix_seconds(*from_rfc3339(time)));
}

BOOST_AUTO_TEST_SUITE(identifier)

BOOST_AUTO_TEST_CASE(serials_begin_with_seconds_since_2025) {
  const struct {
    const char* time;
    const char* prefix;
  } rows[] = {
      {"1970-01-01T00:00:00Z", "01000000"}, {"2024-12-31T23:59:59Z", "01000000"},
      {"2025-01-01T00:00:00Z", "01000000"}, {"2025-01-01T00:00:01Z", "01000001"},
      {"2025-07-14T04:20:16Z", "02000000"}, {"2092-07-08T22:53:51Z", "7fffffff"},
      {"2092-07-08T22:53:52Z", "01000000"}, {"2160-01-15T21:47:44Z", "01000000"},
  };
  for (const auto& row : rows) BOOST_TEST(prefix_at(row.time) == row.prefix, row.time);
  BOOST_TEST(prefix_at(std::numeric_limits<std::int64_t>::min()) == "01000000");
}

// RFC 5280 section 4.1.2.2: positive, at most 20 octets.
BOOST_AUTO_TEST_CASE(every_serial_is_positive_and_has_twenty_octets) {
  for (std::int64_t time = 0; time < 9'000'000'000; time += 12'345'678) {
    const Serial serial = Serial::allocate(time);
    BOOST_TEST_REQUIRE((serial.bytes[0] >= 1 && serial.bytes[0] <= 127), time);
    BOOST_TEST_REQUIRE((*Serial::parse(serial.hex()) == serial), time);
  }
}

BOOST_AUTO_TEST_CASE(sixteen_octets_of_a_serial_are_random) {
  constexpr std::size_t kCount = 4096;
  std::array<std::size_t, 160> ones{};
  std::set<Serial> serials;
  for (std::size_t i = 0; i < kCount; ++i) {
    const Serial serial = Serial::allocate(1'800'000'000);
    serials.insert(serial);
    for (std::size_t bit = 0; bit < ones.size(); ++bit) {
      ones[bit] += serial.bytes[bit / 8] >> (7 - bit % 8) & 1U;
    }
  }
  BOOST_TEST(serials.size() == kCount);
  for (std::size_t bit = 0; bit < 32; ++bit) {
    BOOST_TEST((ones[bit] == 0 || ones[bit] == kCount), "bit " << bit << " is the time's");
  }
  // Ten standard deviations of a fair coin.
  for (std::size_t bit = 32; bit < 160; ++bit) {
    BOOST_TEST((ones[bit] > kCount / 2 - 320 && ones[bit] < kCount / 2 + 320), "bit " << bit);
  }
}

BOOST_AUTO_TEST_CASE(other_serials_are_refused) {
  const std::string good = "0123456789abcdef0123456789ABCDEF01234567";
  BOOST_TEST(Serial::parse(good).has_value());
  const struct {
    const char* name;
    std::string text;
  } rows[] = {
      {"nothing", ""},
      {"19 octets", good.substr(2)},
      {"21 octets", good + "00"},
      {"an odd number of digits", good.substr(1)},
      {"no digit", "g" + good.substr(1)},
      {"colons", "01:23:45:67:89:ab:cd:ef:01:23:45:67:89"},
      {"octet 0 zero", "00" + good.substr(2)},
      {"negative", "80" + good.substr(2)},
  };
  for (const auto& row : rows) {
    const auto serial = Serial::parse(row.text);
    BOOST_TEST_REQUIRE(!serial.has_value(), row.name);
    BOOST_TEST((serial.error().code == ErrorCode::invalid_request), row.name);
    BOOST_TEST(serial.error().field == "serial", row.name);
  }
}

BOOST_AUTO_TEST_CASE(shards_are_taken_from_the_random_octets) {
  const Serial serial = *Serial::parse("01000000000000000000000000000000f0000011");
  BOOST_TEST(serial.shard(1) == 0U);
  BOOST_TEST(serial.shard(16) == 1U);
  BOOST_TEST(serial.shard(7) == 0xf0000011U % 7);
  std::array<unsigned, 4> counts{};
  for (int i = 0; i < 4000; ++i) ++counts.at(Serial::allocate(1'800'000'000).shard(4));
  for (unsigned count : counts) BOOST_TEST((count > 700 && count < 1300), count);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
