#pragma once

#include <functional>
#include <set>
#include <string>

#include "core/machine_attribute.h"
#include "core/policy.h"

namespace chancery {

/// Allows everything and asks for what a test says.
class DutyPolicy : public Policy {
 public:
  using DutiesOf =
      std::function<std::shared_ptr<const Duties>(const Machine&, const PolicyQuestion&)>;
  /// `approvers` by their names, or by attributes, as "team=release".
  DutyPolicy(DutiesOf duties, std::set<std::string> approvers = {})
      : duties_(std::move(duties)), approvers_(std::move(approvers)) {}

  static constexpr const char* kText = "what the test says\n";
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] bool may_approve(std::string_view rule, const Machine& approver) const override {
    if (rule != "approval:test") return false;
    for (const std::string& attribute : texts_of(approver.attributes)) {
      if (approvers_.contains(attribute)) return true;
    }
    return approvers_.contains(approver.name.text());
  }

 private:
  [[nodiscard]] Verdict evaluate(const Machine& machine, const PolicyQuestion& question,
                                 Time) const override {
    return {true, "test", "", duties_(machine, question)};
  }
  DutiesOf duties_;
  std::set<std::string> approvers_;
  std::string version_ = to_hex(sha256(bytes_of(kText)));
};

}  // namespace chancery
