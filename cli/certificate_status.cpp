#include "cli/certificate_status.h"

#include <nlohmann/json.hpp>

#include "cli/certificate_faces.h"
#include "cli/file.h"
#include "core/crl_scope.h"

namespace chancery {
namespace {

using nlohmann::json;
using Status = FaceView::Status;

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

Failure not_a_certificate(const std::string& text, const std::string& why) {
  return invalid("certificate", "\"" + text +
                                    "\" is neither a serial number (40 hexadecimal digits) nor a " +
                                    "certificate file: " + why);
}

/// The first certificate of a file, PEM or DER.
Result<Bytes> read_certificate_file(const std::string& path) {
  auto content = read_file(path, limits::credential_file_bytes);
  if (!content) return not_a_certificate(path, content.error().message);
  const std::size_t begin = content->find(kBegin), end = content->find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    return copy_of(bytes_of(*content));
  }
  auto der = from_pem(content->substr(begin, end + kEnd.size() - begin), "CERTIFICATE");
  if (!der) return not_a_certificate(path, der.error().message);
  return der;
}

Result<FaceSubject> subject_in(const std::string& path) {
  FaceSubject subject;
  ASSIGN_OR_RETURN(subject.certificate, read_certificate_file(path));
  auto places = CertificatePlaces::of(subject.certificate);
  if (!places) return not_a_certificate(path, places.error().message);
  subject.places = std::move(*places);
  if (subject.places.crl_url.empty() && subject.places.ocsp_url.empty()) {
    return invalid("certificate", "\"" + path + "\" names no CRL and no OCSP responder");
  }
  return subject;
}

std::optional<Time> time_in(const json& object, const char* member) {
  const auto time = from_rfc3339(optional_text_in(object, member));
  return time ? std::optional(*time) : std::nullopt;
}

Status status_of(const std::string& state) {
  if (state == "revoked") return Status::revoked;
  if (state == "held") return Status::held;
  return state == "unknown" ? Status::unknown : Status::good;
}

/// What the service itself knows; `answer` is null where it does not say.
struct Inventory {
  FaceView view;
  json answer;
  std::optional<Error> error;
};

Inventory ask_inventory(Service& service, const Serial& serial) {
  Inventory inventory{FaceView{.face = "inventory"}, nullptr, std::nullopt};
  FaceView& view = inventory.view;
  view.as_of = now();
  auto answer = service.get("/v1/certificates/" + serial.hex());
  if (!answer) {
    inventory.error = answer.error();
    view.problem = answer.error().message;
    if (answer.error().code != ErrorCode::not_found) return inventory;
    view.status = Status::unknown;
    view.note = "there is no such certificate";
    return inventory;
  }
  view.status = status_of(optional_text_in(*answer, "state"));
  if (const auto revocation = answer->find("revocation");
      revocation != answer->end() && revocation->is_object()) {
    view.since = time_in(*revocation, "revoked_at");
    const auto reason = parse_revocation_reason(optional_text_in(*revocation, "reason"));
    if (reason) view.reason = *reason;
  }
  inventory.answer = std::move(*answer);
  return inventory;
}

/// Of a serial whose certificate nobody has: where its CA publishes, as the service says.
Result<void> find_places(Service& service, const std::string& ca, FaceSubject& subject) {
  ASSIGN_OR_RETURN(const json answer, service.get("/v1/cas"));
  ASSIGN_OR_RETURN(const auto rows, rows_in(answer, "cas"));
  for (const json& row : rows) {
    if (optional_text_in(row, "name") != ca) continue;
    ASSIGN_OR_RETURN(const std::string pem, text_in(row, "certificate"));
    ASSIGN_OR_RETURN(subject.issuer, from_pem(pem, "CERTIFICATE"));
    ASSIGN_OR_RETURN(const std::string crl_url, text_in(row, "crl_url"));
    const std::string behind = "/crl/" + CrlScope::all().path(ca);
    if (!crl_url.ends_with(behind)) break;
    const std::string base = crl_url.substr(0, crl_url.size() - behind.size());
    subject.places.crl_url = crl_url;
    subject.places.issuer_url = base + "/ca/" + ca + ".crt";
    subject.places.ocsp_url = base + "/ocsp";
    return {};
  }
  return invalid("--issuer", "there is no CA \"" + ca + "\"");
}

/// What the inventory's answer adds to a serial number.
Result<FaceSubject> subject_of(Service& service, const Serial& serial, const Inventory& inventory,
                               const std::string& issuer) {
  FaceSubject subject;
  subject.places.serial = serial;
  subject.places.not_after = Time::max();
  const json& answer = inventory.answer;
  if (answer.is_null() && issuer.empty()) return Failure(*inventory.error);
  if (answer.is_null()) {
    RETURN_IF_ERROR(find_places(service, issuer, subject));
    return subject;
  }
  const std::string pem = optional_text_in(answer, "certificate");
  if (pem.empty()) {
    if (const auto end = time_in(answer, "not_after")) subject.places.not_after = *end;
    RETURN_IF_ERROR(find_places(service, optional_text_in(answer, "issuer"), subject));
    return subject;
  }
  ASSIGN_OR_RETURN(subject.certificate, from_pem(pem, "CERTIFICATE"));
  ASSIGN_OR_RETURN(subject.places, CertificatePlaces::of(subject.certificate));
  return subject;
}

json described(const FaceView& view) {
  json shown = {
      {"face", view.face}, {"status", name_of(view.status)}, {"verdict", name_of(view.verdict)}};
  const auto put = [&shown](const char* member, const std::string& text) {
    if (!text.empty()) shown[member] = text;
  };
  put("url", view.url);
  if (view.status == Status::unavailable) put("problem", view.problem);
  put("note", view.note);
  put("number", view.number);
  if (view.status == Status::revoked || view.status == Status::held) {
    shown["reason"] = name_of(view.reason);
  }
  if (view.since) shown["since"] = to_rfc3339_seconds(*view.since);
  if (view.as_of) shown["as_of"] = to_rfc3339_seconds(*view.as_of);
  if (view.next_update) shown["next_update"] = to_rfc3339_seconds(*view.next_update);
  if (view.bytes > 0) shown["bytes"] = view.bytes;
  if (view.entries) shown["entries"] = *view.entries;
  return shown;
}

std::string status_text(const FaceView& view) {
  std::string text(name_of(view.status));
  if (view.status == Status::revoked) text += " (" + std::string(name_of(view.reason)) + ")";
  if (view.since && view.status != Status::good) text += " " + to_rfc3339_seconds(*view.since);
  return text;
}

std::string line_of(const FaceView& view, std::size_t width) {
  const auto padded = [](std::string text, std::size_t to) {
    if (text.size() < to) text.append(to - text.size(), ' ');
    return text + "  ";
  };
  std::string line = padded(view.face, 9) + padded(status_text(view), width);
  if (view.status == Status::unavailable) return line + view.problem;
  line += padded(std::string(name_of(view.verdict)), 9);
  if (view.as_of) line += "as of " + to_rfc3339_seconds(*view.as_of);
  if (view.next_update) line += ", next by " + to_rfc3339_seconds(*view.next_update);
  if (view.bytes > 0) line += ", " + std::to_string(view.bytes) + " bytes";
  if (view.entries) line += ", " + std::to_string(*view.entries) + " entries";
  if (!view.note.empty()) line += ", " + view.note;
  return line;
}

std::string conclusion(const std::vector<FaceView>& views, const FaceJudgement& judgement) {
  if (judgement.verdict == FaceView::Verdict::agrees) {
    return "all agree: " + std::string(name_of(judgement.status));
  }
  std::string text;
  for (const FaceView& view : views) {
    if (view.verdict == FaceView::Verdict::agrees) continue;
    text += (text.empty() ? "" : ", ") + view.face + " " + std::string(name_of(view.verdict));
  }
  return "NOT ALL AGREE: " + text;
}

ExitCode print_faces(const Session& session, const FaceSubject& subject,
                     std::vector<FaceView> views) {
  const FaceJudgement judgement = judge(views, subject.places.not_after, now());
  json faces = json::array();
  std::size_t width = 0;
  for (const FaceView& view : views) width = std::max(width, status_text(view).size());
  std::string text = subject.places.serial.hex();
  for (const FaceView& view : views) {
    faces.push_back(described(view));
    text += "\n" + line_of(view, width);
  }
  text += "\n" + conclusion(views, judgement);
  session.print(text, {{"serial", subject.places.serial.hex()},
                       {"status", name_of(judgement.status)},
                       {"verdict", name_of(judgement.verdict)},
                       {"faces", std::move(faces)}});
  return judgement.verdict == FaceView::Verdict::agrees ? ExitCode::done : ExitCode::failed;
}

}  // namespace

Result<ExitCode> certificate_status(Session& session, const CertificateStatusOptions& options) {
  const auto serial = Serial::parse(options.certificate);
  FaceSubject subject;
  if (!serial) {
    ASSIGN_OR_RETURN(subject, subject_in(options.certificate));
  }
  std::vector<FaceView> views;
  if (serial || session.has_identity()) {
    ASSIGN_OR_RETURN(Service * service, session.service());
    Inventory inventory = ask_inventory(*service, serial ? *serial : subject.places.serial);
    if (serial) {
      ASSIGN_OR_RETURN(subject, subject_of(*service, *serial, inventory, options.issuer));
    }
    views.push_back(std::move(inventory.view));
  }
  subject.public_url = options.public_url;
  for (FaceView& view : look_at_faces(face_client(limits::answer_deadline), subject)) {
    views.push_back(std::move(view));
  }
  return print_faces(session, subject, std::move(views));
}

}  // namespace chancery
