#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/audit_verify.h"
#include "core/checkpoint_publisher.h"
#include "core/installation.h"
#include "core/instance.h"
#include "core/private_key.h"
#include "tests/contract/software_token.h"

namespace chancery {

/// A whole installation in a temporary home, on keys in memory: policy, log, store and signing
/// service are the real ones.
class FlowFixture {
 public:
  FlowFixture();
  ~FlowFixture();

  /// Stops and opens the installation again, as after a restart.
  void reopen();
  Result<void> try_reopen();
  /// What a configuration cannot say, from the next reopen() on.
  std::function<void(Config&)> adjust = [](Config&) {};
  void close() { instance_.reset(); }

  SigningService& service() { return instance_->service(); }
  Store& store() { return instance_->store(); }
  Instance& instance() { return *instance_; }
  SoftwareToken& token() { return token_; }
  const std::filesystem::path& home() const { return home_; }

  /// A caller as the API would make it after authentication.
  static Caller as(const std::string& machine, std::string idempotency_key = {},
                   const std::string& body = "body");
  static CertificateRequest request_for(SubjectAltNames names = {}, std::string common_name = {});
  /// A key of purpose data, P-256 unless said.
  const Key& data_key(const std::string& name, KeyType type = KeyType::ec_p256);
  Outcome issue(const std::string& machine);
  /// Adds a grant to the default policy; `rest` is YAML, `machines` a list of patterns.
  void grant(const std::string& name, const std::string& rest,
             const std::string& machines = "[\"**\"]");

  /// YAML of a profile "short-ca", for config.yaml's `profiles`.
  static std::string short_ca_profile(Seconds life);
  /// The CA "short" of that profile, under the root.
  const CertificateAuthority& create_short_ca();

  /// Texts of all entries of this kind.
  std::vector<std::string> entries(EntryKind kind);
  /// Publishes a checkpoint and verifies everything.
  VerifyReport verify();

 private:
  std::filesystem::path home_;
  SoftwareToken token_;
  std::unique_ptr<Instance> instance_;
};

}  // namespace chancery
