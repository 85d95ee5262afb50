#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/audit_log.h"
#include "core/config.h"
#include "core/key_ring.h"
#include "core/signing_service.h"
#include "core/store.h"
#include "core/token.h"
#include "core/witness_policy.h"

namespace chancery {

/// Compiles a policy (core/policy_bundle.h), or says with file, line and column what is wrong with
/// it. `cas` are the CAs that it may name; none while a new installation is made.
using PolicyLoader = std::function<Result<std::shared_ptr<const Policy>>(
    const std::string& text, const std::vector<CaName>& cas)>;

/// One installation, opened on its token: store, log, keys and the signing service.
class Instance {
 public:
  /// Opens HOME's database, checks the log against its last checkpoint, concludes what a crash
  /// left open, puts HOME's policy in force and records the start. `token` outlives it.
  static Result<std::unique_ptr<Instance>> open(Config config, Token& token, PolicyLoader loader);
  /// Records the stop.
  ~Instance();

  /// Reads HOME's policy again. One that does not load is recorded and the policy in force
  /// stays. conflict unless it is `version`, where one is said. Value: whether anything changed.
  /// `permitted` is permit_change()'s, of a caller who comes over the network.
  Result<bool> reload_policy(const Caller& caller, const std::optional<Permit>& permitted = {},
                             const std::string& version = {});
  /// Asks whether the caller may change the policy; who is to agree to it is told the version,
  /// where it is known.
  Result<Permit> permit_change(const Caller& caller, const std::string& version);

  /// A policy that somebody sends.
  struct NewPolicy {
    std::string text;      ///< a bundle
    std::string replaces;  ///< the version that it is to replace; empty: whichever is in force
    bool allow_lockout = false;
  };
  /// Puts it in force and in the place of HOME's. A text that does not load is recorded as by
  /// reload_policy(). conflict: another version is in force, or the files were changed since it
  /// came into force; or the caller could not change the policy again, unless that is allowed.
  /// Value: whether anything changed.
  Result<bool> apply_policy(const Caller& caller, const NewPolicy& wanted);
  /// The same for a version that was in force before; empty: the one before.
  Result<bool> roll_policy_back(const Caller& caller, std::string version, bool allow_lockout);
  /// Whether apply_policy() would do it, recorded as a read.
  Result<void> check_policy(const Caller& caller, const NewPolicy& wanted);
  /// Asks a policy beside the one in force (SigningService::start_shadow). Value: its version.
  Result<std::string> start_shadow(const Caller& caller, const std::string& text);

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] Store& store() const { return *store_; }
  [[nodiscard]] AuditLog& log() const { return *log_; }
  [[nodiscard]] const WitnessPolicy& witness_policy() const { return witness_policy_; }
  [[nodiscard]] KeyRing& keys() const { return *keys_; }
  [[nodiscard]] Token& token() const { return token_; }
  [[nodiscard]] SigningService& service() const { return *service_; }
  /// Intents that a crash had left without an outcome, concluded as unknown at this start.
  [[nodiscard]] std::size_t recovered() const { return recovered_; }

  /// Whether config.yaml was another at the start before this one.
  [[nodiscard]] bool config_changed() const { return config_changed_; }

  static Caller self() { return {{new_request_id(), Machine::self()}, {}, {}}; }

 private:
  Instance(Config config, Token& token, PolicyLoader loader);
  Result<void> start();
  Result<void> record_start();
  Result<std::shared_ptr<const Policy>> load_policy(const std::string& text) const;
  Failure reject_policy(const Caller& caller, Error error);
  using LoadedPolicy = Result<std::shared_ptr<const Policy>>;
  LoadedPolicy load_or_reject(const Caller& caller, const std::string& text);
  Result<bool> record_unchanged(const Caller& caller);
  Result<bool> apply_permitted(const Caller& caller, const Permit& permitted,
                               const NewPolicy& wanted);
  LoadedPolicy load_successor(const Caller& caller, const NewPolicy& wanted);
  Result<void> expect_files_in_force(const std::string& next) const;

  const Config config_;
  Token& token_;
  const PolicyLoader loader_;
  std::mutex policy_file_;  // one reload at a time
  std::size_t recovered_ = 0;
  bool config_changed_ = false;
  WitnessPolicy witness_policy_;
  // Each uses those above it.
  std::unique_ptr<Store> store_;
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<KeyRing> keys_;
  std::unique_ptr<SigningService> service_;
};

/// The CAs that a database has.
Result<std::vector<CaName>> ca_names(Store& store);

/// Whether `config` goes on where the database stands: its log_origin is that of the last signed
/// checkpoint, its enrollment.ca one of the CAs. invalid_request with the line of config.yaml.
Result<void> check_continuity(const Config& config, Store& store);

/// What config.yaml's witness_policy says; one that asks for nothing where there is none.
/// invalid_request with the member and the line.
Result<WitnessPolicy> load_witness_policy(const Config& config);

/// The whole of a small file; invalid_request with its name when it cannot be read or is longer
/// than `at_most` bytes.
Result<std::string> read_file(const std::string& path, std::size_t at_most);

}  // namespace chancery
