#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

/// What the store needs of SQLite: a connection with its prepared statements, and queries over it.
/// Every failure is store_unavailable with SQLite's extended code in `detail`.
namespace chancery::sqlite {

/// One connection. Used by one thread at a time.
class Connection {
 public:
  enum class Access {
    read_write,
    read_only,
    immutable,  ///< read only, and nobody writes: no -wal and -shm files are made or looked for
  };
  /// Opens an existing file.
  static Result<std::unique_ptr<Connection>> open(const std::string& path, Access access);
  ~Connection();

  /// Runs one or several statements that give no rows.
  Result<void> execute(const char* sql);
  /// Pages that the write-ahead log held after this connection's last commit.
  [[nodiscard]] int log_pages() const { return log_pages_; }
  /// Copies what the write-ahead log holds into the database, as far as no reader is in the way.
  Result<void> checkpoint();
  /// The same, and empties the log: what is written next does not build on what it held.
  Result<void> empty_log();
  /// The write-ahead log stays as it is when this connection, the last one, closes.
  void leave_log();

  [[nodiscard]] Failure failure(const std::string& what) const;
  /// SQLite's extended code of the last failure(); 0 before the first.
  [[nodiscard]] int last_failure() const { return last_failure_; }
  void forget_failure() { last_failure_ = 0; }

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* database) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Connection(sqlite3* database) : database_(database) {}
  Result<void> checkpoint(int mode);
  static int on_commit(void* connection, sqlite3*, const char*, int log_pages);
  /// Prepared once for each text; `sql` is a literal. Null on failure.
  sqlite3_stmt* prepare(std::string_view sql);

  std::unique_ptr<sqlite3, Close> database_;
  std::unordered_map<std::string_view, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
  int log_pages_ = 0;
  mutable int last_failure_ = 0;
};

/// A prepared statement with its parameters, from first step to reset. One at a time of each SQL
/// text on a connection.
class Statement {
 public:
  /// `sql` is a literal.
  Statement(Connection& connection, std::string_view sql);
  /// Binds its parameters in order. They stay alive and unchanged as long as the Statement.
  template <class First, class... Others>
  Statement(Connection& connection, std::string_view sql, const First& first,
            const Others&... others)
      : Statement(connection, sql) {
    bind(first);
    (bind(others), ...);
  }
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// True: there is a row, for the columns below. False: done.
  Result<bool> step();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const;
  [[nodiscard]] std::uint64_t index(int column) const {
    return static_cast<std::uint64_t>(integer(column));
  }
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<std::string> optional_text(int column) const;
  [[nodiscard]] Bytes blob(int column) const;
  /// Rows that the last INSERT, UPDATE or DELETE touched.
  [[nodiscard]] int changed() const;

 private:
  template <std::integral Integer>
  void bind(Integer value) {
    bind_integer(static_cast<std::int64_t>(value));
  }
  void bind(const std::string& value) { bind_text(value); }
  void bind(std::string_view value) { bind_text(value); }
  void bind(ByteView value);
  void bind(const Bytes& value) { bind(ByteView(value)); }
  template <class T>
  void bind(const std::optional<T>& value) {
    value ? bind(*value) : bind_null();
  }
  void bind_integer(std::int64_t value);
  void bind_text(std::string_view value);
  void bind_null();
  void keep(int code);

  Connection& connection_;
  sqlite3_stmt* statement_;
  int next_parameter_ = 1;
  bool failed_ = false;
};

/// Runs a statement that gives no rows; how many rows it touched.
template <class... Parameters>
Result<int> run(Connection& connection, std::string_view sql, const Parameters&... parameters) {
  Statement statement(connection, sql, parameters...);
  RETURN_IF_ERROR(statement.step());
  return statement.changed();
}

}  // namespace chancery::sqlite
