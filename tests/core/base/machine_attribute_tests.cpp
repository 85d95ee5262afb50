#include <boost/test/unit_test.hpp>

#include "core/limits.h"
#include "core/machine_attribute.h"

namespace chancery {
namespace {

BOOST_AUTO_TEST_SUITE(machine_attribute)

BOOST_AUTO_TEST_CASE(names_and_values_are_bounded) {
  const std::string longest_name = "a" + std::string(limits::attribute_name_bytes - 1, '_');
  const std::string longest_value(limits::attribute_value_bytes, 'v');
  const struct {
    const char* what;
    std::string name, value;
    bool good;
  } rows[] = {
      {"ordinary", "team", "shop", true},
      {"digits and _", "hall_2", "7", true},
      {"a path", "location", "eu/zurich/rack 17", true},
      {"punctuation", "model", "X-1 (rev. B), 50%=\"~", true},
      {"longest", longest_name, longest_value, true},
      {"no name", "", "v", false},
      {"a digit first", "2fa", "v", false},
      {"_ first", "_a", "v", false},
      {"a capital letter", "Team", "v", false},
      {"a hyphen", "a-b", "v", false},
      {"name too long", longest_name + "a", "v", false},
      {"no value", "team", "", false},
      {"value too long", "team", longest_value + "v", false},
      {"space first", "team", " shop", false},
      {"space last", "team", "shop ", false},
      {"a wildcard", "team", "sh*p", false},
      {"a variable", "team", "{machine.name}", false},
      {"a line end", "team", "a\nb", false},
      {"NUL", "team", std::string("a\0b", 3), false},
      {"DEL", "team", "a\x7f", false},
      {"not ASCII", "team", "caf\xc3\xa9", false},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.what) {
      const auto attribute = parse_machine_attribute(row.name, row.value);
      BOOST_TEST(attribute.has_value() == row.good);
      if (attribute) {
        BOOST_CHECK((*attribute == MachineAttribute{row.name, row.value}));
      } else {
        BOOST_TEST(attribute.error().field == "attributes");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_attribute_is_found_by_its_whole_name) {
  Machine machine;
  machine.attributes = {{"team", "shop"}, {"teams", "all"}};
  BOOST_REQUIRE(find_attribute(machine, "team") != nullptr);
  BOOST_TEST(*find_attribute(machine, "team") == "shop");
  BOOST_TEST(find_attribute(machine, "tea") == nullptr);
  BOOST_TEST(find_attribute(Machine(), "team") == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
