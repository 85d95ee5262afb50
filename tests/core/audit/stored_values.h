#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"

struct sqlite3;

namespace chancery {

/// One value of a closed database: a column of a row.
struct StoredValue {
  enum class Type { integer, text, blob, null };
  std::string table, column;
  Type type{};
  Bytes bytes;          ///< of an integer 8, most significant first; of null none
  bool is_key = false;  ///< a part of it
  std::string where;    ///< the condition that finds the row, but for this column
  [[nodiscard]] std::string name() const;  ///< "table.column"
};

/// Changes the values of a copy of a database, one at a time, without its triggers and checks.
class StoredValues {
 public:
  explicit StoredValues(const std::string& database);
  ~StoredValues();
  /// Of every row of every table.
  [[nodiscard]] std::vector<StoredValue> all();
  /// `value` as it is now, to `bytes`. False where another row's key is in the way.
  bool change(StoredValue& value, const Bytes& bytes);

 private:
  sqlite3* database_ = nullptr;
};

}  // namespace chancery
