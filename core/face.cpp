#include "core/face.h"

#include <algorithm>
#include <tuple>

#include "core/certificate_view.h"
#include "core/limits.h"
#include "core/name_table.h"
#include "core/oid.h"
#include "core/signature_identifier.h"

namespace chancery {
namespace {

using Status = FaceView::Status;
using Verdict = FaceView::Verdict;

constexpr std::string_view kField = "certificate";

constexpr std::array kStatusNames = {
    Named<Status>{Status::good, "good"},
    Named<Status>{Status::revoked, "revoked"},
    Named<Status>{Status::held, "on hold"},
    Named<Status>{Status::unknown, "unknown"},
    Named<Status>{Status::not_listed, "not listed"},
    Named<Status>{Status::unavailable, "unavailable"},
};
constexpr std::array kVerdictNames = {
    Named<Verdict>{Verdict::agrees, "agrees"},
    Named<Verdict>{Verdict::behind, "behind"},
    Named<Verdict>{Verdict::stale, "stale"},
    Named<Verdict>{Verdict::disagrees, "disagrees"},
    Named<Verdict>{Verdict::unavailable, "unavailable"},
};

/// AuthorityInfoAccessSyntax (RFC 5280 section 4.2.2.1): the first URI of each method.
Result<void> read_access(ByteView value, CertificatePlaces& places) {
  DerReader outer(value, kField);
  ASSIGN_OR_RETURN(DerReader list, outer.enter(der::sequence));
  while (!list.at_end()) {
    ASSIGN_OR_RETURN(DerReader one, list.enter(der::sequence));
    ASSIGN_OR_RETURN(const ByteView method, one.oid());
    ASSIGN_OR_RETURN(const DerElement location, one.any());
    std::string* place = text_of(method) == oid::ocsp         ? &places.ocsp_url
                         : text_of(method) == oid::ca_issuers ? &places.issuer_url
                                                              : nullptr;
    if (location.tag == der::primitive(6) && place != nullptr && place->empty()) {
      *place = text_of(location.content);
    }
  }
  return {};
}

bool is_revoked(Status status) {
  return status == Status::revoked || status == Status::held;
}

/// Whether what the face says fits what holds.
bool fits(const FaceView& view, const FaceView& holds, Time not_after) {
  if (view.status == Status::not_listed) {
    // An entry leaves the list once its certificate has ended (RFC 5280 section 3.3).
    const bool ended = view.as_of && *view.as_of >= not_after;
    return !is_revoked(holds.status) || ended;
  }
  if (holds.status == Status::not_listed) return !is_revoked(view.status);
  if (view.status != holds.status) return false;
  if (!is_revoked(view.status)) return true;
  const bool same_time =
      !view.since || !holds.since ||
      std::chrono::floor<Seconds>(*view.since) == std::chrono::floor<Seconds>(*holds.since);
  return same_time && view.reason == holds.reason;
}

Verdict verdict_of(const FaceView& view, const FaceView& holds, Time not_after, Time at) {
  if (view.status == Status::unavailable) return Verdict::unavailable;
  if (view.next_update && *view.next_update < at) return Verdict::stale;
  if (fits(view, holds, not_after)) return Verdict::agrees;
  // Times in lists are to the second: what was made in the same one may have been made before.
  const bool made_before =
      holds.since && view.as_of && *view.as_of <= std::chrono::floor<Seconds>(*holds.since);
  return made_before && at - *holds.since < limits::face_lag ? Verdict::behind : Verdict::disagrees;
}

/// Without the inventory: a face that says revoked for good is right, as long as one does; else the
/// newest. What it is about may have changed when it was made, and not later.
FaceView best_of(const std::vector<FaceView>& views) {
  const FaceView* best = nullptr;
  const auto rank = [](const FaceView& view) {
    return std::make_tuple(view.status == Status::revoked, view.as_of.value_or(Time{}),
                           view.status != Status::not_listed);
  };
  for (const FaceView& view : views) {
    if (view.status == Status::unavailable) continue;
    if (!best || rank(view) > rank(*best)) best = &view;
  }
  FaceView holds = best ? *best : FaceView{.face = "none"};
  if (!holds.since) holds.since = holds.as_of;
  return holds;
}

}  // namespace

Result<CertificatePlaces> CertificatePlaces::of(ByteView certificate) {
  ASSIGN_OR_RETURN(const CertificateView view, read_certificate(certificate));
  CertificatePlaces places;
  ByteView serial = view.serial;
  if (serial.size() > 1 && serial[0] == 0) serial = serial.subspan(1);
  auto parsed = Serial::from(serial);
  if (!parsed) return invalid("certificate", "its serial number has not 20 octets");
  places.serial = *parsed;
  places.not_after = view.not_after;
  if (const ExtensionView* points = view.extension(oid::crl_distribution_points)) {
    ASSIGN_OR_RETURN(places.crl_url, read_distribution_points(points->value, kField));
  }
  if (const ExtensionView* access = view.extension(oid::authority_info_access)) {
    RETURN_IF_ERROR(read_access(access->value, places));
  }
  return places;
}

Result<FaceIssuer> issuer_of(ByteView certificate, ByteView issuer) {
  auto found = FaceIssuer::from(issuer);
  if (!found) return fail(ErrorCode::internal, "what came is no CA's certificate");
  ASSIGN_OR_RETURN(const CertificateView view, read_certificate(certificate));
  const auto algorithm = decode_signature_identifier(view.outer_algorithm, kField);
  const bool signed_by = algorithm && std::ranges::equal(view.issuer, found->name) &&
                         std::ranges::equal(view.inner_algorithm, view.outer_algorithm) &&
                         verify_message(found->key, *algorithm, view.tbs, view.signature);
  if (!signed_by) {
    return fail(ErrorCode::internal,
                "it is the certificate of another CA, which has not signed this one");
  }
  return found;
}

Result<std::string> fetch_document(const FaceFetch& fetch, const std::string& url) {
  std::string text;
  FaceRequest request{.url = url, .at_most = limits::credential_file_bytes};
  request.sink = [&text](ByteView piece) -> Result<void> {
    text += text_of(piece);
    return {};
  };
  RETURN_IF_ERROR(fetch(request));
  return text;
}

Result<FetchedCrl> fetch_crl(const FaceFetch& fetch, const std::string& url,
                             const FaceIssuer& issuer, std::vector<Serial> wanted,
                             std::string etag) {
  CrlStream stream(issuer, std::move(wanted));
  FaceRequest request{.url = url, .etag = std::move(etag), .at_most = limits::crl_bytes};
  request.sink = [&stream](ByteView piece) { return stream.feed(piece); };
  ASSIGN_OR_RETURN(FaceAnswer answer, fetch(request));
  FetchedCrl fetched{std::move(answer.etag), std::nullopt};
  if (answer.unchanged) return fetched;
  ASSIGN_OR_RETURN(fetched.reading, stream.finish());
  return fetched;
}

Result<OcspReading> fetch_ocsp(const FaceFetch& fetch, const std::string& url,
                               const FaceIssuer& issuer, const Serial& serial, ByteView nonce) {
  const Bytes asked = encode_ocsp_request(issuer, serial, nonce);
  Bytes response;
  FaceRequest request{.url = url, .at_most = limits::ocsp_response_bytes};
  if (nonce.empty()) {
    // RFC 6960 appendix A.1: base64, and what of it has a meaning in a URL by its number.
    request.url += '/';
    for (const char c : to_base64(asked)) {
      request.url += c == '+' ? "%2B" : c == '/' ? "%2F" : c == '=' ? "%3D" : std::string(1, c);
    }
  } else {
    request.body = text_of(asked);
  }
  request.sink = [&response](ByteView piece) -> Result<void> {
    response.insert(response.end(), piece.begin(), piece.end());
    return {};
  };
  RETURN_IF_ERROR(fetch(request));
  return read_ocsp_response(response, issuer, serial, nonce);
}

std::string_view name_of(FaceView::Status status) {
  return name_in<Status>(kStatusNames, status);
}

std::string_view name_of(FaceView::Verdict verdict) {
  return name_in<Verdict>(kVerdictNames, verdict);
}

void put_crl(FaceView& view, const CrlReading& reading) {
  view.as_of = reading.this_update;
  view.next_update = reading.next_update;
  view.bytes = reading.bytes;
  view.entries = reading.entries;
  view.number = reading.number;
  view.status = Status::not_listed;
  const auto& entry = reading.found.front();
  if (!entry || entry->reason == RevocationReason::remove_from_crl) return;
  view.status =
      entry->reason == RevocationReason::certificate_hold ? Status::held : Status::revoked;
  view.reason = entry->reason;
  view.since = entry->revoked_at;
}

void put_ocsp(FaceView& view, const OcspReading& reading) {
  view.as_of = reading.this_update;
  view.next_update = reading.next_update;
  view.bytes = reading.bytes;
  if (reading.never_issued) {
    view.status = Status::unknown;
    return;
  }
  switch (reading.status.kind) {
    case OcspStatus::Kind::good:
      view.status = Status::good;
      return;
    case OcspStatus::Kind::unknown:
      view.status = Status::unknown;
      return;
    case OcspStatus::Kind::revoked:
      view.reason = reading.status.reason;
      view.since = reading.status.revoked_at;
      view.status =
          view.reason == RevocationReason::certificate_hold ? Status::held : Status::revoked;
  }
}

FaceJudgement judge(std::vector<FaceView>& views, Time not_after, Time at) {
  const auto inventory = std::ranges::find_if(views, [](const FaceView& view) {
    return view.face == "inventory" && view.status != Status::unavailable;
  });
  const FaceView holds = inventory != views.end() ? *inventory : best_of(views);
  FaceJudgement judgement{holds.status, Verdict::agrees};
  for (FaceView& view : views) {
    view.verdict = verdict_of(view, holds, not_after, at);
    judgement.verdict = std::max(judgement.verdict, view.verdict);
  }
  return judgement;
}

}  // namespace chancery
