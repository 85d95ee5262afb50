#pragma once

#include <condition_variable>
#include <mutex>

#include "core/file_handle.h"
#include "core/limits.h"
#include "core/sqlite.h"
#include "core/store.h"

namespace chancery {

/// One connection that writes, and a few that read, made as they are needed.
struct Store::Connections {
  using Access = sqlite::Connection::Access;

  /// A reading connection, given back at the end of its scope.
  class Lease {
   public:
    Lease(Connections& owner, std::unique_ptr<sqlite::Connection> connection)
        : owner_(&owner), connection_(std::move(connection)) {}
    Lease(Lease&&) noexcept = default;
    ~Lease() {
      if (connection_) owner_->give_back(std::move(connection_));
    }
    sqlite::Connection& operator*() { return *connection_; }

   private:
    Connections* owner_;
    std::unique_ptr<sqlite::Connection> connection_;
  };

  /// Waits while all readers are taken.
  Result<Lease> reader();
  void give_back(std::unique_ptr<sqlite::Connection> connection);

  std::string path;
  Access reading = Access::read_only;
  FileHandle lock;  ///< held as long as the writer lives
  std::unique_ptr<sqlite::Connection> writer;

  std::mutex mutex;
  std::condition_variable returned;
  std::vector<std::unique_ptr<sqlite::Connection>> idle;
  std::size_t made = 0;
};

/// The one row of a query, or nothing.
template <class Record, class... Parameters>
Result<std::optional<Record>> read_one(sqlite::Connection& connection,
                                       Result<Record> (*read)(const sqlite::Statement&),
                                       std::string_view sql, const Parameters&... parameters) {
  sqlite::Statement query(connection, sql, parameters...);
  ASSIGN_OR_RETURN(const bool found, query.step());
  if (!found) return std::optional<Record>();
  ASSIGN_OR_RETURN(Record record, read(query));
  return std::optional<Record>(std::move(record));
}

/// All rows of a query.
template <class Record, class... Parameters>
Result<std::vector<Record>> read_all(sqlite::Connection& connection,
                                     Result<Record> (*read)(const sqlite::Statement&),
                                     std::string_view sql, const Parameters&... parameters) {
  sqlite::Statement query(connection, sql, parameters...);
  std::vector<Record> records;
  for (;;) {
    ASSIGN_OR_RETURN(const bool found, query.step());
    if (!found) return records;
    ASSIGN_OR_RETURN(Record record, read(query));
    records.push_back(std::move(record));
  }
}

/// The one number of a query that always has a row.
template <class... Parameters>
Result<std::uint64_t> read_number(sqlite::Connection& connection, std::string_view sql,
                                  const Parameters&... parameters) {
  sqlite::Statement query(connection, sql, parameters...);
  ASSIGN_OR_RETURN(const bool found, query.step());
  return found ? query.index(0) : 0;
}

}  // namespace chancery
