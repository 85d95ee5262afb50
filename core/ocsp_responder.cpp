#include "core/ocsp_responder.h"

#include <openssl/sha.h>

#include <algorithm>

namespace chancery {
namespace {

using Clock = std::chrono::steady_clock;

// After a failure, growing: each attempt is in the log.
constexpr std::chrono::seconds kShortestRest{10}, kLongestRest{3600};

Bytes sha1(ByteView bytes) {
  Bytes hash(SHA_DIGEST_LENGTH);
  SHA1(bytes.data(), bytes.size(), hash.data());
  return hash;
}

/// Of the INTEGER's octets, a zero may stand before a first bit that is set.
Result<Serial> serial_of(ByteView content) {
  if (content.size() > 1 && content[0] == 0) content = content.subspan(1);
  return Serial::from(content);
}

}  // namespace

Result<void> OcspResponder::renew_due() {
  Result<void> last;
  if (Clock::now() < rest_until_) return last;
  for (const CertificateAuthority* ca : instance_.service().cas()) {
    {
      const std::shared_lock lock(responders_mutex_);
      const auto made = std::ranges::find(responders_, ca, &Responder::ca);
      if (made != responders_.end() && now() < (*made)->renew_at) continue;
    }
    if (auto renewed = renew(*ca); !renewed) {
      last = std::move(renewed);
    }
  }
  if (last) {
    rest_ = kShortestRest;
  } else {
    rest_until_ = Clock::now() + rest_;
    rest_ = std::min<std::chrono::seconds>(rest_ * 2, kLongestRest);
  }
  return last;
}

std::size_t OcspResponder::ready() const {
  const std::shared_lock lock(responders_mutex_);
  return responders_.size();
}

Result<const Key*> OcspResponder::key_of(const CertificateAuthority& ca) {
  const KeyName name = KeyName::literal("ocsp-" + ca.record.name.text());
  if (auto key = instance_.keys().find(name)) {
    if ((*key)->purpose == KeyPurpose::ocsp) return key;
    return fail(ErrorCode::conflict, "key " + name.text() + " is there, and for something else");
  }
  return instance_.service().create_key(Instance::self(),
                                        {name, KeyType::ec_p256, KeyPurpose::ocsp, {}});
}

Result<void> OcspResponder::renew(const CertificateAuthority& ca) {
  ASSIGN_OR_RETURN(const Key* key, key_of(ca));
  Subject subject;
  subject.common_name = "OCSP responder of " + ca.record.name.text();
  ASSIGN_OR_RETURN(const Outcome outcome,
                   instance_.service().sign(
                       Instance::self(), IssueCertificate{ca.record.name,
                                                          ProfileName::literal("ocsp-signing"),
                                                          {key->public_key.copy(),
                                                           std::move(subject), SubjectAltNames{}},
                                                          std::nullopt}));
  const Time at = now();
  const Bytes& name = ca.issuer.subject_name();
  const Bytes& spki = ca.issuer.spki();
  auto made = std::make_shared<const Responder>(
      Responder{&ca, key, outcome.certificate, ocsp_key_hash(key->public_key.spki()),
                at + (outcome.not_after - at) * 2 / 3, sha1(name), sha256(name),
                ocsp_key_hash(spki), ocsp_key_hash(spki, true)});
  const std::unique_lock lock(responders_mutex_);
  std::erase_if(responders_, [&](const ResponderPtr& old) { return old->ca == &ca; });
  responders_.push_back(std::move(made));
  return {};
}

OcspResponder::ResponderPtr OcspResponder::responder_of(const OcspCertId& id) const {
  const std::shared_lock lock(responders_mutex_);
  for (const ResponderPtr& one : responders_) {
    const Bytes& name = id.is_sha256 ? one->name_sha256 : one->name_sha1;
    const Bytes& key = id.is_sha256 ? one->ca_key_sha256 : one->ca_key_sha1;
    if (std::ranges::equal(id.issuer_name_hash, name) &&
        std::ranges::equal(id.issuer_key_hash, key)) {
      return one;
    }
  }
  return nullptr;
}

OcspResponder::Reply OcspResponder::answer(ByteView request) {
  const auto parsed = parse_ocsp_request(request);
  if (!parsed) return failure(OcspFailure::malformed_request);
  ResponderPtr responder;
  for (const OcspCertId& id : parsed->certificates) {
    if (!responder) responder = responder_of(id);
  }
  if (!responder) {
    const std::shared_lock lock(responders_mutex_);
    // Before its certificate is there, a responder does not know whom it speaks for.
    return failure(responders_.size() < instance_.service().cas().size()
                       ? OcspFailure::try_later
                       : OcspFailure::unauthorized);
  }
  const bool plain = parsed->certificates.size() == 1 && parsed->nonce.empty();
  if (plain) return answer_one(*responder, parsed->certificates.front());
  if (take_fresh()) return answer_fresh(*responder, *parsed);
  // RFC 9654 section 2.1: a nonce may be left out; the client sees that.
  if (parsed->certificates.size() == 1) {
    return answer_one(*responder, parsed->certificates.front());
  }
  return failure(OcspFailure::try_later);
}

OcspResponder::Reply OcspResponder::answer_one(const Responder& responder, const OcspCertId& id) {
  const std::string cert_id(text_of(id.whole));
  const std::uint64_t changes = instance_.service().revocation_changes();
  auto old = cached(cert_id);
  if (old && now() >= old->reply.next_update) old.reset();
  std::optional<Known> known;
  if (old && old->changes == changes) {
    known = old->known;
  } else {
    auto found = look_up(*responder.ca, id.serial);
    if (!found) return failure(OcspFailure::try_later);
    known = std::move(*found);
    if (old && old->known.status != known->status) old.reset();
  }
  if (old) {
    const Time half =
        old->reply.this_update + (old->reply.next_update - old->reply.this_update) / 2;
    // One of the future is from before the clock was set back.
    const Time at = now();
    const bool fresh_enough = (at >= old->reply.this_update && at < half) || !can_sign();
    if (fresh_enough) {
      ++from_cache_;
      if (old->changes != changes) keep({cert_id, old->reply, *known, changes});
      return old->reply;
    }
  }
  // What is not in the inventory anybody can ask for without end.
  if (!known->listed && !take_fresh()) return failure(OcspFailure::try_later);
  auto made = make(responder, {id}, {known->status}, {});
  if (!made) return old ? old->reply : failure(OcspFailure::try_later);
  if (known->listed) keep({cert_id, *made, *known, changes});
  return std::move(*made);
}

OcspResponder::Reply OcspResponder::answer_fresh(const Responder& responder,
                                                 const OcspRequest& request) {
  std::vector<OcspStatus> statuses;
  for (const OcspCertId& id : request.certificates) {
    // One responder speaks for one CA: of others it knows nothing.
    const ResponderPtr own = responder_of(id);
    if (!own || own->ca != responder.ca) {
      statuses.emplace_back();
      continue;
    }
    const auto known = look_up(*responder.ca, id.serial);
    if (!known) return failure(OcspFailure::try_later);
    statuses.push_back(known->status);
  }
  auto made = make(responder, request.certificates, statuses, request.nonce);
  if (!made) return failure(OcspFailure::try_later);
  made->version.clear();  // made for this client
  return std::move(*made);
}

Result<OcspResponder::Known> OcspResponder::look_up(const CertificateAuthority& ca,
                                                    ByteView content) const {
  Known known;
  const auto serial = serial_of(content);
  if (serial) {
    ASSIGN_OR_RETURN(const auto record, instance_.store().certificate(*serial));
    known.listed = record && record->issuer == ca.record.name;
    if (known.listed) {
      ASSIGN_OR_RETURN(const auto revocation, instance_.store().revocation(*serial));
      if (revocation && revocation->reason != RevocationReason::remove_from_crl) {
        known.status = {OcspStatus::Kind::revoked,
                        std::chrono::floor<Seconds>(revocation->revoked_at), revocation->reason};
        return known;
      }
      // One that may have been issued, and was never released, is not good.
      if (record->state == CertificateState::issued) known.status.kind = OcspStatus::Kind::good;
    }
  }
  if (known.status.kind == OcspStatus::Kind::unknown &&
      instance_.config().ocsp_unknown_is_revoked) {
    known.status = {OcspStatus::Kind::revoked, from_unix_seconds(0),
                    RevocationReason::certificate_hold};  // RFC 6960 section 2.2
  }
  return known;
}

Result<OcspResponder::Reply> OcspResponder::make(const Responder& responder,
                                                 const std::vector<OcspCertId>& ids,
                                                 const std::vector<OcspStatus>& statuses,
                                                 ByteView nonce) {
  if (!can_sign()) {
    return fail(ErrorCode::token_unavailable, "the token or the log cannot be asked now");
  }
  SignOcsp request;
  request.issuer = responder.ca->record.name;
  request.key = responder.key;
  request.certificate = responder.certificate;
  OcspDraft& draft = request.draft;
  draft.responder_key_hash = responder.key_hash;
  draft.this_update = std::chrono::floor<Seconds>(now());
  draft.next_update = draft.this_update + instance_.config().ocsp_lifetime;
  draft.nonce = nonce;
  draft.extended_revoke = instance_.config().ocsp_unknown_is_revoked;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    draft.answers.push_back({ids[i].whole, statuses[i]});
    request.serials.push_back(copy_of(ids[i].serial));
  }
  ASSIGN_OR_RETURN(Outcome outcome, instance_.service().sign(Instance::self(), request));
  ++signed_anew_;
  return Reply{Document::in_memory(std::move(outcome.certificate)), std::to_string(outcome.outcome),
               draft.this_update, draft.next_update};
}

