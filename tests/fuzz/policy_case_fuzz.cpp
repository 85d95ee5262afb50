#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "policies/policy_case.h"

// Any text is either refused with a place, or has cases that a request could be.

namespace {

using namespace chancery;

void require(bool condition) {
  if (!condition) std::abort();
}

/// Answers as a case expects.
class ObligingPolicy : public Policy {
 public:
  explicit ObligingPolicy(const PolicyCase& expected) : expected_(expected) {}
  [[nodiscard]] const std::string& version() const override { return expected_.name; }

 private:
  [[nodiscard]] Verdict evaluate(const Machine&, const PolicyQuestion&, Time) const override {
    Duties duties;
    if (expected_.quotas) {
      for (const std::string& quota : *expected_.quotas)
        duties.quotas.push_back({quota, {}, 1, {}});
    }
    if (!expected_.approval.empty() && expected_.approval != "none") {
      duties.approval = ApprovalNeed{expected_.approval, 1, {}, {}};
    }
    return {expected_.allowed, expected_.grant, expected_.reason,
            std::make_shared<const Duties>(std::move(duties))};
  }
  const PolicyCase& expected_;
};

void check(const PolicyCase& one) {
  for (const std::string& name : one.question.names.dns) require(is_dns_name(name, true));
  for (const std::string& name : one.question.names.uri) require(is_uri(name));
  for (const std::string& name : one.question.names.email) require(is_email(name));
  for (const std::string& name : one.question.names.ip) require(normalize_ip(name).has_value());
  require(one.machine.name.empty() || MachineName::parse(one.machine.name.text()).has_value());
  const ObligingPolicy policy(one);
  require(differs(one, policy.decide(one.machine, one.question, one.at)).empty());
  PolicyCase other = one;
  other.allowed = !one.allowed;
  require(!differs(other, policy.decide(one.machine, one.question, one.at)).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto cases = read_policy_cases(text, {}, Time{}, "cases.yaml");
  if (!cases) {
    require(cases.error().message.starts_with("cases.yaml:"));
    require(cases.error().code == ErrorCode::invalid_request ||
            cases.error().code == ErrorCode::too_large);
    return 0;
  }
  require(!cases->cases.empty());
  std::set<std::string> names;
  for (const PolicyCase& one : cases->cases) {
    require(names.insert(one.name).second);
    check(one);
  }
  return 0;
}
