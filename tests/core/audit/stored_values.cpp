#include "tests/core/audit/stored_values.h"

#include <sqlite3.h>

#include <stdexcept>

#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

using Row = std::vector<std::string>;

std::vector<Row> select(sqlite3* database, const std::string& sql) {
  std::vector<Row> rows;
  const auto collect = [](void* to, int count, char** values, char**) {
    Row& row = static_cast<std::vector<Row>*>(to)->emplace_back();
    for (int i = 0; i < count; ++i) row.emplace_back(values[i] ? values[i] : "");
    return 0;
  };
  if (sqlite3_exec(database, sql.c_str(), collect, &rows, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(database) + (" in " + sql));
  }
  return rows;
}

Bytes big_endian(std::uint64_t value) {
  Bytes bytes;
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  return bytes;
}

std::string integer_of(ByteView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return std::to_string(static_cast<std::int64_t>(value));
}

StoredValue value_of(const Row& row) {
  const std::string& type = row[0];
  StoredValue value;
  if (type == "null") {
    value.type = StoredValue::Type::null;
  } else if (type == "integer") {
    value.type = StoredValue::Type::integer;
    value.bytes = big_endian(static_cast<std::uint64_t>(std::stoll(row[1])));
  } else {
    value.type = type == "text" ? StoredValue::Type::text : StoredValue::Type::blob;
    value.bytes = from_hex(row[2]).value();
  }
  return value;
}

std::string literal(StoredValue::Type type, ByteView bytes) {
  switch (type) {
    case StoredValue::Type::integer:
      return integer_of(bytes);
    case StoredValue::Type::text:
      return "CAST(x'" + to_hex(bytes) + "' AS TEXT)";
    case StoredValue::Type::blob:
      return "x'" + to_hex(bytes) + "'";
    case StoredValue::Type::null:
      return "NULL";
  }
  return "";
}

/// An expression: a condition with a literal for each column of the primary key but `column`.
std::string other_keys(const std::vector<Row>& columns, const std::string& column) {
  std::string condition = "'true'";
  for (const Row& other : columns) {
    if (other[1] == "0" || other[0] == column) continue;
    condition += " || ' AND " + other[0] + " = ' || quote(" + other[0] + ")";
  }
  return condition;
}

}  // namespace

std::string StoredValue::name() const {
  return table + "." + column;
}

StoredValues::StoredValues(const std::string& database) {
  // One file, which a reader that opens it anew finds as the last statement left it.
  tamper(database, "PRAGMA journal_mode = DELETE;");
  CHECK(sqlite3_open(database.c_str(), &database_) == SQLITE_OK);
  select(database_, "PRAGMA synchronous = OFF");
  select(database_, "PRAGMA ignore_check_constraints = ON");
}

StoredValues::~StoredValues() {
  sqlite3_close(database_);
}

std::vector<StoredValue> StoredValues::all() {
  std::vector<StoredValue> values;
  for (const Row& table :
       select(database_, "SELECT name FROM sqlite_schema WHERE type = 'table'")) {
    const auto columns =
        select(database_, "SELECT name, pk > 0 FROM pragma_table_info('" + table[0] + "')");
    for (const Row& column : columns) {
      const auto rows = select(database_, "SELECT typeof(" + column[0] + "), " + column[0] +
                                              ", lower(hex(" + column[0] + ")), " +
                                              other_keys(columns, column[0]) + " FROM " + table[0]);
      for (const Row& row : rows) {
        StoredValue value = value_of(row);
        value.table = table[0];
        value.column = column[0];
        value.is_key = column[1] == "1";
        value.where = row[3];
        values.push_back(std::move(value));
      }
    }
  }
  return values;
}

bool StoredValues::change(StoredValue& value, const Bytes& bytes) {
  std::string sql = "UPDATE " + value.table + " SET " + value.column + " = " +
                    literal(value.type, bytes) + " WHERE " + value.where;
  if (value.is_key) sql += " AND " + value.column + " = " + literal(value.type, value.bytes);
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  CHECK(code == SQLITE_OK || code == SQLITE_CONSTRAINT);
  if (code != SQLITE_OK) return false;
  CHECK(sqlite3_changes(database_) == 1);
  value.bytes = bytes;
  return true;
}

}  // namespace chancery
