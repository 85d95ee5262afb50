#include "core/signing_service.h"

// Which policy decides: putting one in force, and a candidate beside it.

namespace chancery {
namespace {

AuditEntry policy_entry() {
  AuditEntry entry(EntryKind::policy);
  entry.set("operation", name_of(Operation::policy_change));
  return entry;
}

}  // namespace

Result<void> SigningService::adopt(const Caller& caller, std::shared_ptr<const Policy> policy,
                                   const std::string& text) {
  AuditEntry entry = policy_entry();
  entry.set("version", policy->version());
  RETURN_IF_ERROR(log_.record(caller.context, std::move(entry),
                              {AddPolicyVersion{{policy->version(), text, now()}}}));
  put_in_force(std::move(policy));
  return {};
}

Result<void> SigningService::record_applying(const Caller& caller, const Permit& permitted,
                                             const std::string& version) {
  AuditEntry entry = policy_entry();
  entry.set("event", "applying");
  entry.set("candidate", version);
  RETURN_IF_ERROR(log_.record(caller.context, permitted, std::move(entry)));
  return {};
}

Result<void> SigningService::change_policy(const Caller& caller, const Permit& permitted,
                                           std::shared_ptr<const Policy> policy,
                                           const std::string& text) {
  AuditEntry entry = policy_entry();
  entry.set("version", policy->version());
  RETURN_IF_ERROR(log_.record(caller.context, permitted, std::move(entry),
                              {AddPolicyVersion{{policy->version(), text, now()}}}));
  put_in_force(std::move(policy));
  return {};
}

void SigningService::put_in_force(std::shared_ptr<const Policy> policy) {
  const std::unique_lock lock(mutex_);
  in_force_ = std::move(policy);
  const bool arrived = shadow_ && shadow_->version() == in_force_->version();
  replace_shadow(arrived ? nullptr : shadow_);
}

std::shared_ptr<const Policy> SigningService::policy() const {
  const std::shared_lock lock(mutex_);
  CHECK(policy_);  // adopt() comes before serving
  return policy_;
}

/// Under the lock.
void SigningService::replace_shadow(std::shared_ptr<Shadow> shadow) {
  if (shadow_ && shadow_ != shadow) ended_shadow_differences_ += shadow_->differences();
  shadow_ = std::move(shadow);
  policy_ = in_force_;
  if (shadow_) policy_ = std::make_shared<const ShadowedPolicy>(in_force_, shadow_);
}

Result<void> SigningService::start_shadow(const Caller& caller, const Permit& permitted,
                                          std::shared_ptr<const Policy> candidate) {
  AuditEntry entry = policy_entry();
  entry.set("event", "shadow-started");
  entry.set("candidate", candidate->version());
  RETURN_IF_ERROR(log_.record(caller.context, permitted, std::move(entry)));
  const std::unique_lock lock(mutex_);
  replace_shadow(
      std::make_shared<Shadow>(std::move(candidate), caller.context.machine.text(), now()));
  return {};
}

Result<void> SigningService::stop_shadow(const Caller& caller, const Permit& permitted) {
  const auto running = shadow();
  if (!running) {
    return reject(caller, PolicyQuestion{.operation = Operation::policy_change},
                  Error{ErrorCode::not_found, "there is no shadow policy", "shadow"});
  }
  AuditEntry entry = policy_entry();
  entry.set("event", "shadow-stopped");
  entry.set("candidate", running->version());
  entry.set("differences", running->differences());
  RETURN_IF_ERROR(log_.record(caller.context, permitted, std::move(entry)));
  const std::unique_lock lock(mutex_);
  if (shadow_ == running) replace_shadow(nullptr);
  return {};
}

std::shared_ptr<const Shadow> SigningService::shadow() const {
  const std::shared_lock lock(mutex_);
  return shadow_;
}

std::uint64_t SigningService::shadow_differences() const {
  const std::shared_lock lock(mutex_);
  return ended_shadow_differences_ + (shadow_ ? shadow_->differences() : 0);
}

}  // namespace chancery
