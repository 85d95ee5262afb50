#pragma once

#include <string>
#include <vector>

#include "core/crl_stream.h"
#include "core/face_fetch.h"
#include "core/ocsp_client.h"

namespace chancery {

/// Where a certificate says that its revocation and its issuer's certificate are found, and what of
/// it has to be known to ask there.
struct CertificatePlaces {
  Serial serial;
  Time not_after;
  std::string crl_url;     ///< CRL distribution point; may be empty, as the others
  std::string issuer_url;  ///< AIA caIssuers
  std::string ocsp_url;    ///< AIA ocsp

  /// invalid_request (field "certificate") where it is no certificate, or its serial is not one of
  /// 20 octets, as those of this service are.
  static Result<CertificatePlaces> of(ByteView certificate);
};

/// The issuer of a certificate, from its own one (DER): its name, and its signature on the other.
/// internal: why it is not.
Result<FaceIssuer> issuer_of(ByteView certificate, ByteView issuer);

/// A small document of a face, DER or text.
Result<std::string> fetch_document(const FaceFetch& fetch, const std::string& url);

struct FetchedCrl {
  std::string etag;
  std::optional<CrlReading> reading;  ///< none: it is still the one with the ETag that was given
};
Result<FetchedCrl> fetch_crl(const FaceFetch& fetch, const std::string& url,
                             const FaceIssuer& issuer, std::vector<Serial> wanted,
                             std::string etag = {});

/// With a nonce by POST; without one by GET: what is kept for everybody (RFC 5019 section 5).
Result<OcspReading> fetch_ocsp(const FaceFetch& fetch, const std::string& url,
                               const FaceIssuer& issuer, const Serial& serial, ByteView nonce);

/// What one face says of one certificate.
struct FaceView {
  /// held: revoked, and may be released. not_listed: a CRL does not have it, so it is good or no
  /// certificate.
  enum class Status { good, revoked, held, unknown, not_listed, unavailable };
  /// behind: it does not know a change that is younger than limits::face_lag.
  enum class Verdict { agrees, behind, stale, disagrees, unavailable };

  std::string face;  ///< "inventory", "crl", "shard", "delta", "ocsp", "ocsp-kept"
  std::string url = {};
  Status status = Status::unavailable;
  std::string problem = {};        ///< of unavailable: why
  RevocationReason reason{};       ///< of revoked
  std::optional<Time> since = {};  ///< of revoked and held, and of good after a hold
  std::optional<Time> as_of = {}, next_update = {};
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> entries = {};  ///< of a list
  std::string number = {};                    ///< of a list
  std::string note = {};                      ///< what a reader should know beside
  Verdict verdict = Verdict::unavailable;
};
std::string_view name_of(FaceView::Status status);
std::string_view name_of(FaceView::Verdict verdict);

/// What a list, of whose reading the first entry is the certificate's, or an OCSP response says.
void put_crl(FaceView& view, const CrlReading& reading);
void put_ocsp(FaceView& view, const OcspReading& reading);

struct FaceJudgement {
  FaceView::Status status = FaceView::Status::unavailable;  ///< what holds
  FaceView::Verdict verdict = FaceView::Verdict::unavailable;
};
/// Sets each face's verdict. What holds is what the inventory says; where it is not among them,
/// that which a face with the newest change says. The whole agrees where all do, and otherwise is
/// the worst of them.
FaceJudgement judge(std::vector<FaceView>& views, Time not_after, Time at);

}  // namespace chancery
