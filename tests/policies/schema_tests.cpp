// docs/policy.schema.json knows the members and the names that the code knows. Whether policies fit
// it is policy_schema_test.py's to see.
#include <nlohmann/json.hpp>
#include <set>

#include "core/message_class.h"
#include "policy_fixture.h"

namespace chancery {
namespace {

using Json = nlohmann::json;
using Names = std::set<std::string>;

const Json& schema() {
  static const Json document = Json::parse(read_source("docs/policy.schema.json"));
  return document;
}

Names members_in(const std::string& pointer) {
  Names names;
  for (const auto& [name, value] : schema().at(Json::json_pointer(pointer)).items()) {
    names.insert(name);
  }
  return names;
}

Names names_in(const std::string& definition) {
  Names names;
  for (const Json& name : schema()["$defs"][definition]["anyOf"][0]["enum"]) names.insert(name);
  return names;
}

/// What the message about a value that should be a mapping says of its members.
Names members_known(const std::string& text) {
  const auto policy = load_policy(text, test_vocabulary());
  BOOST_REQUIRE_MESSAGE(!policy, text);
  const std::string begin = "must be a mapping with the members ";
  const std::string& message = policy.error().message;
  const std::size_t at = message.find(begin);
  BOOST_REQUIRE_MESSAGE(at != message.npos, message);
  Names names;
  std::istringstream list(message.substr(at + begin.size()));
  for (std::string name; std::getline(list >> std::ws, name, ',');) names.insert(name);
  return names;
}

template <class Range, class Name>
Names names_of(const Range& values, const Name& name) {
  Names names;
  for (const auto& value : values) names.insert(std::string(name(value)));
  return names;
}

BOOST_AUTO_TEST_SUITE(policy_schema)

BOOST_AUTO_TEST_CASE(members) {
  const auto rule = [](const std::string& list, const std::string& rest) {
    return "version: 1\n" + list + ":\n  - {name: a, machines: [m], operations: [status.read]" +
           (list == "approvals" ? ", needed: 1, from: [b]" : "") + ", " + rest + "}\n";
  };
  const struct {
    std::string pointer, text;
  } rows[] = {
      {"/properties", "x\n"},
      {"/$defs/grant/properties", "version: 1\ngrants: [x]\n"},
      {"/$defs/denial/properties", "version: 1\ndenials: [x]\n"},
      {"/$defs/approval/properties", "version: 1\napprovals: [x]\n"},
      {"/$defs/grant_conditions/properties", rule("grants", "when: x")},
      {"/$defs/denial_conditions/properties", rule("denials", "when: x")},
      {"/$defs/approval_conditions/properties", rule("approvals", "when: x")},
      {"/$defs/grant/properties/approvals/properties", rule("grants", "approvals: x")},
      {"/$defs/quota/properties", rule("grants", "quotas: [x]")},
      {"/$defs/time_window/properties", rule("grants", "when: {hours: [x]}")},
      {"/$defs/group/properties", "version: 1\ngroups: {g: x}\n"},
      {"/$defs/template/properties", "version: 1\ntemplates: [x]\n"},
      {"/$defs/use/properties", "version: 1\nuse: [x]\n"},
      {"/$defs/roles/properties", "version: 1\nroles: x\n"},
  };
  for (const auto& row : rows) {
    BOOST_TEST(members_in(row.pointer) == members_known(row.text), row.pointer);
  }
}

BOOST_AUTO_TEST_CASE(names) {
  auto granted = names_of(operations(), [](Operation one) { return name_of(one); });
  granted.erase(std::string(name_of(Operation::approval_give)));  // the rule of an approval says it
  BOOST_TEST(names_in("operation") == granted);
  BOOST_TEST(names_in("key_type") ==
             names_of(key_types(), [](const KeyTypeRow& one) { return one.name; }));
  BOOST_TEST(
      names_in("signature_algorithm") ==
      names_of(signature_algorithms(), [](const SignatureAlgorithmRow& one) { return one.name; }));
  BOOST_TEST(names_in("digest") ==
             names_of(digests(), [](const DigestRow& one) { return one.name; }));
  for (const std::string& name : names_in("message_class")) {
    BOOST_TEST(parse_message_class(name).has_value(), name);
  }
  for (const std::string& name : names_in("extended_key_usage")) {
    BOOST_TEST(parse_extended_key_usage(name).has_value(), name);
  }
  BOOST_TEST(names_in("message_class").size() == 7);
  BOOST_TEST(names_in("extended_key_usage").size() == 6);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
