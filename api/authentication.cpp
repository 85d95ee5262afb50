#include "api/authentication.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "core/certificate_machine.h"
#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using X509Ptr = HandlePtr<X509, X509_free>;
using StorePtr = HandlePtr<X509_STORE, X509_STORE_free>;
using VerificationPtr = HandlePtr<X509_STORE_CTX, X509_STORE_CTX_free>;

X509Ptr decode(const Bytes& der) {
  const std::uint8_t* cursor = der.data();
  return X509Ptr(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
}

}  // namespace

struct Authentication::Session {
  Machine machine;
  Time not_after;
  std::optional<std::uint64_t> checked_at = {};    ///< SigningService::revocation_changes() then
  std::optional<std::uint64_t> described_at = {};  ///< SigningService::attribute_changes() then
};

Authentication::Authentication(Instance& instance, AuthenticationFailures& failures,
                               std::vector<Bytes> foreign)
    : instance_(instance), failures_(failures), foreign_(std::move(foreign)) {}

Result<Machine> Authentication::operator()(Peer& peer) const {
  auto* session = std::any_cast<Session>(&peer.session);
  if (!session) {
    auto begun = begin(peer);
    if (!begun) return refuse(peer, begun.error().message);
    peer.session = std::move(*begun);
    session = std::any_cast<Session>(&peer.session);
  }
  // A connection may outlive its certificate, by time or by revocation.
  if (session->not_after < now()) return refuse(peer, "the client certificate has expired");
  RETURN_IF_ERROR(check_revocation(peer, *session));
  RETURN_IF_ERROR(describe(*session));
  return session->machine;
}

/// Asked of the store again only when anything at all was revoked since.
Result<void> Authentication::check_revocation(const Peer& peer, Session& session) const {
  if (!session.machine.serial) return {};
  const std::uint64_t changes = instance_.service().revocation_changes();
  if (session.checked_at == changes) return {};
  ASSIGN_OR_RETURN(const bool revoked, instance_.service().is_revoked(*session.machine.serial));
  if (revoked) return refuse(peer, "the client certificate is revoked");
  session.checked_at = changes;
  return {};
}

/// Read again only when any machine's attributes have changed since.
Result<void> Authentication::describe(Session& session) const {
  if (session.machine.name.empty()) return {};
  const std::uint64_t changes = instance_.service().attribute_changes();
  if (session.described_at == changes) return {};
  ASSIGN_OR_RETURN(auto record, instance_.store().machine(session.machine.name));
  session.machine.attributes.clear();
  if (record) session.machine.attributes = std::move(record->attributes);
  session.described_at = changes;
  return {};
}

Result<Authentication::Session> Authentication::begin(const Peer& peer) const {
  if (!peer.certificate) {
    return fail(ErrorCode::unauthenticated,
                "a client certificate is needed; `chancery enroll` gets a machine its first one");
  }
  if (!peer.certificate->verified) {
    return fail(ErrorCode::unauthenticated,
                "the client certificate is not accepted: " + peer.certificate->problem);
  }
  const Bytes& der = peer.certificate->der;
  ASSIGN_OR_RETURN(const CertificateInfo info, parse_certificate(der));
  ASSIGN_OR_RETURN(Machine machine, machine_of(info, der));
  machine.source = peer.address;
  if (is_own(info)) return own(info, der, std::move(machine));
  if (!is_foreign_anchored(der)) {
    return fail(
        ErrorCode::unauthenticated,
        "the client certificate is neither this service's nor of a configured trust anchor");
  }
  return Session{std::move(machine), info.not_after};
}

bool Authentication::is_own(const CertificateInfo& info) const {
  for (const CertificateAuthority* ca : instance_.service().cas()) {
    if (ca->issuer.subject_name() == info.issuer_name) return true;
  }
  return false;
}

Result<Authentication::Session> Authentication::own(const CertificateInfo& info, const Bytes& der,
                                                    Machine machine) const {
  const auto serial = Serial::from(info.serial);
  if (serial) {
    ASSIGN_OR_RETURN(const auto record, instance_.store().certificate(*serial));
    if (record && record->state == CertificateState::issued && record->der == der) {
      machine.name = record->machine;
      machine.serial = *serial;
      return Session{std::move(machine), record->not_after};
    }
  }
  return fail(ErrorCode::unauthenticated, "the client certificate is not in the inventory");
}

bool Authentication::is_foreign_anchored(const Bytes& der) const {
  const X509Ptr leaf = decode(der);
  const StorePtr anchors(X509_STORE_new());
  const VerificationPtr verification(X509_STORE_CTX_new());
  CHECK(anchors && verification);
  for (const Bytes& one : foreign_) {
    const X509Ptr anchor = decode(one);
    if (anchor) X509_STORE_add_cert(anchors.get(), anchor.get());
  }
  const bool good =
      leaf && X509_STORE_CTX_init(verification.get(), anchors.get(), leaf.get(), nullptr) == 1 &&
      X509_STORE_CTX_set_default(verification.get(), "ssl_client") == 1 &&
      X509_verify_cert(verification.get()) == 1;
  ERR_clear_error();
  return good;
}

Failure Authentication::refuse(const Peer& peer, const std::string& reason) const {
  failures_.note(peer.address, reason);
  return fail(ErrorCode::unauthenticated, reason);
}

}  // namespace chancery
