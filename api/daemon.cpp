#include "api/daemon.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "api/openapi.h"
#include "api/witness_client.h"
#include "core/durable_file.h"
#include "core/installation.h"
#include "core/log_key_rotation.h"
#include "core/server_certificate.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kEventsWaiting = 1024;
constexpr std::size_t kTrustFileBytes = 1 << 20;

/// One line for the operator; standard error is the service's log file.
void complain(const std::string& what, const Error& error) {
  std::fprintf(stderr, "chanceryd: %s: %s%s%s\n", what.c_str(), error.message.c_str(),
               error.detail.empty() ? "" : ": ", error.detail.c_str());
}

void tell_operator(const std::string& line) {
  std::fprintf(stderr, "chanceryd: %s\n", line.c_str());
}

}  // namespace

void TokenEvents::tell(std::string event, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kEventsWaiting) return;  // a keyholder that dies every moment
  waiting_.push_back({std::move(event), std::move(reason)});
}

void TokenEvents::record(AuditLog& log) {
  std::deque<Event> events;
  {
    const std::lock_guard lock(mutex_);
    events.swap(waiting_);
  }
  for (Event& event : events) {
    AuditEntry entry(EntryKind::token);
    entry.set("event", event.name);
    entry.set("reason", event.reason);
    auto recorded = log.record(Instance::self().context, std::move(entry));
    if (!recorded) complain("token " + event.name + " is not in the log", recorded.error());
  }
}

Result<std::vector<Bytes>> read_certificates(const std::vector<std::string>& paths) {
  constexpr std::string_view end_line = "-----END CERTIFICATE-----";
  std::vector<Bytes> certificates;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const std::string text, read_file(path, kTrustFileBytes));
    std::string_view rest = text;
    for (;;) {
      const std::size_t end = rest.find(end_line);
      if (end == rest.npos) break;
      auto der = from_pem(rest.substr(0, end + end_line.size()), "CERTIFICATE");
      if (!der || !parse_certificate(*der)) {
        return invalid("trust_anchors", path + " has a certificate that does not parse");
      }
      certificates.push_back(std::move(*der));
      rest.remove_prefix(end + end_line.size());
    }
    if (certificates.empty()) return invalid("trust_anchors", path + " has no certificate");
  }
  return certificates;
}

