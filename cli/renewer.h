#pragma once

#include <optional>
#include <string>

#include "cli/lineage.h"
#include "cli/renewal_schedule.h"
#include "cli/renewal_state.h"
#include "cli/session.h"
#include "core/certificate.h"

namespace chancery {

/// How certificates are renewed, whichever they are.
struct RenewalRules {
  bool same_key = false;
  std::optional<KeyType> key_type = {};  ///< none: that of the key before
  std::optional<Seconds> validity = {};  ///< none: the profile's
  std::string hook = {};                 ///< program, or empty
};

/// Renews the certificate of one directory when its time comes. It is asked for with the identity
/// of the session, or else with the certificate itself.
class Renewer {
 public:
  /// All must outlive it.
  Renewer(const Session& session, const RenewalRules& rules, Lineage lineage, RandomBelow random)
      : session_(session),
        rules_(rules),
        lineage_(std::move(lineage)),
        random_(std::move(random)) {}

  /// Does what is due: goes on with what a crash cut short, looks at the renewal information,
  /// renews, runs the hook. With `at_once` a look and a retry are due now. What fails is said,
  /// remembered, and planned again. False when anything failed, or is failing still.
  bool pass(bool at_once);

  /// When pass() should be called again.
  [[nodiscard]] Time next() const;
  [[nodiscard]] const std::string& directory() const { return lineage_.directory(); }

 private:
  Result<void> do_what_is_due(bool at_once);
  Result<void> load_certificate();
  Result<void> load_state();
  void forget_other_certificates();
  Result<void> settle_pending();
  Result<const Identity*> asker(const Identity& own, Identity& other) const;
  Result<void> look();
  void note_look_failure(const Error& error, std::optional<Seconds> retry_after);
  void forget_failure();
  void take_window(const RenewalWindow& window, bool reckoned);
  void renew_or_note();
  Result<void> renew();
  Result<PendingRenewal> begin();
  Result<PendingRenewal> ask(PendingRenewal renewal);
  Result<void> try_out(const PendingRenewal& renewal);
  Result<void> check_use(const Identity& fresh);
  Result<void> switch_to(const PendingRenewal& renewal);
  void note_success(const std::string& serial);
  void note_failure(const Error& error);
  Result<void> run_hook_of_renewal();
  [[nodiscard]] bool hook_is_due() const;
  [[nodiscard]] bool renewal_is_due() const;
  Result<void> save() const;
  /// One line, or with --json one object a line, on standard output.
  void say(const std::string& event, const std::string& message) const;

  const Session& session_;
  const RenewalRules& rules_;
  Lineage lineage_;
  RandomBelow random_;
  Identity current_;
  CertificateInfo certificate_;
  std::string serial_;
  RenewalState state_;
  std::optional<Seconds> retry_after_ = {};  ///< of the last answer, for the next retry
  std::string trouble_ = {};  ///< why the directory cannot be worked with, as it was last said
};

}  // namespace chancery
