// CRLs as they come from somewhere: in whatever pieces, the same is found; and what is one for us
// is one for OpenSSL, with as many entries.

#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/crl_stream.h"
#include "core/openssl_ptr.h"

namespace {

using namespace chancery;

// Made by openssl(1), as the lists in the corpus; the key is lost.
constexpr std::string_view kIssuer =
    "3082018230820129a003020102021432335ead8f17645a2281b36a194aa3403f2ca8f3300a06082a8648"
    "ce3d040302300f310d300b06035504030c04726f6f74301e170d3236313132383233303033345a170d33"
    "36313132353233303033345a300f310d300b06035504030c04726f6f743059301306072a8648ce3d0201"
    "06082a8648ce3d03010703420004ef22624902afe76eafcf416edaa99b22a30759a08cf45deef50033f2"
    "b3b968475e76a2862be78cdfd57c75ae3d186fcaedbbca5f2c2ae1c6b4b77be1079e1014a3633061301d"
    "0603551d0e04160414cddf320368e8765c8ebc27be3bf4ac7716485c2d301f0603551d23041830168014"
    "cddf320368e8765c8ebc27be3bf4ac7716485c2d300f0603551d130101ff040530030101ff300e060355"
    "1d0f0101ff040403020106300a06082a8648ce3d0403020347003044022012d2715f3172c8dd30414ea0"
    "70b2080ac606933be96497974f8855465a643cae02201c5ce68607341d37fa5edd1363aec716e45bb94a"
    "d0d573ed0b20e67df30c79a2";

void require(bool condition) {
  if (!condition) std::abort();
}

const FaceIssuer& issuer() {
  static const FaceIssuer made = [] {
    auto parsed = FaceIssuer::from(*from_hex(kIssuer));
    require(parsed.has_value());
    return std::move(*parsed);
  }();
  return made;
}

Result<CrlReading> read(ByteView der, std::size_t piece) {
  CrlStream stream(issuer(), {*Serial::parse("0223456789abcdef0123456789abcdef01234567")});
  for (std::size_t at = 0; at < der.size(); at += piece) {
    RETURN_IF_ERROR(stream.feed(der.subspan(at, std::min(piece, der.size() - at))));
  }
  return stream.finish();
}

void compare_with_openssl(ByteView der, const CrlReading& reading) {
  const std::uint8_t* cursor = der.data();
  const HandlePtr<X509_CRL, X509_CRL_free> other(
      d2i_X509_CRL(nullptr, &cursor, static_cast<long>(der.size())));
  require(other != nullptr);
  const int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(other.get()));
  require(static_cast<std::uint64_t>(std::max(count, 0)) == reading.entries);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView der(data, size);
  const auto whole = read(der, std::max<std::size_t>(size, 1));
  const auto pieces = read(der, 3);
  require(whole.has_value() == pieces.has_value());
  if (!whole) {
    require(whole.error().code == ErrorCode::invalid_request);
    require(whole.error().message == pieces.error().message);
    return 0;
  }
  require(whole->number == pieces->number && whole->entries == pieces->entries);
  require(whole->found.front().has_value() == pieces->found.front().has_value());
  compare_with_openssl(der, *whole);
  return 0;
}
