#include "core/crl_stream.h"

#include <algorithm>

#include "core/certificate.h"
#include "core/crl.h"
#include "core/digest_stream.h"
#include "core/extension.h"
#include "core/limits.h"
#include "core/oid.h"
#include "core/signature_identifier.h"

namespace chancery {
namespace {

constexpr std::string_view kField = "crl";

Failure bad(const std::string& what) {
  return invalid(std::string(kField), what);
}

/// Identifier and length octets of an element of which the rest may still be on its way.
struct Header {
  std::uint8_t tag = 0;
  std::size_t octets = 0;   ///< of identifier and length
  std::size_t content = 0;  ///< that follow
  [[nodiscard]] std::size_t whole() const { return octets + content; }
};

/// Nothing where more octets are needed. The lengths of a CRL of 4 GiB and more do not parse.
Result<std::optional<Header>> read_header(ByteView rest) {
  if (rest.size() < 2) return std::nullopt;
  Header header{rest[0], 2, rest[1]};
  if (header.content < 0x80) return header;
  const std::size_t count = header.content - 0x80;
  if (count == 0 || count > 4) return bad("a length is not DER's");
  if (rest.size() < 2 + count) return std::nullopt;
  header.octets += count;
  header.content = 0;
  for (std::size_t i = 0; i < count; ++i) header.content = header.content << 8 | rest[2 + i];
  if (header.content < 0x80 || rest[2] == 0) return bad("a length is not in its shortest form");
  return header;
}

/// The algorithm of the issuer's key that this AlgorithmIdentifier stands for.
Result<SignatureAlgorithm> algorithm_of(ByteView identifier, KeyType key) {
  for (const SignatureAlgorithmRow& row : signature_algorithms()) {
    if (fits(row.algorithm, key) &&
        std::ranges::equal(signature_identifier(row.algorithm), identifier)) {
      return row.algorithm;
    }
  }
  return bad("its signature algorithm is none of its issuer's key");
}

Result<std::string> number_in(const ExtensionView& extension) {
  DerReader in(extension.value, kField);
  ASSIGN_OR_RETURN(const ByteView octets, in.integer());
  RETURN_IF_ERROR(in.end());
  if (octets[0] >= 0x80 || octets.size() > 21) return bad("a CRLNumber is out of its bounds");
  return crl_number_text(octets);
}

Result<std::string> point_in(const ExtensionView& extension) {
  DerReader outer(extension.value, kField);
  ASSIGN_OR_RETURN(DerReader point, outer.enter(der::sequence));
  return read_distribution_point_name(point);
}

/// RFC 5280 section 5.3.1; 7 is not used, and 10 is for attribute certificates.
Result<RevocationReason> reason_in(const ExtensionView& extension) {
  DerReader in(extension.value, kField);
  ASSIGN_OR_RETURN(const DerElement code, in.element(der::enumerated));
  RETURN_IF_ERROR(in.end());
  if (code.content.size() != 1 || code.content[0] > 9 || code.content[0] == 7) {
    return bad("an entry has a reason that is none");
  }
  return static_cast<RevocationReason>(code.content[0]);
}

/// The content octets of a CRL's INTEGER, as those of a Serial.
ByteView magnitude(ByteView content) {
  return content.size() > 1 && content[0] == 0 ? content.subspan(1) : content;
}

Result<RevokedEntry> read_entry(ByteView content, const Serial& serial) {
  DerReader in(content, kField);
  RevokedEntry entry;
  entry.serial = serial;
  RETURN_IF_ERROR(in.integer());
  ASSIGN_OR_RETURN(entry.revoked_at, in.time());
  entry.reason = RevocationReason::unspecified;
  if (in.at_end()) return entry;
  ASSIGN_OR_RETURN(DerReader list, in.enter(der::sequence));
  RETURN_IF_ERROR(in.end());
  ASSIGN_OR_RETURN(const ExtensionViews extensions, read_extensions(list));
  for (const ExtensionView& extension : extensions) {
    if (text_of(extension.oid) == oid::reason_code) {
      ASSIGN_OR_RETURN(entry.reason, reason_in(extension));
    } else if (text_of(extension.oid) == oid::invalidity_date) {
      DerReader date(extension.value, kField);
      ASSIGN_OR_RETURN(entry.invalidity_date, date.time());
    } else if (extension.critical) {
      return bad("an entry has a critical extension that is not known here");
    }
  }
  return entry;
}

}  // namespace

/// CertificateList (section 5.1.1), of which `rest_` is what came and was not yet understood.
struct CrlStream::Parser {
  enum class Part { list, tbs, head, revoked, entries, extensions, algorithm, signature, end };

