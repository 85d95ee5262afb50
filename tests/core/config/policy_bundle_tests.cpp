#include <boost/test/unit_test.hpp>

#include "core/limits.h"
#include "core/policy_bundle.h"

namespace chancery {
namespace {

BOOST_AUTO_TEST_SUITE(policy_bundle)

BOOST_AUTO_TEST_CASE(the_names_of_its_files) {
  const std::string long_part(limits::policy_file_name_bytes - 5, 'a');
  for (const std::string& good :
       {std::string("policy.yaml"), std::string("teams/shop.yaml"), std::string("a.b/C_1-2.yaml"),
        std::string("a.yaml/b.yaml"), long_part + ".yaml"}) {
    BOOST_TEST(is_policy_file_name(good), good);
  }
  for (const std::string& bad :
       {std::string(), std::string(".yaml"), std::string("a"), std::string("a.yml"),
        std::string("/a.yaml"), std::string("a//b.yaml"), std::string("../a.yaml"),
        std::string("a/../b.yaml"), std::string("./a.yaml"), std::string("a/.yaml"),
        std::string("a b.yaml"), std::string("a\nb.yaml"), std::string("ä.yaml"),
        std::string("a.yaml/"), std::string("a\\b.yaml"), "a" + long_part + ".yaml"}) {
    BOOST_TEST(!is_policy_file_name(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(one_file_is_its_own_text) {
  for (const std::string text :
       {"version: 1\n", "", "# comment\n", "#%files a 1\n", " #%file a 1\n"}) {
    const auto bundle = format_policy_bundle({{"policy.yaml", text}});
    BOOST_REQUIRE(bundle);
    BOOST_TEST(*bundle == text);
    const auto files = parse_policy_bundle(*bundle);
    BOOST_REQUIRE(files);
    BOOST_REQUIRE(files->size() == 1);
    BOOST_TEST(files->front().name == "policy.yaml");
    BOOST_TEST(files->front().text == text);
  }
}

BOOST_AUTO_TEST_CASE(several_are_sorted_and_come_back_as_they_were) {
  // Each text tries to look like an end or another file.
  const std::string tricky = "x\n#%file b.yaml 0\n\n", empty, no_end = "last: line";
  const auto bundle =
      format_policy_bundle({{"teams/b.yaml", no_end}, {"policy.yaml", tricky}, {"a.yaml", empty}});
  BOOST_REQUIRE(bundle);
  BOOST_TEST(*bundle ==
             "#%file a.yaml 0\n\n"
             "#%file policy.yaml 19\nx\n#%file b.yaml 0\n\n\n"
             "#%file teams/b.yaml 10\nlast: line\n");
  const auto files = parse_policy_bundle(*bundle);
  BOOST_REQUIRE_MESSAGE(files, (files ? "" : files.error().message));
  BOOST_REQUIRE(files->size() == 3);
  BOOST_TEST((*files)[0].name == "a.yaml");
  BOOST_TEST((*files)[0].text == "");
  BOOST_TEST((*files)[1].name == "policy.yaml");
  BOOST_TEST((*files)[1].text == tricky);
  BOOST_TEST((*files)[2].text == no_end);
}

struct BadFiles {
  std::string name;
  std::vector<PolicyFile> files;
  std::string message;
};

BOOST_AUTO_TEST_CASE(what_is_no_policy) {
  std::vector<PolicyFile> many = {{"policy.yaml", ""}};
  for (std::size_t i = 0; i < limits::policy_files; ++i) {
    many.push_back({"f" + std::to_string(i) + ".yaml", ""});
  }
  const std::string half(limits::policy_bytes / 2, '#');
  const std::vector<BadFiles> rows = {
      {"none", {}, "the policy has no file policy.yaml"},
      {"no main file", {{"a.yaml", ""}}, "the policy has no file policy.yaml"},
      {"twice",
       {{"policy.yaml", ""}, {"a.yaml", "1"}, {"a.yaml", "2"}},
       "the file a.yaml is there twice"},
      {"a bad name", {{"policy.yaml", ""}, {"../a.yaml", ""}}, "cannot be called \"../a.yaml\""},
      {"one that looks like several",
       {{"policy.yaml", "#%file a.yaml 1\n"}},
       "policy.yaml:1:1: begins with \"#%file \""},
      {"too many", many, "at most 1000 files"},
      {"too long", {{"policy.yaml", half}, {"a.yaml", half}}, "at most 67108864 bytes"},
  };
  for (const BadFiles& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto bundle = format_policy_bundle(row.files);
      BOOST_REQUIRE(!bundle);
      BOOST_TEST(bundle.error().message.find(row.message) != std::string::npos,
                 bundle.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_bundle) {
  const std::string good = "#%file a.yaml 1\nx\n#%file policy.yaml 1\ny\n";
  BOOST_REQUIRE(parse_policy_bundle(good));
  for (const std::string bad : {
           "#%file a.yaml 1\nx\n",                            // no main file
           "#%file policy.yaml 1\nx\n",                       // one, which would be its text
           "#%file a.yaml 1\nx\n#%file policy.yaml 1\ny",     // cut
           "#%file a.yaml 1\nx\n#%file policy.yaml 2\ny\n",   // cut
           "#%file a.yaml 1\nxx\n#%file policy.yaml 1\ny\n",  // longer than it says
           "#%file a.yaml 01\nx\n#%file policy.yaml 1\ny\n",  // not canonical
           "#%file a.yaml +1\nx\n#%file policy.yaml 1\ny\n",  //
           "#%file a.yaml 1 \nx\n#%file policy.yaml 1\ny\n",  //
           "#%file a.yaml  1\nx\n#%file policy.yaml 1\ny\n",  //
           "#%file a.yaml\nx\n#%file policy.yaml 1\ny\n",     // no size
           "#%file a.yaml 18446744073709551616\nx\n",         // beyond 64 bits
           "#%file a.yaml 18446744073709551615\nx\n",         // the greatest
           "#%file policy.yaml 1\nx\n#%file a.yaml 1\ny\n",   // not sorted
           "#%file a.yaml 1\nx\n#%file a.yaml 1\nx\n#%file policy.yaml 1\ny\n",  // twice
           "#%file ../a.yaml 1\nx\n#%file policy.yaml 1\ny\n",                   // a bad name
           "#%file a.yaml 1\nx\n\n#%file policy.yaml 1\ny\n",  // something between
           "#%file ",                                          //
       }) {
    BOOST_TEST(!parse_policy_bundle(bad), bad);
  }
  BOOST_TEST(!parse_policy_bundle(std::string(limits::policy_bytes + 1, '#')));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
