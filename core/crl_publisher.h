#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/signing_service.h"

namespace chancery {

/// A CRL as it is served.
struct PublishedCrl {
  Bytes der;
  std::string number;
  Time this_update, next_update;
  std::uint64_t entries = 0;
};

/// Keeps a fresh CRL of each CA. A revocation never waits for it and never fails because of it.
class CrlPublisher {
 public:
  CrlPublisher(SigningService& service, Store& store, const Config& config);

  /// Signs a new CRL for every CA that has none, has a revocation that is not on it, or whose CRL
  /// is older than the configured refresh. Reports the last failure; the others are still made.
  Result<void> publish_due();

  /// The CRL in force, or null before the first.
  [[nodiscard]] std::shared_ptr<const PublishedCrl> current(const CaName& ca) const;
  /// Tells that `ca` has something new to publish.
  void revoked(const CaName& ca);
  /// Why the last publish_due() failed; empty when it did not.
  [[nodiscard]] std::string problem() const;

 private:
  Result<void> refresh(const CaName& ca);
  [[nodiscard]] bool due(const CaName& ca, Time at) const;

  SigningService& service_;
  Store& store_;
  const Config& config_;
  mutable std::mutex mutex_;
  std::map<CaName, std::shared_ptr<const PublishedCrl>> current_;
  std::map<CaName, bool> changed_;
  std::string problem_;
};

}  // namespace chancery
