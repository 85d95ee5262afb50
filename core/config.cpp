#include "core/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <functional>
#include <span>
#include <sstream>

#include "core/field_path.h"
#include "core/limits.h"

namespace chancery {
namespace {

using Places = decltype(Config::places);

/// Reads members of one mapping. The first error sticks, so that a list of members reads as one.
class Section {
 public:
  /// Adds where what it reads stands to `places`.
  Section(const YamlNode& node, const FieldPath& path, Places& places)
      : node_(node), path_(path), places_(places) {}

  /// Reads the member `name` with `parse(text)` into `target`, or leaves it when it is absent.
  template <class T, class Parse>
  Section& read(std::string_view name, T& target, Parse parse) {
    const YamlNode* member = find(name);
    if (!member) return *this;
    const FieldPath path = path_.member(name);
    auto text = read_text(*member, path);
    if (!text) return keep(std::move(text.error()));
    auto value = parse(std::string_view(*text));
    if (!value) return keep(path.refuse(member->place, value.error().message).value());
    target = std::move(*value);
    return *this;
  }

  template <class T, class Parse>
  Section& read_all(std::string_view name, std::vector<T>& target, Parse parse) {
    const YamlNode* member = find(name);
    if (!member) return *this;
    const FieldPath path = path_.member(name);
    if (member->kind == YamlNode::Kind::list && member->children.empty()) {
      target.clear();
      return *this;
    }
    auto values = read_list(*member, path, parse);
    if (!values) return keep(std::move(values.error()));
    for (std::size_t i = 0; i < values->size(); ++i) {
      places_.emplace(path.item(i).text(), member->children[i].place);
    }
    target = std::move(*values);
    return *this;
  }

  /// Reads the mapping `name` with `body(section)`.
  Section& section(std::string_view name, std::span<const std::string_view> known,
                   const std::function<Result<void>(Section&)>& body) {
    const YamlNode* member = find(name);
    if (!member) return *this;
    const FieldPath path = path_.member(name);
    if (auto good = expect_members(*member, path, known); !good) return keep(good.error());
    Section inner(*member, path, places_);
    if (auto good = body(inner); !good) return keep(good.error());
    return *this;
  }

  Section& require(std::string_view name) {
    if (!error_ && !find_member(node_, name)) {
      keep(path_.member(name).refuse(node_.place, "is missing").value());
    }
    return *this;
  }

  [[nodiscard]] Result<void> done() const {
    if (error_) return Failure(*error_);
    return {};
  }

 private:
  const YamlNode* find(std::string_view name) {
    const YamlNode* member = error_ ? nullptr : find_member(node_, name);
    if (member) places_.emplace(path_.member(name).text(), member->place);
    return member;
  }
  Section& keep(Error error) {
    if (!error_) error_ = std::move(error);
    return *this;
  }

  const YamlNode& node_;
  const FieldPath& path_;
  Places& places_;
  std::optional<Error> error_;
};

Result<std::string> any_text(std::string_view text) {
  return std::string(text);
}

Result<bool> boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return invalid("", "must be true or false");
}

auto duration_to(Seconds most) {
  return [=](std::string_view text) -> Result<Seconds> {
    ASSIGN_OR_RETURN(const Seconds duration, parse_duration(text));
    if (duration > most) return invalid("", "must be at most " + format_duration(most));
    return duration;
  };
}

Result<Seconds> retention(std::string_view text) {
  ASSIGN_OR_RETURN(const Seconds duration, parse_duration(text));
  if (duration < Seconds(limits::retention_at_least)) {
    return invalid("", "must be at least " + format_duration(limits::retention_at_least));
  }
  return duration;
}

auto number(unsigned least, unsigned most) {
  return [=](std::string_view text) -> Result<unsigned> {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
      return invalid("", "must be a whole number from " + std::to_string(least) + " to " +
                             std::to_string(most));
    }
    return value;
  };
}

Result<std::string> http_url(std::string_view text) {
  if (!text.starts_with("http://") || !is_uri(text) || text.ends_with('/')) {
    return invalid("",
                   "must be http://HOST[:PORT] without a slash at its end (RFC 5280 section 8)");
  }
  return std::string(text);
}

Result<std::string> domain(std::string_view text) {
  if (!is_dns_name(text, false)) return invalid("", "must be a DNS name");
  return std::string(text);
}

/// C2SP tlog-checkpoint: a schema-less URL; neither space nor plus, which delimit note keys.
Result<std::string> domain_and_path(std::string_view text) {
  const std::string_view host = text.substr(0, text.find('/'));
  if (!is_dns_name(host, false) || text.find_first_of(" +\t\n") != text.npos || text.size() > 200) {
    return invalid("", "must be a DNS name, with a path if need be, such as log.example.com/ca");
  }
  return std::string(text);
}

