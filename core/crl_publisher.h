#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/back_off.h"
#include "core/document.h"
#include "core/signing_service.h"

namespace chancery {

/// A CRL as it is served: its file, where it is large.
struct PublishedCrl {
  std::shared_ptr<const Document> der;
  std::shared_ptr<const Document> gzip;  ///< null where it would not be smaller, or is not made yet
  std::string number;
  Time this_update, next_update;
  std::uint64_t entries = 0;
};

/// Keeps fresh CRLs of each CA: of all its certificates, of each shard, and where configured what
/// changed. A revocation never waits for it and never fails because of it. The lists are files in
/// HOME/crl, replaced whole after their signature is recorded; one that a crash left older than the
/// database says is served until the next one is there.
class CrlPublisher {
 public:
  /// Serves what is there, where a CA of this service signed it.
  CrlPublisher(SigningService& service, Store& store, const Config& config);

  /// Signs every list that there is not, has something new to say, or is older than the configured
  /// refresh. What takes long to make is made rarely: each list takes a tenth of the time at most.
  /// Reports the last failure; the others are still made. What cannot be published is tried again
  /// ever more rarely; a CA whose certificate has ended gets no lists any more.
  Result<void> publish_due();

  /// The list in force, or null before the first.
  [[nodiscard]] std::shared_ptr<const PublishedCrl> current(const CaName& ca,
                                                            const CrlScope& scope) const;
  /// Tells that there is something new to publish.
  void revoked(const Revocation& revocation);
  /// Why a list could not be made; empty where none failed the last time it was tried.
  [[nodiscard]] std::string problem() const;
  /// The earliest end of all lists; nothing before there are any.
  [[nodiscard]] std::optional<Time> first_end() const;
  /// How long the one took that took longest the last time that it was made.
  [[nodiscard]] double slowest_seconds() const;
  /// Lists that lack a revocation which is durable.
  [[nodiscard]] std::size_t behind() const;
  /// CAs whose certificate has ended. What is said of lists above is not about theirs.
  [[nodiscard]] std::size_t ended() const;
  /// The first that is durable and not on its list, of those lists. Read from the store.
  [[nodiscard]] Result<std::optional<Revocation>> first_unpublished() const;

  /// Of what an entry of the log revoked.
  struct Publication {
    bool is = false;              ///< its list carries it
    std::optional<Time> at = {};  ///< since when, as far as is remembered
  };
  [[nodiscard]] Publication publication(const CaName& ca, const CrlScope& scope,
                                        std::uint64_t entry) const;
  /// How long revocations had waited until the list of all carried them, since the start.
  [[nodiscard]] Store::Waited waited() const;

 private:
  struct List {
    std::shared_ptr<const PublishedCrl> current;
    bool changed = true;  ///< what was revoked shortly before a stop may not be on it
    std::chrono::steady_clock::time_point rest_until{};
    BackOff retry = {};
    std::chrono::steady_clock::duration took{};
    std::string problem;
    std::uint64_t covers = 0;  ///< entries below are on it
    /// What it covered, from when on; before that, entries below `remembered` were on it.
    std::deque<std::pair<std::uint64_t, Time>> publications;
    std::uint64_t remembered = 0;
  };
  using Key = std::pair<CaName, CrlScope>;

  /// Small ones first.
  [[nodiscard]] std::vector<CrlScope> scopes(const CaName& ca) const;
  [[nodiscard]] std::string path(const Key& key) const;
  void load(const CertificateAuthority& ca, const CrlScope& scope);
  Result<void> refresh(const Key& key);
  void failed(const Key& key, const Error& error);
  Result<void> write(const Key& key, ByteView der) const;
  [[nodiscard]] bool due(const Key& key, Time at);
  void set(const Key& key, PublishedCrl crl);
  void note_publication(const Key& key, std::uint64_t covers);

  SigningService& service_;
  Store& store_;
  const Config& config_;
  mutable std::mutex mutex_;
  std::map<Key, List> lists_;
  std::set<CaName> ended_;
  Store::Waited waited_;
};

}  // namespace chancery
