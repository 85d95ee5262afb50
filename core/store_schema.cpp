#include "core/store_schema.h"

#include "core/approval_schema.h"

namespace chancery {
namespace {

constexpr std::int64_t kApplicationId = 0x63686e63;  // "chnc", for file(1) and for this check
constexpr std::int64_t kOldestVersion = 2;
constexpr std::int64_t kVersion = 9;

// Times are microseconds since 1970 in UTC. Numbers of rows (`number`) are in the order of the log
// and given once: a pruning leaves gaps, and the newest row. The triggers keep this program honest;
// what keeps everyone else honest is the Merkle tree.
constexpr const char* kSchema = R"sql(
BEGIN;

CREATE TABLE entry (
  number INTEGER PRIMARY KEY,  -- index in the log, from 0
  text   TEXT NOT NULL
) STRICT;
CREATE TRIGGER entry_update BEFORE UPDATE ON entry
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER entry_delete BEFORE DELETE ON entry
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

-- Full tiles only. The root stands before the hashes so that reading it leaves those unread.
CREATE TABLE tile (
  level  INTEGER NOT NULL,
  number INTEGER NOT NULL,
  root   BLOB NOT NULL CHECK (length(root) = 32),
  hashes BLOB NOT NULL CHECK (length(hashes) = 8192),
  PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tile_update BEFORE UPDATE ON tile
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER tile_delete BEFORE DELETE ON tile
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TABLE recovery (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  mark INTEGER NOT NULL
) STRICT;
INSERT INTO recovery (only, mark) VALUES (1, 0);

CREATE TABLE checkpoint (
  size INTEGER PRIMARY KEY,
  root BLOB NOT NULL CHECK (length(root) = 32),
  note TEXT NOT NULL  -- empty until it is signed
) STRICT;
CREATE TRIGGER checkpoint_update BEFORE UPDATE ON checkpoint
  WHEN OLD.note <> '' OR OLD.size <> NEW.size OR OLD.root <> NEW.root
  BEGIN SELECT RAISE(ABORT, 'a signed checkpoint does not change'); END;
CREATE TRIGGER checkpoint_delete BEFORE DELETE ON checkpoint
  BEGIN SELECT RAISE(ABORT, 'a signed checkpoint does not change'); END;

CREATE TABLE certificate (
  number      INTEGER PRIMARY KEY,  -- from 1
  serial      BLOB NOT NULL CHECK (length(serial) = 20),
  issuer      TEXT NOT NULL,
  machine     TEXT NOT NULL,
  profile     TEXT NOT NULL,
  not_before  INTEGER NOT NULL,
  not_after   INTEGER NOT NULL,
  spki_sha256 BLOB NOT NULL,
  der         BLOB NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('issued', 'unknown')),
  intent      INTEGER NOT NULL,
  outcome     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX certificate_serial ON certificate (serial);
CREATE INDEX certificate_machine ON certificate (machine, number);
CREATE TRIGGER certificate_delete BEFORE DELETE ON certificate
  BEGIN SELECT RAISE(ABORT, 'certificates stay listed'); END;

CREATE TABLE revocation (
  number     INTEGER PRIMARY KEY,  -- from 1
  serial     BLOB NOT NULL CHECK (length(serial) = 20),
  issuer     TEXT NOT NULL,
  reason     TEXT NOT NULL,
  revoked_at INTEGER NOT NULL,
  by         TEXT NOT NULL,
  not_after  INTEGER NOT NULL,
  entry      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX revocation_serial ON revocation (serial);
CREATE INDEX revocation_issuer ON revocation (issuer, entry);
CREATE TRIGGER revocation_delete BEFORE DELETE ON revocation
  BEGIN SELECT RAISE(ABORT, 'a revocation is for ever'); END;

CREATE TABLE key (
  name       TEXT PRIMARY KEY,
  id         BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  purpose    TEXT NOT NULL,
  type       TEXT NOT NULL,
  algorithms TEXT NOT NULL,  -- names, comma between
  creator    TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  spki       BLOB NOT NULL,
  entry      INTEGER NOT NULL
) STRICT;

CREATE TABLE ca (
  name        TEXT PRIMARY KEY,
  key         TEXT NOT NULL,
  issuer      TEXT NOT NULL,
  certificate BLOB NOT NULL,
  crl_shards  INTEGER NOT NULL,
  entry       INTEGER NOT NULL
) STRICT;

CREATE TABLE machine (
  name     TEXT PRIMARY KEY,
  added_by TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  entry    INTEGER NOT NULL
) STRICT;

CREATE TABLE enrollment (
  token_sha256 BLOB PRIMARY KEY,
  machine      TEXT NOT NULL,
  profile      TEXT NOT NULL,
  expires_at   INTEGER NOT NULL,
  used_at      INTEGER,
  entry        INTEGER NOT NULL
) STRICT;

CREATE TABLE crl (
  issuer      TEXT PRIMARY KEY,
  number      TEXT NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  entries     INTEGER NOT NULL,
  der         BLOB NOT NULL,
  entry       INTEGER NOT NULL
) STRICT;

CREATE TABLE request (
  machine         TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  request_sha256  BLOB NOT NULL,
  request_id      TEXT NOT NULL,
  intent          INTEGER NOT NULL,
  answer          TEXT,
  expires_at      INTEGER NOT NULL,
  outcome         INTEGER NOT NULL,
  PRIMARY KEY (machine, idempotency_key)
) STRICT;
CREATE INDEX request_expiry ON request (expires_at);

CREATE TABLE policy_version (
  version   TEXT PRIMARY KEY,
  text      TEXT NOT NULL,
  loaded_at INTEGER NOT NULL
) STRICT;

PRAGMA application_id = 0x63686e63;
PRAGMA user_version = 2;
COMMIT;
)sql";

/// What each version added to the one before it; kSchema is the oldest.
struct Step {
  std::int64_t version;
  const char* sql;
};
constexpr Step kSteps[] = {{3, R"sql(
BEGIN;
CREATE TABLE cosignature (
  size INTEGER NOT NULL,
  vkey TEXT NOT NULL,  -- the witness's
  line TEXT NOT NULL,
  PRIMARY KEY (size, vkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX cosignature_witness ON cosignature (vkey, size);
CREATE TRIGGER cosignature_update BEFORE UPDATE ON cosignature
  BEGIN SELECT RAISE(ABORT, 'a cosignature does not change'); END;
CREATE TRIGGER cosignature_delete BEFORE DELETE ON cosignature
  BEGIN SELECT RAISE(ABORT, 'a cosignature does not change'); END;
PRAGMA user_version = 3;
COMMIT;
)sql"},
                           {4, R"sql(
BEGIN;
ALTER TABLE certificate ADD COLUMN crl_shards INTEGER NOT NULL DEFAULT 1;

ALTER TABLE revocation ADD COLUMN crl_shards INTEGER NOT NULL DEFAULT 1;
ALTER TABLE revocation ADD COLUMN shard INTEGER NOT NULL DEFAULT 0;  -- of the serial
ALTER TABLE revocation ADD COLUMN invalidity_date INTEGER;
ALTER TABLE revocation ADD COLUMN incident TEXT NOT NULL DEFAULT '';
-- All that a list says: it is made of this index alone, and what has expired is not even read.
CREATE INDEX revocation_list ON revocation
  (issuer, crl_shards, shard, not_after, serial, revoked_at, reason, invalidity_date);
CREATE INDEX revocation_released ON revocation (issuer, entry) WHERE reason = 'removeFromCRL';
CREATE TRIGGER revocation_update BEFORE UPDATE ON revocation
  WHEN OLD.reason NOT IN ('certificateHold', 'removeFromCRL')
    OR (OLD.reason = 'removeFromCRL' AND NEW.reason = 'removeFromCRL')
    OR OLD.serial <> NEW.serial
  BEGIN SELECT RAISE(ABORT, 'a revocation is for ever'); END;

CREATE TABLE crl_shards (
  issuer TEXT NOT NULL,
  shards INTEGER NOT NULL,
  entry  INTEGER NOT NULL,
  PRIMARY KEY (issuer, shards)
) STRICT;
INSERT INTO crl_shards (issuer, shards, entry) SELECT name, crl_shards, entry FROM ca;

CREATE TABLE log_keys (
  entry INTEGER PRIMARY KEY,
  vkeys TEXT NOT NULL  -- a newline between
) STRICT;
CREATE TRIGGER log_keys_update BEFORE UPDATE ON log_keys
  BEGIN SELECT RAISE(ABORT, 'what was signed with stays recorded'); END;
CREATE TRIGGER log_keys_delete BEFORE DELETE ON log_keys
  BEGIN SELECT RAISE(ABORT, 'what was signed with stays recorded'); END;

-- The lists were in the table; now they are files, and the next start makes each anew.
DROP TABLE crl;
CREATE TABLE crl (
  issuer      TEXT NOT NULL,
  scope       TEXT NOT NULL,
  number      TEXT NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  since       INTEGER NOT NULL,
  covers      INTEGER NOT NULL,
  entries     INTEGER NOT NULL,
  sha256      BLOB NOT NULL CHECK (length(sha256) = 32),
  base_number TEXT NOT NULL,
  base_covers INTEGER NOT NULL,
  entry       INTEGER NOT NULL,
  PRIMARY KEY (issuer, scope)
) STRICT;
PRAGMA user_version = 4;
COMMIT;
)sql"},
                           {5, R"sql(
BEGIN;
ALTER TABLE certificate ADD COLUMN replaces BLOB;
CREATE INDEX certificate_replaces ON certificate (replaces, number) WHERE replaces IS NOT NULL;

CREATE TABLE renewal_request (
  serial          BLOB PRIMARY KEY CHECK (length(serial) = 20),
  issuer          TEXT NOT NULL,
  reason          TEXT NOT NULL,
  deadline        INTEGER NOT NULL,
  explanation_url TEXT NOT NULL,
  replaced_by     BLOB,
  entry           INTEGER NOT NULL,
  incident        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX renewal_request_pending ON renewal_request (serial) WHERE replaced_by IS NULL;
CREATE INDEX renewal_request_incident ON renewal_request (incident, replaced_by)
  WHERE incident <> '';
CREATE TRIGGER renewal_request_update BEFORE UPDATE ON renewal_request
  WHEN OLD.replaced_by IS NOT NULL OR OLD.serial <> NEW.serial
  BEGIN SELECT RAISE(ABORT, 'what was replaced stays so'); END;
CREATE TRIGGER renewal_request_delete BEFORE DELETE ON renewal_request
  BEGIN SELECT RAISE(ABORT, 'what was asked for stays recorded'); END;

-- What certificates may be selected by. An incident reads this index alone, in the order of issue;
-- the policy is the number of its version.
ALTER TABLE policy_version ADD COLUMN number INTEGER;
UPDATE policy_version SET number = rowid;
CREATE UNIQUE INDEX policy_version_number ON policy_version (number);
ALTER TABLE certificate ADD COLUMN grant_name TEXT NOT NULL DEFAULT '';
ALTER TABLE certificate ADD COLUMN policy INTEGER;
UPDATE certificate SET
  grant_name = coalesce(
    (SELECT json_extract(text, '$.grant') FROM entry WHERE number = certificate.intent), ''),
  policy = (SELECT number FROM policy_version WHERE version =
    (SELECT json_extract(text, '$.policy') FROM entry WHERE number = certificate.intent));
CREATE INDEX certificate_selection ON certificate
  (number, not_after, issuer, machine, profile, grant_name, policy, spki_sha256, serial,
   crl_shards);

CREATE TABLE incident (
  name            TEXT PRIMARY KEY,
  selector        TEXT NOT NULL,
  reason          TEXT NOT NULL,
  invalidity_date INTEGER,
  opened_by       TEXT NOT NULL,
  opened_at       INTEGER NOT NULL,
  through         INTEGER NOT NULL,  -- certificates that there were
  matched         INTEGER NOT NULL,
  per_second      INTEGER NOT NULL,
  deadline        INTEGER,           -- none: revoked at once
  explanation_url TEXT NOT NULL,
  state           TEXT NOT NULL CHECK
    (state IN ('waiting', 'asking', 'replacing', 'revoking', 'finished', 'cancelled')),
  entry           INTEGER NOT NULL,  -- that opened it
  last_entry      INTEGER NOT NULL   -- that brought it into its state
) STRICT;
CREATE INDEX incident_open ON incident (name) WHERE state NOT IN ('finished', 'cancelled');
CREATE TRIGGER incident_update BEFORE UPDATE ON incident
  WHEN OLD.state IN ('finished', 'cancelled') OR OLD.name <> NEW.name
    OR OLD.selector <> NEW.selector OR OLD.entry <> NEW.entry
  BEGIN SELECT RAISE(ABORT, 'an ended incident does not change'); END;
CREATE TRIGGER incident_delete BEFORE DELETE ON incident
  BEGIN SELECT RAISE(ABORT, 'incidents stay listed'); END;
CREATE INDEX revocation_incident ON revocation (incident, entry) WHERE incident <> '';

-- Keys that are never certified again, by what blocked them.
CREATE TABLE blocked_key (
  spki_sha256 BLOB PRIMARY KEY CHECK (length(spki_sha256) = 32),
  entry       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO blocked_key (spki_sha256, entry)
  SELECT spki_sha256, min(entry) FROM revocation JOIN certificate USING (serial)
  WHERE reason = 'keyCompromise' AND length(spki_sha256) = 32 GROUP BY spki_sha256;
CREATE TRIGGER blocked_key_update BEFORE UPDATE ON blocked_key
  BEGIN SELECT RAISE(ABORT, 'a key that was blocked stays so'); END;
CREATE TRIGGER blocked_key_delete BEFORE DELETE ON blocked_key
  BEGIN SELECT RAISE(ABORT, 'a key that was blocked stays so'); END;

-- The newest entry `start`: the next one says whether config.yaml is another since.
ALTER TABLE recovery ADD COLUMN last_start INTEGER;
UPDATE recovery SET last_start =
  (SELECT max(number) FROM entry WHERE instr(text, '"kind":"start"') > 0);
PRAGMA user_version = 5;
COMMIT;
)sql"},
                           {6, R"sql(
BEGIN;
CREATE TABLE pruning (
  entry        INTEGER PRIMARY KEY,
  minimum      INTEGER NOT NULL,
  entries      INTEGER NOT NULL,
  certificates INTEGER NOT NULL,
  revocations  INTEGER NOT NULL,
  done         INTEGER NOT NULL CHECK (done IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX pruning_open ON pruning (done) WHERE done = 0;  -- one at a time
CREATE TRIGGER pruning_update BEFORE UPDATE ON pruning
  WHEN OLD.done = 1 OR OLD.entry <> NEW.entry OR OLD.minimum <> NEW.minimum
    OR OLD.entries <> NEW.entries OR OLD.certificates <> NEW.certificates
    OR OLD.revocations <> NEW.revocations
  BEGIN SELECT RAISE(ABORT, 'what was removed stays recorded'); END;
CREATE TRIGGER pruning_delete BEFORE DELETE ON pruning
  BEGIN SELECT RAISE(ABORT, 'what was removed stays recorded'); END;

-- What the open one has still to remove; without one, what is planned.
CREATE TABLE pruning_range (
  first INTEGER PRIMARY KEY,
  last  INTEGER NOT NULL
) STRICT;

-- The entries that may go: in a range of the open pruning, below its minimum, and once a signed
-- checkpoint covers the entry that records it.
CREATE VIEW going AS SELECT first, last FROM pruning_range WHERE last < (
  SELECT minimum FROM pruning WHERE done = 0 AND EXISTS (
    SELECT 1 FROM checkpoint WHERE size > pruning.entry AND note <> ''));

DROP TRIGGER IF EXISTS entry_delete;
CREATE TRIGGER entry_delete BEFORE DELETE ON entry
  WHEN OLD.number > coalesce(
    (SELECT last FROM going WHERE first <= OLD.number ORDER BY first DESC LIMIT 1), -1)
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
DROP TRIGGER IF EXISTS certificate_delete;
CREATE TRIGGER certificate_delete BEFORE DELETE ON certificate
  WHEN OLD.outcome > coalesce(
    (SELECT last FROM going WHERE first <= OLD.outcome ORDER BY first DESC LIMIT 1), -1)
  BEGIN SELECT RAISE(ABORT, 'certificates stay listed'); END;
DROP TRIGGER IF EXISTS revocation_delete;
CREATE TRIGGER revocation_delete BEFORE DELETE ON revocation
  WHEN OLD.entry > coalesce(
    (SELECT last FROM going WHERE first <= OLD.entry ORDER BY first DESC LIMIT 1), -1)
  BEGIN SELECT RAISE(ABORT, 'a revocation is for ever'); END;
DROP TRIGGER IF EXISTS renewal_request_delete;
CREATE TRIGGER renewal_request_delete BEFORE DELETE ON renewal_request
  WHEN OLD.entry > coalesce(
    (SELECT last FROM going WHERE first <= OLD.entry ORDER BY first DESC LIMIT 1), -1)
  BEGIN SELECT RAISE(ABORT, 'what was asked for stays recorded'); END;
PRAGMA user_version = 6;
COMMIT;
)sql"},
                           {7, R"sql(
BEGIN;
ALTER TABLE machine ADD COLUMN attributes TEXT NOT NULL DEFAULT '';  -- name=value, a newline between
ALTER TABLE machine ADD COLUMN attributes_entry INTEGER NOT NULL DEFAULT 0;  -- that says them
UPDATE machine SET attributes_entry = entry;
PRAGMA user_version = 7;
COMMIT;
)sql"},
                           {8, R"sql(
BEGIN;
ALTER TABLE key ADD COLUMN message_class TEXT NOT NULL DEFAULT 'data';
ALTER TABLE key ADD COLUMN context TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 8;
COMMIT;
)sql"},
                           {9, kQuotasAndApprovals}};

Result<std::int64_t> number(sqlite::Connection& connection, std::string_view sql) {
  sqlite::Statement query(connection, sql);
  ASSIGN_OR_RETURN(const bool found, query.step());
  return found ? query.integer(0) : 0;
}

struct Stamp {
  std::int64_t application = 0, version = 0, tables = 0;
};

Result<Stamp> read_stamp(sqlite::Connection& connection) {
  Stamp stamp;
  ASSIGN_OR_RETURN(stamp.application, number(connection, "PRAGMA application_id"));
  ASSIGN_OR_RETURN(stamp.version, number(connection, "PRAGMA user_version"));
  ASSIGN_OR_RETURN(stamp.tables, number(connection, "SELECT count(*) FROM sqlite_schema"));
  return stamp;
}

Result<void> check(const Stamp& stamp) {
  if (stamp.application != kApplicationId) {
    return fail(ErrorCode::store_unavailable, "the file is not a database of Chancery");
  }
  if (stamp.version < kOldestVersion || stamp.version > kVersion) {
    return fail(ErrorCode::store_unavailable,
                "the database has version " + std::to_string(stamp.version) +
                    ", but this program knows versions " + std::to_string(kOldestVersion) + " to " +
                    std::to_string(kVersion) + " only");
  }
  return {};
}

}  // namespace

Result<void> prepare_schema(sqlite::Connection& connection) {
  ASSIGN_OR_RETURN(const Stamp stamp, read_stamp(connection));
  const bool empty = stamp.application == 0 && stamp.version == 0 && stamp.tables == 0;
  std::int64_t version = kOldestVersion;
  if (empty) {
    RETURN_IF_ERROR(connection.execute(kSchema));
  } else {
    RETURN_IF_ERROR(check(stamp));
    version = stamp.version;
  }
  for (const Step& step : kSteps) {
    // Crash point before each: the database has the version before it, and the next start goes on.
    if (version < step.version) RETURN_IF_ERROR(connection.execute(step.sql));
  }
  return {};
}

Result<void> check_schema(sqlite::Connection& connection) {
  ASSIGN_OR_RETURN(const Stamp stamp, read_stamp(connection));
  RETURN_IF_ERROR(check(stamp));
  if (stamp.version == kVersion) return {};
  return fail(ErrorCode::store_unavailable,
              "the database has version " + std::to_string(stamp.version) +
                  ", which this program reads only after chanceryd has brought it to " +
                  std::to_string(kVersion) + "; start chanceryd once on it, or on a copy");
}

}  // namespace chancery
