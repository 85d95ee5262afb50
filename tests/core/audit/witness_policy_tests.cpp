#include <boost/test/unit_test.hpp>

#include "core/witness_key.h"
#include "core/witness_policy.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

/// Keys of three witnesses and a log.
struct Keys {
  std::vector<WitnessKey> witnesses;
  NoteSigner log{"log.example", KeyType::ed25519};

  Keys() {
    for (const char* name : {"x.example", "y.example", "z.example"}) {
      witnesses.push_back(WitnessKey::generate(name).value());
    }
  }
  [[nodiscard]] std::string vkey(std::size_t i) const { return witnesses[i].verifier().vkey(); }
  /// The three as x, y and z.
  [[nodiscard]] std::string lines() const {
    return "witness x " + vkey(0) + "\nwitness y " + vkey(1) + " http://y.example/p/\nwitness z\t" +
           vkey(2) + "\n";
  }
  /// A checkpoint that those have cosigned.
  [[nodiscard]] std::string note(const std::vector<std::size_t>& signers) const {
    const std::string text = checkpoint_text({"log.example", 1, Bytes(32, 1)});
    std::vector<std::string> all = {log.line(text)};
    for (const std::size_t i : signers) all.push_back(witnesses[i].cosign(text, now()));
    return assemble_note(text, all);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(witness_policy, Keys)

BOOST_AUTO_TEST_CASE(quorums) {
  const struct {
    const char* rules;
    std::vector<std::vector<std::size_t>> good, bad;
  } rows[] = {
      {"quorum none\n", {{}, {0}}, {}},
      {"quorum y\n", {{1}, {0, 1, 2}}, {{}, {0, 2}}},
      {"group g any x y z\nquorum g\n", {{0}, {1}, {2}}, {{}}},
      {"group g all x y\nquorum g\n", {{0, 1}, {0, 1, 2}}, {{0}, {1}, {2, 0}}},
      {"group g 2 x y z\nquorum g\n", {{0, 1}, {0, 2}, {1, 2}}, {{0}, {1}, {2}}},
      {"group g any x y\ngroup h all g z\nquorum h\n", {{0, 2}, {1, 2}}, {{0, 1}, {2}}},
  };
  for (const auto& row : rows) {
    const auto policy = WitnessPolicy::parse(lines() + row.rules);
    BOOST_TEST_REQUIRE(policy.has_value(), row.rules);
    for (const auto& signers : row.good) BOOST_TEST(policy->has_quorum(note(signers)), row.rules);
    for (const auto& signers : row.bad) BOOST_TEST(!policy->has_quorum(note(signers)), row.rules);
    BOOST_TEST(policy->requires_cosignatures() == !row.bad.empty());
  }
}

// The same witness twice, or a broken line of it, counts for nothing more.
BOOST_AUTO_TEST_CASE(a_witness_counts_once) {
  const auto policy = WitnessPolicy::parse(lines() + "group g 2 x y z\nquorum g\n").value();
  BOOST_TEST(!policy.has_quorum(note({0, 0})));
  const std::string other = checkpoint_text({"log.example", 2, Bytes(32, 1)});
  BOOST_TEST(!policy.has_quorum(note({0}) + witnesses[1].cosign(other, now()) + "\n"));
}

BOOST_AUTO_TEST_CASE(what_a_policy_names) {
  const auto policy = WitnessPolicy::parse("# ours\n\n \t\n  log " + log.verifier().vkey() +
                                           " https://log.example\n" + lines() + "quorum x\n")
                          .value();
  BOOST_TEST(policy.logs().size() == 1U);
  BOOST_TEST(policy.witnesses().size() == 3U);
  BOOST_TEST(policy.witnesses()[0].url == "");
  BOOST_TEST(policy.witnesses()[1].url == "http://y.example/p");
  BOOST_TEST(policy.witnesses()[2].name == "z");
}

BOOST_AUTO_TEST_CASE(bad_policies_are_refused_with_their_line) {
  const std::string key = log.verifier().vkey();
  const struct {
    std::string text;
    const char* says;
  } rows[] = {
      {"", "no line \"quorum\""},
      {lines(), "no line \"quorum\""},
      {"quorum none", "line 1: has no newline"},
      {"quorum none\r\n", "line 1: has a control character"},
      {"quorum none\nquorum none\n", "line 2: there is a quorum already"},
      {"quorum\n", "line 1: must be: quorum NAME"},
      {"quorum x\n" + lines(), "line 1: \"x\" is not defined before"},
      {"quorums none\n", "line 1: \"quorums\" is none of"},
      {lines() + "witness x " + vkey(0) + "\n", "line 4: another witness has this key"},
      {"witness x " + vkey(0) + "\nwitness x " + vkey(1) + "\n",
       "line 2: \"x\" is defined already"},
      {"witness none " + vkey(0) + "\n", "line 1: the name \"none\" is taken"},
      {"witness x " + vkey(0) + " ftp://x\n", "line 1: the URL must begin with"},
      {"witness x\n", "line 1: must be: witness NAME VKEY [URL]"},
      {"witness x " + key + "\n", "line 1: the witness's key is not of type 0x04"},
      {"log " + vkey(0) + "\n", "line 1: the verifier key is of an unknown type"},
      {"log " + key + "\nlog " + key + "\n", "line 2: another log has this key"},
      {lines() + "group g 0 x\n", "line 4: of 1 members \"0\" cannot have signed"},
      {lines() + "group g 3 x y\n", "line 4: of 2 members \"3\" cannot have signed"},
      {lines() + "group g 01 x y\n", "line 4: of 2 members \"01\" cannot have signed"},
      {lines() + "group g some x y\n", "line 4: of 2 members \"some\" cannot have signed"},
      {lines() + "group g any\n", "line 4: must be: group NAME"},
      {lines() + "group g any g\n", "line 4: \"g\" is not defined before"},
      {lines() + "group g any none\n", "line 4: \"none\" is not defined before"},
      {lines() + "group g 2 x x\n", "line 4: \"x\" is a member of a group already"},
      {lines() + "group g any x\ngroup h any x y\n",
       "line 5: \"x\" is a member of a group already"},
      {std::string(limits::witness_policy_bytes + 1, '\n'), "too long"},
  };
  for (const auto& row : rows) {
    const auto policy = WitnessPolicy::parse(row.text);
    BOOST_TEST(!policy.has_value(), row.says);
    if (policy) continue;
    BOOST_TEST(policy.error().field == "policy");
    BOOST_TEST((policy.error().message.find(row.says) != std::string::npos),
               policy.error().message << " instead of " << row.says);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
