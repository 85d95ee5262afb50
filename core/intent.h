#pragma once

#include <cstdint>
#include <string>

#include "core/key.h"

namespace chancery {

/// Exactly what the token will be asked to sign.
struct SigningInput {
  const Key* key = nullptr;  ///< owned by the KeyRing, which outlives every request
  SignatureAlgorithm algorithm{};
  Bytes input;  ///< the digest for algorithms that have one, the message for Ed25519
};

/// The durable record that one use of the token is about to happen. Only the audit log makes one,
/// after the commit that holds its entry; it is spent by concluding it.
class Intent {
 public:
  Intent(Intent&&) noexcept = default;
  Intent& operator=(Intent&&) noexcept = default;

  /// Index of the intent's entry in the log.
  [[nodiscard]] std::uint64_t index() const { return index_; }
  [[nodiscard]] const std::string& request_id() const { return request_id_; }
  /// What may be signed under it; key == nullptr where the intent is to generate a key pair.
  [[nodiscard]] const SigningInput& input() const { return input_; }
  /// The grant that allowed it, and the version of the policy.
  [[nodiscard]] const std::string& grant() const { return grant_; }
  [[nodiscard]] const std::string& policy() const { return policy_; }

 private:
  friend class AuditLog;
  friend class IntentForTest;  // tests/contract/intent_for_test.h
  Intent(std::uint64_t index, std::string request_id, SigningInput input, std::string grant = {},
         std::string policy = {})
      : index_(index),
        request_id_(std::move(request_id)),
        input_(std::move(input)),
        grant_(std::move(grant)),
        policy_(std::move(policy)) {}
  std::uint64_t index_;
  std::string request_id_;
  SigningInput input_;
  std::string grant_, policy_;
};

/// The text of a checkpoint that the log has written down durably and in order before it is
/// signed. Only the audit log makes one. See docs/audit-format.md.
class CheckpointText {
 public:
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  friend class AuditLog;
  friend class IntentForTest;
  explicit CheckpointText(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace chancery
