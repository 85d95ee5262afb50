#include "cli/recorded_request.h"

#include <nlohmann/json.hpp>

#include "cli/known_machine.h"
#include "core/certificate.h"
#include "core/entry_view.h"
#include "core/json.h"
#include "policies/asked_member.h"

namespace chancery {
namespace {

using nlohmann::json;

constexpr std::string_view kFingerprint = "sha256:";
constexpr std::string_view kWithheld = "withheld";

Failure unreadable(std::uint64_t index, const std::string& why) {
  return fail(ErrorCode::internal, "entry " + std::to_string(index) + " cannot be read: " + why);
}

/// Members of the question that stand in an entry under their own names.
constexpr std::array kPlainMembers = {"operation", "issuer",   "profile",  "owner",
                                      "key",       "key_type", "validity", "algorithm"};

Result<void> add(PolicyQuestion& question, std::string_view member, std::string_view value) {
  for (const AskedMember<PolicyQuestion>& one : question_members()) {
    if (one.name == member) return one.add(question, value);
  }
  return invalid(std::string(member), "there is no such member");
}

/// The array `member` of an entry; empty where it has none.
std::vector<std::string> texts(const json& entry, const char* member) {
  const auto found = entry.find(member);
  if (found == entry.end() || !found->is_array()) return {};
  std::vector<std::string> values;
  for (const json& value : *found) {
    if (value.is_string()) values.push_back(value);
  }
  return values;
}

/// "dns:a.example" and the like (docs/audit-format.md).
Result<void> add_names(const json& entry, PolicyQuestion& question) {
  struct Prefix {
    std::string_view text, member;
  };
  constexpr std::array prefixes = {
      Prefix{"cn:", "common_name"}, Prefix{"c:", "country"},
      Prefix{"o:", "organization"}, Prefix{"ou:", "organizational_unit"},
      Prefix{"dns:", "dns_names"},  Prefix{"ip:", "ip_addresses"},
      Prefix{"uri:", "uris"},
  };
  for (const std::string& name : texts(entry, "names")) {
    for (const Prefix& prefix : prefixes) {
      if (!name.starts_with(prefix.text)) continue;
      RETURN_IF_ERROR(
          add(question, prefix.member, std::string_view(name).substr(prefix.text.size())));
    }
  }
  return {};
}

Result<void> add_message(const json& entry, const EntryView& view, PolicyQuestion& question) {
  if (!view.has("message_class")) return {};
  MessageContent message;
  ASSIGN_OR_RETURN(message.message_class, parse_message_class(view.text("message_class")));
  if (const auto lifetime = view.number("lifetime")) message.lifetime = Seconds(*lifetime);
  for (const std::string& value : texts(entry, "content")) {
    const std::size_t colon = value.find(':');
    if (colon == value.npos) continue;
    RETURN_IF_ERROR(add_field(message, value.substr(0, colon), value.substr(colon + 1)));
  }
  question.message = std::move(message);
  return {};
}

std::string lacking(const json& entry) {
  if (entry.contains("names_sha256")) return "its names are too many for an entry";
  if (entry.contains("content_sha256")) return "what its message says is too long for an entry";
  if (!texts(entry, "emails").empty()) return "e-mail addresses are not in the log";
  for (const std::string& value : texts(entry, "content")) {
    if (value.ends_with(kWithheld)) return "personal data of a message is not in the log";
  }
  return {};
}

}  // namespace

Result<std::optional<RecordedRequest>> recorded_request(std::uint64_t index, std::string_view entry,
                                                        const Profiles& profiles) {
  const auto view = EntryView::parse(entry);
  if (!view) return unreadable(index, "it is not in its one form");
  const bool denied = view->kind() == EntryKind::denial;
  const bool decided = denied || (view->has("grant") && view->has("policy"));
  const std::string machine = view->text("machine");
  if (!decided || !view->has("operation") || machine == "self") return std::nullopt;
  ASSIGN_OR_RETURN(const json object, parse_json(entry));

  RecordedRequest made;
  made.index = index;
  made.at = view->time();
  made.request = view->text("request");
  made.machine = machine;
  made.source = view->text("source");
  made.quota = view->text("quota");
  made.allowed = !denied || !made.quota.empty();
  made.grant = view->text("grant");
  made.reason = denied ? view->text("reason") : "";
  made.policy = view->text("policy");
  for (const char* member : kPlainMembers) {
    const std::string value = view->text(member);
    if (value.empty()) continue;
    if (auto added = add(made.question, member, value); !added) {
      return unreadable(index, added.error().message);
    }
  }
  RETURN_IF_ERROR(add_names(object, made.question));
  RETURN_IF_ERROR(add_message(object, *view, made.question));
  made.lacking = lacking(object);
  complete(made.question, Machine{}, profiles);
  return made;
}

Result<std::vector<Machine>> RecordedMachines::of(const RecordedRequest& recorded) {
  std::vector<Machine> machines;
  if (recorded.machine.starts_with(kFingerprint)) {
    Machine unnamed;
    unnamed.fingerprint = recorded.machine.substr(kFingerprint.size());
    machines.push_back(std::move(unnamed));
  } else {
    ASSIGN_OR_RETURN(const Known* of, known(recorded.machine));
    for (const Certificate& certificate : of->certificates) {
      const Machine& machine = certificate.machine;
      if (*machine.certificate_since > recorded.at || certificate.not_after < recorded.at) continue;
      machines.push_back(machine);
    }
    const PolicyQuestion& question = recorded.question;
    Machine bare;
    ASSIGN_OR_RETURN(bare.name, MachineName::parse(recorded.machine));
    const bool enrols =
        question.operation == Operation::certificate_issue && question.owner == recorded.machine;
    if (enrols || machines.empty()) machines.push_back(std::move(bare));
    for (Machine& machine : machines) machine.attributes = of->attributes;
  }
  for (Machine& machine : machines) machine.source = recorded.source;
  return machines;
}

Result<const RecordedMachines::Known*> RecordedMachines::known(const std::string& machine) {
  const auto [place, added] = known_.try_emplace(machine);
  if (added) {
    RETURN_IF_ERROR(add_certificates(machine, place->second));
    RETURN_IF_ERROR(add_attributes(machine, place->second));
  }
  return &place->second;
}

Result<void> RecordedMachines::add_certificates(const std::string& machine, Known& known) {
  for (std::string after;;) {
    ASSIGN_OR_RETURN(const json page,
                     service_.get("/v1/certificates?limit=" + std::to_string(limits::page_rows) +
                                  "&machine=" + percent_encode(machine) +
                                  (after.empty() ? "" : "&after=" + after)));
    ASSIGN_OR_RETURN(const auto rows, rows_in(page, "certificates"));
    for (const json& row : rows) {
      ASSIGN_OR_RETURN(const std::string serial, text_in(row, "serial"));
      ASSIGN_OR_RETURN(const json shown, service_.get("/v1/certificates/" + serial));
      const std::string pem = optional_text_in(shown, "certificate");
      if (pem.empty()) continue;  // possibly issued: nobody has it
      ASSIGN_OR_RETURN(const Bytes der, from_pem(pem, "CERTIFICATE"));
      ASSIGN_OR_RETURN(const CertificateInfo info, parse_certificate(der));
      Certificate made;
      ASSIGN_OR_RETURN(made.machine.name, MachineName::parse(machine));
      made.machine.fingerprint = certificate_fingerprint(der);
      made.machine.dns_names = info.names.dns;
      for (const std::string& uri : info.names.uri) {
        if (uri.starts_with("spiffe://")) made.machine.spiffe_id = uri;
      }
      made.machine.certificate_since = info.not_before;
      made.not_after = info.not_after;
      known.certificates.push_back(std::move(made));
    }
    after = optional_text_in(page, "next");
    if (after.empty()) return {};
  }
}

/// Those of now; a machine that an administrator never added has none.
Result<void> RecordedMachines::add_attributes(const std::string& machine, Known& known) {
  const auto shown = service_.get("/v1/machines/" + machine);
  if (!shown) {
    if (shown.error().code == ErrorCode::not_found) return {};
    return Failure(shown.error());
  }
  Machine described;
  RETURN_IF_ERROR(add_known_attributes(*shown, described));
  known.attributes = std::move(described.attributes);
  return {};
}

}  // namespace chancery
