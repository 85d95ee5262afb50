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

Result<Bytes> read_number(const CrlView& view) {
  const ExtensionView* extension = find_extension(view.extensions, oid::crl_number);
  if (!extension || extension->critical) return bad("CRLNumber is absent or critical");
  DerReader in(extension->value, "crl");
  ASSIGN_OR_RETURN(ByteView number, in.integer());
  RETURN_IF_ERROR(in.end());
  if (number[0] >= 0x80 || number.size() > kNumberOctets) {
    return bad("CRLNumber is negative or longer than 20 octets");
  }
  if (number[0] == 0 && number.size() > 1) number = number.subspan(1);
  return copy_of(number);
}

Result<void> check_distribution_point(const CrlView& view, const Issuer& issuer, unsigned shard) {
  const ExtensionView* idp = find_extension(view.extensions, oid::issuing_distribution_point);
  if (!idp || !idp->critical) return bad("IDP is absent or not critical");
  const auto uri = read_idp_uri(idp->value);
  if (!uri || *uri != issuer.crl_url(shard)) return bad("IDP does not name this shard alone");
  return {};
}

Result<void> check_extensions(const CrlView& view, const Issuer& issuer,
                              std::optional<unsigned> shard, const std::string& previous_number) {
  if (view.extensions.size() != (shard ? 3 : 2) || has_repeated(view.extensions)) {
    return bad(shard ? "its extensions are not AKI, CRLNumber and IDP"
                     : "its extensions are not AKI and CRLNumber");
  }
  const ExtensionView* key_id = find_extension(view.extensions, oid::authority_key_id);
  if (!key_id || key_id->critical) return bad("AKI is absent or critical");
  ASSIGN_OR_RETURN(const ByteView key_id_value, decode_authority_key_id(key_id->value, "crl"));
  if (copy_of(key_id_value) != issuer.subject_key_id()) return bad("AKI is another issuer's");
  if (shard) RETURN_IF_ERROR(check_distribution_point(view, issuer, *shard));
  ASSIGN_OR_RETURN(const Bytes number, read_number(view));
  if (previous_number.empty()) return {};
  const Bytes previous = parse_decimal(previous_number);
  if (previous.empty()) return bad("the previous CRLNumber is not a decimal number");
  if (!is_less(previous, number)) return bad("CRLNumber is not above the previous one");
  return {};
}

Result<void> check_view(const CrlView& view, const Issuer& issuer, const PublicKey& issuer_key,
                        std::size_t entries) {
  if (view.version != 1) return bad("it is not of version 2");
  const std::string_view expected = text_of(signature_identifier(issuer.algorithm()));
  if (text_of(view.inner_algorithm) != expected || text_of(view.outer_algorithm) != expected) {
    return bad("its algorithm is not the issuer's");
  }
  if (copy_of(view.issuer) != issuer.subject_name()) return bad("it names another issuer");
  if (view.next_update <= view.this_update) return bad("nextUpdate is not after thisUpdate");
  if (view.entries != entries) {
    return bad("it has " + std::to_string(view.entries) + " entries in place of " +
               std::to_string(entries));
  }
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

Bytes encode_extensions(const Issuer& issuer, const CrlDraft& draft) {
  const Bytes number = parse_decimal(draft.number);
  CHECK(!number.empty());
  CHECK(number.size() < kNumberOctets || (number.size() == kNumberOctets && number[0] < 0x80));
  DerWriter out;
  out.nested(der::constructed(0), [&] {
    out.sequence([&] {
      write_authority_key_id(out, issuer.subject_key_id());
      write_extension(out, oid::crl_number, false, [&] { out.integer(ByteView(number)); });
      if (!draft.shard) return;
      write_extension(out, oid::issuing_distribution_point, true, [&] {
        out.sequence([&] { write_distribution_point_name(out, issuer.crl_url(*draft.shard)); });
      });
    });
  });
  return out.take();
}

}  // namespace

Bytes encode_revoked_entry(const Revocation& revocation) {
  DerWriter out;
  out.sequence([&] {
    out.integer(ByteView(revocation.serial.bytes));
    out.time(revocation.revoked_at);
    // RFC 5280 section 5.3.1: unspecified is said by leaving the extension out.
    if (revocation.reason == RevocationReason::unspecified) return;
    out.sequence([&] {
      write_extension(out, oid::reason_code, false, [&] {
        const auto code = static_cast<std::uint8_t>(revocation.reason);
        out.element(der::enumerated, ByteView(&code, 1));
      });
    });
  });
  return out.take();
}

Bytes build_crl_tbs(const Issuer& issuer, const CrlDraft& draft) {
  const Bytes head = encode_head(issuer, draft);
  const Bytes extensions = encode_extensions(issuer, draft);
  std::size_t entries_size = 0;
  for (const Bytes& entry : draft.entries) entries_size += entry.size();
  DerWriter list;
  if (!draft.entries.empty()) list.header(der::sequence, entries_size);

  // All lengths are known: a million entries are appended to one buffer of the right size.
  const std::size_t size = head.size() + list.bytes().size() + entries_size + extensions.size();
  DerWriter out;
  out.reserve(size + 8);
  out.header(der::sequence, size);
  out.raw(head);
  out.raw(list.bytes());
  for (const Bytes& entry : draft.entries) out.raw(entry);
  out.raw(extensions);
  return out.take();
}

Result<void> check_crl(ByteView der, const Issuer& issuer, const PublicKey& issuer_key,
                       std::optional<unsigned> shard, const std::string& previous_number,
                       std::size_t entries) {
  auto view = read_crl(der);
  if (!view) return bad(view.error().message);
  RETURN_IF_ERROR(check_view(*view, issuer, issuer_key, entries));
  auto extensions = check_extensions(*view, issuer, shard, previous_number);
  if (!extensions && extensions.error().code != ErrorCode::internal) {
    return bad(extensions.error().message);
  }
  return extensions;
}

}  // namespace chancery
