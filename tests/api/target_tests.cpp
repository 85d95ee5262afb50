#include <boost/test/unit_test.hpp>

#include "api/target.h"

namespace chancery {

BOOST_AUTO_TEST_SUITE(target)

BOOST_AUTO_TEST_CASE(one_reading) {
  struct Row {
    std::string text;
    std::vector<std::string> segments;
    NamedValues query;
  };
  const std::vector<Row> rows = {
      {"/", {}, {}},
      {"/v1/keys", {"v1", "keys"}, {}},
      {"/a/b%20c", {"a", "b c"}, {}},
      {"/%41%c3%a9", {"A\xc3\xa9"}, {}},
      {"/a%2541", {"a%41"}, {}},
      {"/a?", {"a"}, {}},
      {"/a?x=1&y=", {"a"}, {{"x", "1"}, {"y", ""}}},
      {"/a?x=1+2%2B3", {"a"}, {{"x", "1+2+3"}}},
      {"/a?x=/?:@", {"a"}, {{"x", "/?:@"}}},
      {"/a?x%26=%3D", {"a"}, {{"x&", "="}}},
      {"/a;b,c'(d)!$*~", {"a;b,c'(d)!$*~"}, {}},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.text) {
      const auto target = parse_target(row.text);
      BOOST_TEST_REQUIRE(target.has_value());
      BOOST_TEST(target->segments == row.segments);
      BOOST_TEST((target->query == row.query));
    }
  }
}

BOOST_AUTO_TEST_CASE(more_than_one_reading_is_refused) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "path"},           {"a", "path"},           {"*", "path"},
      {"http://h/a", "path"}, {"//", "path"},          {"//a", "path"},
      {"/a/", "path"},        {"/a//b", "path"},       {"/.", "path"},
      {"/..", "path"},        {"/a/../b", "path"},     {"/%2e%2e/b", "path"},
      {"/a/%2E", "path"},     {"/a%2fb", "path"},      {"/a%", "path"},
      {"/a%4", "path"},       {"/a%4g", "path"},       {"/a%00", "path"},
      {"/a%0a", "path"},      {"/a%7f", "path"},       {"/%ff", "path"},
      {"/%c0%af", "path"},    {"/%ed%a0%80", "path"},  {"/%f4%90%80%80", "path"},
      {"/%e2%82", "path"},    {"/a b", "path"},        {"/a\\b", "path"},
      {"/a#b", "path"},       {"/\xc3\xa9", "path"},   {"/a|b", "path"},
      {"/a?x", "query"},      {"/a?=1", "query"},      {"/a?x=1&", "query"},
      {"/a?&x=1", "query"},   {"/a?x=1&x=2", "query"}, {"/a?x=1&%78=2", "query"},
      {"/a?x=1=2", "query"},  {"/a?x=%", "query"},     {"/a?x=%00", "query"},
      {"/a?x=%ff", "query"},  {"/a?x=#", "query"},
  };
  for (const auto& [text, field] : rows) {
    BOOST_TEST_CONTEXT(text) {
      const auto target = parse_target(text);
      BOOST_TEST_REQUIRE(!target.has_value());
      BOOST_TEST((target.error().code == ErrorCode::invalid_request));
      BOOST_TEST(target.error().field == field);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