Result<std::unique_ptr<Daemon>> Daemon::start(Instance& instance, TokenEvents& events,
                                              MachinePatternParser parse_pattern) {
  ASSIGN_OR_RETURN(std::vector<Bytes> foreign, read_certificates(instance.config().trust_anchors));
  std::unique_ptr<Daemon> daemon(
      new Daemon(instance, events, std::move(foreign), std::move(parse_pattern)));
  ASSIGN_OR_RETURN(daemon->checkpoints_,
                   CheckpointPublisher::create(instance.log(), instance.store(), instance.token(),
                                               instance.keys(), instance.config().log_origin));
  // One that was made before the log said so, and a file that a crash left as it was.
  RETURN_IF_ERROR(daemon->checkpoints_->state_keys({Instance::self().context}));
  RETURN_IF_ERROR(write_log_keys(instance.config().home, *daemon->checkpoints_));
  daemon->application_.emplace(Application{
      instance, *daemon->checkpoints_, daemon->crls_, daemon->audit_index_, daemon->verification_,
      daemon->receipt_places_, daemon->ocsp_ ? &*daemon->ocsp_ : nullptr, daemon->incidents_,
      daemon->pruner_, daemon->authentication_, daemon->failures_, daemon->metrics_,
      std::string(openapi_document()), [raw = daemon.get()] { raw->crl_ticker_->wake(); },
      [raw = daemon.get()] {
        raw->incident_runner_.look_again();
        raw->incident_ticker_->wake();
      },
      [raw = daemon.get()] { return raw->stopping_.load(); },
      [raw = daemon.get()] { return raw->cosigning_->status(); },
      [raw = daemon.get()] {
        return raw->self_check_ ? raw->self_check_->states() : std::vector<FaceState>();
      }});
  RETURN_IF_ERROR(daemon->start_cosigning());
  daemon->start_self_check();
  daemon->register_metrics();
  daemon->checkpoint_ticker_ = std::make_unique<Ticker>(
      limits::checkpoint_interval, [raw = daemon.get()] { raw->publish_checkpoint(); });
  daemon->crl_ticker_ = std::make_unique<Ticker>(1s, [raw = daemon.get()] {
    if (!raw->instance_.token().status().up) return;  // every attempt would be a record
    // What fails is tried again, and shown by the metrics.
    if (raw->ocsp_) (void)raw->ocsp_->renew_due();
    (void)raw->crls_.publish_due();
  });
  daemon->incident_ticker_ =
      std::make_unique<Ticker>(1s, [raw = daemon.get()] { raw->incident_runner_.work(); });
  // After the restart that a crash made necessary it goes on by itself.
  daemon->pruning_ticker_ =
      std::make_unique<Ticker>(1s, [raw = daemon.get()] { raw->pruner_.work(); });
  daemon->approval_ticker_ = std::make_unique<Ticker>(
      limits::approval_interval, [raw = daemon.get()] { raw->look_at_approvals(); });
  RETURN_IF_ERROR(daemon->start_public());
  if (auto started = daemon->start_api(); !started) {
    // Only a token that is down may become better by waiting.
    if (started.error().code != ErrorCode::token_unavailable) return Failure(started.error());
    complain("the API waits for the token", started.error());
  }
  daemon->maintenance_ = std::make_unique<Ticker>(1s, [raw = daemon.get()] { raw->maintain(); });
  if (daemon->self_check_) {
    // The first time once there was time to publish everything.
    daemon->self_check_ticker_ = std::make_unique<Ticker>(
        instance.config().self_check_interval, [raw = daemon.get(), first = true]() mutable {
          if (!std::exchange(first, false)) raw->self_check_->look();
        });
  }
  return daemon;
}

Daemon::Daemon(Instance& instance, TokenEvents& events, std::vector<Bytes> foreign,
               MachinePatternParser parse_pattern)
    : instance_(instance),
      events_(events),
      foreign_(std::move(foreign)),
      failures_(instance.log()),
      authentication_(instance, failures_, foreign_),
      crls_(instance.service(), instance.store(), instance.config()),
      audit_index_(instance.store(), instance.config().home + "/audit-index.db"),
      receipt_places_(std::max(1U, instance.config().workers / limits::receipt_workers_divisor)),
      incidents_(instance.service(), instance.store(), instance.log(), instance.config(),
                 std::move(parse_pattern)),
      incident_runner_(incidents_, instance.service(), instance.store(), instance.log(),
                       [this](const Revocation& revocation) {
                         crls_.revoked(revocation);
                         crl_ticker_->wake();
                       }),
      revocation_clock_(instance, crls_, tell_operator),
      pruner_(instance),
      heartbeat_(instance.log(), instance.config().heartbeat) {
  if (instance.config().ocsp) ocsp_.emplace(instance);
}

Daemon::~Daemon() {
  stopping_ = true;
  self_check_ticker_.reset();
  maintenance_.reset();
  if (api_server_) api_server_->stop();
  if (public_server_) public_server_->stop();
  incident_runner_.stop();
  incident_ticker_.reset();
  pruner_.stop();
  pruning_ticker_.reset();
  approval_ticker_.reset();
  crl_ticker_.reset();
  checkpoint_ticker_.reset();
  cosigning_.reset();
  events_.record(instance_.log());
  failures_.flush();
  if (checkpoints_) {
    if (auto published = checkpoints_->publish(); !published) {
      complain("no last checkpoint", published.error());
    }
  }
}

