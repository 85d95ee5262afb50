#pragma once

#include "core/sqlite.h"
#include "core/store.h"

namespace chancery {

/// Writes one change of a record with entry `index` of time `now`. The value is the precondition
/// that failed (store.h names them), in which case nothing was written; an error is the store's.
Result<std::optional<Error>> apply_change(sqlite::Connection& connection, const StoreChange& change,
                                          std::uint64_t index);

}  // namespace chancery
