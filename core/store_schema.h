#pragma once

#include "core/sqlite.h"

namespace chancery {

/// Makes the tables in an empty database, and refuses one that is not Chancery's or of a later
/// version than this program knows.
Result<void> prepare_schema(sqlite::Connection& connection);

/// The same refusals, without writing anything. An empty database is refused too. Its version: a
/// copy of an older one is read as it is.
Result<std::int64_t> check_schema(sqlite::Connection& connection);

/// The first version with cosignatures of witnesses.
inline constexpr std::int64_t kCosignatureVersion = 3;

}  // namespace chancery
