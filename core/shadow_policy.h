#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/policy.h"

namespace chancery {

/// A candidate that is asked beside the policy in force, and what it would have decided otherwise.
/// It never changes an answer. Safe to use from many threads.
class Shadow {
 public:
  Shadow(std::shared_ptr<const Policy> candidate, std::string started_by, Time since)
      : candidate_(std::move(candidate)), started_by_(std::move(started_by)), since_(since) {}

  [[nodiscard]] const std::string& version() const { return candidate_->version(); }
  [[nodiscard]] std::uint64_t differences() const { return differences_; }

  /// What an entry says of the candidate: "1f2e3d4c5b6a7980: allowed by web-tls", "…: refused: …";
  /// empty where it decides as `in_force`, the policy in force, did.
  std::string compare(const Policy::Verdict& in_force, const Machine& machine,
                      const PolicyQuestion& question, Time at);

  struct Difference {
    Time at;
    std::string machine;  ///< as the log names it
    Operation operation{};
    std::string in_force, candidate;  ///< the answers: "allowed by …", "refused: …"
  };
  struct Report {
    std::string version, started_by;
    Time since;
    std::uint64_t decisions = 0, differences = 0;
    /// By the grant that allowed what the candidate refuses, and by that of the candidate which
    /// allows what was refused or asks for other approvals. Beyond limits::shadow_grants together,
    /// under "".
    std::map<std::string, std::uint64_t> refused, allowed;
    std::vector<Difference> last;  ///< limits::shadow_differences at most, the newest last
  };
  [[nodiscard]] Report report() const;

 private:
  void keep(Difference difference, const Policy::Verdict& in_force, const Decision& candidate);

  const std::shared_ptr<const Policy> candidate_;
  const std::string started_by_;
  const Time since_;
  std::atomic<std::uint64_t> decisions_ = 0, differences_ = 0;
  mutable std::mutex mutex_;  // guards the rest
  std::map<std::string, std::uint64_t> refused_, allowed_;
  std::deque<Difference> last_;
};

/// The policy in force with a shadow: decides as the one in force, and each decision carries what
/// the candidate would have said.
class ShadowedPolicy : public Policy {
 public:
  ShadowedPolicy(std::shared_ptr<const Policy> in_force, std::shared_ptr<Shadow> shadow)
      : in_force_(std::move(in_force)), shadow_(std::move(shadow)) {}

  [[nodiscard]] const std::string& version() const override { return in_force_->version(); }
  [[nodiscard]] bool may_approve(std::string_view rule, const Machine& approver) const override {
    return in_force_->may_approve(rule, approver);
  }

  [[nodiscard]] bool could_be_agreed(const ApprovalNeed& need,
                                     const Machine& requester) const override {
    return in_force_->could_be_agreed(need, requester);
  }

 private:
  [[nodiscard]] Verdict evaluate(const Machine& machine, const PolicyQuestion& question,
                                 Time at) const override;

  const std::shared_ptr<const Policy> in_force_;
  const std::shared_ptr<Shadow> shadow_;
};

}  // namespace chancery
