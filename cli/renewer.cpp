#include "cli/renewer.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/csr.h"
#include "cli/file.h"
#include "cli/hook.h"
#include "cli/issued.h"
#include "cli/renewal_information.h"
#include "cli/successor.h"
#include "core/limits.h"
#include "core/public_key.h"

namespace chancery {
namespace {

using nlohmann::json;
using Progress = HookState::Progress;

/// The same request would be refused again: the next try makes a new one.
bool is_refusal(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_request:
    case ErrorCode::unauthenticated:
    case ErrorCode::forbidden:
    case ErrorCode::approval_needed:
    case ErrorCode::not_found:
    case ErrorCode::conflict:
    case ErrorCode::unprocessable:
    case ErrorCode::too_large:
      return true;
    case ErrorCode::busy:
    case ErrorCode::quota_exceeded:
    case ErrorCode::token_unavailable:
    case ErrorCode::store_unavailable:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::internal:
      return false;
  }
  return false;
}

Result<KeyType> key_type_of(const CertificateInfo& certificate) {
  ASSIGN_OR_RETURN(const PublicKey key, PublicKey::from_spki(certificate.spki));
  return key.type();
}

}  // namespace

bool Renewer::pass(bool at_once) {
  auto done = do_what_is_due(at_once);
  if (!done) {
    const std::string reason = done.error().message;
    if (reason != trouble_) say("trouble", reason);
    trouble_ = reason;
    return false;
  }
  trouble_.clear();
  return state_.error.empty() && state_.hook.progress != Progress::failed &&
         certificate_.not_after > now();
}

Time Renewer::next() const {
  const Time longest = now() + limits::renewal_wait_step;
  if (!trouble_.empty()) return longest;
  Time soonest = longest;
  const auto consider = [&](const std::optional<Time>& time) {
    if (time) soonest = std::min(soonest, *time);
  };
  consider(state_.look_at);
  consider(renewal_moment(state_, certificate_.not_before, certificate_.not_after, now()));
  const bool hook_waits = state_.hook.progress == Progress::failed && !rules_.hook.empty();
  if (hook_waits) consider(state_.hook.retry_at);
  return soonest;
}

Result<void> Renewer::do_what_is_due(bool at_once) {
  RETURN_IF_ERROR(load_certificate());
  RETURN_IF_ERROR(load_state());
  if (at_once) {
    state_.look_at.reset();
    state_.retry_at.reset();
    state_.hook.retry_at.reset();
  }
  RETURN_IF_ERROR(settle_pending());
  if (hook_is_due()) RETURN_IF_ERROR(run_hook_of_renewal());
  if (!state_.look_at || has_come(*state_.look_at, now(), longest_plan())) {
    RETURN_IF_ERROR(look());
  }
  if (!renewal_is_due()) return {};
  renew_or_note();
  RETURN_IF_ERROR(save());
  if (hook_is_due()) RETURN_IF_ERROR(run_hook_of_renewal());
  return state_.look_at ? Result<void>() : look();
}

Result<void> Renewer::load_certificate() {
  ASSIGN_OR_RETURN(current_, Identity::load(directory()));
  ASSIGN_OR_RETURN(certificate_, read_certificate(current_.certificate));
  serial_ = to_hex(certificate_.serial);
  return {};
}

Result<void> Renewer::load_state() {
  const std::string path = lineage_.state_path();
  state_ = {};
  if (!file_exists(path)) return {};
  ASSIGN_OR_RETURN(const std::string text, read_file(path, limits::renewal_state_bytes));
  auto state = parse_renewal_state(text);
  if (!state) {
    return invalid("state", path + ": " + state.error().field + " " + state.error().message +
                                "; remove it, and the renewal is planned anew");
  }
  state_ = std::move(*state);
  return {};
}

void Renewer::forget_other_certificates() {
  if (state_.hook.serial != serial_) state_.hook = {};
  if (state_.serial == serial_) return;
  RenewalState fresh{.serial = serial_};
  fresh.last_try = state_.last_try;
  fresh.last_success = state_.last_success;
  fresh.failures_total = state_.failures_total;
  fresh.renewals_total = state_.renewals_total;
  fresh.hook = std::move(state_.hook);
  state_ = std::move(fresh);
}

