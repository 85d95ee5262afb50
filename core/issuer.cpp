#include <algorithm>

#include "core/alt_name.h"
#include "core/certificate.h"
#include "core/der.h"
#include "core/distinguished_name.h"
#include "core/extension.h"
#include "core/lint.h"
#include "core/oid.h"
#include "core/rehearsal_key.h"
#include "core/signature_identifier.h"

namespace chancery {

struct Issuer::State {
  CaName name;
  SignatureAlgorithm algorithm{};
  Time not_before, not_after;
  Bytes certificate, subject_name, subject_key_id, spki;
  std::optional<int> path_length;
  std::string public_url;
  bool ocsp = false;
  RehearsalKey rehearsal_key;
};

namespace {

Result<void> check_public_url(const std::string& url) {
  if (!is_uri(url) || url.ends_with('/')) {
    return invalid("public_url",
                   "public_url must be like http://ca.example.com, without a / at "
                   "its end");
  }
  return {};
}

bool signs_certificates_and_crls(const CertificateInfo& info) {
  constexpr unsigned kNeeded = 1U << static_cast<unsigned>(KeyUsage::key_cert_sign) |
                               1U << static_cast<unsigned>(KeyUsage::crl_sign);
  return info.ca && (info.key_usage_bits & kNeeded) == kNeeded;
}

// A self-signed certificate says nothing about where to find its issuer or whether it is revoked:
// who trusts it does so for other reasons.
bool is_root_of_itself(const Issuer& issuer) {
  return issuer.certificate().empty();
}

unsigned usage_bits(const std::vector<KeyUsage>& usages) {
  unsigned bits = 0;
  for (KeyUsage usage : usages) bits |= 1U << static_cast<unsigned>(usage);
  return bits;
}

void write_key_extensions(DerWriter& out, const Issuer& issuer, const CertificateDraft& draft) {
  write_authority_key_id(out, issuer.subject_key_id());
  write_extension(out, oid::subject_key_id, false,
                  [&] { out.element(der::octet_string, key_id_of(draft.public_key->spki())); });
}

void write_usage_extensions(DerWriter& out, const CertificateDraft& draft) {
  const Profile& profile = *draft.profile;
  if (profile.ca) {
    write_extension(out, oid::basic_constraints, true, [&] {
      out.sequence([&] {
        out.boolean_true();
        out.integer(static_cast<unsigned>(profile.path_length));
      });
    });
  }
  write_extension(out, oid::key_usage, true, [&] {
    out.named_bits(usage_bits(key_usages_for(profile, draft.public_key->type())));
  });
  const auto& purposes = profile.extended_key_usages;
  if (purposes.empty()) return;
  // RFC 3161 section 2.3: critical in a time stamping authority's certificate.
  const bool critical = purposes.front() == ExtendedKeyUsage::time_stamping;
  write_extension(out, oid::extended_key_usage, critical, [&] {
    out.sequence([&] {
      for (ExtendedKeyUsage purpose : purposes) out.oid(oid_of(purpose));
    });
  });
}

void write_location_extensions(DerWriter& out, const Issuer& issuer,
                               const CertificateDraft& draft) {
  if (is_root_of_itself(issuer)) return;
  if (draft.profile->ocsp_nocheck) {
    write_extension(out, oid::ocsp_no_check, false, [&] { out.null(); });
  } else {
    write_extension(out, oid::crl_distribution_points, false,
                    [&] { write_distribution_points(out, issuer.crl_url(crl_scope_of(draft))); });
  }
  write_extension(out, oid::authority_info_access, false, [&] {
    out.sequence([&] {
      // A responder's own certificate is not asked about (RFC 6960 section 4.2.2.2.1).
      if (!issuer.ocsp_url().empty() && !draft.profile->ocsp_nocheck) {
        out.sequence([&] {
          out.oid(oid::ocsp);
          out.element(general_name::uri, issuer.ocsp_url());
        });
      }
      out.sequence([&] {
        out.oid(oid::ca_issuers);
        out.element(general_name::uri, issuer.certificate_url());
      });
    });
  });
}

Bytes build_tbs(const Issuer& issuer, const CertificateDraft& draft) {
  DerWriter out;
  out.reserve(1024);
  out.sequence([&] {
    out.nested(der::constructed(0), [&] { out.integer(2U); });  // v3
    out.integer(ByteView(draft.serial.bytes));
    out.raw(signature_identifier(issuer.algorithm()));
    out.raw(issuer.subject_name());
    out.sequence([&] {
      out.time(draft.not_before);
      out.time(draft.not_after);
    });
    out.raw(encode_name(draft.subject));
    out.raw(draft.public_key->spki());
    out.nested(der::constructed(3), [&] {
      out.sequence([&] {
        write_key_extensions(out, issuer, draft);
        write_usage_extensions(out, draft);
        if (draft.names.size() > 0) {
          // RFC 5280 section 4.2.1.6: critical where the subject is empty.
          write_extension(out, oid::subject_alt_name, draft.subject == Subject{},
                          [&] { write_alt_names(out, draft.names); });
        }
        write_location_extensions(out, issuer, draft);
      });
    });
  });
  return out.take();
}

// What the builder cannot write at all: found here, so that a bad draft is an error and no abort.
Result<void> check_draft(const CertificateDraft& draft) {
  CHECK(draft.profile && draft.public_key);
  RETURN_IF_ERROR(check_alt_names(draft.names, "subject_alt_name"));
  const Time first = std::chrono::sys_days{std::chrono::year{1950} / 1 / 1};
  const Time last = Time{std::chrono::sys_days{std::chrono::year{10000} / 1 / 1}} - Seconds{1};
  for (Time time : {draft.not_before, draft.not_after}) {
    if (time < first || time > last) {
      return invalid("validity", "validity must lie between the years 1950 and 9999");
    }
  }
  return {};
}

}  // namespace

Issuer::Issuer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Issuer::Issuer(Issuer&&) noexcept = default;
Issuer& Issuer::operator=(Issuer&&) noexcept = default;
Issuer::~Issuer() = default;

Result<Issuer> Issuer::create(CaName name, ByteView certificate, std::string public_url,
                              bool ocsp) {
  RETURN_IF_ERROR(check_public_url(public_url));
  ASSIGN_OR_RETURN(CertificateInfo info, parse_certificate(certificate));
  if (!signs_certificates_and_crls(info) || info.subject_key_id.empty()) {
    return invalid("certificate", "certificate of issuer " + name.text() +
                                      " is not that of a CA with keyCertSign, cRLSign and a "
                                      "subject key identifier");
  }
  ASSIGN_OR_RETURN(const PublicKey key, PublicKey::from_spki(info.spki));
  ASSIGN_OR_RETURN(RehearsalKey rehearsal_key, RehearsalKey::create(key.type()));
  return Issuer(std::make_unique<State>(
      State{std::move(name), row(key.type()).default_algorithm, info.not_before, info.not_after,
            copy_of(certificate), std::move(info.subject_name), std::move(info.subject_key_id),
            std::move(info.spki), info.path_length, std::move(public_url), ocsp,
            std::move(rehearsal_key)}));
}

Result<Issuer> Issuer::create_root(CaName name, const Subject& subject, const PublicKey& key,
                                   std::string public_url) {
  RETURN_IF_ERROR(check_public_url(public_url));
  ASSIGN_OR_RETURN(RehearsalKey rehearsal_key, RehearsalKey::create(key.type()));
  // RFC 5280 section 4.1.2.5: the last moment that a certificate can name.
  const Time never = Time{std::chrono::sys_days{std::chrono::year{10000} / 1 / 1}} - Seconds{1};
  return Issuer(std::make_unique<State>(
      State{std::move(name), row(key.type()).default_algorithm, from_unix_seconds(0), never,
            Bytes{}, encode_name(subject), key_id_of(key.spki()), key.spki(), std::nullopt,
            std::move(public_url), false, std::move(rehearsal_key)}));
}

const CaName& Issuer::name() const {
  return state_->name;
}
SignatureAlgorithm Issuer::algorithm() const {
  return state_->algorithm;
}
Time Issuer::not_before() const {
  return state_->not_before;
}
Time Issuer::not_after() const {
  return state_->not_after;
}
const Bytes& Issuer::certificate() const {
  return state_->certificate;
}
const Bytes& Issuer::subject_name() const {
  return state_->subject_name;
}
const Bytes& Issuer::subject_key_id() const {
  return state_->subject_key_id;
}
const Bytes& Issuer::spki() const {
  return state_->spki;
}
std::optional<int> Issuer::path_length() const {
  return state_->path_length;
}

std::string Issuer::crl_url(const CrlScope& scope) const {
  return state_->public_url + "/crl/" + scope.path(state_->name.text());
}

std::string Issuer::ocsp_url() const {
  return state_->ocsp ? state_->public_url + "/ocsp" : std::string();
}

std::string Issuer::certificate_url() const {
  return state_->public_url + "/ca/" + state_->name.text() + ".crt";
}

CrlScope crl_scope_of(const CertificateDraft& draft) {
  return CrlScope::of_shard(draft.crl_shards, draft.serial.shard(draft.crl_shards));
}

Result<Bytes> rehearse(const Issuer& issuer, const CertificateDraft& draft) {
  RETURN_IF_ERROR(check_draft(draft));
  Bytes tbs = build_tbs(issuer, draft);
  ASSIGN_OR_RETURN(const Bytes signature, issuer.state().rehearsal_key.sign(tbs));
  const std::vector<std::string> broken =
      lint(assemble_signed(tbs, issuer.algorithm(), signature), issuer, draft);
  if (broken.empty()) return tbs;
  std::string names;
  for (const std::string& rule : broken) names += (names.empty() ? "" : ", ") + rule;
  return fail(ErrorCode::internal, "the certificate would break the rules " + names);
}

}  // namespace chancery
