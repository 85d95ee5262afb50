#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cli/recorded_request.h"
#include "policies/grant_policy.h"

namespace chancery {

/// The decisions of a running service's log, each with the machines that can have asked: those as
/// which the policy of then gives the answer that was recorded. So what the log does not say, or
/// says of another version of the service, is noticed.
class RecordedDecisions {
 public:
  RecordedDecisions(Service& service, Profiles profiles)
      : service_(service), profiles_(std::move(profiles)), machines_(service) {}

  struct Decision {
    RecordedRequest request;
    std::vector<Machine> machines;  ///< none: it cannot be decided again, `why` says why
    std::string why;
  };
  /// Every one from `since` to what the log is now, in order, without those that a quota ended.
  Result<void> read(Time since, const std::function<void(const Decision&)>& take);
  /// The one with this request id; not_found where the log has no decision of it.
  Result<Decision> of_request(const std::string& id);

 private:
  Result<Decision> recognized(RecordedRequest request);
  Result<const GrantPolicy*> policy_of(const std::string& version);

  Service& service_;
  const Profiles profiles_;
  RecordedMachines machines_;
  std::map<std::string, std::shared_ptr<const GrantPolicy>> policies_;
};

}  // namespace chancery
