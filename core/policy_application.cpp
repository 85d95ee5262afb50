#include <algorithm>

#include "core/instance.h"
#include "core/policy_bundle.h"
#include "core/policy_directory.h"
#include "core/policy_replacement.h"

// Another policy comes into force: as the files in the home stand, or as somebody sends it.

namespace chancery {
namespace {

const PolicyQuestion kQuestion{.operation = Operation::policy_change};

}  // namespace

/// Records that a policy does not come into force; returns why.
Failure Instance::reject_policy(const Caller& caller, Error error) {
  AuditEntry entry(EntryKind::policy);
  entry.set("operation", name_of(Operation::policy_change));
  entry.set("reason", error.message);
  entry.set("result", "rejected");
  auto recorded = log_->record(caller.context, std::move(entry));
  return Failure(recorded ? std::move(error) : std::move(recorded.error()));
}

Instance::LoadedPolicy Instance::load_or_reject(const Caller& caller, const std::string& text) {
  auto policy = load_policy(text);
  if (!policy) return reject_policy(caller, std::move(policy.error()));
  return policy;
}

/// Also what changes nothing was decided.
Result<bool> Instance::record_unchanged(const Caller& caller) {
  RETURN_IF_ERROR(
      service_->authorize_preview(caller, kQuestion, "policy " + service_->policy()->version()));
  return false;
}

Result<Permit> Instance::permit_change(const Caller& caller, const std::string& version) {
  return service_->permit(caller.with_details(version.empty() ? "" : "policy " + version),
                          kQuestion);
}

Result<bool> Instance::reload_policy(const Caller& caller, const std::optional<Permit>& permitted,
                                     const std::string& version) {
  const std::lock_guard lock(policy_file_);
  const auto text = read_policy(config_.home);
  if (!text) return reject_policy(caller, text.error());
  if (!version.empty() && version != policy_version_of(*text)) {
    return reject_policy(
        caller, Error{ErrorCode::conflict,
                      "the policy in the service's home is " + policy_version_of(*text) + " by now",
                      "version"});
  }
  ASSIGN_OR_RETURN(auto policy, load_or_reject(caller, *text));
  if (policy->version() == service_->policy()->version()) {
    if (permitted) return record_unchanged(caller);
    return false;
  }
  if (permitted) {
    RETURN_IF_ERROR(service_->change_policy(caller, *permitted, std::move(policy), *text));
  } else {
    RETURN_IF_ERROR(service_->adopt(caller, std::move(policy), *text));
  }
  return true;
}

/// What somebody wrote into the home and did not put in force yet is not written over.
Result<void> Instance::expect_files_in_force(const std::string& next) const {
  const auto files = read_policy(config_.home);
  if (!files) {
    return fail(ErrorCode::conflict,
                "the policy in the service's home is not whole: " + files.error().message);
  }
  const std::string version = policy_version_of(*files);
  if (version == service_->policy()->version() || version == policy_version_of(next)) return {};
  return fail(ErrorCode::conflict,
              "the policy in the service's home was changed and is not in force; `chancery policy "
              "reload` puts it in force, or restore it there");
}

/// Under the lock, of a caller who may change the policy.
Instance::LoadedPolicy Instance::load_successor(const Caller& caller, const NewPolicy& wanted) {
  const std::string in_force = service_->policy()->version();
  if (!wanted.replaces.empty() && wanted.replaces != in_force) {
    return reject_policy(
        caller, Error{ErrorCode::conflict,
                      "the policy in force is " + in_force + " by now; look at it and try again",
                      "replaces"});
  }
  if (auto stands = expect_files_in_force(wanted.text); !stands) {
    return reject_policy(caller, std::move(stands.error()));
  }
  ASSIGN_OR_RETURN(auto policy, load_or_reject(caller, wanted.text));
  const Decision after = policy->decide(caller.context.machine, kQuestion);
  if (wanted.allow_lockout) return policy;
  if (!after.allowed()) {
    return reject_policy(caller, Error{ErrorCode::conflict,
                                       "under this policy you could not change it again (" +
                                           after.reason() + "); allow_lockout accepts that",
                                       "allow_lockout"});
  }
  const Duties* duties = after.duties();
  if (duties != nullptr && duties->approval &&
      !policy->could_be_agreed(*duties->approval, caller.context.machine)) {
    return reject_policy(
        caller,
        Error{ErrorCode::conflict,
              "under this policy you could not change it again (\"" + duties->approval->rule +
                  "\" asks for " + std::to_string(duties->approval->needed) +
                  " approvals of others, and names fewer); allow_lockout accepts that",
              "allow_lockout"});
  }
  return policy;
}

Result<bool> Instance::apply_policy(const Caller& caller, const NewPolicy& wanted) {
  ASSIGN_OR_RETURN(const Permit permitted, permit_change(caller, policy_version_of(wanted.text)));
  return apply_permitted(caller, permitted, wanted);
}

Result<bool> Instance::apply_permitted(const Caller& caller, const Permit& permitted,
                                       const NewPolicy& wanted) {
  const std::lock_guard lock(policy_file_);
  ASSIGN_OR_RETURN(auto policy, load_successor(caller, wanted));
  if (policy->version() == service_->policy()->version()) return record_unchanged(caller);
  ASSIGN_OR_RETURN(const std::string before, read_policy(config_.home));
  // First it is certain that this is permitted, then the files change: what stands in the home
  // comes into force at the next start, whoever has put it there.
  RETURN_IF_ERROR(service_->record_applying(caller, permitted, policy->version()));
  // Crash point: nothing has changed. Where others had to agree, they have to again.
  if (auto replaced = replace_policy(config_.home, wanted.text); !replaced) {
    return reject_policy(caller, std::move(replaced.error()));
  }
  // Crash point: the next start puts in force, and records, what is in the home now.
  auto adopted =
      service_->change_policy(caller, permitted.discharged(), std::move(policy), wanted.text);
  if (adopted) return true;
  // It was not recorded, so it is not in force; nor is it to be after the next start.
  RETURN_IF_ERROR(replace_policy(config_.home, before));
  return Failure(std::move(adopted.error()));
}

Result<bool> Instance::roll_policy_back(const Caller& caller, std::string version,
                                        bool allow_lockout) {
  // Without a version nobody has to agree to it (endpoints_policy.cpp), so nobody is to be told.
  ASSIGN_OR_RETURN(const Permit permitted, permit_change(caller, version));
  const std::string in_force = service_->policy()->version();
  if (version.empty()) {
    ASSIGN_OR_RETURN(const auto versions, store_->policy_versions(2));
    const auto other = std::ranges::find_if(
        versions, [&](const PolicyVersionRecord& row) { return row.version != in_force; });
    if (other == versions.end()) {
      return reject_policy(
          caller, Error{ErrorCode::not_found, "there was no other policy before", "version"});
    }
    version = other->version;
  }
  ASSIGN_OR_RETURN(const auto record, store_->policy_version(version));
  if (!record) {
    return reject_policy(caller,
                         Error{ErrorCode::not_found, "there was no policy " + version, "version"});
  }
  if (policy_version_of(record->text) != version) {
    return reject_policy(caller, Error{ErrorCode::internal,
                                       "the database holds another text than policy " + version});
  }
  return apply_permitted(caller, permitted, {record->text, in_force, allow_lockout});
}

Result<void> Instance::check_policy(const Caller& caller, const NewPolicy& wanted) {
  ASSIGN_OR_RETURN(
      [[maybe_unused]] const std::uint64_t entry,
      service_->authorize_preview(caller, kQuestion, "check " + policy_version_of(wanted.text)));
  const std::lock_guard lock(policy_file_);
  ASSIGN_OR_RETURN([[maybe_unused]] const auto policy, load_successor(caller, wanted));
  return {};
}

Result<std::string> Instance::start_shadow(const Caller& caller, const std::string& text) {
  ASSIGN_OR_RETURN(const Permit permitted, permit_change(caller, policy_version_of(text)));
  ASSIGN_OR_RETURN(auto candidate, load_or_reject(caller, text));
  const std::string version = candidate->version();
  if (version == service_->policy()->version()) {
    return reject_policy(caller,
                         Error{ErrorCode::conflict, "this policy is in force already", "text"});
  }
  RETURN_IF_ERROR(service_->start_shadow(caller, permitted, std::move(candidate)));
  return version;
}

}  // namespace chancery
