#include "api/daemon.h"

namespace chancery {

void Daemon::register_metrics() {
  const auto gauge = [this](const char* name, const char* help, std::function<double()> value) {
    metrics_.gauge(name, help, {}, std::move(value));
  };
  const auto counter = [this](const char* name, const char* help, std::function<double()> value) {
    metrics_.counter(name, help, {}, std::move(value));
  };
  AuditLog& log = instance_.log();
  Token& token = instance_.token();

  gauge("chancery_log_healthy", "1 while the audit log accepts entries; 0 stops all signing",
        [&log] { return log.healthy() ? 1.0 : 0.0; });
  for (const std::string_view reason : AuditLog::reasons()) {
    metrics_.gauge("chancery_log_refusing",
                   "1 while the audit log takes no records for this reason",
                   {{"reason", std::string(reason)}},
                   [&log, reason] { return log.reason() == reason ? 1.0 : 0.0; });
  }
  counter("chancery_policy_shadow_differences_total",
          "decisions that a shadow policy would have made otherwise, since start",
          [this] { return static_cast<double>(instance_.service().shadow_differences()); });
  gauge("chancery_log_reserve", "1 while room is kept for outcomes on a full disk",
        [&log] { return log.has_reserve() ? 1.0 : 0.0; });
  counter("chancery_log_suspensions_total", "failures of the store that stopped all signing",
          [&log] { return static_cast<double>(log.counters().suspensions); });
  gauge("chancery_log_size", "entries in the audit log",
        [&log] { return static_cast<double>(log.head().size); });
  gauge("chancery_log_waiting", "entries not yet durable",
        [&log] { return static_cast<double>(log.counters().waiting); });
  counter("chancery_log_entries_total", "entries written since start",
          [&log] { return static_cast<double>(log.counters().entries); });
  counter("chancery_log_commits_total", "transactions (and fsyncs) since start",
          [&log] { return static_cast<double>(log.counters().commits); });
  gauge("chancery_checkpoint_published", "0 when the last checkpoint could not be published",
        [this] { return checkpoints_->problem().empty() ? 1.0 : 0.0; });
  if (ocsp_) register_ocsp_metrics();
  if (self_check_) register_face_metrics();
  register_revocation_metrics();
  register_approval_metrics();
  gauge("chancery_crl_published", "0 when the last CRL could not be published",
        [this] { return crls_.problem().empty() ? 1.0 : 0.0; });
  gauge("chancery_crl_behind", "lists that lack a revocation which is durable",
        [this] { return static_cast<double>(crls_.behind()); });
  gauge("chancery_crl_ended_cas", "CAs whose certificate has ended: they get no lists any more",
        [this] { return static_cast<double>(crls_.ended()); });
  gauge("chancery_incidents_open", "revocations of many certificates that have not ended",
        [this] { return static_cast<double>(incident_runner_.open()); });
  gauge("chancery_incidents_failing", "1 when one could not go on at the last attempt",
        [this] { return incident_runner_.problem().empty() ? 0.0 : 1.0; });
  gauge("chancery_pruning_failing", "1 when entries could not be removed at the last attempt",
        [this] { return pruner_.problem().empty() ? 0.0 : 1.0; });
  gauge("chancery_crl_slowest_seconds", "how long the list took that took longest to make",
        [this] { return crls_.slowest_seconds(); });
  gauge("chancery_crl_first_end_seconds",
        "when the first of the published lists ends, in seconds since 1970; 0 before any", [this] {
          const auto end = crls_.first_end();
          return end ? static_cast<double>(to_unix_seconds(*end)) : 0.0;
        });
  gauge("chancery_receipts_waited_for", "requests that wait for their receipts",
        [this] { return static_cast<double>(receipt_places_.taken()); });
  counter("chancery_receipts_not_waited_for_total",
          "answers that went without their receipts because too many waited for theirs",
          [this] { return static_cast<double>(receipt_places_.refused()); });
  gauge("chancery_recovered_intents", "intents that a crash left open, found at this start",
        [this] { return static_cast<double>(instance_.recovered()); });
  gauge("chancery_config_changed", "1 while config.yaml is another than at the start before",
        [this] { return instance_.config_changed() ? 1.0 : 0.0; });

  gauge("chancery_token_up", "1 while a keyholder serves the token",
        [&token] { return token.status().up ? 1.0 : 0.0; });
  gauge("chancery_token_lanes", "lanes to the token",
        [&token] { return static_cast<double>(token.status().lanes); });
  gauge("chancery_token_lanes_busy", "lanes in use",
        [&token] { return static_cast<double>(token.status().lanes_busy); });
  gauge("chancery_token_unaccounted_signatures",
        "signatures of the keyholders that nobody here has asked for",
        [&token] { return static_cast<double>(token.status().unaccounted); });
  gauge("chancery_token_waiting", "requests for which no lane is free",
        [&token] { return static_cast<double>(token.status().waiting); });
  counter("chancery_token_restarts_total", "keyholders replaced since start",
          [&token] { return static_cast<double>(token.status().restarts); });
  counter("chancery_token_signatures_total", "signatures by the keyholders' own count",
          [&token] { return static_cast<double>(token.status().signatures); });

  gauge("chancery_checkpoint_signed_size", "entries under the last signed checkpoint",
        [&log] { return static_cast<double>(log.signed_checkpoint().size); });
  gauge("chancery_checkpoint_published_size",
        "entries under the published checkpoint, which has its quorum of witnesses",
        [&log] { return static_cast<double>(log.published_size()); });
  register_witness_metrics();
  register_connection_metrics("public", public_server_);
  register_connection_metrics("api", api_server_);
}

/// Of each witness; the label is its name in the policy.
void Daemon::register_witness_metrics() {
  const auto statuses = cosigning_->status();
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    const NamedValues label = {{"witness", statuses[i].name}};
    const auto status = [this, i] { return cosigning_->status()[i]; };
    metrics_.gauge("chancery_witness_cosigned_size",
                   "entries under the last checkpoint that the witness cosigned", label,
                   [status] { return static_cast<double>(status().size); });
    metrics_.gauge("chancery_witness_cosigned_timestamp_seconds",
                   "when that was, since 1970; 0 before the first time since the start", label,
                   [status] { return static_cast<double>(to_unix_seconds(status().at)); });
    metrics_.counter("chancery_witness_failures_total",
                     "submissions without a cosignature since the start", label,
                     [status] { return static_cast<double>(status().failures); });
  }
}