  const FaceIssuer& issuer;
  std::vector<Serial> wanted;
  Part part = Part::list;
  Bytes rest;
  std::size_t used = 0;  // of it
  std::size_t list_left = 0, tbs_left = 0, entries_left = 0;
  Bytes head;
  std::size_t head_elements = 0;
  Bytes before_algorithm;  // of the TBS, until its algorithm is known
  SignatureAlgorithm algorithm{};
  Bytes identifier, signature;
  std::optional<DigestStream> hash;
  Bytes message;  // of an algorithm without a digest
  CrlReading reading;

  Parser(const FaceIssuer& of, std::vector<Serial> serials)
      : issuer(of), wanted(std::move(serials)) {
    reading.found.resize(wanted.size());
  }

  [[nodiscard]] ByteView left() const { return ByteView(rest).subspan(used); }
  [[nodiscard]] bool in_tbs() const {
    return part == Part::head || part == Part::revoked || part == Part::entries ||
           part == Part::extensions;
  }

  void sign_over(ByteView octets) {
    if (hash) {
      hash->add(octets);
    } else {
      Bytes& kept = head_elements < 5 ? before_algorithm : message;
      kept.insert(kept.end(), octets.begin(), octets.end());
    }
  }

  /// Takes the next octets off; they are part of what encloses them.
  Result<ByteView> take(std::size_t count) {
    const ByteView octets = left().first(count);
    if (part != Part::list) {
      if (count > list_left) return bad("an element goes beyond its end");
      list_left -= count;
    }
    if (in_tbs()) {
      if (count > tbs_left) return bad("an element goes beyond its end");
      tbs_left -= count;
      sign_over(octets);
    }
    used += count;
    return octets;
  }

  /// The header of the next element, which has this tag; nothing where more octets are needed.
  Result<std::optional<Header>> next(std::uint8_t tag) {
    ASSIGN_OR_RETURN(const auto header, read_header(left()));
    if (header && header->tag != tag) return bad("another element was expected");
    return header;
  }

  /// The whole next element, of at most so many octets; empty where more are needed.
  Result<ByteView> element(std::size_t at_most) {
    ASSIGN_OR_RETURN(const auto header, read_header(left()));
    if (!header) return ByteView();
    if (header->whole() > at_most) return bad("an element is longer than any of a CRL's should be");
    if (left().size() < header->whole()) return ByteView();
    return take(header->whole());
  }

  /// Whether it went on; false: more octets are needed.
  Result<bool> step() {
    switch (part) {
      case Part::list:
        return open_list();
      case Part::tbs:
        return open_tbs();
      case Part::head:
        return read_head();
      case Part::revoked:
        return open_entries();
      case Part::entries:
        return read_one_entry();
      case Part::extensions:
        return read_its_extensions();
      case Part::algorithm:
        return read_algorithm();
      case Part::signature:
        return read_signature();
      case Part::end:
        if (!left().empty()) return bad("something follows it");
        return false;
    }
    return false;
  }

  Result<bool> open_list() {
    ASSIGN_OR_RETURN(const auto header, next(der::sequence));
    if (!header) return false;
    RETURN_IF_ERROR(take(header->octets));
    list_left = header->content;
    part = Part::tbs;
    return true;
  }