/// Before anything is signed, the witnesses have their say: where one knows more of this log than
/// its database, it was set back. One that does not answer says nothing.
Result<void> Daemon::start_cosigning() {
  cosigning_ = std::make_unique<Cosigning>(instance_.log(), instance_.store(),
                                           instance_.witness_policy(), witness_client);
  return cosigning_->ask_all();
}

void Daemon::start_self_check() {
  if (!instance_.config().self_check) return;
  self_check_ = std::make_unique<SelfCheck>(
      SelfCheck::Parts{instance_, *checkpoints_, crls_, ocsp_ ? &*ocsp_ : nullptr, stopping_},
      [this] { return self_check_url(); }, face_client(limits::face_deadline, &stopping_),
      tell_operator);
}

/// Its own listener: public_url may be a proxy's that is not reached from here, and whose failure
/// is not this service's. Who wants to see what that gives to clients names it in config.yaml.
std::string Daemon::self_check_url() const {
  const Config& config = instance_.config();
  if (!config.self_check_url.empty()) return config.self_check_url;
  ListenAddress address{config.public_http.host, public_port()};
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  return "http://" + to_text(address);
}

void Daemon::publish_checkpoint() {
  if (auto beaten = heartbeat_.beat(); !beaten && instance_.log().healthy()) {
    complain("no heartbeat", beaten.error());
  }
  if (checkpoints_->publish()) {  // else its problem() is shown
    const auto kept = write_log_keys(instance_.config().home, *checkpoints_);
    if (!kept && log_keys_kept_) complain("log-keys has not the keys in force", kept.error());
    log_keys_kept_ = kept.has_value();
  }
  cosigning_->wake();
}

Result<void> Daemon::start_public() {
  public_router_.emplace(public_routes(*application_));
  public_metrics_.emplace(metrics_, public_router_->routes());
  public_router_->observe(
      [this](const Router::Served& served) { public_metrics_->observe(served); });
  ServerOptions plain = options(instance_.config().public_http);
  // An OCSP answer may wait for the token and the log; all else is answered from memory.
  plain.workers = instance_.config().ocsp ? instance_.config().workers : 8;
  ASSIGN_OR_RETURN(auto server,
                   ConnectionServer::start(std::move(plain), [this](HttpRequest& request) {
                     return public_router_->answer(request);
                   }));
  const std::uint16_t port = server->port();
  {
    const std::lock_guard lock(servers_mutex_);
    public_server_ = std::move(server);
  }
  return announce("public", port);
}

Result<void> Daemon::start_api() {
  RETURN_IF_ERROR(renew_certificate());
  if (!api_router_) {
    api_router_.emplace(api_routes(*application_));
    api_metrics_.emplace(metrics_, api_router_->routes());
    api_router_->observe([this](const Router::Served& served) { api_metrics_->observe(served); });
  }
  ASSIGN_OR_RETURN(
      auto server,
      ConnectionServer::start(
          options(instance_.config().api),
          [this](HttpRequest& request) { return api_router_->answer(request); }, tls_.get()));
  const std::uint16_t port = server->port();
  {
    const std::lock_guard lock(servers_mutex_);
    api_server_ = std::move(server);
  }
  return announce("api", port);
}

/// Issues the service's own certificate, and sets when the next one is due: at two thirds of its
/// life. The key is new each time and only in memory.
Result<void> Daemon::renew_certificate() {
  ASSIGN_OR_RETURN(ServerCertificate certificate,
                   issue_server_certificate(instance_.service(), instance_.config()));
  const Time due = now() + (certificate.not_after - now()) * 2 / 3;
  ServerIdentity identity{std::move(certificate.chain), std::move(certificate.key_pem)};
  if (tls_) {
    RETURN_IF_ERROR(tls_->replace(identity, trust()));
  } else {
    ASSIGN_OR_RETURN(tls_, TlsServer::create(identity, trust()));
  }
  renew_certificate_at_ = due;
  return {};
}

