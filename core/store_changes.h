#pragma once

#include "core/sqlite.h"
#include "core/store.h"

namespace chancery {

/// The precondition that failed, or nothing.
using Refusal = std::optional<Error>;

/// The statement says by the rows it touched whether its precondition held.
Result<Refusal> unless_changed(const Result<int>& changed, ErrorCode code, std::string message,
                               std::string field = {});
Result<Refusal> always(const Result<int>& changed);

/// Writes one change of a record with entry `index` of time `now`. The value is the precondition
/// that failed (store.h names them), in which case nothing was written; an error is the store's.
Result<Refusal> apply_change(sqlite::Connection& connection, const StoreChange& change,
                             std::uint64_t index);

}  // namespace chancery