  Result<bool> open_tbs() {
    ASSIGN_OR_RETURN(const auto header, next(der::sequence));
    if (!header) return false;
    ASSIGN_OR_RETURN(const ByteView octets, take(header->octets));
    sign_over(octets);
    tbs_left = header->content;
    part = Part::head;
    return true;
  }

  /// version, signature, issuer, thisUpdate, nextUpdate.
  Result<bool> read_head() {
    ASSIGN_OR_RETURN(const ByteView octets, element(limits::crl_frame_bytes));
    if (octets.empty()) return false;
    head.insert(head.end(), octets.begin(), octets.end());
    if (++head_elements < 5) return true;
    DerReader in(head, kField);
    ASSIGN_OR_RETURN(const int version, in.small_integer());
    if (version != 1) return bad("it is not of version 2");
    ASSIGN_OR_RETURN(const DerElement signed_by, in.element(der::sequence));
    ASSIGN_OR_RETURN(const DerElement name, in.element(der::sequence));
    ASSIGN_OR_RETURN(reading.this_update, in.time());
    ASSIGN_OR_RETURN(reading.next_update, in.time());
    if (!std::ranges::equal(name.whole, issuer.name)) return bad("it is another issuer's");
    identifier = copy_of(signed_by.whole);
    ASSIGN_OR_RETURN(algorithm, algorithm_of(identifier, issuer.key.type()));
    begin_hash();
    part = Part::revoked;
    return true;
  }

  void begin_hash() {
    const auto digest = row(algorithm).digest;
    if (!digest) {
      message = std::move(before_algorithm);
      return;
    }
    hash.emplace(*digest);
    sign_over(before_algorithm);
  }

  Result<bool> open_entries() {
    if (tbs_left == 0) return bad("it has no extensions");
    if (left().empty()) return false;
    if (left()[0] == der::constructed(0)) {
      part = Part::extensions;
      return true;
    }
    ASSIGN_OR_RETURN(const auto header, next(der::sequence));
    if (!header) return false;
    if (header->content == 0) return bad("its list is empty and not absent");
    RETURN_IF_ERROR(take(header->octets));
    entries_left = header->content;
    part = Part::entries;
    return true;
  }

