#include <boost/test/unit_test.hpp>

#include "cli/file.h"
#include "cli/identity.h"
#include "tests/cli/scratch_directory.h"

namespace chancery {
namespace {

BOOST_AUTO_TEST_SUITE(identity)

BOOST_AUTO_TEST_CASE(the_trust_anchor_is_the_last_of_the_chain) {
  const std::string first = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  const std::string last = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----";
  struct Case {
    const char* name;
    std::string chain, anchor;
  };
  const Case cases[] = {
      {"two", first + "\n" + last + "\n", last},
      {"text around", "issuing:\n" + first + "\nroot:\n" + last + "\nend", last},
      {"one", first, first},
      {"none", "", ""},
      {"cut off", first + "\n" + last.substr(0, 40), ""},
  };
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.name) {
      Identity identity;
      identity.chain = one.chain;
      BOOST_TEST(identity.trust_anchor() == one.anchor);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_occupied_directory_is_not_vacant) {
  ScratchDirectory scratch;
  BOOST_TEST(bool(check_vacant(scratch.path(""))));
  BOOST_TEST(bool(check_vacant(scratch.path("none"))));
  BOOST_REQUIRE(replace_file(scratch.path("key.pem"), "K", 0600));
  BOOST_TEST((check_vacant(scratch.path("")).error().code == ErrorCode::conflict));
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_no_identity_says_what_one_is) {
  ScratchDirectory scratch;
  auto identity = Identity::load(scratch.path(""));
  BOOST_REQUIRE(!identity);
  BOOST_TEST(identity.error().field == "--identity");
  BOOST_TEST(identity.error().message.find("chancery enroll") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