Result<std::string> token_label(std::string_view text) {
  if (text.size() <= limits::token_label_bytes && !text.ends_with(' ')) return std::string(text);
  return invalid("", "must have at most " + std::to_string(limits::token_label_bytes) +
                         " bytes and no blank at its end");
}

Result<std::string> tls_name(std::string_view text) {
  if (is_dns_name(text, false)) return std::string(text);
  return normalize_ip(text);
}

/// Whether they count as revoked.
Result<bool> unknown_certificates(std::string_view text) {
  if (text == "unknown") return false;
  if (text == "revoked") return true;
  return invalid("", "must be unknown or revoked");
}

/// Whether everybody is.
Result<bool> entry_readers(std::string_view text) {
  if (text == "auditors") return false;
  if (text == "public") return true;
  return invalid("", "must be auditors or public");
}

constexpr std::array<std::string_view, 15> kProfileMembers = {
    "key_usages",       "extended_key_usages", "ca",      "path_length",  "default_validity",
    "max_validity",     "key_types",           "subject", "alt_names",    "wildcard",
    "require_alt_name", "same_key_renewal",    "hold",    "ocsp_nocheck", "description"};

Result<Profile> read_profile(const YamlNode& node, const FieldPath& path, Places& places) {
  RETURN_IF_ERROR(expect_members(node, path, kProfileMembers));
  Profile profile;
  auto name = ProfileName::parse(node.name);
  if (!name) return path.refuse(node.name_place, name.error().message);
  profile.name = *name;
  unsigned path_length = 0;
  std::string description;
  Section section(node, path, places);
  section.require("default_validity").require("max_validity").require("key_types");
  section.read_all("key_usages", profile.key_usages, parse_key_usage)
      .read_all("extended_key_usages", profile.extended_key_usages, parse_extended_key_usage)
      .read("ca", profile.ca, boolean)
      .read("path_length", path_length, number(0, 10))
      .read("default_validity", profile.default_validity, parse_duration)
      .read("max_validity", profile.max_validity, parse_duration)
      .read_all("key_types", profile.key_types, parse_key_type)
      .read_all("subject", profile.subject, parse_subject_field)
      .read_all("alt_names", profile.alt_names, parse_alt_name_type)
      .read("wildcard", profile.wildcard, boolean)
      .read("require_alt_name", profile.require_alt_name, boolean)
      .read("same_key_renewal", profile.same_key_renewal, boolean)
      .read("hold", profile.hold, boolean)
      .read("ocsp_nocheck", profile.ocsp_nocheck, boolean)
      .read("description", description, any_text);
  RETURN_IF_ERROR(section.done());
  profile.path_length = static_cast<int>(path_length);
  return profile;
}

Result<void> read_profiles(const YamlNode& node, const FieldPath& path, Config& config) {
  if (node.kind != YamlNode::Kind::mapping || node.children.empty()) {
    return path.refuse(node.place, "must name at least one profile");
  }
  for (const YamlNode& child : node.children) {
    const FieldPath profile_path = path.member(child.name);
    config.places.emplace(profile_path.text(), child.name_place);
    ASSIGN_OR_RETURN(Profile profile, read_profile(child, profile_path, config.places));
    if (auto good = check_consistency(profile); !good) {
      // "profiles.NAME.MEMBER must …"
      const Error& error = good.error();
      return config.refuse(error.field, error.message.substr(error.field.size() + 1));
    }
    const ProfileName name = profile.name;
    config.profiles.emplace(name, std::move(profile));
  }
  return {};
}

constexpr std::array<std::string_view, 2> kRetentionMembers = {"certificates", "other"};

Result<void> read_token(Section& section, Config::Token& token) {
  return section.require("module")
      .require("pin_file")
      .read("module", token.module, any_text)
      .read("label", token.label, token_label)
      .read("pin_file", token.pin_file, any_text)
      .read("socket", token.socket, any_text)
      .read("softhsm_config", token.softhsm_config, any_text)
      .read("keyholders", token.keyholders, number(1, limits::keyholders_at_most))
      .read("lanes", token.lanes, number(1, limits::lanes_at_most))
      .read("deadline", token.deadline, duration_to(limits::token_call_deadline_at_most))
      .done();
}

