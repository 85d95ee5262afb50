#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/algorithm.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/message_class.h"
#include "core/operation.h"
#include "core/profile.h"
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
  std::optional<SignatureAlgorithm> algorithm = {};        ///< key.sign, key.sign-digest
  std::vector<ExtendedKeyUsage> extended_key_usages = {};  ///< certificate.issue/renew
  std::optional<MessageContent> message = {};  ///< key.sign; of key.sign-digest, the class alone
};

/// One use of what is counted. The store counts; exact also over restarts.
struct QuotaUse {
  std::string quota;    ///< which: "web-tls/1", the grant and the place in its list
  std::string machine;  ///< whose use it is, as the log names it; empty: all machines' together
  std::uint64_t limit = 0;
  Seconds window{};  ///< within which at most `limit` uses begin; zero: ever
};

/// That others have to agree first.
struct ApprovalNeed {
  std::string rule;     ///< that asks for it: "grant:release" or "approval:policy-changes"
  unsigned needed = 0;  ///< so many different approvers, none of them who asks
  Seconds life{};       ///< until when a request waits for them
  Seconds opens_for{};  ///< break-glass: how long the grant is then open to the machine; else zero
};

/// What an allowed decision still asks for before anything may be done.
struct Duties {
  std::vector<QuotaUse> quotas;
  std::optional<ApprovalNeed> approval;
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
  /// Of an allowed one; null where there are none.
  [[nodiscard]] const Duties* duties() const { return duties_.get(); }
  /// What a candidate policy would have said (core/shadow_policy.h); empty: the same, or there is
  /// none.
  [[nodiscard]] const std::string& shadow() const { return shadow_; }

 private:
  friend class Policy;
  Decision(bool allowed, std::string grant, std::string reason, std::string version,
           std::shared_ptr<const Duties> duties, std::string shadow)
      : allowed_(allowed),
        grant_(std::move(grant)),
        reason_(std::move(reason)),
        version_(std::move(version)),
        duties_(std::move(duties)),
        shadow_(std::move(shadow)) {}
  bool allowed_;
  std::string grant_, reason_, version_;
  std::shared_ptr<const Duties> duties_;
  std::string shadow_;
};

/// One version of the policy in force: immutable, pure, safe to ask from many threads.
class Policy {
 public:
  struct Verdict {
    bool allowed = false;
    std::string grant;
    std::string reason;
    std::shared_ptr<const Duties> duties = {};  ///< of an allowed one; null: none
    std::string shadow = {};                    ///< as Decision::shadow()
  };

  virtual ~Policy() = default;
  [[nodiscard]] virtual const std::string& version() const = 0;

  /// Deny by default. `at` is when it is asked: policies may say from when to when.
  [[nodiscard]] Decision decide(const Machine& machine, const PolicyQuestion& question,
                                Time at = now()) const {
    Verdict verdict = evaluate(machine, question, at);
    return Decision(verdict.allowed, std::move(verdict.grant), std::move(verdict.reason), version(),
                    std::move(verdict.duties), std::move(verdict.shadow));
  }

  /// Whether `approver` is one of those whose agreement the rule of an ApprovalNeed asks for. False
  /// for a rule that this policy does not have.
  [[nodiscard]] virtual bool may_approve([[maybe_unused]] std::string_view rule,
                                         [[maybe_unused]] const Machine& approver) const {
    return false;
  }

  /// Whether as many as `need` asks for could agree to what `requester` asks, so far as the policy
  /// names them: whom a pattern or a group means, it does not know.
  [[nodiscard]] virtual bool could_be_agreed([[maybe_unused]] const ApprovalNeed& need,
                                             [[maybe_unused]] const Machine& requester) const {
    return true;
  }

 protected:
  /// For a policy that stands before another one.
  [[nodiscard]] static Verdict ask(const Policy& other, const Machine& machine,
                                   const PolicyQuestion& question, Time at) {
    return other.evaluate(machine, question, at);
  }

 private:
  [[nodiscard]] virtual Verdict evaluate(const Machine& machine, const PolicyQuestion& question,
                                         Time at) const = 0;
};

}  // namespace chancery
