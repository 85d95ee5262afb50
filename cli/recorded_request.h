#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/service.h"
#include "core/policy.h"

namespace chancery {

/// A decision about somebody's request, as the audit log has it.
struct RecordedRequest {
  std::uint64_t index = 0;
  Time at;
  std::string request;  ///< its id
  std::string machine;  ///< as the log names it
  std::string source;
  bool allowed = false;               ///< by the policy
  std::string quota;                  ///< that was used up all the same, or empty
  std::string grant, reason, policy;  ///< of the decision; the version that made it
  PolicyQuestion question;
  /// What the log does not say of the question, or empty.
  std::string lacking;
};

/// Nothing where the entry holds no decision of the policy, or one about the service itself.
/// `profiles` complete the question (policies/asked_member.h). internal where it is no entry.
Result<std::optional<RecordedRequest>> recorded_request(std::uint64_t index, std::string_view entry,
                                                        const Profiles& profiles);

/// What the machine of a recorded request may have been: an entry names it, but not the certificate
/// that it came with. Asks the service, once for each certificate.
class RecordedMachines {
 public:
  explicit RecordedMachines(Service& service) : service_(service) {}

  /// Every certificate of the machine that was valid then, and none at all for one that may have
  /// enrolled.
  Result<std::vector<Machine>> of(const RecordedRequest& recorded);

 private:
  struct Certificate {
    Machine machine;  ///< without source and attributes
    Time not_after;
  };
  struct Known {
    std::vector<Certificate> certificates;
    std::vector<MachineAttribute> attributes;
  };
  Result<const Known*> known(const std::string& machine);
  Result<void> add_certificates(const std::string& machine, Known& known);
  Result<void> add_attributes(const std::string& machine, Known& known);

  Service& service_;
  std::map<std::string, Known> known_;
};

}  // namespace chancery