/// Of one listener; a label tells them apart.
void Daemon::register_connection_metrics(const std::string& listener,
                                         const std::unique_ptr<ConnectionServer>& server) {
  const NamedValues label = {{"listener", listener}};
  const auto value = [this, &server](auto member) -> std::function<double()> {
    return [this, &server, member] {
      const std::lock_guard lock(servers_mutex_);
      return server ? static_cast<double>(server->counters().*member) : 0.0;
    };
  };
  const auto counter = [&](const char* name, const char* help,
                           std::uint64_t ServerCounters::*member) {
    metrics_.counter(name, help, label, value(member));
  };
  metrics_.gauge("chancery_http_connections", "open connections", label,
                 value(&ServerCounters::open));
  counter("chancery_http_connections_overdue_total", "connections closed at a deadline",
          &ServerCounters::overdue);
  counter("chancery_http_connections_evicted_total", "idle connections closed to make room",
          &ServerCounters::evicted);
  counter("chancery_http_connections_turned_away_total",
          "new connections closed because no room could be made", &ServerCounters::turned_away);
  counter("chancery_http_connections_failed_handshakes_total",
          "connections that ended before their TLS handshake did",
          &ServerCounters::failed_handshakes);
  counter("chancery_http_overloaded_total", "requests answered 503 because no worker came free",
          &ServerCounters::overloaded);
}

void Daemon::register_ocsp_metrics() {
  const auto answers = [this](const char* how, std::uint64_t OcspResponder::Counters::*member) {
    metrics_.counter("chancery_ocsp_answers_total", "OCSP responses, by how they came about",
                     {{"how", how}},
                     [this, member] { return static_cast<double>(ocsp_->counters().*member); });
  };
  answers("cached", &OcspResponder::Counters::from_cache);
  answers("signed", &OcspResponder::Counters::signed_anew);
  answers("failed", &OcspResponder::Counters::failed);
  metrics_.gauge("chancery_ocsp_responders", "CAs whose OCSP responder has a certificate", {},
                 [this] { return static_cast<double>(ocsp_->ready()); });
}

void Daemon::register_face_metrics() {
  const auto states = self_check_->states();
  for (std::size_t i = 0; i < states.size(); ++i) {
    NamedValues labels;
    if (!states[i].ca.empty()) labels.push_back({"ca", states[i].ca});
    labels.push_back({"face", states[i].face});
    const auto state = [this, i] { return self_check_->states()[i]; };
    metrics_.gauge("chancery_face_good", "1 while what is published there looks as it should",
                   labels, [state] { return state().good ? 1.0 : 0.0; });
    metrics_.gauge("chancery_face_age_seconds", "age of what was last seen there; 0 before", labels,
                   [state] {
                     const auto as_of = state().as_of;
                     return as_of ? std::chrono::duration<double>(now() - *as_of).count() : 0.0;
                   });
    metrics_.gauge("chancery_face_checked_timestamp_seconds",
                   "when it was last looked at, since 1970; 0 before", labels, [state] {
                     const auto at = state().checked_at;
                     return at ? static_cast<double>(to_unix_seconds(*at)) : 0.0;
                   });
  }
}

void Daemon::register_revocation_metrics() {
  const RevocationClock& clock = revocation_clock_;
  metrics_.gauge("chancery_revocation_oldest_unpublished_seconds",
                 "how long the first revocation waits that its list lacks; 0 when none does", {},
                 [&clock] { return clock.oldest_unpublished_seconds(); });
  metrics_.gauge("chancery_incident_oldest_open_seconds",
                 "since the first incident was opened that has not ended; 0 when all have", {},
                 [&clock] { return clock.oldest_incident_seconds(); });
  metrics_.gauge("chancery_revocation_overdue",
                 "1 while a revocation or incident waits for longer than incidents.alarm_after", {},
                 [&clock] { return clock.overdue() ? 1.0 : 0.0; });
  metrics_.counter("chancery_revocation_published_seconds_count",
                   "revocations that the lists of all certificates took up since the start", {},
                   [this] { return static_cast<double>(crls_.waited().count); });
  metrics_.counter("chancery_revocation_published_seconds_sum",
                   "how long they had waited for it, together", {},
                   [this] { return crls_.waited().seconds; });
  metrics_.gauge("chancery_revocation_published_slowest_seconds",
                 "how long the one had waited that waited longest", {},
                 [this] { return crls_.waited().longest_seconds; });
}

void Daemon::register_approval_metrics() {
  metrics_.gauge("chancery_approvals_pending", "requests that wait for others to agree", {},
                 [this] { return static_cast<double>(approvals_pending_); });
  metrics_.gauge("chancery_break_glass_open", "grants that are open to a machine for a while", {},
                 [this] { return static_cast<double>(break_glass_open_); });
  metrics_.counter(
      "chancery_break_glass_uses_total", "uses of such grants since the start", {},
      [this] { return static_cast<double>(instance_.service().approvals().break_glass_uses()); });
}

}  // namespace chancery
