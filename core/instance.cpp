#include "core/instance.h"

#include <cstring>
#include <fstream>
#include <sstream>

namespace chancery {

Result<std::string> read_file(const std::string& path, std::size_t at_most) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) {
    text.resize(at_most + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) {
    return invalid("file", "cannot read " + path + ": " + std::strerror(errno));
  }
  if (text.size() > at_most) {
    return invalid("file", path + " is longer than " + std::to_string(at_most) + " bytes");
  }
  return text;
}

Result<std::unique_ptr<Instance>> Instance::open(Config config, Token& token, PolicyLoader loader) {
  std::unique_ptr<Instance> instance(new Instance(std::move(config), token, std::move(loader)));
  RETURN_IF_ERROR(instance->start());
  return instance;
}

Instance::Instance(Config config, Token& token, PolicyLoader loader)
    : config_(std::move(config)), token_(token), load_policy_(std::move(loader)) {}

Result<void> Instance::start() {
  ASSIGN_OR_RETURN(store_, Store::open(config_.home + "/chancery.db"));
  ASSIGN_OR_RETURN(log_, AuditLog::open(*store_, config_.home + "/last-checkpoint"));
  ASSIGN_OR_RETURN(recovered_, log_->recover());
  ASSIGN_OR_RETURN(keys_, KeyRing::load(*store_));
  BlockedKeys blocked;
  if (!config_.blocked_keys.empty()) {
    ASSIGN_OR_RETURN(blocked, BlockedKeys::load(config_.blocked_keys));
  }
  service_ =
      std::make_unique<SigningService>(config_, *store_, *log_, token_, *keys_, std::move(blocked));
  RETURN_IF_ERROR(service_->load());

  ASSIGN_OR_RETURN(const std::string config_text,
                   read_file(config_.home + "/config.yaml", 1 << 20));
  AuditEntry entry(EntryKind::start);
  entry.set("version", CHANCERY_VERSION);
  entry.set("config_sha256", to_hex(sha256(bytes_of(config_text))));
  entry.set("recovered", static_cast<std::uint64_t>(recovered_));
  ASSIGN_OR_RETURN([[maybe_unused]] const std::uint64_t index,
                   log_->record(self().context, std::move(entry)));

  ASSIGN_OR_RETURN(const std::string text,
                   read_file(config_.home + "/policy.yaml", limits::policy_bytes));
  ASSIGN_OR_RETURN(auto policy, load_policy_(text));
  return service_->adopt(self(), std::move(policy), text);
}

Instance::~Instance() {
  if (!log_ || !log_->healthy()) return;
  // The database may be gone by now; then the missing stop entry says so.
  [[maybe_unused]] const auto recorded = log_->record(self().context, AuditEntry(EntryKind::stop));
}

Result<bool> Instance::reload_policy(const Caller& caller) {
  const std::lock_guard lock(policy_file_);
  auto text = read_file(config_.home + "/policy.yaml", limits::policy_bytes);
  auto policy = text ? load_policy_(*text) : Failure(text.error());
  if (!policy) {
    AuditEntry entry(EntryKind::policy);
    entry.set("operation", name_of(Operation::policy_change));
    entry.set("reason", policy.error().message);
    entry.set("result", "rejected");
    ASSIGN_OR_RETURN([[maybe_unused]] const std::uint64_t index,
                     log_->record(caller.context, std::move(entry)));
    return Failure(std::move(policy.error()));
  }
  if ((*policy)->version() == service_->policy()->version()) return false;
  RETURN_IF_ERROR(service_->adopt(caller, std::move(*policy), *text));
  return true;
}

}  // namespace chancery
