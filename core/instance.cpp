#include "core/instance.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "core/entry_view.h"
#include "core/policy_directory.h"
#include "core/signed_note.h"

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
    : config_(std::move(config)), token_(token), loader_(std::move(loader)) {}

Result<void> Instance::start() {
  ASSIGN_OR_RETURN(store_, Store::open(config_.home + "/chancery.db"));
  RETURN_IF_ERROR(check_continuity(config_, *store_));
  ASSIGN_OR_RETURN(witness_policy_, load_witness_policy(config_));
  AuditLog::Quorum quorum;
  if (witness_policy_.requires_cosignatures()) {
    quorum = [this](std::string_view note) { return witness_policy_.has_quorum(note); };
  }
  ASSIGN_OR_RETURN(log_, AuditLog::open(*store_, config_.home + "/last-checkpoint", quorum,
                                        config_.home + "/reserve"));
  ASSIGN_OR_RETURN(recovered_, log_->recover());
  ASSIGN_OR_RETURN(keys_, KeyRing::load(*store_));
  BlockedKeys blocked;
  if (!config_.blocked_keys.empty()) {
    ASSIGN_OR_RETURN(blocked, BlockedKeys::load(config_.blocked_keys));
  }
  ASSIGN_OR_RETURN(Commitments commitments, Commitments::open(config_.home + "/commitment-secret"));
  service_ = std::make_unique<SigningService>(config_, *store_, *log_, token_, *keys_,
                                              std::move(blocked), std::move(commitments));
  RETURN_IF_ERROR(service_->load());

  RETURN_IF_ERROR(record_start());

  ASSIGN_OR_RETURN(const std::string text, read_policy(config_.home));
  ASSIGN_OR_RETURN(auto policy, load_policy(text));
  return service_->adopt(self(), std::move(policy), text);
}

Result<void> Instance::record_start() {
  ASSIGN_OR_RETURN(const std::string text,
                   read_file(config_.home + "/config.yaml", limits::config_bytes));
  const std::string hash = to_hex(sha256(bytes_of(text)));
  AuditEntry entry(EntryKind::start);
  entry.set("version", CHANCERY_VERSION);
  entry.set("config_sha256", hash);
  entry.set("recovered", static_cast<std::uint64_t>(recovered_));
  ASSIGN_OR_RETURN(const auto last, store_->last_start());
  if (last) {
    ASSIGN_OR_RETURN(const std::string start, store_->entry(*last));
    const auto view = EntryView::parse(start);
    const std::string before = view ? view->text("config_sha256") : "";
    config_changed_ = !before.empty() && before != hash;
    if (config_changed_) entry.set("config_before", before);
  }
  ASSIGN_OR_RETURN([[maybe_unused]] const std::uint64_t index,
                   log_->record(self().context, std::move(entry)));
  return {};
}

Instance::~Instance() {
  if (!log_ || !log_->healthy()) return;
  // The database may be gone by now; then the missing stop entry says so.
  [[maybe_unused]] const auto recorded = log_->record(self().context, AuditEntry(EntryKind::stop));
}

Result<std::shared_ptr<const Policy>> Instance::load_policy(const std::string& text) const {
  std::vector<CaName> names;
  for (const CertificateAuthority* ca : service_->cas()) names.push_back(ca->record.name);
  return loader_(text, names);
}

Result<WitnessPolicy> load_witness_policy(const Config& config) {
  if (config.witness_policy.empty()) return WitnessPolicy();
  const auto text = read_file(config.witness_policy, limits::witness_policy_bytes);
  if (!text) return config.refuse("witness_policy", text.error().message);
  auto policy = WitnessPolicy::parse(*text);
  if (policy) return policy;
  return config.refuse("witness_policy", config.witness_policy + ": " + policy.error().message);
}

Result<std::vector<CaName>> ca_names(Store& store) {
  ASSIGN_OR_RETURN(const std::vector<CaRecord> cas, store.cas());
  std::vector<CaName> names;
  for (const CaRecord& ca : cas) names.push_back(ca.name);
  return names;
}

Result<void> check_continuity(const Config& config, Store& store) {
  ASSIGN_OR_RETURN(const auto signed_last, store.last_signed_checkpoint());
  if (signed_last) {
    ASSIGN_OR_RETURN(const Checkpoint checkpoint, parse_checkpoint(signed_last->note));
    if (checkpoint.origin != config.log_origin) {
      return config.refuse("log_origin", "is \"" + config.log_origin +
                                             "\", but this log's checkpoints are signed as \"" +
                                             checkpoint.origin + "\", and a log keeps its origin");
    }
  }
  ASSIGN_OR_RETURN(const std::vector<CaName> cas, ca_names(store));
  if (cas.empty() || std::find(cas.begin(), cas.end(), config.enrollment_ca) != cas.end()) {
    return {};  // none: a new installation is being made
  }
  return config.refuse("enrollment.ca", "there is no CA \"" + config.enrollment_ca.text() + "\"");
}

}  // namespace chancery
