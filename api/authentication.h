#pragma once

#include "api/http.h"
#include "core/authentication_failures.h"
#include "core/instance.h"

namespace chancery {

/// Turns the certificate of a connection into the machine it stands for.
///
/// A certificate of this service's own CAs counts only when it is in the inventory, byte for byte,
/// and is not revoked; its machine is the one it was issued to. One of a configured foreign trust
/// anchor names its machine by SPIFFE ID, DNS name and fingerprint alone. Everything that does not
/// change on a connection is worked out once and kept in Peer::session.
class Authentication {
 public:
  /// `foreign` are the configured trust anchors and their intermediates, DER.
  Authentication(Instance& instance, AuthenticationFailures& failures, std::vector<Bytes> foreign);

  /// unauthenticated with the reason; the attempt is then in the log, coalesced.
  Result<Machine> operator()(Peer& peer) const;

 private:
  struct Session;
  Result<Session> begin(const Peer& peer) const;
  Result<Session> own(const CertificateInfo& info, const Bytes& der, Machine machine) const;
  Result<void> check_revocation(const Peer& peer, Session& session) const;
  Result<void> describe(Session& session) const;
  Failure refuse(const Peer& peer, const std::string& reason) const;
  [[nodiscard]] bool is_own(const CertificateInfo& info) const;
  [[nodiscard]] bool is_foreign_anchored(const Bytes& der) const;

  Instance& instance_;
  AuthenticationFailures& failures_;
  const std::vector<Bytes> foreign_;
};

}  // namespace chancery
