#include "core/log_key_rotation.h"

namespace chancery {
namespace {

/// The first of "log-p256", "log-p256-2", … that no key has.
KeyName next_name(const KeyRing& keys, const KeyName& first) {
  for (unsigned number = 2;; ++number) {
    KeyName name = KeyName::literal(first.text() + "-" + std::to_string(number));
    if (!keys.find(name)) return name;
  }
}

Result<CheckpointPublisher::Change> permitted(const Instance& instance, const Caller& caller,
                                              const KeyName& key, KeyType type) {
  PolicyQuestion question{.operation = Operation::key_create};
  question.key = key.text();
  question.key_type = type;
  ASSIGN_OR_RETURN(const Permit permit, instance.service().permit(caller, question));
  return CheckpointPublisher::Change{caller.context, permit};
}

}  // namespace

Result<void> rotate_log_keys(Instance& instance, CheckpointPublisher& checkpoints,
                             const Caller& caller) {
  std::optional<CheckpointPublisher::Change> change;
  std::vector<const Key*> keys;
  for (const KeyName& first : {kLogKeyP256, kLogKeyEd25519}) {
    const auto old = instance.keys().find(first);
    if (!old) continue;  // this token does not have the type
    const KeyName name = next_name(instance.keys(), first);
    ASSIGN_OR_RETURN(change, permitted(instance, caller, name, (*old)->public_key.type()));
    ASSIGN_OR_RETURN(const Key* key,
                     instance.service().create_key(
                         caller, {name, (*old)->public_key.type(), KeyPurpose::audit_log, {}}));
    keys.push_back(key);
  }
  if (!change) return fail(ErrorCode::internal, "this installation has no audit log key");
  return checkpoints.add_keys(*change, keys);
}

Result<void> retire_log_keys(Instance& instance, CheckpointPublisher& checkpoints,
                             const Caller& caller) {
  ASSIGN_OR_RETURN(const auto change, permitted(instance, caller, kLogKeyP256, KeyType::ec_p256));
  return checkpoints.retire_keys(change);
}

Result<void> write_log_keys(const std::string& home, CheckpointPublisher& checkpoints) {
  return checkpoints.keep_vkeys(home + "/log-keys");
}

}  // namespace chancery
