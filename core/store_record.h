#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/crl_scope.h"
#include "core/identifier.h"
#include "core/key.h"
#include "core/machine.h"
#include "core/message_class.h"
#include "core/revocation.h"

// The rows of the store's tables; those of incidents, prunings and approvals stand with what they
// are (core/incident.h, core/pruning.h, core/approval.h).

namespace chancery {

/// issued: released to its machine. unknown: the token may have signed it before a crash or an
/// error; never released, listed, and revocable by serial.
enum class CertificateState { issued, unknown };

/// A row of a table that is numbered.
template <class Row>
struct Numbered {
  std::uint64_t number = 0;
  Row row;
};

struct CertificateRecord {
  Serial serial;
  CaName issuer;
  MachineName machine;  ///< whom it names; owner for policy and revocation
  ProfileName profile;
  Time not_before, not_after;
  Bytes spki_sha256;  ///< of the subject's key, 32 bytes
  Bytes der;          ///< empty where unknown
  CertificateState state = CertificateState::issued;
  std::uint64_t intent = 0;             ///< index of its intent in the log
  std::uint64_t outcome = 0;            ///< index of its outcome in the log
  unsigned crl_shards = 1;              ///< that its issuer had then
  std::optional<Serial> replaces = {};  ///< of a renewal: the certificate that it renews
  std::string grant = {};               ///< that allowed it; filled in by the audit log
  std::string policy = {};              ///< version that allowed it; the same
};

/// A certificate that the service wants replaced.
struct RenewalRequestRecord {
  Serial serial;
  CaName issuer;
  RevocationReason reason{};               ///< what it will be revoked for
  Time deadline;                           ///< when it may be revoked, to the second
  std::string explanation_url;             ///< for people; may be empty
  std::optional<Serial> replaced_by = {};  ///< the first renewal since
  std::uint64_t entry = 0;                 ///< of the last request
  std::string incident = {};               ///< that it is for; may be empty
};

struct KeyRecord {
  KeyName name;
  KeyId id;
  KeyPurpose purpose{};
  KeyType type{};
  std::vector<SignatureAlgorithm> algorithms;
  MachineName creator;
  Time created_at;
  Bytes spki;
  std::uint64_t entry = 0;
  MessageClass message_class = MessageClass::data;
  std::string context = {};
};

struct CaRecord {
  CaName name;
  KeyName key;
  CaName issuer;            ///< itself for a root
  Bytes certificate;        ///< DER
  unsigned crl_shards = 1;  ///< at creation; see CrlShardsRecord
  std::uint64_t entry = 0;
};

struct MachineRecord {
  MachineName name;
  MachineName added_by;
  Time added_at;
  std::uint64_t entry = 0;
  std::vector<MachineAttribute> attributes = {};  ///< by name
  /// The last that says what they are: `entry`, until they are changed.
  std::uint64_t attributes_entry = 0;
};

struct EnrollmentRecord {
  Bytes token_sha256;  ///< the token itself is never stored
  MachineName machine;
  ProfileName profile;
  Time expires_at;
  std::optional<Time> used_at;
  std::uint64_t entry = 0;  ///< filled in by the store
};

/// From the log entry on, the issuer's certificates name one of so many lists.
struct CrlShardsRecord {
  CaName issuer;
  unsigned shards = 1;
  std::uint64_t entry = 0;
};

/// The last CRL of a scope. The list itself is a file (CrlPublisher).
struct CrlRecord {
  CaName issuer;
  CrlScope scope;
  std::string number;  ///< decimal CRLNumber
  Time this_update, next_update;
  Time since;  ///< certificates that had expired before are left out; of a delta, its base's time
  std::uint64_t covers = 0;  ///< what entries below this one revoked was looked at
  std::uint64_t entries = 0;
  Bytes sha256;                   ///< of its DER
  std::string base_number = {};   ///< of a delta: what it says the changes to …
  std::uint64_t base_covers = 0;  ///< … and which entries that looked at
  std::uint64_t entry = 0;        ///< its outcome; filled in by the store
};

/// The keys that sign checkpoints of more entries than `entry`.
struct LogKeysRecord {
  std::vector<std::string> vkeys;  ///< all of them, C2SP verifier keys
  std::uint64_t entry = 0;
};

struct CheckpointRecord {
  std::uint64_t size = 0;
  Bytes root;        ///< 32 bytes
  std::string note;  ///< signed note; empty between "written down" and "signed"
};

/// A witness's signature on a checkpoint.
struct CosignatureRecord {
  std::uint64_t size = 0;
  std::string vkey;  ///< the witness's
  std::string line;  ///< of the note, without its newline
};

/// What a request did, kept under its idempotency key so that a repeat gets the same answer.
struct RequestRecord {
  MachineName machine;
  std::string idempotency_key;
  Bytes request_sha256;  ///< of the canonical request; a repeat with another one is refused
  std::string request_id;
  std::uint64_t intent = 0;
  std::optional<std::string> answer;  ///< the stored Outcome as JSON; none while it is under way
  Time expires_at;
  std::uint64_t outcome = 0;  ///< once answered
};

struct PolicyVersionRecord {
  std::string version;  ///< SHA-256 of the text, hexadecimal
  std::string text;
  Time loaded_at;  ///< when it last came into force; a restart does not count
};

}  // namespace chancery
