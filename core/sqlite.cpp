#include "core/sqlite.h"

#include <sqlite3.h>

namespace chancery::sqlite {
namespace {

constexpr int kBusyMilliseconds = 5000;  // another process closing or recovering the database

/// A file: URI, for the parameters that only a URI can carry (sqlite.org/uri.html).
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      uri += '%' + to_hex(bytes_of({&c, 1}));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

int open_flags(Connection::Access access) {
  // NOMUTEX: a connection belongs to one thread at a time anyway.
  switch (access) {
    case Connection::Access::read_write:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    case Connection::Access::read_only:
      return SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    case Connection::Access::immutable:
      return SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  }
  return 0;
}

}  // namespace

void Connection::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

void Connection::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, Access access) {
  const std::string name = access == Access::immutable ? immutable_uri(path) : path;
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &database, open_flags(access), nullptr);
  // On failure too there is a handle, which carries the reason.
  std::unique_ptr<Connection> connection(new Connection(database));
  if (code != SQLITE_OK) return connection->failure("cannot open the database " + path);
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, kBusyMilliseconds);
  // In place of SQLite's automatic checkpoint, which would swallow a failed fsync and try again.
  sqlite3_wal_hook(database, &Connection::on_commit, connection.get());
  return connection;
}

Connection::~Connection() = default;

Result<void> Connection::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failure("the database refused a statement");
  }
  return {};
}

Result<void> Connection::checkpoint() {
  return checkpoint(SQLITE_CHECKPOINT_PASSIVE);
}

Result<void> Connection::empty_log() {
  return checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
}

void Connection::leave_log() {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Result<void> Connection::checkpoint(int mode) {
  const int code = sqlite3_wal_checkpoint_v2(database_.get(), nullptr, mode, nullptr, nullptr);
  // A reader in the way is no failure: what is left is copied next time.
  if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED) {
    return failure("cannot copy the write-ahead log into the database");
  }
  return {};
}

int Connection::on_commit(void* connection, sqlite3*, const char*, int log_pages) {
  static_cast<Connection*>(connection)->log_pages_ = log_pages;
  return SQLITE_OK;
}

Failure Connection::failure(const std::string& what) const {
  sqlite3* const database = database_.get();
  const int code = database ? sqlite3_extended_errcode(database) : SQLITE_NOMEM;
  last_failure_ = code;
  const char* const reason = database ? sqlite3_errmsg(database) : "out of memory";
  const bool foreign = (code & 0xff) == SQLITE_NOTADB;
  return fail(ErrorCode::store_unavailable,
              what + (foreign ? ": the file is not an SQLite database" : ""), "",
              "sqlite extended code " + std::to_string(code) + ": " + reason);
}

sqlite3_stmt* Connection::prepare(std::string_view sql) {
  if (const auto known = statements_.find(sql); known != statements_.end()) {
    return known->second.get();
  }
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                     SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (statement) statements_.emplace(sql, statement);
  return statement;
}

Statement::Statement(Connection& connection, std::string_view sql)
    : connection_(connection), statement_(connection.prepare(sql)) {
  failed_ = statement_ == nullptr;
  CHECK(failed_ || !sqlite3_stmt_busy(statement_));
}

Statement::~Statement() {
  if (!statement_) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Result<bool> Statement::step() {
  const int code = failed_ ? SQLITE_ERROR : sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  failed_ = true;
  return connection_.failure("the database failed");
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::string Statement::text(int column) const {
  const auto* const value = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return value ? std::string(value, size) : std::string();
}

std::optional<std::string> Statement::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

Bytes Statement::blob(int column) const {
  const auto* const value =
      static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return value ? Bytes(value, value + size) : Bytes();
}

int Statement::changed() const {
  return sqlite3_changes(connection_.database_.get());
}

void Statement::bind(ByteView value) {
  // A null pointer would bind NULL, which an empty BLOB is not.
  const void* const data = value.empty() ? static_cast<const void*>("") : value.data();
  keep(sqlite3_bind_blob64(statement_, next_parameter_++, data, value.size(), SQLITE_STATIC));
}

void Statement::bind_integer(std::int64_t value) {
  keep(sqlite3_bind_int64(statement_, next_parameter_++, value));
}

void Statement::bind_text(std::string_view value) {
  const char* const data = value.empty() ? "" : value.data();
  keep(sqlite3_bind_text64(statement_, next_parameter_++, data, value.size(), SQLITE_STATIC,
                           SQLITE_UTF8));
}

void Statement::bind_null() {
  keep(sqlite3_bind_null(statement_, next_parameter_++));
}

void Statement::keep(int code) {
  failed_ = failed_ || code != SQLITE_OK;
}

}  // namespace chancery::sqlite
