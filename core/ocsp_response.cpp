#include "core/ocsp_response.h"

#include <openssl/sha.h>

#include "core/der.h"
#include "core/extension.h"
#include "core/oid.h"
#include "core/signature_identifier.h"

namespace chancery {
namespace {

// CertStatus ::= CHOICE { good [0] IMPLICIT NULL, revoked [1] IMPLICIT RevokedInfo,
//                         unknown [2] IMPLICIT NULL }
void write_status(DerWriter& out, const OcspStatus& status) {
  switch (status.kind) {
    case OcspStatus::Kind::good:
      out.element(der::primitive(0), ByteView{});
      return;
    case OcspStatus::Kind::unknown:
      out.element(der::primitive(2), ByteView{});
      return;
    case OcspStatus::Kind::revoked:
      out.nested(der::constructed(1), [&] {
        out.generalized_time(status.revoked_at);
        if (status.reason == RevocationReason::unspecified) return;
        out.nested(der::constructed(0), [&] {
          const auto code = static_cast<std::uint8_t>(status.reason);
          out.element(der::enumerated, ByteView(&code, 1));
        });
      });
  }
}

void write_answers(DerWriter& out, const OcspDraft& draft) {
  out.sequence([&] {
    for (const OcspAnswer& answer : draft.answers) {
      out.sequence([&] {
        out.raw(answer.cert_id);
        write_status(out, answer.status);
        out.generalized_time(draft.this_update);
        out.nested(der::constructed(0), [&] { out.generalized_time(draft.next_update); });
      });
    }
  });
}

void write_extensions(DerWriter& out, const OcspDraft& draft) {
  if (draft.nonce.empty() && !draft.extended_revoke) return;
  out.nested(der::constructed(1), [&] {
    out.sequence([&] {
      if (!draft.nonce.empty()) {
        write_extension(out, oid::ocsp_nonce, false,
                        [&] { out.element(der::octet_string, draft.nonce); });
      }
      if (draft.extended_revoke) {
        write_extension(out, oid::ocsp_extended_revoke, false, [&] { out.null(); });
      }
    });
  });
}

}  // namespace

Bytes encode_ocsp_failure(OcspFailure failure) {
  DerWriter out;
  out.sequence([&] {
    const auto code = static_cast<std::uint8_t>(failure);
    out.element(der::enumerated, ByteView(&code, 1));
  });
  return out.take();
}

Bytes encode_ocsp_response_data(const OcspDraft& draft) {
  DerWriter out;
  out.sequence([&] {
    out.nested(der::constructed(2),
               [&] { out.element(der::octet_string, draft.responder_key_hash); });
    out.generalized_time(draft.this_update);  // producedAt
    write_answers(out, draft);
    write_extensions(out, draft);
  });
  return out.take();
}

Bytes assemble_ocsp_response(const Bytes& response_data, SignatureAlgorithm algorithm,
                             ByteView signature, ByteView certificate) {
  DerWriter basic;
  basic.reserve(response_data.size() + signature.size() + certificate.size() + 64);
  basic.sequence([&] {
    basic.raw(response_data);
    basic.raw(signature_identifier(algorithm));
    basic.bit_string(signature);
    basic.nested(der::constructed(0), [&] { basic.sequence([&] { basic.raw(certificate); }); });
  });
  DerWriter out;
  out.reserve(basic.bytes().size() + 64);
  out.sequence([&] {
    const std::uint8_t successful = 0;
    out.element(der::enumerated, ByteView(&successful, 1));
    out.nested(der::constructed(0), [&] {
      out.sequence([&] {
        out.oid(oid::ocsp_basic);
        out.element(der::octet_string, basic.bytes());
      });
    });
  });
  return out.take();
}

Bytes ocsp_key_hash(ByteView spki, bool is_sha256) {
  DerReader outer(spki, "spki");
  auto in = outer.enter(der::sequence);
  CHECK(in && in->any());
  const auto key = in->bit_string();
  CHECK(key);
  if (is_sha256) return sha256(*key);
  Bytes hash(SHA_DIGEST_LENGTH);
  SHA1(key->data(), key->size(), hash.data());
  return hash;
}

}  // namespace chancery
