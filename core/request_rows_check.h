#pragma once

#include "core/audit_findings.h"
#include "core/pruned_entries.h"
#include "core/store.h"

namespace chancery {

/// Holds the rows of repeatable requests against their intents, and stored answers against their
/// outcomes. An entry without a row is no finding: rows are taken away when they expire. What the
/// log does not have is not checked: the idempotency key, the request's hash, and when it expires.
Result<void> check_request_rows(Store& store, AuditFindings& findings, const PrunedEntries& pruned);

}  // namespace chancery
