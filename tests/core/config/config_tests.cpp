#include <boost/test/unit_test.hpp>

#include "core/config.h"

namespace chancery {
namespace {

std::string good() {
  return default_config({{"127.0.0.1", 8443}, {"127.0.0.1", 8080}, "/m.so", "mine", "pin", ""});
}

/// The configuration of a new installation with one part of it written in another way.
struct BadRow {
  std::string name;
  std::string part, instead;
  std::string at;       ///< where the message points to: the line that begins so, of the new text
  std::string message;  ///< behind the line
};

std::string line_of(const std::string& text, const std::string& begin) {
  const std::size_t at = text.find("\n" + begin);
  BOOST_REQUIRE_MESSAGE(at != text.npos, begin);
  return std::to_string(2 + std::count(text.begin(), text.begin() + static_cast<long>(at), '\n'));
}

const std::vector<BadRow> kRows = {
    {"notBefore set back too far", "backdate: 60s", "backdate: 61m",
     "backdate:", "11: backdate: must be at most 1h"},
    {"a call that may take too long", "deadline: 10s", "deadline: 2h",
     "  deadline:", "13: token.deadline: must be at most 1h"},
    {"a label that no token has", "label: \"mine\"", "label: 33-bytes-are-too-long-for-a-label-",
     "  label:", "10: token.label: must have at most 32 bytes and no blank at its end"},
    {"several keyholders at a socket", "keyholders: 2", "socket: s\n  keyholders: 2",
     "  keyholders:", "15: token.keyholders: must be 1: there is one keyholder at a socket"},
    {"an enrolment profile that is not there", "  profile: machine", "  profile: machin",
     "  profile:", "12: enrollment.profile: there is no profile \"machin\""},
    {"no profile for the service itself", "\n  tls-server:", "\n  tls:", "profiles:",
     "1: profiles: must have tls-server: the service's own certificate is one"},
    {"a profile that the service's own key does not fit",
     "key_types: [ec-p256, ec-p384, ec-p521, ed25519, rsa-2048, rsa-3072, rsa-4096]\n    subject: "
     "[common_name]\n    alt_names: [dns, ip, uri]\n    wildcard",
     "key_types: [ed25519]\n    subject: [common_name]\n    alt_names: [dns, ip, uri]\n    "
     "wildcard",
     "    key_types: [ed25519]\n",
     "16: profiles.tls-server.key_types: must have ec-p256: the service's own certificate has such "
     "a "
     "key"},
    {"a profile that the service's names do not fit", "alt_names: [dns, ip, uri]\n    wildcard",
     "alt_names: [dns]\n    wildcard",
     "tls_names:", "24: tls_names[1]: the profile tls-server does not allow such names"},
    {"no name for the service", "tls_names: [localhost, \"127.0.0.1\"]", "tls_names: []",
     "tls_names:", "12: tls_names: must be 1 to 100 names of the service, for its own certificate"},
    {"a CRL that expires before the next one", "refresh: 12h", "refresh: 24h", "  refresh:",
     "12: crl.refresh: (1d) must be shorter than the lifetime (1d), or a reader will meet an "
     "expired CRL"},
    {"the same with the default", "  lifetime: 24h\n  refresh: 12h", "  lifetime: 12h",
     "  lifetime:",
     "3: crl.refresh: (12h) must be shorter than the lifetime (12h), or a reader will meet an "
     "expired CRL"},
    {"one address for both", "public: \"127.0.0.1:8080\"", "public: 127.0.0.1:8443",
     "public:", "9: public: is the API's address too"},
    {"a profile against itself", "default_validity: 7d", "default_validity: 31d",
     "    default_validity:",
     "23: profiles.machine.default_validity: must be above zero and at most max_validity"},
    {"a profile that lacks something", "    key_usages: [digital_signature]\n", "",
     "  machine:", "3: profiles.machine.key_usages: must not be empty"},
    {"an alarm that comes too late", "version: 1", "version: 1\nincidents:\n  alarm_after: 25h",
     "  alarm_after:", "16: incidents.alarm_after: must be at most 1d"},
    {"a look that comes too seldom", "version: 1", "version: 1\nself_check:\n  interval: 61m",
     "  interval:", "13: self_check.interval: must be at most 1h"},
    {"a look by TLS", "version: 1", "version: 1\nself_check:\n  url: https://ca.example", "  url:",
     "8: self_check.url: must be http://HOST[:PORT] without a slash at its end (RFC 5280 section "
     "8)"},
    {"a retention that is too short", "backdate: 60s",
     "log:\n  retention: {certificates: 1h, other: 30d}\nbackdate: 60s",
     "  retention:", "29: log.retention.certificates: must be at least 1d"},
    {"half a retention", "backdate: 60s", "log:\n  retention: {certificates: 30d}\nbackdate: 60s",
     "  retention:", "14: log.retention.other: is missing"},
    {"missing", "log_origin:", "description:", "version:", "1: log_origin: is missing"},
};

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(a_new_one_is_good) {
  const auto config = parse_config(good(), "/home");
  BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
  BOOST_TEST(config->token.pin_file == "/home/pin");
  BOOST_TEST(config->token.module == "/m.so");
}

BOOST_AUTO_TEST_CASE(a_log_is_kept_for_ever_unless_said) {
  BOOST_TEST(!parse_config(good(), "/home")->retention.has_value());
  const auto config =
      parse_config(good() + "log: {retention: {certificates: 7y, other: 30d}}\n", "/home");
  BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
  BOOST_TEST(config->retention->certificates.count() == 7 * 365 * 86400);
  BOOST_TEST(config->retention->other.count() == 30 * 86400);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_named_once_with_its_place) {
  for (const BadRow& row : kRows) {
    BOOST_TEST_CONTEXT(row.name) {
      std::string text = good();
      BOOST_REQUIRE(text.find(row.part) != text.npos);
      text.replace(text.find(row.part), row.part.size(), row.instead);
      const auto config = parse_config(text, "/home");
      BOOST_REQUIRE(!config);
      BOOST_TEST(config.error().message ==
                 "config.yaml:" + line_of(text, row.at) + ":" + row.message);
      BOOST_CHECK(config.error().code == ErrorCode::invalid_request);
    }
  }
}

BOOST_AUTO_TEST_CASE(at_a_socket_there_is_one_keyholder) {
  std::string text = good();
  const std::string given = "  keyholders: 2\n";
  text.replace(text.find(given), given.size(), "  socket: s\n");
  const auto config = parse_config(text, "/home");
  BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
  BOOST_TEST(config->token.keyholders == 1U);
}

BOOST_AUTO_TEST_CASE(a_place_outside_the_parser) {
  const auto config = parse_config("trust_anchors: [a.pem,\n  b.pem]\n" + good(), "/home");
  BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
  BOOST_TEST(config->refuse("trust_anchors[1]", "no").value().message ==
             "config.yaml:2:3: trust_anchors[1]: no");
  BOOST_TEST(config->refuse("blocked_keys", "no").value().message ==
             "config.yaml:1:1: blocked_keys: no");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
