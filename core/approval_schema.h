#pragma once

namespace chancery {

/// The tables of quotas and approvals: what version 9 of the database added.
inline constexpr const char* kQuotasAndApprovals = R"sql(
BEGIN;
-- Counts: one row for each window that has not ended, and a few that have.
CREATE TABLE quota_use (
  quota   TEXT NOT NULL,
  machine TEXT NOT NULL,     -- empty: all together
  window  INTEGER NOT NULL,  -- seconds; 0: ever
  ends    INTEGER NOT NULL,  -- microseconds since 1970
  used    INTEGER NOT NULL,
  PRIMARY KEY (quota, machine, window, ends)
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_use_end ON quota_use (ends);

CREATE TABLE approval (
  id             TEXT PRIMARY KEY,
  rule           TEXT NOT NULL,
  requester      TEXT NOT NULL,
  requester_key  BLOB NOT NULL,  -- SPKI hash; empty where it is not known
  operation      TEXT NOT NULL,
  request_sha256 BLOB NOT NULL CHECK (length(request_sha256) = 32),
  summary        TEXT NOT NULL,
  needed         INTEGER NOT NULL,
  opens_for      INTEGER NOT NULL,  -- seconds; of break-glass
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  state          TEXT NOT NULL CHECK
    (state IN ('waiting', 'approved', 'used', 'expired', 'cancelled', 'open', 'closed')),
  approved_at    INTEGER,
  used_by        TEXT NOT NULL,
  entry          INTEGER NOT NULL,  -- that asked for it
  last_entry     INTEGER NOT NULL   -- that brought it into its state
) STRICT;
CREATE UNIQUE INDEX approval_entry ON approval (entry);
CREATE UNIQUE INDEX approval_pending ON approval (requester, rule, request_sha256)
  WHERE state IN ('waiting', 'approved');
CREATE INDEX approval_expiry ON approval (expires_at) WHERE state IN ('waiting', 'approved');
CREATE INDEX approval_open ON approval (requester, rule) WHERE state = 'open';
CREATE TRIGGER approval_update BEFORE UPDATE ON approval
  WHEN OLD.state IN ('used', 'expired', 'cancelled', 'closed') OR OLD.id <> NEW.id
    OR OLD.rule <> NEW.rule OR OLD.requester <> NEW.requester
    OR OLD.request_sha256 <> NEW.request_sha256 OR OLD.entry <> NEW.entry
  BEGIN SELECT RAISE(ABORT, 'what was agreed to does not change'); END;
CREATE TRIGGER approval_delete BEFORE DELETE ON approval
  BEGIN SELECT RAISE(ABORT, 'approvals stay listed'); END;

CREATE TABLE approval_signature (
  approval    TEXT NOT NULL,
  approver    TEXT NOT NULL,
  serial      BLOB NOT NULL CHECK (length(serial) = 20),
  spki_sha256 BLOB NOT NULL CHECK (length(spki_sha256) = 32),
  algorithm   TEXT NOT NULL,
  signature   BLOB NOT NULL,
  given_at    INTEGER NOT NULL,
  entry       INTEGER NOT NULL,
  PRIMARY KEY (approval, approver),
  UNIQUE (approval, spki_sha256)  -- one key under two names agrees once
) STRICT, WITHOUT ROWID;
CREATE TRIGGER approval_signature_update BEFORE UPDATE ON approval_signature
  BEGIN SELECT RAISE(ABORT, 'who agreed stays recorded'); END;
CREATE TRIGGER approval_signature_delete BEFORE DELETE ON approval_signature
  BEGIN SELECT RAISE(ABORT, 'who agreed stays recorded'); END;
PRAGMA user_version = 9;
COMMIT;
)sql";

}  // namespace chancery
