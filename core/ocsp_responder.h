#pragma once

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/back_off.h"
#include "core/budget.h"
#include "core/document.h"
#include "core/instance.h"
#include "core/ocsp_request.h"
#include "core/ocsp_response.h"
#include "core/places.h"
#include "core/single_flight.h"

namespace chancery {

/// Answers RFC 6960 requests about the certificates of this service's CAs, each CA's by a responder
/// of its own: a key in the token that signs nothing else, and a certificate of the profile
/// "ocsp-signing" that the CA issues, anew at each start and when two thirds of its life are over.
/// Once that is revoked, or the key blocked, it answers nothing more, and another key takes over:
/// "ocsp-CA", "ocsp-CA-2", ….
///
/// An answer is signed once and kept until it is half as old as it may become, as long as it is
/// right: when anything at all was revoked since, the store is asked again before it is given.
///
/// What strangers can cause is bounded: signatures a second, and callers of answer() that wait for
/// one at the same time, at most half of Config::workers. Beyond it an answer that is kept and
/// still valid is given, and otherwise tryLater.
class OcspResponder {
 public:
  explicit OcspResponder(Instance& instance);

  /// Makes the responders' keys and certificates where they are due. Reports the last failure; the
  /// next attempt comes later, and later each time. From one thread.
  Result<void> renew_due();
  /// Of CAs whose responder has a certificate.
  [[nodiscard]] std::size_t ready() const;
  /// CAs that have none, and have not ended.
  [[nodiscard]] std::size_t to_come() const;

  struct Reply {
    std::shared_ptr<const Document> der;
    /// Of one that may be kept by caches: its version, and when it was made and ends.
    std::string version = {};
    Time this_update{}, next_update{};
  };
  /// Always a response, if only one that says why there is none.
  Reply answer(ByteView request);

  struct Counters {
    std::uint64_t from_cache = 0, signed_anew = 0, failed = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Responder {
    const CertificateAuthority* ca;
    const Key* key;
    Serial serial;
    Time not_after;
    Bytes certificate, key_hash;
    Time renew_at;
    Bytes name_sha1, name_sha256, ca_key_sha1, ca_key_sha256;
  };
  using ResponderPtr = std::shared_ptr<const Responder>;

  /// What is known of a certificate.
  struct Known {
    OcspStatus status;
    bool listed = false;  ///< it is in the inventory
  };
  /// An answer, and what it was made of.
  struct Cached {
    std::string id;  ///< cache_id()
    Reply reply;
    Known known;
    std::uint64_t changes;  ///< SigningService::revocation_changes() before the store was asked
  };

  Result<void> renew(const CertificateAuthority& ca);
  Result<const Key*> key_of(const CertificateAuthority& ca);
  Result<bool> is_usable(const CertificateAuthority& ca, const Key& key) const;
  Result<bool> is_good(const Responder& responder) const;
  /// Takes out those that may not be used any more, or have ended, with their answers.
  Result<void> drop_revoked();
  void drop(const Responder& responder);
  void forget_answers(const Key& key);
  [[nodiscard]] ResponderPtr responder_of(const OcspCertId& id) const;
  [[nodiscard]] Result<Known> look_up(const CertificateAuthority& ca, ByteView serial) const;

  /// What there is to answer one CertID with, before anything is signed.
  struct Found {
    Known known;
    std::uint64_t changes = 0;
    std::optional<Reply> old = {};  ///< kept, right and not yet over
    bool is_fresh_enough = false;   ///< `old` is to be given
  };
  Result<Found> find(const Responder& responder, const OcspCertId& id, const std::string& cache_id);
  Reply answer_one(const Responder& responder, const OcspCertId& id);
  Reply answer_listed(const Responder& responder, const OcspCertId& id, const Found& found,
                      const std::string& cache_id);
  Reply answer_unlisted(const Responder& responder, const OcspCertId& id, const Known& known);
  Reply answer_fresh(const Responder& responder, const OcspRequest& request);
  Reply old_or_later(const Found& found);
  Result<Reply> make(const Responder& responder, const std::vector<OcspCertId>& ids,
                     const std::vector<OcspStatus>& statuses, ByteView nonce);
  Reply failure(OcspFailure kind);

  std::optional<Cached> cached(std::string_view id);
  void keep(Cached one);
  void forget(std::list<Cached>::iterator one);
  /// Whether the token and the log can be asked: an attempt that fails is an entry.
  [[nodiscard]] bool can_sign() const;

  Instance& instance_;
  mutable std::shared_mutex responders_mutex_;
  std::vector<ResponderPtr> responders_;
  // SigningService::revocation_changes() before they were last looked at.
  static constexpr std::uint64_t kNeverChecked = ~std::uint64_t{0};
  std::atomic<std::uint64_t> responders_checked_ = 0;
  std::map<CaName, BackOff> renewals_;  // of renew_due()'s thread

  std::mutex cache_mutex_;
  std::list<Cached> by_use_;  // the most recently used first
  std::unordered_map<std::string_view, std::list<Cached>::iterator> by_id_;
  std::size_t cached_bytes_ = 0;

  Places waiting_;  // for signatures
  SingleFlight flights_;
  Budget fresh_, listed_;

  std::atomic<std::uint64_t> from_cache_ = 0, signed_anew_ = 0, failed_ = 0;
};

}  // namespace chancery
