#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/audit_log.h"
#include "core/certificate_request.h"
#include "core/crl_scope.h"
#include "core/key.h"
#include "core/ocsp_response.h"
#include "core/revocation.h"
#include "core/secret.h"

namespace chancery {

// Every way in becomes one of these typed requests.

struct IssueCertificate {
  CaName issuer;
  ProfileName profile;
  CertificateRequest request;
  std::optional<Seconds> validity;  ///< default: the profile's
};

/// The same machine, names and profile as the certificate `serial`; names of the request must be
/// among its names and change nothing. The same key only where the profile says so.
struct RenewCertificate {
  Serial serial;
  CertificateRequest request;
  std::optional<Seconds> validity;
};

/// The first certificate of a machine, paid for with its one-time token.
struct Enroll {
  Bytes token_sha256;
  CertificateRequest request;
};

struct SignData {
  KeyName key;
  SignatureAlgorithm algorithm;
  Bytes data;  ///< the message, or with `is_digest` its digest
  bool is_digest = false;
};

struct SignCrl {
  CaName issuer;
  CrlScope scope;
};

/// A responder's answer about certificates of the issuer (RFC 6960).
struct SignOcsp {
  CaName issuer;
  const Key* key = nullptr;  ///< the responder's
  Bytes certificate;         ///< the responder's, DER
  OcspDraft draft;
  std::vector<Bytes> serials;  ///< of the answers, as they were asked
};

using SigningRequest =
    std::variant<IssueCertificate, RenewCertificate, Enroll, SignData, SignCrl, SignOcsp>;

/// What a request leaves behind once everything is durable. Responses are built from it alone.
struct Outcome {
  std::string request_id;
  std::uint64_t intent = 0, outcome = 0;  ///< indices of the two log entries
  Bytes signature;                        ///< of SignData
  std::string serial;                     ///< of a certificate, hexadecimal
  Bytes certificate;                      ///< DER; of SignCrl the CRL, of SignOcsp the response
  CaName issuer;                          ///< who signed it
  Time not_after;
  bool repeated = false;  ///< the stored answer to a repeated idempotency key
};

struct RevokeCertificate {
  Serial serial;
  RevocationReason reason{};  ///< remove_from_crl: the end of a hold
  std::optional<Time> invalidity_date = {};
  std::optional<Time> reported_at = {};  ///< when somebody was told of the reason; not later
};

struct Revoked {
  Revocation revocation;
  bool already = false;  ///< it was revoked before; nothing changed
};

/// From now on the certificate's renewal information says: renew at once. Asking again changes
/// reason and deadline.
struct ReplaceCertificate {
  Serial serial;
  RevocationReason reason{};  ///< final: what it will be revoked for
  Time deadline;              ///< when it may be revoked; in whole seconds
  std::string explanation_url = {};
};

struct CreateKey {
  KeyName name;
  KeyType type{};
  KeyPurpose purpose = KeyPurpose::data;
  std::vector<SignatureAlgorithm> algorithms = {};  ///< empty: the type's default
  MessageClass message_class = MessageClass::data;  ///< of purpose data
  std::string context = {};                         ///< of class data; see read_message()
};

/// Makes a CA: its key in the token and its certificate, self-signed or by `issuer`.
struct CreateCa {
  CaName name;
  Subject subject;
  KeyType key_type{};
  std::optional<CaName> issuer;  ///< none: a root
  ProfileName profile;
  unsigned crl_shards = 1;
};

/// From now on, certificates of the CA name one of so many CRLs.
struct GrowCrlShards {
  CaName ca;
  unsigned shards = 1;
};

struct AddMachineRequest {
  MachineName name;
  ProfileName profile;
  Seconds token_life{};
  bool known = false;  ///< true: a new token for a machine that exists; false: a new machine
  std::vector<MachineAttribute> attributes = {};  ///< of a new machine; see attribute_set()
};
struct EnrollmentTicket {
  Secret token;  ///< shown once
  MachineName machine;
  Time expires_at;
};

/// Who asks, under which request id and, where the client wants a repeat to be harmless, under
/// which idempotency key. `request_sha256` tells a repeat from another request, and is what others
/// agree to.
struct Caller {
  RequestContext context;
  std::string idempotency_key;
  Bytes request_sha256;
  std::string approval = {};      ///< id of what others have agreed to; may be empty
  std::string request_line = {};  ///< "POST /v1/keys", for those who are to agree
  std::string details = {};       ///< what else those are to see: "policy 1f2e…"

  [[nodiscard]] Caller with_details(std::string text) const {
    Caller caller = *this;
    caller.details = std::move(text);
    return caller;
  }
};

}  // namespace chancery
