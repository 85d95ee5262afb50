#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/checkpoint_publisher.h"
#include "core/crl_publisher.h"
#include "core/face.h"
#include "core/instance.h"
#include "core/limits.h"
#include "core/ocsp_responder.h"

namespace chancery {

/// How one thing that is published looked the last time.
struct FaceState {
  std::string ca;    ///< empty: of the log
  std::string face;  ///< "certificate", "crl", "shard", "delta", "ocsp", "checkpoint"
  bool good = true;  ///< as long as nothing else is known
  std::string problem = {};
  std::optional<Time> as_of = {};       ///< the age of what was seen
  std::optional<Time> checked_at = {};  ///< none: not yet
};

/// Looks at what the service publishes as a client does, over HTTP, and checks what it says: its
/// signature, that it is as fresh as it should be, that no number goes back, and that what was
/// revoked more than Parts::lag ago is revoked in it. A face that turns bad, or good again,
/// is one entry (`alarm`) and one line for the operator. Nothing waits for it.
///
/// What has not changed since it was found good is not read again: lists by their ETag. For OCSP
/// one certificate that is good, always the same, and the one that was revoked last, by kept
/// answers, so that the log does not grow by looking.
class SelfCheck {
 public:
  struct Parts {
    Instance& instance;
    const CheckpointPublisher& checkpoints;
    const CrlPublisher& crls;
    const OcspResponder* ocsp;          ///< null where there is none
    const std::atomic<bool>& stopping;  ///< once it is true, what is seen counts no more
    Seconds lag = limits::face_lag;
  };
  /// `url` is asked for at each look(): where the faces are, without a slash at its end. `tell`
  /// takes a line for the operator. All outlive it.
  SelfCheck(Parts parts, std::function<std::string()> url, FaceFetch fetch,
            std::function<void(const std::string&)> tell);

  /// Looks at all once, of the shards' lists at one of each CA. From one thread.
  void look();
  /// The same rows in the same order each time.
  [[nodiscard]] std::vector<FaceState> states() const;

 private:
  using Clock = std::chrono::steady_clock;

  /// What is remembered of a list from one look to the next.
  struct List {
    std::string etag, number;
    Time this_update{}, next_update{};
    std::optional<Serial> looked_for;
    bool found = false;
    std::string problem;  ///< of a shard, until it is looked at again
    std::optional<Clock::time_point> missing_since;
  };
  struct Ca {
    const CertificateAuthority* authority;
    FaceIssuer issuer;
    std::map<CrlScope, List> lists;
    std::size_t turn = 0;  ///< of the shards
    std::optional<Serial> live;
    std::uint64_t shard_of_entry = 0;  ///< the newest revocation whose shard was looked at
  };
  /// Of one look at one face: when it is from. An error says what is wrong with it.
  using Seen = Result<std::optional<Time>>;

  void put(const std::string& ca, const std::string& face, const Seen& seen);
  void record(FaceState& state);
  void look_at(Ca& ca);
  Seen look_at_certificate(const Ca& ca);
  Seen look_at_list(Ca& ca, const CrlScope& scope, const std::optional<Revocation>& newest);
  Seen look_at_shards(Ca& ca, const std::optional<Revocation>& newest);
  Seen look_at_ocsp(Ca& ca, const std::optional<Revocation>& newest);
  Seen look_at_checkpoint();
  Result<void> read_list(Ca& ca, const CrlScope& scope, List& list, const Revocation* sought);
  Result<void> expect_listed(const List& list, const Revocation& revocation);
  [[nodiscard]] Result<void> expect_fresh(const Ca& ca, const List& list) const;
  Result<OcspReading> ask_ocsp(const Ca& ca, const Serial& serial);
  /// One that is good and lasts long; the same as long as it is good.
  Result<std::optional<Serial>> live_certificate(Ca& ca);
  [[nodiscard]] Result<bool> is_good(const Ca& ca, const CertificateRecord& record) const;
  Result<void> remember_size();

  const Parts parts_;
  const std::function<std::string()> where_;
  const FaceFetch fetch_;
  const std::function<void(const std::string&)> tell_;
  std::string url_;
  std::deque<Ca> cas_;
  /// Entries that there were at a time; from those older than the lag comes `settled_`.
  std::deque<std::pair<Clock::time_point, std::uint64_t>> sizes_;
  std::uint64_t settled_ = 0;  ///< entries that everybody must know of by now
  Checkpoint last_checkpoint_;
  mutable std::mutex mutex_;
  std::vector<FaceState> states_;
  std::map<std::pair<std::string, std::string>, bool> recorded_;  ///< as bad
};

}  // namespace chancery
