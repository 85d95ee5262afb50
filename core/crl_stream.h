#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/public_key.h"
#include "core/revocation.h"

namespace chancery {

/// Whose signature is expected under what is published: of a CA's certificate, what its readers
/// need.
struct FaceIssuer {
  Bytes certificate;  ///< DER
  Bytes name;         ///< DER Name of its subject
  Bytes key_id;       ///< subject key identifier
  PublicKey key;
  Time not_after;

  /// invalid_request (field "certificate") where it does not parse or is no CA's.
  static Result<FaceIssuer> from(ByteView certificate);
};

/// What a reader found in a CRL that the issuer signed.
struct CrlReading {
  std::string number;                   ///< decimal CRLNumber
  std::optional<std::string> base;      ///< of a delta: the number of the list that it changes
  std::optional<std::string> point;     ///< the URI of its issuing distribution point
  std::optional<std::string> freshest;  ///< the URI of its delta
  Time this_update, next_update;
  std::uint64_t entries = 0, bytes = 0;
  /// Of each serial that was looked for: its entry, or nothing.
  std::vector<std::optional<RevokedEntry>> found;
};

/// Reads a CRL (RFC 5280 section 5, DER) of any length piece by piece, as a client that trusts
/// nothing but the issuer's key: a list of 58 MB takes no more memory than its longest entry. Only
/// the signature makes true what it says, so nothing is known before finish(). A list that Ed25519
/// signs is kept whole: it cannot be hashed first.
class CrlStream {
 public:
  /// `issuer` outlives it.
  CrlStream(const FaceIssuer& issuer, std::vector<Serial> wanted);
  ~CrlStream();
  CrlStream(const CrlStream&) = delete;
  CrlStream& operator=(const CrlStream&) = delete;

  /// The next octets. invalid_request (field "crl"): it is no CRL of this issuer.
  Result<void> feed(ByteView piece);
  /// After the last one. invalid_request (field "crl") also where it is cut off or its signature
  /// does not verify.
  Result<CrlReading> finish();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

/// Whether the decimal number `a` is below `b`; both without leading zeros.
bool is_smaller_number(std::string_view a, std::string_view b);

}  // namespace chancery
