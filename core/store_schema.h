#pragma once

#include "core/sqlite.h"

namespace chancery {

/// Makes the tables in an empty database, and refuses one that is not Chancery's or of a later
/// version than this program knows.
Result<void> prepare_schema(sqlite::Connection& connection);

/// The same refusals, without writing anything. An empty database is refused too, and one of an
/// earlier version: a service that opens it brings it to this one.
Result<void> check_schema(sqlite::Connection& connection);

}  // namespace chancery
