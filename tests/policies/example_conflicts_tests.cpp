#include <filesystem>

#include "policies/policy_conflicts.h"
#include "policy_fixture.h"

// No rule of a policy that is shipped does nothing, or not what it seems to.

namespace chancery {
namespace {

BOOST_AUTO_TEST_SUITE(example_conflicts)

BOOST_AUTO_TEST_CASE(the_shipped_examples_have_none) {
  const Time thursday = *from_rfc3339("2026-11-26T12:00:00Z");
  const std::string folder = "policies/examples";
  std::size_t examples = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(CHANCERY_SOURCE_DIR) + "/" + folder)) {
    const std::string name = file.path().filename();
    if (name.ends_with(".tests.yaml")) continue;
    BOOST_TEST_CONTEXT(name) {
      ++examples;
      const auto policy = load_policy(read_source(folder + "/" + name), test_vocabulary());
      BOOST_REQUIRE_MESSAGE(policy, (policy ? "" : policy.error().message));
      const PolicyConflicts found = conflicts(**policy, thursday);
      for (const PolicyConflict& conflict : found.conflicts) BOOST_ERROR(conflict.text);
      BOOST_TEST(found.doubts.empty());
    }
  }
  BOOST_TEST(examples == 5);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
