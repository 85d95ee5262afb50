#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "api/application.h"
#include "api/connection_server.h"
#include "api/tls.h"
#include "core/cosigning.h"
#include "core/heartbeat.h"
#include "core/incident_runner.h"
#include "core/pruner.h"
#include "core/revocation_clock.h"
#include "core/self_check.h"
#include "core/ticker.h"

namespace chancery {

/// What happened to the token, on its way into the log. May be told before the log is open.
class TokenEvents {
 public:
  /// `event` such as "down", "replaced"; `reason` without secrets.
  void tell(std::string event, std::string reason);
  /// Writes what was told into the log.
  void record(AuditLog& log);

 private:
  struct Event {
    std::string name, reason;
  };
  std::mutex mutex_;
  std::deque<Event> waiting_;
};

/// The running service: both listeners, and what is done in the background (checkpoints, CRLs, the
/// service's own certificate, failed authentications).
class Daemon {
 public:
  /// Listens on both addresses, or says why it cannot. Where the token is down, the API's listener
  /// waits for it, since the service's certificate comes from the token's CA; health and CRLs are
  /// served at once.
  /// `parse_pattern` is the policy's language of machine patterns.
  static Result<std::unique_ptr<Daemon>> start(Instance& instance, TokenEvents& events,
                                               MachinePatternParser parse_pattern);
  /// Finishes the requests under way, publishes a last checkpoint, and stops.
  ~Daemon();

  [[nodiscard]] std::uint16_t public_port() const;
  /// Zero while the API's listener waits for the token.
  [[nodiscard]] std::uint16_t api_port() const;

 private:
  Daemon(Instance& instance, TokenEvents& events, std::vector<Bytes> foreign,
         MachinePatternParser parse_pattern);
  Result<void> start_cosigning();
  void publish_checkpoint();
  Result<void> start_public();
  Result<void> start_api();
  Result<void> renew_certificate();
  [[nodiscard]] ServerOptions options(const ListenAddress& address) const;
  [[nodiscard]] ClientTrust trust() const;
  Result<void> announce(const std::string& name, std::uint16_t port) const;
  void maintain();
  void reconcile(const TokenStatus& token);
  void register_metrics();
  void register_ocsp_metrics();
  void register_face_metrics();
  void register_revocation_metrics();
  void register_approval_metrics();
  void look_at_approvals();
  void start_self_check();
  [[nodiscard]] std::string self_check_url() const;
  void register_witness_metrics();
  void register_connection_metrics(const std::string& listener,
                                   const std::unique_ptr<ConnectionServer>& server);

  Instance& instance_;
  TokenEvents& events_;
  const std::vector<Bytes> foreign_;
  std::atomic<bool> stopping_{false};
  AuthenticationFailures failures_;
  Authentication authentication_;
  CrlPublisher crls_;
  AuditIndex audit_index_;
  LogVerification verification_;
  Places receipt_places_;
  std::optional<OcspResponder> ocsp_;
  Incidents incidents_;
  IncidentRunner incident_runner_;
  RevocationClock revocation_clock_;
  Pruner pruner_;
  Metrics metrics_;
  std::unique_ptr<CheckpointPublisher> checkpoints_;
  Heartbeat heartbeat_;
  std::unique_ptr<Cosigning> cosigning_;
  std::unique_ptr<SelfCheck> self_check_;  ///< null where the configuration has none
  std::optional<Application> application_;
  std::optional<Router> api_router_, public_router_;
  std::optional<RequestMetrics> api_metrics_, public_metrics_;
  std::unique_ptr<TlsServer> tls_;
  Time renew_certificate_at_{};
  Time flush_failures_at_{};
  bool ending_ = false;
  std::uint64_t unaccounted_ = 0;  ///< signatures that were reported so far
  // Guards the pointers: metrics are read while the servers start, and the API's may come later.
  mutable std::mutex servers_mutex_;
  std::unique_ptr<ConnectionServer> api_server_, public_server_;
  std::atomic<std::uint64_t> approvals_pending_{0}, break_glass_open_{0};
  std::set<std::string> told_open_;  // approvals; of approval_ticker_'s thread
  bool log_keys_kept_ = true;        // of checkpoint_ticker_'s thread
  std::unique_ptr<Ticker> checkpoint_ticker_, crl_ticker_, incident_ticker_, maintenance_,
      self_check_ticker_, pruning_ticker_, approval_ticker_;
};

/// The certificates in PEM files; invalid_request names the file.
Result<std::vector<Bytes>> read_certificates(const std::vector<std::string>& paths);

}  // namespace chancery