  Result<bool> read_one_entry() {
    if (entries_left == 0) {
      part = Part::extensions;
      return true;
    }
    ASSIGN_OR_RETURN(const ByteView octets, element(limits::crl_entry_bytes));
    if (octets.empty()) return false;
    if (octets.size() > entries_left) return bad("an element goes beyond its end");
    entries_left -= octets.size();
    ++reading.entries;
    DerReader outer(octets, kField);
    ASSIGN_OR_RETURN(const DerElement entry, outer.element(der::sequence));
    DerReader in(entry.content, kField);
    ASSIGN_OR_RETURN(const DerElement serial, in.element(der::integer));
    const ByteView number = magnitude(serial.content);
    // Of a million entries few are looked for, and the signature vouches for the others.
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!std::ranges::equal(number, wanted[i].bytes)) continue;
      if (reading.found[i]) return bad("it has two entries of one certificate");
      ASSIGN_OR_RETURN(reading.found[i], read_entry(entry.content, wanted[i]));
    }
    return true;
  }

  Result<bool> read_its_extensions() {
    if (tbs_left == 0) return bad("it has no extensions");
    ASSIGN_OR_RETURN(const ByteView octets, element(limits::crl_frame_bytes));
    if (octets.empty()) return false;
    if (tbs_left != 0) return bad("something follows its extensions");
    DerReader outer(octets, kField);
    ASSIGN_OR_RETURN(DerReader tagged, outer.enter(der::constructed(0)));
    ASSIGN_OR_RETURN(DerReader list, tagged.enter(der::sequence));
    RETURN_IF_ERROR(tagged.end());
    ASSIGN_OR_RETURN(const ExtensionViews extensions, read_extensions(list));
    RETURN_IF_ERROR(judge(extensions));
    part = Part::algorithm;
    return true;
  }

  Result<void> judge(const ExtensionViews& extensions) {
    if (has_repeated(extensions)) return bad("an extension is repeated");
    for (const ExtensionView& extension : extensions) {
      const std::string_view which = text_of(extension.oid);
      if (which == oid::crl_number) {
        ASSIGN_OR_RETURN(reading.number, number_in(extension));
      } else if (which == oid::delta_crl_indicator) {
        ASSIGN_OR_RETURN(reading.base, number_in(extension));
      } else if (which == oid::issuing_distribution_point) {
        ASSIGN_OR_RETURN(reading.point, point_in(extension));
      } else if (which == oid::freshest_crl) {
        ASSIGN_OR_RETURN(reading.freshest, read_distribution_points(extension.value, kField));
      } else if (which == oid::authority_key_id) {
        ASSIGN_OR_RETURN(const ByteView id, decode_authority_key_id(extension.value, kField));
        if (!std::ranges::equal(id, issuer.key_id))
          return bad("it is of another key of its issuer");
      } else if (extension.critical) {
        return bad("it has a critical extension that is not known here");
      }
    }
    if (reading.number.empty()) return bad("it has no number");
    return {};
  }

  Result<bool> read_algorithm() {
    ASSIGN_OR_RETURN(const ByteView octets, element(limits::crl_frame_bytes));
    if (octets.empty()) return false;
    if (!std::ranges::equal(octets, identifier)) return bad("its two algorithms differ");
    part = Part::signature;
    return true;
  }

  Result<bool> read_signature() {
    ASSIGN_OR_RETURN(const ByteView octets, element(limits::crl_frame_bytes));
    if (octets.empty()) return false;
    if (list_left != 0) return bad("something follows its signature");
    DerReader in(octets, kField);
    ASSIGN_OR_RETURN(const ByteView bits, in.bit_string());
    signature = copy_of(bits);
    part = Part::end;
    return true;
  }

  [[nodiscard]] bool verifies() {
    return issuer.key.verify(algorithm, hash ? hash->finish() : message, signature);
  }
};

Result<FaceIssuer> FaceIssuer::from(ByteView certificate) {
  ASSIGN_OR_RETURN(CertificateInfo info, parse_certificate(certificate));
  if (!info.ca || info.subject_key_id.empty()) {
    return invalid("certificate", "it is not the certificate of a CA with a key identifier");
  }
  ASSIGN_OR_RETURN(PublicKey key, PublicKey::from_spki(info.spki));
  return FaceIssuer{copy_of(certificate), std::move(info.subject_name),
                    std::move(info.subject_key_id), std::move(key), info.not_after};
}

CrlStream::CrlStream(const FaceIssuer& issuer, std::vector<Serial> wanted)
    : parser_(std::make_unique<Parser>(issuer, std::move(wanted))) {}

CrlStream::~CrlStream() = default;

Result<void> CrlStream::feed(ByteView piece) {
  Parser& parser = *parser_;
  parser.reading.bytes += piece.size();
  parser.rest.insert(parser.rest.end(), piece.begin(), piece.end());
  for (;;) {
    ASSIGN_OR_RETURN(const bool went_on, parser.step());
    if (!went_on) break;
  }
  parser.rest.erase(parser.rest.begin(),
                    parser.rest.begin() + static_cast<std::ptrdiff_t>(parser.used));
  parser.used = 0;
  return {};
}

Result<CrlReading> CrlStream::finish() {
  if (parser_->part != Parser::Part::end) return bad("it is cut off");
  if (!parser_->verifies()) return bad("its signature does not verify");
  return std::move(parser_->reading);
}

bool is_smaller_number(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace chancery
