#include <algorithm>
#include <memory_resource>

#include "policies/network.h"
#include "policies/pattern.h"
#include "policies/pattern_index.h"
#include "policies/text_table.h"
#include "policy_fixture.h"

namespace chancery {
namespace {

struct PatternRow {
  PatternKind kind;
  std::string pattern, value;
  bool matches;
};

using enum PatternKind;

const std::vector<PatternRow> kRows = {
    {machine_name, "web-1", "web-1", true},
    {machine_name, "web-1", "web-10", false},
    {machine_name, "*", "web-1", true},
    {machine_name, "*", "web-1.example", false},
    {machine_name, "**", "a.b.c", true},
    {machine_name, "**", "a..c", false},
    {machine_name, "**", "", false},
    {machine_name, "web-*", "web-", false},
    {machine_name, "*-db", "eu-db", true},
    {machine_name, "*-db", "-db", false},
    {machine_name, "a*a", "a", false},
    {machine_name, "a*a", "aa", false},
    {machine_name, "a*a", "aba", true},
    {machine_name, "a.**.d", "a.d", false},
    {machine_name, "a.**.d", "a.b.d", true},
    {machine_name, "a.**.d", "a.b.c.d", true},
    {machine_name, "a.**.d", "a.d.d", true},
    {machine_name, "a.**", "a", false},
    {machine_name, "a.**", "a.b", true},
    {machine_name, "**.d", "d", false},
    {machine_name, "**.d", "c.d", true},
    {machine_name, "a.*.**.*", "a.b.c", false},
    {machine_name, "a.*.**.*", "a.b.c.d", true},
    {dns_name, "*.example.com", "*.example.com", true},
    {dns_name, "**.com", "*.example.com", true},
    {dns_name, "w*.example.com", "*.example.com", false},
    {dns_name, "{machine.name}", "web-1", true},
    {dns_name, "{machine.name}", "web-2", false},
    {dns_name, "{machine.name}.**", "web-1.a.b", true},
    {dns_name, "x-{machine.name}-*", "x-web-1-y", true},
    {dns_name, "{machine.name}{machine.name}", "web-1web-1", true},
    {dns_name, "{machine.spiffe_domain}", "example.com", true},
    {key, "{machine.name}.*", "web-1.a", true},
    {key, "{machine.name}.*", "web-1.a.b", false},
    {key, "{machine.name}.*", "web-12.a", false},
    {uri, "spiffe://example.com/*", "spiffe://example.com/a", true},
    {uri, "spiffe://example.com/*", "spiffe://example.com/", false},
    {uri, "spiffe://example.com/*", "spiffe://example.com/a/b", false},
    {uri, "spiffe://example.com/**", "spiffe://example.com/a/b", true},
    {uri, "spiffe://example.com/**", "spiffe://example.com", false},
    {uri, "spiffe://example.com/**", "spiffe://example.com//a", false},
    {uri, "spiffe://example.com/**", "spiffe://example.com/a/./b", false},
    {uri, "spiffe://example.com/**", "spiffe://example.com/a/..", false},
    {uri, "spiffe://example.com/**", "spiffe://example.com/a%2f..", false},
    {uri, "spiffe://example.com/.*", "spiffe://example.com/..", false},
    {uri, "spiffe://example.com/.*", "spiffe://example.com/.a", true},
    {uri, "spiffe://example.com/**", "spiffe://evil.org/a", false},
    {uri, "https://*.example.com/", "https://a.example.com/", true},
    {uri, "https://*.example.com/", "https://u@a.example.com/", false},
    {uri, "https://*.example.com/", "https://evil.org#.example.com/", false},
    {uri, "https://*.example.com/", "https://a.example.com:443/", false},
    {uri, "{machine.spiffe_id}/**", "spiffe://example.com/ns/web/a", true},
    {uri, "{machine.spiffe_id}", "spiffe://example.com/ns/web", true},
    {uri, "spiffe://{machine.spiffe_domain}/x/{machine.spiffe_path}",
     "spiffe://example.com/x/ns/web", true},
    {email, "*@example.com", "a.b@example.com", true},
    {email, "*@example.com", "a@b.example.com", false},
    {email, "a*@**.com", "ab@x.y.com", true},
    {email, "a*@**.com", "a@x.y.com", false},
    {email, "ops@example.com", "ops@example.com", true},
    {email, "*@example.com", "a@b@example.com", false},
    {email, "{machine.spiffe_path}@example.com", "ns/web@example.com", true},
    {common_name, "*", "Any Name", true},
    {common_name, "*", "Any. Name", false},
    {common_name, "**", "Any. Name", true},
    {common_name, "Example Inc.", "Example Inc.", true},
    {common_name, "*.example.com", "a.example.com", true},
};

Machine web() {
  return TestMachine("web-1").spiffe("spiffe://example.com/ns/web");
}

std::vector<std::uint32_t> sorted(std::pmr::vector<std::uint32_t> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return {values.begin(), values.end()};
}

BOOST_AUTO_TEST_SUITE(patterns)

BOOST_AUTO_TEST_CASE(each_row) {
  for (const PatternRow& row : kRows) {
    BOOST_TEST_CONTEXT(row.pattern << " and " << row.value) {
      const auto pattern = Pattern::parse(row.kind, row.pattern);
      BOOST_REQUIRE_MESSAGE(pattern, (pattern ? "" : pattern.error().message));
      BOOST_TEST(pattern->matches(row.value, web()) == row.matches);
    }
  }
}

// The index is another implementation of the same rule.
BOOST_AUTO_TEST_CASE(the_index_agrees_with_each_row) {
  for (const PatternRow& row : kRows) {
    if (row.pattern.find('{') != std::string::npos) continue;
    if (row.kind != machine_name && row.kind != dns_name && row.kind != uri) continue;
    BOOST_TEST_CONTEXT(row.pattern << " and " << row.value) {
      PatternIndex index(row.kind);
      index.value(row.pattern, row.pattern.find('*') != std::string::npos) = 1;
      std::pmr::vector<std::uint32_t> found;
      index.find(row.value, found);
      BOOST_TEST(!found.empty() == row.matches);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_index_finds_all_that_cover_a_name_and_no_other) {
  const std::vector<std::string> patterns = {"**",
                                             "*.example.com",
                                             "web-*.example.com",
                                             "web-1.example.com",
                                             "*-1.example.com",
                                             "**.com",
                                             "web-1.**",
                                             "*.*.com",
                                             "w*1.example.com",
                                             "web-*.*.com",
                                             "**.web-1",
                                             "*",
                                             "web-1",
                                             "x.**.com",
                                             "db-*.example.com",
                                             "*-2.**.com"};
  const std::vector<std::string> names = {"web-1.example.com", "web-1",     "a.web-1", "x.y.z.com",
                                          "db-2.example.com",  "a-2.b.com", "com",     "**"};
  PatternIndex index(machine_name);
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const bool wildcards = patterns[i].find('*') != std::string::npos;
    index.value(patterns[i], wildcards) = static_cast<std::uint32_t>(i + 1);
  }
  for (const std::string& name : names) {
    std::vector<std::uint32_t> expected;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (Pattern::parse(machine_name, patterns[i])->matches(name, {})) {
        expected.push_back(static_cast<std::uint32_t>(i + 1));
      }
    }
    std::pmr::vector<std::uint32_t> found;
    index.find(name, found);
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(sorted(found) == expected, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_table_of_texts_finds_what_it_holds_and_nothing_else) {
  TextTable table;
  constexpr std::uint32_t kTexts = 20'000;
  for (std::uint32_t i = 1; i <= kTexts; ++i) {
    std::uint32_t& value = table.insert("text-" + std::to_string(i));
    BOOST_REQUIRE(value == 0);
    value = i;
  }
  for (std::uint32_t i = 1; i <= kTexts; ++i) {
    const std::string text = "text-" + std::to_string(i);
    BOOST_REQUIRE(table.find(text) == i);
    BOOST_REQUIRE(table.insert(text) == i);
    BOOST_REQUIRE(table.find(text + "x") == 0);
  }
  BOOST_TEST(table.find("") == 0);
}

BOOST_AUTO_TEST_CASE(a_variable_that_the_machine_lacks_covers_nothing) {
  Machine nobody;
  for (const char* text : {"{machine.name}", "{machine.name}*", "{machine.spiffe_domain}"}) {
    const auto pattern = Pattern::parse(dns_name, text);
    BOOST_TEST(!pattern->matches("", nobody));
    BOOST_TEST(!pattern->matches("a", nobody));
    BOOST_TEST(pattern->expanded(nobody).empty());
  }
}

// What a foreign CA certified as SPIFFE ID must not act as a pattern.
BOOST_AUTO_TEST_CASE(a_variable_is_no_pattern) {
  const auto pattern = Pattern::parse(uri, "{machine.spiffe_id}/*");
  const Machine stars = TestMachine("").spiffe("spiffe://e.org/**");
  BOOST_TEST(pattern->matches("spiffe://e.org/**/a", stars));
  BOOST_TEST(!pattern->matches("spiffe://e.org/x/a", stars));
  for (const char* mark : {"\x01", "\x02", "\x10"}) {
    const Machine control = TestMachine("").spiffe(std::string("spiffe://e.org/") + mark);
    BOOST_TEST(!pattern->matches("spiffe://e.org/x/a", control));
  }
  const Machine long_one = TestMachine("").spiffe("spiffe://e.org/" + std::string(5000, 'a'));
  BOOST_TEST(!pattern->matches(long_one.spiffe_id + "/a", long_one));
}

BOOST_AUTO_TEST_CASE(networks) {
  struct Row {
    const char* network;
    const char* address;
    bool contains;
  };
  const std::vector<Row> rows = {
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.128.0.0/9", "10.127.0.0", false},
      {"10.128.0.0/9", "10.128.0.0", true},
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"192.0.2.1/32", "192.0.2.1", true},
      {"0.0.0.0/0", "1.2.3.4", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "1.2.3.4", false},
      {"::/0", "2001:db8::1", true},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"10.0.0.0/8", "::ffff:10.1.2.3", true},
      {"10.0.0.0/8", "10.0.0", false},
      {"10.0.0.0/8", "", false},
      {"::1", "::1", true},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.network << " and " << row.address) {
      const auto network = Network::parse(row.network);
      BOOST_REQUIRE(network);
      const auto address = Address::parse(row.address);
      BOOST_TEST((address && network->contains(*address)) == row.contains);
    }
  }
  for (const char* bad :
       {"", "/8", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/33", "::/129", "10.0.0.1/8",
        "1.2.3.4 ", "fe80::1%eth0", "10.0.0.0/8/8", "::ffff:0:0/96"}) {
    BOOST_TEST(!Network::parse(bad).has_value(), bad);
  }
  BOOST_TEST(!Address::parse(std::string_view("1.2.3.4\0", 8)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