/// What a crash left: a renewal whose certificate is in force is finished, one of another
/// certificate is of no use any more.
Result<void> Renewer::settle_pending() {
  auto pending = lineage_.pending();
  bool useless = !pending && (pending.error().code == ErrorCode::invalid_request ||
                              pending.error().code == ErrorCode::not_found);
  if (!pending && !useless) return Failure(std::move(pending.error()));
  if (pending && *pending) {
    const PendingRenewal& renewal = **pending;
    const auto fresh = summarize_certificate(renewal.identity.certificate);
    if (renewal.answered() && fresh && fresh->serial == serial_) {
      if (state_.serial != serial_) note_success(serial_);
      RETURN_IF_ERROR(save());
      return lineage_.finish();
    }
    useless = renewal.replaces != serial_ || (renewal.answered() && !fresh);
  }
  forget_other_certificates();
  if (!useless) return {};
  say("abandoned", "a renewal that began is of no use any more");
  return lineage_.abandon();
}

/// The session's identity, read into `other` each time as it may be renewed itself, or `own`.
Result<const Identity*> Renewer::asker(const Identity& own, Identity& other) const {
  if (session_.identity_directory().empty()) return &own;
  ASSIGN_OR_RETURN(other, Identity::load(session_.identity_directory()));
  return &other;
}

Result<void> Renewer::look() {
  Identity other;
  std::optional<Seconds> retry_after;
  const auto ask = [&]() -> Result<RenewalInformation> {
    ASSIGN_OR_RETURN(const Identity* asking, asker(current_, other));
    ASSIGN_OR_RETURN(const auto service, session_.service_of(*asking, ""));
    auto answer = service->get("/v1/certificates/" + serial_ + "/renewal");
    retry_after = service->retry_after();
    if (!answer) return Failure(std::move(answer.error()));
    return parse_renewal_information(answer->dump());
  };
  const auto information = ask();
  if (information) {
    if (!state_.look_error.empty()) say("look", "the service answers again");
    state_.look_error.clear();
    state_.look_failures = 0;
    state_.explanation_url = information->explanation_url;
    take_window(information->window, false);
    state_.look_at =
        now() + look_delay(retry_after, certificate_.not_before, certificate_.not_after);
    // It was the looking that was refused, and no more is.
    if (*state_.chosen > now()) forget_failure();
  } else {
    note_look_failure(information.error(), retry_after);
  }
  return save();
}

void Renewer::note_look_failure(const Error& error, std::optional<Seconds> retry_after) {
  ++state_.look_failures;
  if (state_.look_error != error.message) say("look", "failed: " + error.message);
  state_.look_error = error.message;
  const Seconds left = std::chrono::floor<Seconds>(certificate_.not_after - now());
  state_.look_at = now() + retry_delay(state_.look_failures, retry_after, left, random_);
  if (!state_.window) {
    take_window(usual_window(certificate_.not_before, certificate_.not_after), true);
  }
  // Our certificate is refused: waiting for its window will not help.
  if (error.code == ErrorCode::unauthenticated && *state_.chosen > now()) {
    retry_after_ = retry_after;
    note_failure(error);
    state_.look_at = state_.retry_at;
  }
}

void Renewer::forget_failure() {
  state_.error.clear();
  state_.failures = 0;
}

/// A moment is chosen once for each window: a restart, or another look, does not move it.
void Renewer::take_window(const RenewalWindow& window, bool reckoned) {
  const bool same = state_.window && *state_.window == window;
  state_.reckoned = reckoned;
  if (same) return;
  state_.window = window;
  state_.chosen = choose_moment(window, random_);
  say("planned", "renewal of " + serial_ + " for " + name_of(certificate_) + " at " +
                     to_rfc3339_seconds(*state_.chosen) + " in the window " +
                     to_rfc3339_seconds(window.start) + " to " + to_rfc3339_seconds(window.end) +
                     (reckoned ? " (reckoned here)" : "") +
                     (state_.explanation_url.empty() ? "" : ": " + state_.explanation_url));
}

bool Renewer::renewal_is_due() const {
  const Time time = now();
  const auto moment = renewal_moment(state_, certificate_.not_before, certificate_.not_after, time);
  return moment && *moment <= time;
}

