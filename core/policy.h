#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/algorithm.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/operation.h"
#include "core/subject.h"

namespace chancery {

/// What is decided: one operation by one machine on one resource, with every attribute that a
/// condition may speak of. Attributes that an operation does not have stay empty.
struct PolicyQuestion {
  Operation operation;
  std::string issuer = {};               ///< CA name: certificate.*, crl.sign
  std::string profile = {};              ///< certificate.*
  std::string key = {};                  ///< key.*
  std::string owner = {};                ///< machine whose certificate, key or record is meant
  Subject subject = {};                  ///< certificate.issue/renew
  SubjectAltNames names = {};            ///< certificate.issue/renew
  std::optional<KeyType> key_type = {};  ///< certificate.issue/renew, key.create
  std::optional<Seconds> validity = {};  ///< certificate.issue/renew
  std::optional<SignatureAlgorithm> algorithm = {};  ///< key.sign, key.sign-digest
};

/// The answer of the policy, with the reason. Only a Policy can make one.
class Decision {
 public:
  [[nodiscard]] bool allowed() const { return allowed_; }
  /// The grant that allowed it ("role:operator" for a role), or of a denial the nearest grant, or
  /// empty where no grant names this machine and operation.
  [[nodiscard]] const std::string& grant() const { return grant_; }
  /// Of a denial: the condition that failed, with what was asked and what is allowed.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  /// The policy version that decided: SHA-256 of the policy file, hexadecimal.
  [[nodiscard]] const std::string& policy_version() const { return version_; }

 private:
  friend class Policy;
  Decision(bool allowed, std::string grant, std::string reason, std::string version)
      : allowed_(allowed),
        grant_(std::move(grant)),
        reason_(std::move(reason)),
        version_(std::move(version)) {}
  bool allowed_;
  std::string grant_, reason_, version_;
};

/// One version of the policy in force: immutable, pure, safe to ask from many threads.
class Policy {
 public:
  struct Verdict {
    bool allowed = false;
    std::string grant;
    std::string reason;
  };

  virtual ~Policy() = default;
  [[nodiscard]] virtual const std::string& version() const = 0;

  /// Deny by default.
  [[nodiscard]] Decision decide(const Machine& machine, const PolicyQuestion& question) const {
    Verdict verdict = evaluate(machine, question);
    return Decision(verdict.allowed, std::move(verdict.grant), std::move(verdict.reason),
                    version());
  }

 private:
  [[nodiscard]] virtual Verdict evaluate(const Machine& machine,
                                         const PolicyQuestion& question) const = 0;
};

}  // namespace chancery
