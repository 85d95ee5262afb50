#include "core/ocsp_responder.h"

#include <openssl/sha.h>

#include <algorithm>

namespace chancery {
namespace {

using Clock = std::chrono::steady_clock;

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

/// What the ids of all answers of one responder's key begin with.
std::string cache_prefix_of(const Key& responder) {
  return responder.name.text() + "/";
}

/// Under what an answer is kept. It repeats the CertID as it was asked (RFC 6960 section 4.2.1), so
/// the two spellings of the hash's algorithm have one each. The responder is known by its key: an
/// answer of one that is no more is not found.
std::string cache_id_of(const Key& responder, const OcspCertId& id) {
  std::string text = cache_prefix_of(responder);
  text += id.is_sha256 ? "2" : "1";
  text += id.has_parameters ? "+" : "-";
  return text.append(text_of(id.serial));
}

/// It certifies nothing any more.
bool has_ended(const CertificateAuthority& ca) {
  return now() >= ca.issuer.not_after();
}

}  // namespace

OcspResponder::OcspResponder(Instance& instance)
    : instance_(instance),
      waiting_(std::max(1U, instance.config().workers / limits::ocsp_workers_divisor)),
      fresh_(instance.config().ocsp_fresh_per_second),
      listed_(instance.config().ocsp_signed_per_second) {}

Result<void> OcspResponder::renew_due() {
  Result<void> last = drop_revoked();
  for (const CertificateAuthority* ca : instance_.service().cas()) {
    BackOff& back_off = renewals_[ca->record.name];
    if (!back_off.is_due(Clock::now()) || has_ended(*ca)) continue;
    {
      const std::shared_lock lock(responders_mutex_);
      const auto made = std::ranges::find(responders_, ca, &Responder::ca);
      if (made != responders_.end() && now() < (*made)->renew_at) continue;
    }
    if (auto renewed = renew(*ca); renewed) {
      back_off.succeeded();
    } else {
      back_off.failed(Clock::now());
      last = std::move(renewed);
    }
  }
  return last;
}

std::size_t OcspResponder::ready() const {
  const std::shared_lock lock(responders_mutex_);
  return responders_.size();
}

std::size_t OcspResponder::to_come() const {
  const auto cas = instance_.service().cas();
  const std::shared_lock lock(responders_mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(cas, [&](const auto* ca) {
    return !has_ended(*ca) &&
           std::ranges::find(responders_, ca, &Responder::ca) == responders_.end();
  }));
}

Result<bool> OcspResponder::is_good(const Responder& responder) const {
  if (now() >= responder.not_after) return false;
  ASSIGN_OR_RETURN(const bool revoked, instance_.service().is_revoked(responder.serial));
  if (revoked) return false;
  ASSIGN_OR_RETURN(const bool blocked,
                   instance_.service().is_key_blocked(responder.key->public_key.spki_sha256()));
  return !blocked;
}

Result<void> OcspResponder::drop_revoked() {
  const std::uint64_t changes = instance_.service().revocation_changes();
  std::vector<ResponderPtr> all;
  {
    const std::shared_lock lock(responders_mutex_);
    all = responders_;
  }
  for (const ResponderPtr& one : all) {
    ASSIGN_OR_RETURN(const bool good, is_good(*one));
    if (!good) drop(*one);
  }
  responders_checked_ = changes;
  return {};
}

void OcspResponder::drop(const Responder& responder) {
  {
    const std::unique_lock lock(responders_mutex_);
    std::erase_if(responders_, [&](const ResponderPtr& one) { return one.get() == &responder; });
  }
  forget_answers(*responder.key);
}

void OcspResponder::forget_answers(const Key& key) {
  const std::string prefix = cache_prefix_of(key);
  const std::lock_guard lock(cache_mutex_);
  for (auto one = by_use_.begin(); one != by_use_.end();) {
    const auto next = std::next(one);
    if (one->id.starts_with(prefix)) forget(one);
    one = next;
  }
}

/// Not blocked, and none of its certificates revoked, or of another CA: "a-2" may be a CA, too.
Result<bool> OcspResponder::is_usable(const CertificateAuthority& ca, const Key& key) const {
  const Bytes spki_sha256 = key.public_key.spki_sha256();
  ASSIGN_OR_RETURN(const bool blocked, instance_.service().is_key_blocked(spki_sha256));
  if (blocked) return false;
  CertificateSelector its;
  its.machine = Machine::self().name;
  its.spki_sha256 = spki_sha256;
  ASSIGN_OR_RETURN(const std::uint64_t count, instance_.store().certificate_count());
  for (std::uint64_t first = 1;;) {
    ASSIGN_OR_RETURN(const auto certificates, instance_.store().select_certificates(
                                                  its, first, count, Time{}, limits::page_rows));
    for (const SelectedCertificate& certificate : certificates) {
      if (certificate.issuer != ca.record.name) return false;
      ASSIGN_OR_RETURN(const bool revoked, instance_.service().is_revoked(certificate.serial));
      if (revoked) return false;
    }
    if (certificates.size() < limits::page_rows) return true;
    first = certificates.back().number + 1;
  }
}

/// The first of its keys that may still be used, or a new one behind the last.
Result<const Key*> OcspResponder::key_of(const CertificateAuthority& ca) {
  const std::string first = "ocsp-" + ca.record.name.text();
  for (unsigned number = 1;; ++number) {
    ASSIGN_OR_RETURN(const KeyName name,
                     KeyName::parse(number == 1 ? first : first + "-" + std::to_string(number)));
    const auto key = instance_.keys().find(name);
    if (!key) {
      return instance_.service().create_key(Instance::self(),
                                            {name, KeyType::ec_p256, KeyPurpose::ocsp, {}});
    }
    // From before such names were the service's own.
    if ((*key)->purpose != KeyPurpose::ocsp) continue;
    ASSIGN_OR_RETURN(const bool usable, is_usable(ca, **key));
    if (usable) return *key;
  }
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
  ASSIGN_OR_RETURN(Serial serial, Serial::parse(outcome.serial));
  const Time at = now();
  const Bytes& name = ca.issuer.subject_name();
  const Bytes& spki = ca.issuer.spki();
  auto made = std::make_shared<const Responder>(
      Responder{&ca, key, serial, outcome.not_after, outcome.certificate,
                ocsp_key_hash(key->public_key.spki()), at + (outcome.not_after - at) * 2 / 3,
                sha1(name), sha256(name), ocsp_key_hash(spki), ocsp_key_hash(spki, true)});
  {
    const std::unique_lock lock(responders_mutex_);
    std::erase_if(responders_, [&](const ResponderPtr& old) { return old->ca == &ca; });
    responders_.push_back(std::move(made));
  }
  // What is kept carries the certificate of before, whose revocation nobody would look at any more;
  // and this one may have been revoked before it was here.
  forget_answers(*key);
  responders_checked_ = kNeverChecked;
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
  // From when its revocation is durable on, a responder says nothing more.
  const bool checked = responders_checked_ == instance_.service().revocation_changes();
  if (!checked && !drop_revoked()) return failure(OcspFailure::try_later);
  ResponderPtr responder;
  for (const OcspCertId& id : parsed->certificates) {
    if (!responder) responder = responder_of(id);
  }
  if (!responder) {
    // Before its certificate is there, a responder does not know whom it speaks for.
    return failure(to_come() > 0 ? OcspFailure::try_later : OcspFailure::unauthorized);
  }
  const bool plain = parsed->certificates.size() == 1 && parsed->nonce.empty();
  if (plain) return answer_one(*responder, parsed->certificates.front());
  {
    const auto place = waiting_.take();
    if (place && fresh_.take()) return answer_fresh(*responder, *parsed);
  }
  // RFC 9654 section 2.1: a nonce may be left out; the client sees that.
  if (parsed->certificates.size() == 1) {
    return answer_one(*responder, parsed->certificates.front());
  }
  return failure(OcspFailure::try_later);
}

Result<OcspResponder::Found> OcspResponder::find(const Responder& responder, const OcspCertId& id,
                                                 const std::string& cache_id) {
  Found found;
  found.changes = instance_.service().revocation_changes();
  auto old = cached(cache_id);
  if (old && now() >= old->reply.next_update) old.reset();
  if (old && old->changes == found.changes) {
    found.known = old->known;
  } else {
    ASSIGN_OR_RETURN(found.known, look_up(*responder.ca, id.serial));
    if (old && old->known.status != found.known.status) old.reset();
  }
  if (!old) return found;
  const Time half = old->reply.this_update + (old->reply.next_update - old->reply.this_update) / 2;
  // One of the future is from before the clock was set back.
  const Time at = now();
  found.is_fresh_enough = (at >= old->reply.this_update && at < half) || !can_sign();
  found.old = old->reply;
  if (found.is_fresh_enough && old->changes != found.changes) {
    keep({cache_id, old->reply, found.known, found.changes});
  }
  return found;
}

OcspResponder::Reply OcspResponder::answer_one(const Responder& responder, const OcspCertId& id) {
  const std::string cache_id = cache_id_of(*responder.key, id);
  for (int attempt = 0; attempt < limits::ocsp_attempts; ++attempt) {
    const auto found = find(responder, id, cache_id);
    if (!found) return failure(OcspFailure::try_later);
    if (found->is_fresh_enough) return old_or_later(*found);
    // From here on the token and the log are waited for.
    const auto place = waiting_.take();
    if (!place) return old_or_later(*found);
    if (!found->known.listed) return answer_unlisted(responder, id, found->known);
    const auto wait = found->old ? std::chrono::seconds{0} : limits::ocsp_flight_wait;
    const SingleFlight::Joined joined = flights_.join(cache_id, wait);
    if (joined.lead) {
      // Somebody may have made it between our look and our turn.
      const auto again = find(responder, id, cache_id);
      if (!again) return failure(OcspFailure::try_later);
      Reply reply = answer_listed(responder, id, *again, cache_id);
      if (cached(cache_id)) joined.lead->succeed();
      return reply;
    }
    if (!joined.made) return old_or_later(*found);
  }
  return failure(OcspFailure::try_later);
}

OcspResponder::Reply OcspResponder::answer_listed(const Responder& responder, const OcspCertId& id,
                                                  const Found& found, const std::string& cache_id) {
  if (found.is_fresh_enough || !listed_.take()) return old_or_later(found);
  auto made = make(responder, {id}, {found.known.status}, {});
  if (!made) return old_or_later(found);
  keep({cache_id, *made, found.known, found.changes});
  return std::move(*made);
}

/// What is not in the inventory anybody can ask for without end.
OcspResponder::Reply OcspResponder::answer_unlisted(const Responder& responder,
                                                    const OcspCertId& id, const Known& known) {
  if (!fresh_.take()) return failure(OcspFailure::try_later);
  auto made = make(responder, {id}, {known.status}, {});
  return made ? std::move(*made) : failure(OcspFailure::try_later);
}

OcspResponder::Reply OcspResponder::old_or_later(const Found& found) {
  if (!found.old) return failure(OcspFailure::try_later);
  ++from_cache_;
  return *found.old;
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
  // Not beyond what vouches for it.
  draft.next_update = std::min<Time>(draft.this_update + instance_.config().ocsp_lifetime,
                                     std::chrono::floor<Seconds>(responder.not_after));
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

std::optional<OcspResponder::Cached> OcspResponder::cached(std::string_view id) {
  const std::lock_guard lock(cache_mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return *found->second;
}

/// With cache_mutex_ held.
void OcspResponder::forget(std::list<Cached>::iterator one) {
  cached_bytes_ -= one->reply.der->size() + one->id.size();
  by_id_.erase(one->id);
  by_use_.erase(one);
}

void OcspResponder::keep(Cached one) {
  const std::lock_guard lock(cache_mutex_);
  if (const auto old = by_id_.find(one.id); old != by_id_.end()) forget(old->second);
  cached_bytes_ += one.reply.der->size() + one.id.size();
  by_use_.push_front(std::move(one));
  by_id_.emplace(by_use_.front().id, by_use_.begin());
  while (cached_bytes_ > limits::ocsp_cache_bytes) forget(std::prev(by_use_.end()));
}

OcspResponder::Counters OcspResponder::counters() const {
  return {from_cache_, signed_anew_, failed_};
}

}  // namespace chancery