void Renewer::renew_or_note() {
  retry_after_.reset();
  auto renewed = renew();
  if (!renewed) note_failure(renewed.error());
}

Result<void> Renewer::renew() {
  ASSIGN_OR_RETURN(auto pending, lineage_.pending());
  PendingRenewal renewal;
  if (pending) {
    renewal = std::move(*pending);
  } else {
    ASSIGN_OR_RETURN(renewal, begin());
  }
  if (!renewal.answered()) {
    ASSIGN_OR_RETURN(renewal, ask(std::move(renewal)));
  }
  RETURN_IF_ERROR(try_out(renewal));
  return switch_to(renewal);
}

Result<PendingRenewal> Renewer::begin() {
  KeyType type = KeyType::ec_p256;
  if (rules_.key_type) {
    type = *rules_.key_type;
  } else {
    ASSIGN_OR_RETURN(type, key_type_of(certificate_));
  }
  ASSIGN_OR_RETURN(const PrivateKey key, rules_.same_key ? PrivateKey::from_pem(current_.key)
                                                         : PrivateKey::generate(type));
  // The service copies the names of the old certificate.
  ASSIGN_OR_RETURN(const std::string csr, make_csr(key, {}, {}));
  json body = {{"csr", csr}};
  if (rules_.validity) body["validity"] = format_duration(*rules_.validity);
  PendingRenewal renewal;
  renewal.replaces = serial_;
  renewal.idempotency_key = to_hex(random_bytes(16));
  renewal.body = body.dump();
  renewal.identity.key = key.pem();
  RETURN_IF_ERROR(lineage_.begin(renewal));
  return renewal;
}

/// Sends the request, the first time or again, and keeps what comes back.
Result<PendingRenewal> Renewer::ask(PendingRenewal renewal) {
  Identity other;
  ASSIGN_OR_RETURN(const Identity* asking, asker(current_, other));
  ASSIGN_OR_RETURN(const auto service, session_.service_of(*asking, renewal.idempotency_key));
  auto answer =
      service->post("/v1/certificates/" + renewal.replaces + "/renew", json::parse(renewal.body));
  retry_after_ = service->retry_after();
  if (!answer) {
    if (is_refusal(answer.error().code)) RETURN_IF_ERROR(lineage_.abandon());
    return Failure(std::move(answer.error()));
  }
  ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::from_pem(renewal.identity.key));
  ASSIGN_OR_RETURN(const IssuedCertificate issued, read_issued(*answer, key.spki()));
  RETURN_IF_ERROR(lineage_.keep_answer(issued.certificate, issued.chain));
  ASSIGN_OR_RETURN(auto kept, lineage_.pending());
  if (!kept) return fail(ErrorCode::internal, "the renewal that began is gone");
  return std::move(*kept);
}

Result<void> Renewer::try_out(const PendingRenewal& renewal) {
  auto good = check_use(renewal.identity);
  if (good || !is_refusal(good.error().code)) return good;
  // Asking again at each failure would fill the inventory with certificates that nobody uses.
  if ((state_.failures + 1) % limits::renewal_candidate_tries == 0) {
    RETURN_IF_ERROR(lineage_.abandon());
  }
  return good;
}

/// The new certificate is used once before the old one goes: the service must take it for what it
/// is. One that is for servers only cannot be shown to it, so the service is asked about it.
Result<void> Renewer::check_use(const Identity& fresh) {
  RETURN_IF_ERROR(check_successor(current_, fresh, now()));
  ASSIGN_OR_RETURN(const CertificateSummary summary, summarize_certificate(fresh.certificate));
  Identity other;
  const Identity* asking = &fresh;
  if (!is_client_certificate(fresh.certificate)) {
    ASSIGN_OR_RETURN(asking, asker(current_, other));
  }
  ASSIGN_OR_RETURN(const auto service, session_.service_of(*asking, ""));
  const auto answer = service->get("/v1/certificates/" + summary.serial + "/renewal");
  retry_after_ = service->retry_after();
  // Whom the policy does not let read its own certificate has been recognised all the same.
  if (answer || answer.error().code == ErrorCode::forbidden) return {};
  return Failure(answer.error());
}

