#include "core/incident.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/limits.h"
#include "core/name_table.h"

namespace chancery {
namespace {

using nlohmann::json;

constexpr std::array kStates = {
    Named{IncidentState::waiting, "waiting"},     Named{IncidentState::asking, "asking"},
    Named{IncidentState::replacing, "replacing"}, Named{IncidentState::revoking, "revoking"},
    Named{IncidentState::finished, "finished"},   Named{IncidentState::cancelled, "cancelled"},
};
constexpr std::span<const Named<IncidentState>> kStateTable(kStates);

/// Reads the members of a selector; the first that does not parse is the error.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  template <class Value, class Parse>
  Reader& read(const char* member, Value& value, const Parse& parse) {
    const auto found = object_.find(member);
    if (found == object_.end()) return *this;
    ++known_;
    if (!found->is_string()) return refuse(member, "must be a string");
    auto parsed = parse(found->template get<std::string>());
    if (!parsed) return refuse(member, parsed.error().message);
    value = std::move(*parsed);
    return *this;
  }

  Reader& read_serials(std::vector<Serial>& serials) {
    const auto found = object_.find("serials");
    if (found == object_.end()) return *this;
    ++known_;
    if (!found->is_array() || found->empty() || found->size() > limits::incident_serials) {
      return refuse("serials",
                    "must be a list of 1 to " + std::to_string(limits::incident_serials));
    }
    for (const json& item : *found) {
      auto serial = Serial::parse(item.is_string() ? item.get<std::string>() : "");
      if (!serial) return refuse("serials", serial.error().message);
      serials.push_back(*serial);
    }
    std::ranges::sort(serials);
    // Not std::ranges::unique(): clang 14, which builds the fuzz targets, does not take its result.
    serials.erase(std::unique(serials.begin(), serials.end()), serials.end());
    if (object_.size() > 1) return refuse("serials", "goes with no other member");
    return *this;
  }

  Result<void> finish() {
    if (!error_ && object_.empty()) refuse("selector", "asks for nothing");
    if (!error_ && known_ < object_.size()) {
      refuse("selector",
             "has a member other than serials, key_sha256, machine, machines, grant, "
             "profile, issuer, issued_from, issued_before, policy");
    }
    if (error_) return Failure(*error_);
    return {};
  }

 private:
  Reader& refuse(const char* member, const std::string& message) {
    if (!error_) error_ = Error{ErrorCode::invalid_request, message, member};
    return *this;
  }

  const json& object_;
  std::size_t known_ = 0;
  std::optional<Error> error_;
};

Result<Bytes> key_hash(const std::string& text) {
  auto bytes = from_hex(text);
  if (bytes && bytes->size() == 32) return bytes;
  return invalid("key_sha256", "must be the SHA-256 of a public key, 64 hexadecimal digits");
}

Result<std::string> version_text(const std::string& text) {
  ASSIGN_OR_RETURN(const Bytes bytes, from_hex(text));
  if (bytes.size() != 32) return invalid("policy", "must have 64 hexadecimal digits");
  return to_hex(bytes);
}

Result<std::string> short_text(const std::string& text) {
  if (!text.empty() && text.size() <= limits::pattern_bytes) return text;
  return invalid("", "must have 1 to " + std::to_string(limits::pattern_bytes) + " bytes");
}

Result<Time> whole_second(const std::string& text) {
  ASSIGN_OR_RETURN(const Time time, from_rfc3339(text));
  return std::chrono::floor<Seconds>(time);
}

}  // namespace

std::string_view name_of(IncidentState state) {
  return name_in(kStateTable, state);
}
Result<IncidentState> parse_incident_state(std::string_view name) {
  return value_in(kStateTable, name, "state");
}

Result<CertificateSelector> CertificateSelector::parse(std::string_view text) {
  ASSIGN_OR_RETURN(const json object, parse_json(text));
  if (!object.is_object()) return invalid("selector", "must be a JSON object");
  CertificateSelector selector;
  Reader reader(object);
  reader.read_serials(selector.serials)
      .read("key_sha256", selector.spki_sha256, key_hash)
      .read("machine", selector.machine, MachineName::parse)
      .read("machines", selector.machines, short_text)
      .read("grant", selector.grant, short_text)
      .read("profile", selector.profile, ProfileName::parse)
      .read("issuer", selector.issuer, CaName::parse)
      .read("issued_from", selector.issued_from, whole_second)
      .read("issued_before", selector.issued_before, whole_second)
      .read("policy", selector.policy, version_text);
  RETURN_IF_ERROR(reader.finish());
  return selector;
}

std::string CertificateSelector::text() const {
  json object = json::object();
  for (const Serial& serial : serials) object["serials"].push_back(serial.hex());
  const auto set = [&](const char* member, const std::string& value) {
    if (!value.empty()) object[member] = value;
  };
  set("key_sha256", to_hex(spki_sha256));
  set("machine", machine.text());
  set("machines", machines);
  set("grant", grant);
  set("profile", profile.text());
  set("issuer", issuer.text());
  set("issued_from", issued_from ? to_rfc3339_seconds(*issued_from) : "");
  set("issued_before", issued_before ? to_rfc3339_seconds(*issued_before) : "");
  set("policy", policy);
  return object.dump(-1, ' ', true);
}

}  // namespace chancery
