#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/profile.h"
#include "core/pruning.h"
#include "core/yaml.h"

namespace chancery {

struct ListenAddress {
  std::string host;        ///< an IP address
  std::uint16_t port = 0;  ///< 0: any free port
};

/// "127.0.0.1:8443", "[::1]:8443".
Result<ListenAddress> parse_listen_address(std::string_view text);
std::string to_text(const ListenAddress& address);

/// DIR/config.yaml, complete and checked. Relative paths are below the home.
struct Config {
  std::string home;

  ListenAddress api{"127.0.0.1", 8443};
  ListenAddress public_http{"127.0.0.1", 8080};
  std::string public_url;              ///< in CDP and AIA; default http://HOST:PORT of public_http
  std::vector<std::string> tls_names;  ///< DNS names and IPs of the service's own certificate
  std::vector<std::string> trust_anchors;  ///< PEM files beside the service's own root
  unsigned workers = 128;                  ///< HTTP requests at once
  unsigned connections = 8192;             ///< open connections at once

  struct Token {
    std::string module;  ///< PKCS#11 module's path
    std::string label = "chancery";
    std::string pin_file;
    std::string socket;          ///< of a keyholder that runs already; empty: spawn it
    std::string softhsm_config;  ///< SOFTHSM2_CONF for the keyholder; empty: inherited
    unsigned keyholders = 2;     ///< processes; one where there is a socket
    unsigned lanes = 4;          ///< per keyholder
    Seconds deadline{10};        ///< of one call
  } token;

  std::string log_origin;              ///< checkpoint origin and note key name
  Seconds heartbeat{3600};             ///< the longest time without an entry
  bool log_entries_public = false;     ///< anybody may read entries, at /log/tile/entries/
  std::optional<Retention> retention;  ///< of the log; none: nothing is ever removed
  std::string witness_policy;          ///< C2SP tlog-policy file, or empty: no witnesses
  std::string trust_domain;            ///< SPIFFE trust domain of machine certificates
  Seconds backdate{60};                ///< notBefore is set back by this
  Seconds crl_lifetime{24 * 3600};     ///< nextUpdate - thisUpdate
  Seconds crl_refresh{12 * 3600};      ///< a CRL older than this is made anew
  /// The CRL of all certificates of a CA has one, too (docs/decisions/006).
  bool crl_issuing_distribution_point = false;
  /// Beside each CA's list of all certificates, one of what changed since.
  bool crl_delta = false;
  bool ocsp = true;                       ///< certificates name the responder
  Seconds ocsp_lifetime{4 * 3600};        ///< nextUpdate - thisUpdate of its answers
  bool ocsp_unknown_is_revoked = false;   ///< RFC 6960 section 2.2
  unsigned ocsp_fresh_per_second = 10;    ///< signatures that anybody can cause at will
  unsigned ocsp_signed_per_second = 100;  ///< of answers about what is in the inventory
  bool self_check = true;           ///< the service looks at what it publishes, as a client does
  Seconds self_check_interval{60};  ///< from one look to the next
  std::string self_check_url;       ///< where it looks; empty: at its own public listener
  Seconds alarm_after{20 * 3600};   ///< what has waited longer to be revoked everywhere is overdue
  /// An incident about more certificates waits for a second person; none: never.
  std::optional<unsigned> incident_second_person_above;
  std::string blocked_keys;        ///< file of SPKI hashes, or empty
  ProfileName enrollment_profile;  ///< of enrolled machines' first certificate
  CaName enrollment_ca;            ///< who issues it, and the service's own certificate

  Profiles profiles;

  /// Where the file has its members, by their paths ("crl.refresh", "trust_anchors[0]").
  std::map<std::string, Place, std::less<>> places;
  /// invalid_request "config.yaml:LINE:COLUMN: MEMBER: message", at the member's place, or at that
  /// of what it belongs to where the file leaves it out.
  [[nodiscard]] Failure refuse(const std::string& member, const std::string& message) const;
};

/// Reads and checks HOME/config.yaml. invalid_request with line, column and the name of what is
/// wrong: unknown or repeated members, wrong types, out of range, inconsistent profiles, members
/// that contradict each other.
Result<Config> load_config(const std::string& home);
Result<Config> parse_config(std::string_view text, const std::string& home);

/// What `chancery init` chooses; everything else of config.yaml has defaults.
struct NewInstallation {
  ListenAddress api, public_http;
  std::string module, token_label, pin_file;
  std::string softhsm_config;  ///< empty unless the token is SoftHSM's
  std::string log_origin = "chancery.internal/log";
};
/// The config.yaml of a new installation, with comments and the standard profiles.
std::string default_config(const NewInstallation& installation);

}  // namespace chancery