Result<void> read_incidents(Section& section, Config& config) {
  return section
      .read("second_person_above", config.incident_second_person_above, number(0, 1'000'000'000))
      .read("alarm_after", config.alarm_after, duration_to(limits::alarm_after_at_most))
      .done();
}

Result<void> read_self_check(Section& section, Config& config) {
  return section.read("enabled", config.self_check, boolean)
      .read("interval", config.self_check_interval,
            duration_to(limits::self_check_interval_at_most))
      .read("url", config.self_check_url, http_url)
      .done();
}

Result<void> read_log(Section& section, Config& config) {
  return section.read("heartbeat", config.heartbeat, parse_duration)
      .read("entries", config.log_entries_public, entry_readers)
      .section("retention", kRetentionMembers,
               [&](Section& retained) {
                 Retention& retention_of = config.retention.emplace();
                 return retained.require("certificates")
                     .require("other")
                     .read("certificates", retention_of.certificates, retention)
                     .read("other", retention_of.other, retention)
                     .done();
               })
      .done();
}

/// Paths in the file are below the home unless they are absolute.
void make_absolute(const std::string& home, std::string& path) {
  if (!path.empty() && path.front() != '/') path = home + "/" + path;
}

template <class T>
bool has(const std::vector<T>& list, T value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

/// The service's own certificate is of tls-server, for the tls_names, with a key of type ec-p256.
Result<void> check_own_certificate(const Config& config) {
  const auto found = config.profiles.find(ProfileName::literal("tls-server"));
  if (found == config.profiles.end()) {
    return config.refuse("profiles", "must have tls-server: the service's own certificate is one");
  }
  const Profile& profile = found->second;
  if (!has(profile.key_types, KeyType::ec_p256)) {
    return config.refuse("profiles.tls-server.key_types",
                         "must have ec-p256: the service's own certificate has such a key");
  }
  if (config.tls_names.empty() || config.tls_names.size() > limits::subject_alt_names) {
    return config.refuse("tls_names", "must be 1 to " + std::to_string(limits::subject_alt_names) +
                                          " names of the service, for its own certificate");
  }
  for (std::size_t i = 0; i < config.tls_names.size(); ++i) {
    const bool ip = normalize_ip(config.tls_names[i]).has_value();
    if (has(profile.alt_names, ip ? AltNameType::ip : AltNameType::dns)) continue;
    return config.refuse("tls_names[" + std::to_string(i) + "]",
                         "the profile tls-server does not allow such names");
  }
  return {};
}

Result<void> check(const Config& config) {
  if (!config.profiles.contains(config.enrollment_profile)) {
    return config.refuse("enrollment.profile",
                         "there is no profile \"" + config.enrollment_profile.text() + "\"");
  }
  RETURN_IF_ERROR(check_own_certificate(config));
  if (config.crl_refresh >= config.crl_lifetime) {
    return config.refuse("crl.refresh", "(" + format_duration(config.crl_refresh) +
                                            ") must be shorter than the lifetime (" +
                                            format_duration(config.crl_lifetime) +
                                            "), or a reader will meet an expired CRL");
  }
  if (!config.token.socket.empty() && config.token.keyholders != 1) {
    return config.refuse("token.keyholders", "must be 1: there is one keyholder at a socket");
  }
  if (config.api.port != 0 && to_text(config.api) == to_text(config.public_http)) {
    return config.refuse("public", "is the API's address too");
  }
  return {};
}

constexpr std::array<std::string_view, 22> kMembers = {
    "version",       "api",         "public",      "public_url",     "tls_names",
    "trust_anchors", "workers",     "connections", "token",          "log_origin",
    "trust_domain",  "backdate",    "crl",         "blocked_keys",   "enrollment",
    "profiles",      "description", "log",         "witness_policy", "ocsp",
    "incidents",     "self_check"};
constexpr std::array<std::string_view, 8> kTokenMembers = {
    "module", "label", "pin_file", "socket", "softhsm_config", "keyholders", "lanes", "deadline"};
constexpr std::array<std::string_view, 4> kCrlMembers = {"lifetime", "refresh", "delta",
                                                         "issuing_distribution_point"};
constexpr std::array<std::string_view, 3> kLogMembers = {"heartbeat", "entries", "retention"};
constexpr std::array<std::string_view, 5> kOcspMembers = {"enabled", "lifetime", "unknown",
                                                          "fresh_per_second", "signed_per_second"};
constexpr std::array<std::string_view, 2> kIncidentMembers = {"second_person_above", "alarm_after"};
constexpr std::array<std::string_view, 3> kSelfCheckMembers = {"enabled", "interval", "url"};
constexpr std::array<std::string_view, 2> kEnrollmentMembers = {"ca", "profile"};

Result<Config> read_config(const YamlNode& root, const FieldPath& document) {
  RETURN_IF_ERROR(expect_members(root, document, kMembers));
  Config config;
  unsigned version = 0;
  std::string description;
  Section section(root, document, config.places);
  for (const char* name :
       {"version", "public_url", "token", "log_origin", "enrollment", "profiles"}) {
    section.require(name);
  }
  section.read("version", version, number(1, 1))
      .read("description", description, any_text)
      .read("api", config.api, parse_listen_address)
      .read("public", config.public_http, parse_listen_address)
      .read("public_url", config.public_url, http_url)
      .read_all("tls_names", config.tls_names, tls_name)
      .read_all("trust_anchors", config.trust_anchors, any_text)
      .read("workers", config.workers, number(1, 1024))
      .read("connections", config.connections, number(8, 100'000))
      .read("log_origin", config.log_origin, domain_and_path)
      .read("trust_domain", config.trust_domain, domain)
      .read("backdate", config.backdate, duration_to(limits::backdate_at_most))
      .read("blocked_keys", config.blocked_keys, any_text)
      .read("witness_policy", config.witness_policy, any_text)
      .section("log", kLogMembers, [&](Section& log) { return read_log(log, config); })
      .section("token", kTokenMembers,
               [&](Section& token) { return read_token(token, config.token); })
      .section("crl", kCrlMembers,
               [&](Section& crl) {
                 return crl.read("lifetime", config.crl_lifetime, parse_duration)
                     .read("refresh", config.crl_refresh, parse_duration)
                     .read("delta", config.crl_delta, boolean)
                     .read("issuing_distribution_point", config.crl_issuing_distribution_point,
                           boolean)
                     .done();
               })
      .section("incidents", kIncidentMembers,
               [&](Section& incidents) { return read_incidents(incidents, config); })
      .section("self_check", kSelfCheckMembers,
               [&](Section& self_check) { return read_self_check(self_check, config); })
      .section("ocsp", kOcspMembers,
               [&](Section& ocsp) {
                 return ocsp.read("enabled", config.ocsp, boolean)
                     .read("lifetime", config.ocsp_lifetime, parse_duration)
                     .read("unknown", config.ocsp_unknown_is_revoked, unknown_certificates)
                     .read("fresh_per_second", config.ocsp_fresh_per_second, number(1, 100'000))
                     .read("signed_per_second", config.ocsp_signed_per_second, number(1, 100'000))
                     .done();
               })
      .section("enrollment", kEnrollmentMembers, [&](Section& enrollment) {
        return enrollment.require("ca")
            .require("profile")
            .read("ca", config.enrollment_ca, CaName::parse)
            .read("profile", config.enrollment_profile, ProfileName::parse)
            .done();
      });
  RETURN_IF_ERROR(section.done());
  const YamlNode* profiles = find_member(root, "profiles");
  config.places.emplace("profiles", profiles->name_place);
  RETURN_IF_ERROR(read_profiles(*profiles, document.member("profiles"), config));
  if (!config.token.socket.empty() && !config.places.contains("token.keyholders")) {
    config.token.keyholders = 1;
  }
  RETURN_IF_ERROR(check(config));
  return config;
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  ListenAddress address;
  if (colon != text.npos) {
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    auto ip = normalize_ip(host);
    if (ip && error == std::errc() && end == port.data() + port.size() && !port.empty()) {
      address.host = std::move(*ip);
      return address;
    }
  }
  return invalid("", "must be ADDRESS:PORT with an IP address, such as 127.0.0.1:8443");
}

std::string to_text(const ListenAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Failure Config::refuse(const std::string& member, const std::string& message) const {
  std::string_view known = member;
  while (!known.empty() && !places.contains(known)) {
    const std::size_t end = known.find_last_of(".[");
    known = known.substr(0, end == known.npos ? 0 : end);
  }
  const auto found = places.find(known);
  return refuse_at("config.yaml", found == places.end() ? Place{} : found->second, member, message);
}

Result<Config> parse_config(std::string_view text, const std::string& home) {
  const FieldPath document("config.yaml");
  if (text.size() > limits::config_bytes) return document.refuse({}, "is longer than 1 MiB");
  ASSIGN_OR_RETURN(const YamlNode root, read_yaml(text, document));
  ASSIGN_OR_RETURN(Config config, read_config(root, document));
  config.home = home;
  make_absolute(home, config.token.module);
  make_absolute(home, config.token.pin_file);
  make_absolute(home, config.token.socket);
  make_absolute(home, config.token.softhsm_config);
  make_absolute(home, config.blocked_keys);
  make_absolute(home, config.witness_policy);
  for (std::string& path : config.trust_anchors) make_absolute(home, path);
  return config;
}

Result<Config> load_config(const std::string& home) {
  std::ifstream file(home + "/config.yaml", std::ios::binary);
  if (!file) {
    return invalid("home", "cannot read " + home +
                               "/config.yaml; `chancery init --home DIR` makes an installation");
  }
  std::stringstream text;
  text << file.rdbuf();
  return parse_config(text.str(), home);
}

}  // namespace chancery
