#include <boost/test/unit_test.hpp>

#include "core/limits.h"
#include "core/shadow_policy.h"

// A candidate beside the policy in force: what counts as a difference, and what is kept of it.

namespace chancery {
namespace {

using namespace std::chrono_literals;

/// Answers with one verdict, or for machines that are called otherwise, with another.
class FixedPolicy : public Policy {
 public:
  FixedPolicy(std::string version, Verdict verdict, std::string other = {}, Verdict others = {})
      : version_(std::move(version)),
        verdict_(std::move(verdict)),
        other_(std::move(other)),
        others_(std::move(others)) {}
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] bool may_approve(std::string_view rule, const Machine&) const override {
    return rule == version_;
  }

 private:
  [[nodiscard]] Verdict evaluate(const Machine& machine, const PolicyQuestion&,
                                 Time) const override {
    return machine.name.text() == other_ ? others_ : verdict_;
  }
  std::string version_;
  Verdict verdict_;
  std::string other_;
  Verdict others_;
};

const std::string kOld(64, 'a'), kNew(64, 'b');
const Policy::Verdict kAllowed{true, "web", "", nullptr};
const Policy::Verdict kRefused{false, "api", "grant \"api\": source", nullptr};

Policy::Verdict approved() {
  return {true, "web", "",
          std::make_shared<const Duties>(Duties{{}, ApprovalNeed{"grant:web", 2, 1h, 0s}})};
}
Policy::Verdict counted() {
  return {true, "web", "", std::make_shared<const Duties>(Duties{{{"web/0", "a", 1, 1min}}, {}})};
}

Machine machine(const std::string& name) {
  Machine made;
  made.name = MachineName::literal(name);
  return made;
}

struct Beside {
  std::shared_ptr<Shadow> shadow;
  ShadowedPolicy policy;
  Beside(Policy::Verdict in_force, std::shared_ptr<const Policy> candidate)
      : shadow(std::make_shared<Shadow>(std::move(candidate), "admin", now())),
        policy(std::make_shared<const FixedPolicy>(kOld, std::move(in_force)), shadow) {}
  Beside(Policy::Verdict in_force, Policy::Verdict candidate)
      : Beside(std::move(in_force),
               std::make_shared<const FixedPolicy>(kNew, std::move(candidate))) {}
  [[nodiscard]] Decision ask(const std::string& name = "web-1") const {
    return policy.decide(machine(name), PolicyQuestion{.operation = Operation::key_sign});
  }
};

BOOST_AUTO_TEST_SUITE(shadow_policy)

BOOST_AUTO_TEST_CASE(what_is_a_difference) {
  struct Row {
    std::string name;
    Policy::Verdict in_force, candidate;
    std::string shadow;
  };
  const std::string begin = std::string(16, 'b') + ": ";
  const std::vector<Row> rows = {
      {"both allow", kAllowed, kAllowed, ""},
      {"both refuse", kRefused, kRefused, ""},
      {"another grant allows", kAllowed, {true, "other", "", nullptr}, ""},
      {"another reason", kRefused, {false, "", "no grant", nullptr}, ""},
      {"other quotas", kAllowed, counted(), ""},
      {"would refuse", kAllowed, kRefused, begin + "refused: grant \"api\": source"},
      {"would allow", kRefused, kAllowed, begin + "allowed by web"},
      {"would ask others", kAllowed, approved(),
       begin + "allowed by web, with an approval by grant:web"},
      {"would ask nobody", approved(), kAllowed, begin + "allowed by web"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const Beside beside(row.in_force, row.candidate);
      const Decision decision = beside.ask();
      BOOST_TEST(decision.shadow() == row.shadow);
      // Of the policy in force, all of it.
      BOOST_TEST(decision.allowed() == row.in_force.allowed);
      BOOST_TEST(decision.grant() == row.in_force.grant);
      BOOST_TEST(decision.reason() == row.in_force.reason);
      BOOST_TEST(decision.duties() == row.in_force.duties.get());
      BOOST_TEST(decision.policy_version() == kOld);
      BOOST_TEST(beside.shadow->differences() == (row.shadow.empty() ? 0u : 1u));
    }
  }
}

BOOST_AUTO_TEST_CASE(approvers_are_those_of_the_policy_in_force) {
  const Beside beside(kAllowed, kAllowed);
  BOOST_TEST(beside.policy.may_approve(kOld, machine("a")));
  BOOST_TEST(!beside.policy.may_approve(kNew, machine("a")));
}

BOOST_AUTO_TEST_CASE(differences_are_counted_by_grant) {
  const auto candidate = std::make_shared<const FixedPolicy>(kNew, kRefused, "old-1", kAllowed);
  const Beside beside(kAllowed, candidate);
  for (const char* name : {"web-1", "web-2", "old-1"}) BOOST_TEST(beside.ask(name).allowed());
  const Shadow::Report report = beside.shadow->report();
  BOOST_TEST(report.version == kNew);
  BOOST_TEST(report.started_by == "admin");
  BOOST_TEST(report.decisions == 3u);
  BOOST_TEST(report.differences == 2u);
  BOOST_TEST((report.refused == std::map<std::string, std::uint64_t>{{"web", 2}}));
  BOOST_TEST(report.allowed.empty());
  BOOST_REQUIRE(report.last.size() == 2u);
  BOOST_TEST(report.last[1].machine == "web-2");
  BOOST_TEST((report.last[1].operation == Operation::key_sign));
  BOOST_TEST(report.last[1].in_force == "allowed by web");
  BOOST_TEST(report.last[1].candidate == "refused: grant \"api\": source");
}

BOOST_AUTO_TEST_CASE(a_long_reason_is_cut_between_characters) {
  std::string reason;
  for (int i = 0; i < 1000; ++i) reason += "\xe2\x82\xac";  // three bytes each
  const Beside beside(kAllowed, Policy::Verdict{false, "api", reason, nullptr});
  const std::string shadow = beside.ask("web-1").shadow();
  BOOST_TEST(shadow.size() <= limits::shadow_answer_bytes);
  BOOST_TEST(shadow.size() > limits::shadow_answer_bytes - 6);
  BOOST_TEST(shadow.ends_with("\xe2\x82\xac..."));
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_bounded) {
  const Beside beside(kAllowed, kRefused);
  for (std::size_t i = 0; i < limits::shadow_differences + 5; ++i) {
    BOOST_TEST(!beside.ask("m" + std::to_string(i)).shadow().empty());
  }
  const Shadow::Report report = beside.shadow->report();
  BOOST_TEST(report.differences == limits::shadow_differences + 5);
  BOOST_REQUIRE(report.last.size() == limits::shadow_differences);
  BOOST_TEST(report.last.front().machine == "m5");

  Shadow many(std::make_shared<const FixedPolicy>(kNew, kRefused), "admin", now());
  for (std::size_t i = 0; i < limits::shadow_grants + 5; ++i) {
    const Policy::Verdict verdict{true, "grant-" + std::to_string(i), "", nullptr};
    many.compare(verdict, machine("a"), PolicyQuestion{.operation = Operation::key_sign}, now());
  }
  BOOST_TEST(many.report().refused.size() == limits::shadow_grants + 1);
  BOOST_TEST(many.report().refused.at("") == 5u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