Result<void> Renewer::switch_to(const PendingRenewal& renewal) {
  ASSIGN_OR_RETURN(const CertificateSummary fresh,
                   summarize_certificate(renewal.identity.certificate));
  const std::string old = serial_;
  state_.hook = {};
  if (!rules_.hook.empty()) {
    state_.hook = {.progress = Progress::pending, .serial = fresh.serial, .previous_serial = old};
  }
  RETURN_IF_ERROR(save());
  // Crash point: the hook waits for a certificate that is not in force; it is set anew then.
  RETURN_IF_ERROR(lineage_.install(renewal));
  note_success(fresh.serial);
  RETURN_IF_ERROR(load_certificate());
  RETURN_IF_ERROR(save());
  // Crash point: what is pending is in force; settle_pending() sees that.
  RETURN_IF_ERROR(lineage_.finish());
  say("renewed", old + " as " + fresh.serial + " for " + fresh.name + " until " + fresh.not_after);
  return {};
}

void Renewer::note_success(const std::string& serial) {
  RenewalState fresh{.serial = serial};
  fresh.last_try = fresh.last_success = now();
  fresh.retry_at = now() + limits::renewal_look_at_least;
  fresh.failures_total = state_.failures_total;
  fresh.renewals_total = state_.renewals_total + 1;
  fresh.hook = std::move(state_.hook);
  state_ = std::move(fresh);
}

void Renewer::note_failure(const Error& error) {
  const Time time = now();
  ++state_.failures;
  ++state_.failures_total;
  state_.last_try = time;
  state_.error = error.message;
  const Seconds left = std::chrono::floor<Seconds>(certificate_.not_after - time);
  state_.retry_at = time + retry_delay(state_.failures, retry_after_, left, random_);
  say("failed", "renewal of " + serial_ + " for " + name_of(certificate_) + ", " +
                    std::to_string(state_.failures) + " in a row" +
                    (left.count() <= 0 ? ", AND IT HAS EXPIRED" : "") + ": " + error.message +
                    "; again at " + to_rfc3339_seconds(*state_.retry_at));
}

bool Renewer::hook_is_due() const {
  const HookState& hook = state_.hook;
  if (rules_.hook.empty() || hook.serial != serial_) return false;
  if (hook.progress == Progress::pending) return true;
  if (hook.progress != Progress::failed) return false;
  return !hook.retry_at || has_come(*hook.retry_at, now(), longest_plan());
}

Result<void> Renewer::run_hook_of_renewal() {
  HookState& hook = state_.hook;
  const std::string& place = directory();
  const std::vector<std::string> variables = {
      "CHANCERY_CERTIFICATE=" + place + "/cert.pem",
      "CHANCERY_KEY=" + place + "/key.pem",
      "CHANCERY_CHAIN=" + place + "/chain.pem",
      "CHANCERY_SERIAL=" + hook.serial,
      "CHANCERY_PREVIOUS_SERIAL=" + hook.previous_serial,
      "CHANCERY_NOT_AFTER=" + to_rfc3339_seconds(certificate_.not_after),
  };
  const auto ran = run_hook(rules_.hook, variables, limits::renewal_hook_deadline);
  // Crash point: it ran, and runs again.
  if (ran) {
    hook.progress = Progress::done;
    hook.failures = 0;
    hook.error.clear();
    hook.retry_at.reset();
    say("hook", "done for " + hook.serial);
  } else {
    hook.progress = Progress::failed;
    hook.error = ran.error().message;
    ++hook.failures;
    const Seconds left = std::chrono::floor<Seconds>(certificate_.not_after - now());
    hook.retry_at = now() + retry_delay(hook.failures, std::nullopt, left, random_);
    say("hook", "failed for " + hook.serial + ": " + hook.error + "; again at " +
                    to_rfc3339_seconds(*hook.retry_at));
  }
  return save();
}

Result<void> Renewer::save() const {
  return replace_file(lineage_.state_path(), to_text(state_), 0644);
}

void Renewer::say(const std::string& event, const std::string& message) const {
  session_.print(directory() + ": " + event + ": " + message, {{"time", to_rfc3339(now())},
                                                               {"directory", directory()},
                                                               {"event", event},
                                                               {"message", message}});
  std::fflush(stdout);
}

}  // namespace chancery