ClientTrust Daemon::trust() const {
  ClientTrust trust;
  for (const CertificateAuthority* ca : instance_.service().cas()) {
    const bool root = ca->record.issuer == ca->record.name;
    (root ? trust.anchors : trust.intermediates).push_back(ca->record.certificate);
  }
  for (const Bytes& der : foreign_) {
    const auto info = parse_certificate(der);
    const bool root = info && info->issuer_name == info->subject_name;
    (root ? trust.anchors : trust.intermediates).push_back(der);
  }
  return trust;
}

ServerOptions Daemon::options(const ListenAddress& address) const {
  ServerOptions options;
  options.address = address;
  options.workers = instance_.config().workers;
  options.connections = instance_.config().connections;
  options.on_defect = [](const std::string& what) {
    std::fprintf(stderr, "chanceryd: defect: %s\n", what.c_str());
  };
  return options;
}

/// HOME/run/NAME.port tells scripts which port was taken.
Result<void> Daemon::announce(const std::string& name, std::uint16_t port) const {
  const std::string folder = instance_.config().home + "/run";
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(ErrorCode::store_unavailable,
                "cannot make " + folder + ": " + std::strerror(errno));
  }
  return replace_durable_file(folder + "/" + name + ".port", std::to_string(port) + "\n", 0644);
}

/// I2 as far as the keyholders can tell: each of their signatures was asked for, and what is asked
/// for has an intent or is a checkpoint.
void Daemon::reconcile(const TokenStatus& token) {
  if (token.unaccounted <= unaccounted_) return;
  events_.tell("unaccounted", "the keyholders have made " + std::to_string(token.unaccounted) +
                                  " signatures since the start that were not asked for here");
  unaccounted_ = token.unaccounted;
}

/// What ends by the clock is recorded; the numbers are for the metrics. What fails is tried again.
void Daemon::look_at_approvals() {
  if (instance_.log().healthy()) (void)instance_.service().approvals().record_ended();
  const auto pending = instance_.store().count_pending_approvals();
  const auto rows = instance_.store().open_approvals(limits::page_rows);
  if (!pending || !rows) return;
  std::set<std::string> open;
  for (const ApprovalRecord& row : *rows) {
    if (row.closes_at() <= now()) continue;
    const std::string id = row.id.text();
    if (!told_open_.contains(id)) {
      tell_operator("BREAK-GLASS: " + row.rule + " is open to " + row.requester + " until " +
                    to_rfc3339_seconds(row.closes_at()) + " (approval " + id + ")");
    }
    open.insert(id);
  }
  approvals_pending_ = *pending;
  break_glass_open_ = open.size();
  told_open_ = std::move(open);
}

void Daemon::maintain() {
  const TokenStatus token = instance_.token().status();
  reconcile(token);
  events_.record(instance_.log());
  if (instance_.log().needs_restart() && !ending_) {
    ending_ = true;
    complain("ending, to read at the next start what is on the disk",
             Error{ErrorCode::store_unavailable, instance_.log().problem()});
    ::kill(::getpid(), SIGTERM);
  }
  revocation_clock_.look();
  const Time at = now();
  if (at >= flush_failures_at_) {
    failures_.flush();
    flush_failures_at_ = at + limits::authentication_failure_interval;
  }
  if (!token.up) return;  // every attempt would be a record
  if (api_port() == 0) {
    if (auto started = start_api(); started) {
      std::fprintf(stderr, "chanceryd: the API is served now\n");
    }
  } else if (at >= renew_certificate_at_) {
    if (auto renewed = renew_certificate(); !renewed) {
      complain("the service's certificate is not renewed", renewed.error());
      renew_certificate_at_ = at + 30s;
    }
  }
}

std::uint16_t Daemon::public_port() const {
  return public_server_->port();
}

std::uint16_t Daemon::api_port() const {
  const std::lock_guard lock(servers_mutex_);
  return api_server_ ? api_server_->port() : 0;
}

}  // namespace chancery
