#include "core/crl.h"

#include <algorithm>

#include "core/der.h"
#include "core/extension.h"
#include "core/oid.h"
#include "core/signature_identifier.h"

namespace chancery {
namespace {

// RFC 5280 section 5.2.3: CRLNumber has at most 20 octets.
constexpr std::size_t kNumberOctets = 20;

// Big-endian octets of a decimal number; empty for any other text.
Bytes parse_decimal(std::string_view text) {
  Bytes little_endian;
  if (text.empty() || text.size() > 49) return {};  // 2^160 has 49 digits
  for (char c : text) {
    if (c < '0' || c > '9') return {};
    unsigned carry = static_cast<unsigned>(c - '0');
    for (std::uint8_t& octet : little_endian) {
      carry += octet * 10U;
      octet = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    if (carry > 0 || little_endian.empty()) {
      little_endian.push_back(static_cast<std::uint8_t>(carry));
    }
  }
  while (little_endian.size() > 1 && little_endian.back() == 0) little_endian.pop_back();
  std::reverse(little_endian.begin(), little_endian.end());
  return little_endian;
}

// Both without leading zeros.
bool is_less(ByteView a, ByteView b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

Failure bad(const std::string& what) {
  return fail(ErrorCode::internal, "the CRL must not be published: " + what);
}

// CertificateList (RFC 5280 section 5.1) taken apart.
struct CrlView {
  ByteView tbs, issuer, inner_algorithm, outer_algorithm, signature;
  int version = 0;
  Time this_update, next_update;
  std::size_t entries = 0;
  ExtensionViews extensions;
};

Result<std::size_t> count_entries(DerReader& list) {
  // Its content says SIZE (0..MAX), but an empty list must be absent (section 5.1.2.6).
  if (list.at_end()) return bad("revokedCertificates is empty and not absent");
  std::size_t count = 0;
  for (; !list.at_end(); ++count) RETURN_IF_ERROR(list.element(der::sequence));
  return count;
}

Result<void> read_tbs(ByteView whole, CrlView& view) {
  DerReader outer(whole, "crl");
  ASSIGN_OR_RETURN(DerReader tbs, outer.enter(der::sequence));
  ASSIGN_OR_RETURN(view.version, tbs.small_integer());
  ASSIGN_OR_RETURN(const DerElement algorithm, tbs.element(der::sequence));
  ASSIGN_OR_RETURN(const DerElement issuer, tbs.element(der::sequence));
  view.inner_algorithm = algorithm.whole;
  view.issuer = issuer.whole;
  ASSIGN_OR_RETURN(view.this_update, tbs.time());
  ASSIGN_OR_RETURN(view.next_update, tbs.time());
  if (tbs.next_is(der::sequence)) {
    ASSIGN_OR_RETURN(DerReader list, tbs.enter(der::sequence));
    ASSIGN_OR_RETURN(view.entries, count_entries(list));
  }
  ASSIGN_OR_RETURN(DerReader tagged, tbs.enter(der::constructed(0)));
  RETURN_IF_ERROR(tbs.end());
  ASSIGN_OR_RETURN(DerReader extensions, tagged.enter(der::sequence));
  RETURN_IF_ERROR(tagged.end());
  ASSIGN_OR_RETURN(view.extensions, read_extensions(extensions));
  return {};
}

Result<CrlView> read_crl(ByteView der) {
  CrlView view;
  DerReader outer(der, "crl");
  ASSIGN_OR_RETURN(DerReader in, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(const DerElement tbs, in.element(der::sequence));
  ASSIGN_OR_RETURN(const DerElement algorithm, in.element(der::sequence));
  ASSIGN_OR_RETURN(view.signature, in.bit_string());
  RETURN_IF_ERROR(in.end());
  view.tbs = tbs.whole;
  view.outer_algorithm = algorithm.whole;
  RETURN_IF_ERROR(read_tbs(tbs.whole, view));
  return view;
}

Result<std::string> read_idp_uri(ByteView value) {
  DerReader outer(value, "crl");
  ASSIGN_OR_RETURN(DerReader idp, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(std::string uri, read_distribution_point_name(idp));
  RETURN_IF_ERROR(idp.end());
  return uri;
}

/// CRLNumber, or the base's in a deltaCRLIndicator.
Result<Bytes> read_number(const CrlView& view, std::string_view which, bool critical) {
  const ExtensionView* extension = find_extension(view.extensions, which);
  if (!extension || extension->critical != critical) {
    return bad(std::string(critical ? "deltaCRLIndicator" : "CRLNumber") +
               (critical ? " is absent or not critical" : " is absent or critical"));
  }
  DerReader in(extension->value, "crl");
  ASSIGN_OR_RETURN(ByteView number, in.integer());
  RETURN_IF_ERROR(in.end());
  if (number[0] >= 0x80 || number.size() > kNumberOctets) {
    return bad("CRLNumber is negative or longer than 20 octets");
  }
  if (number[0] == 0 && number.size() > 1) number = number.subspan(1);
  return copy_of(number);
}

Result<void> check_distribution_point(const CrlView& view, const Issuer& issuer,
                                      const CrlScope& scope) {
  const ExtensionView* idp = find_extension(view.extensions, oid::issuing_distribution_point);
  if (!idp || !idp->critical) return bad("IDP is absent or not critical");
  const auto uri = read_idp_uri(idp->value);
  if (!uri || *uri != issuer.crl_url(scope)) return bad("IDP does not name this list alone");
  return {};
}

Result<void> check_base(const CrlView& view, const std::string& base_number) {
  ASSIGN_OR_RETURN(const Bytes base, read_number(view, oid::delta_crl_indicator, true));
  if (base != parse_decimal(base_number)) return bad("it is the delta of another list");
  return {};
}

Result<void> check_freshest(const CrlView& view, const Issuer& issuer) {
  const ExtensionView* freshest = find_extension(view.extensions, oid::freshest_crl);
  if (!freshest || freshest->critical) return bad("FreshestCRL is absent or critical");
  const auto uri = read_distribution_points(freshest->value, "crl");
  if (!uri || *uri != issuer.crl_url(CrlScope::delta_of_all())) {
    return bad("FreshestCRL does not name the delta");
  }
  return {};
}

bool has_distribution_point(const CrlScope& scope, bool wanted) {
  return wanted || scope.is_shard();
}

Result<void> check_extensions(const CrlView& view, const Issuer& issuer,
                              const CrlExpectation& expected) {
  const bool point = has_distribution_point(expected.scope, expected.distribution_point);
  const std::size_t count = 2U + point + expected.scope.delta + expected.freshest;
  if (view.extensions.size() != count || has_repeated(view.extensions)) {
    return bad("it has other extensions than those of its kind");
  }
  const ExtensionView* key_id = find_extension(view.extensions, oid::authority_key_id);
  if (!key_id || key_id->critical) return bad("AKI is absent or critical");
  ASSIGN_OR_RETURN(const ByteView key_id_value, decode_authority_key_id(key_id->value, "crl"));
  if (copy_of(key_id_value) != issuer.subject_key_id()) return bad("AKI is another issuer's");
  if (point) RETURN_IF_ERROR(check_distribution_point(view, issuer, expected.scope));
  if (expected.scope.delta) RETURN_IF_ERROR(check_base(view, expected.base_number));
  if (expected.freshest) RETURN_IF_ERROR(check_freshest(view, issuer));
  ASSIGN_OR_RETURN(const Bytes number, read_number(view, oid::crl_number, false));
  if (expected.previous_number.empty()) return {};
  const Bytes previous = parse_decimal(expected.previous_number);
  if (previous.empty()) return bad("the previous CRLNumber is not a decimal number");
  if (!is_less(previous, number)) return bad("CRLNumber is not above the previous one");
  return {};
}

Result<void> check_view(const CrlView& view, const Issuer& issuer, const PublicKey& issuer_key) {
  if (view.version != 1) return bad("it is not of version 2");
  const std::string_view expected = text_of(signature_identifier(issuer.algorithm()));
  if (text_of(view.inner_algorithm) != expected || text_of(view.outer_algorithm) != expected) {
    return bad("its algorithm is not the issuer's");
  }
  if (copy_of(view.issuer) != issuer.subject_name()) return bad("it names another issuer");
  if (view.next_update <= view.this_update) return bad("nextUpdate is not after thisUpdate");
  const auto hash = row(issuer.algorithm()).digest;
  const Bytes input = hash ? digest(*hash, view.tbs) : copy_of(view.tbs);
  if (!issuer_key.verify(issuer.algorithm(), input, view.signature)) {
    return bad("its signature does not verify");
  }
  return {};
}

Bytes encode_head(const Issuer& issuer, const CrlDraft& draft) {
  DerWriter out;
  out.integer(1U);  // v2
  out.raw(signature_identifier(issuer.algorithm()));
  out.raw(issuer.subject_name());
  out.time(draft.this_update);
  out.time(draft.next_update);
  return out.take();
}

Bytes encoded_number(const std::string& decimal) {
  Bytes number = parse_decimal(decimal);
  CHECK(!number.empty());
  CHECK(number.size() < kNumberOctets || (number.size() == kNumberOctets && number[0] < 0x80));
  return number;
}

Bytes encode_extensions(const Issuer& issuer, const CrlDraft& draft) {
  const CrlScope& scope = draft.scope;
  DerWriter out;
  out.nested(der::constructed(0), [&] {
    out.sequence([&] {
      write_authority_key_id(out, issuer.subject_key_id());
      write_extension(out, oid::crl_number, false,
                      [&] { out.integer(ByteView(encoded_number(draft.number))); });
      if (scope.delta) {
        write_extension(out, oid::delta_crl_indicator, true,
                        [&] { out.integer(ByteView(encoded_number(draft.base_number))); });
      }
      if (has_distribution_point(scope, draft.distribution_point)) {
        write_extension(out, oid::issuing_distribution_point, true, [&] {
          out.sequence([&] { write_distribution_point_name(out, issuer.crl_url(scope)); });
        });
      }
      if (draft.freshest) {
        write_extension(out, oid::freshest_crl, false, [&] {
          write_distribution_points(out, issuer.crl_url(CrlScope::delta_of_all()));
        });
      }
    });
  });
  return out.take();
}

Result<CrlView> read_signed(ByteView der, const Issuer& issuer, const PublicKey& issuer_key) {
  auto view = read_crl(der);
  if (!view) return bad(view.error().message);
  RETURN_IF_ERROR(check_view(*view, issuer, issuer_key));
  return std::move(*view);
}

}  // namespace

std::string crl_number_text(ByteView big_endian) {
  std::string digits = "0";  // the least significant one first
  for (const std::uint8_t octet : big_endian) {
    unsigned carry = octet;
    for (char& digit : digits) {
      carry += static_cast<unsigned>(digit - '0') * 256U;
      digit = static_cast<char>('0' + carry % 10);
      carry /= 10;
    }
    for (; carry > 0; carry /= 10) digits += static_cast<char>('0' + carry % 10);
  }
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  std::reverse(digits.begin(), digits.end());
  return digits;
}

void write_revoked_entry(DerWriter& out, const RevokedEntry& entry) {
  out.sequence([&] {
    out.integer(ByteView(entry.serial.bytes));
    out.time(entry.revoked_at);
    // RFC 5280 section 5.3.1: unspecified is said by leaving the extension out.
    const bool has_reason = entry.reason != RevocationReason::unspecified;
    if (!has_reason && !entry.invalidity_date) return;
    out.sequence([&] {
      if (has_reason) {
        write_extension(out, oid::reason_code, false, [&] {
          const auto code = static_cast<std::uint8_t>(entry.reason);
          out.element(der::enumerated, ByteView(&code, 1));
        });
      }
      if (entry.invalidity_date) {
        write_extension(out, oid::invalidity_date, false,
                        [&] { out.generalized_time(*entry.invalidity_date); });
      }
    });
  });
}

Bytes build_crl_tbs(const Issuer& issuer, CrlDraft& draft) {
  DerWriter list, outer;
  if (draft.entries > 0) list.header(der::sequence, draft.encoded_entries.size());
  const Bytes head = encode_head(issuer, draft);
  const Bytes extensions = encode_extensions(issuer, draft);
  // All lengths are known: what goes before and behind a million entries is put there, and the
  // entries stay where they are, or are moved once.
  const std::size_t before = head.size() + list.bytes().size();
  outer.header(der::sequence, before + draft.encoded_entries.size() + extensions.size());
  outer.raw(head);
  outer.raw(list.bytes());
  Bytes tbs = std::move(draft.encoded_entries);
  tbs.insert(tbs.begin(), outer.bytes().begin(), outer.bytes().end());
  tbs.insert(tbs.end(), extensions.begin(), extensions.end());
  return tbs;
}

Result<void> check_crl(ByteView der, const Issuer& issuer, const PublicKey& issuer_key,
                       const CrlExpectation& expected) {
  ASSIGN_OR_RETURN(const CrlView view, read_signed(der, issuer, issuer_key));
  if (view.entries != expected.entries) {
    return bad("it has " + std::to_string(view.entries) + " entries in place of " +
               std::to_string(expected.entries));
  }
  auto extensions = check_extensions(view, issuer, expected);
  if (!extensions && extensions.error().code != ErrorCode::internal) {
    return bad(extensions.error().message);
  }
  return extensions;
}

Result<CrlHead> read_signed_crl(ByteView der, const Issuer& issuer, const PublicKey& issuer_key) {
  ASSIGN_OR_RETURN(const CrlView view, read_signed(der, issuer, issuer_key));
  auto number = read_number(view, oid::crl_number, false);
  if (!number) return bad(number.error().message);
  return CrlHead{crl_number_text(*number), view.this_update, view.next_update, view.entries};
}

}  // namespace chancery