OcspResponder::Reply OcspResponder::failure(OcspFailure kind) {
  ++failed_;
  return {Document::in_memory(encode_ocsp_failure(kind))};
}

bool OcspResponder::can_sign() const {
  return instance_.token().status().up && instance_.log().healthy();
}

bool OcspResponder::take_fresh() {
  const std::lock_guard lock(fresh_mutex_);
  const auto at = Clock::now();
  if (at - fresh_since_ >= Seconds{1}) {
    fresh_since_ = at;
    fresh_taken_ = 0;
  }
  if (fresh_taken_ >= instance_.config().ocsp_fresh_per_second) return false;
  ++fresh_taken_;
  return true;
}

std::optional<OcspResponder::Cached> OcspResponder::cached(std::string_view cert_id) {
  const std::lock_guard lock(cache_mutex_);
  const auto found = by_id_.find(cert_id);
  if (found == by_id_.end()) return std::nullopt;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return *found->second;
}

void OcspResponder::keep(Cached one) {
  const std::lock_guard lock(cache_mutex_);
  const auto drop = [this](std::list<Cached>::iterator old) {
    cached_bytes_ -= old->reply.der->size() + old->cert_id.size();
    by_id_.erase(old->cert_id);
    by_use_.erase(old);
  };
  if (const auto old = by_id_.find(one.cert_id); old != by_id_.end()) drop(old->second);
  cached_bytes_ += one.reply.der->size() + one.cert_id.size();
  by_use_.push_front(std::move(one));
  by_id_.emplace(by_use_.front().cert_id, by_use_.begin());
  while (cached_bytes_ > limits::ocsp_cache_bytes) drop(std::prev(by_use_.end()));
}

OcspResponder::Counters OcspResponder::counters() const {
  return {from_cache_, signed_anew_, failed_};
}

}  // namespace chancery
