#include "core/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/limits.h"
#include "core/store_changes.h"
#include "core/store_connections.h"
#include "core/store_rows.h"
#include "core/store_schema.h"

namespace chancery {
namespace {

// WAL: readers and the writer do not wait for each other. FULL: commit() returns after fsync.
// The cache keeps the upper levels of every index and the page that is appended to.
constexpr const char* kWriterSettings = R"sql(
  PRAGMA synchronous = FULL;
  PRAGMA recursive_triggers = ON;
  PRAGMA cache_size = -65536;
  PRAGMA journal_size_limit = 67108864;
)sql";
constexpr const char* kReaderSettings = "PRAGMA query_only = ON; PRAGMA cache_size = -8192;";

Failure file_failure(const std::string& what) {
  return fail(ErrorCode::store_unavailable, what, "", std::strerror(errno));
}

/// Held until the process ends or the handle is closed, also by SIGKILL. A file of its own:
/// SQLite's own locks on the database would be lost whenever this process closes any handle of that
/// file.
Result<FileHandle> lock_database(const std::string& path) {
  const std::string lock_path = path + ".lock";
  FileHandle lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return file_failure("cannot open " + lock_path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return file_failure("the database " + path + " is in use by another process, which holds " +
                        lock_path);
  }
  return lock;
}

/// An empty file that only its owner reads, and its name durable. SQLite gives -wal and -shm the
/// mode of the database.
Result<void> create_file(const std::string& path) {
  const FileHandle file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return file_failure("cannot create the database " + path);
  return sync_parent(path);
}

Result<void> enter_wal_mode(sqlite::Connection& connection) {
  sqlite::Statement query(connection, "PRAGMA journal_mode = WAL");
  ASSIGN_OR_RETURN(const bool found, query.step());
  if (!found || query.text(0) != "wal") {
    return fail(ErrorCode::store_unavailable,
                "the database's file system does not support write-ahead logging");
  }
  return {};
}

Result<std::unique_ptr<sqlite::Connection>> open_writer(const std::string& path) {
  ASSIGN_OR_RETURN(auto writer,
                   sqlite::Connection::open(path, sqlite::Connection::Access::read_write));
  RETURN_IF_ERROR(enter_wal_mode(*writer));
  RETURN_IF_ERROR(writer->execute(kWriterSettings));
  // What the log holds may be in memory only, where the last process ended after a failed flush:
  // written once more, into the database, it is on the disk before anything builds on it.
  RETURN_IF_ERROR(writer->empty_log());
  RETURN_IF_ERROR(prepare_schema(*writer));
  return writer;
}

Result<std::string> read_text(const sqlite::Statement& row) {
  return row.text(0);
}

Result<std::uint64_t> read_index(const sqlite::Statement& row) {
  return row.index(0);
}

Result<NumberedEntry> read_numbered(const sqlite::Statement& row) {
  return NumberedEntry{row.index(0), row.text(1)};
}

Result<Bytes> read_blob(const sqlite::Statement& row) {
  return row.blob(0);
}

}  // namespace

Result<Store::Connections::Lease> Store::Connections::reader() {
  {
    std::unique_lock guard(mutex);
    returned.wait(guard, [this] { return !idle.empty() || made < limits::store_readers; });
    if (!idle.empty()) {
      auto connection = std::move(idle.back());
      idle.pop_back();
      return Lease(*this, std::move(connection));
    }
    ++made;
  }
  auto connection = sqlite::Connection::open(path, reading);
  Result<void> set;
  if (connection) set = (*connection)->execute(kReaderSettings);
  if (connection && set) return Lease(*this, std::move(*connection));
  {
    std::lock_guard guard(mutex);
    --made;
  }
  returned.notify_one();
  return Failure(connection ? set.error() : connection.error());
}

void Store::Connections::give_back(std::unique_ptr<sqlite::Connection> connection) {
  {
    std::lock_guard guard(mutex);
    idle.push_back(std::move(connection));
  }
  returned.notify_one();
}

Store::Store(std::unique_ptr<Connections> connections) : connections_(std::move(connections)) {}

Store::~Store() {
  // So that the file is whole by itself, also while somebody else reads it and keeps SQLite from
  // tidying up. What fails here is still in the write-ahead log.
  if (connections_->writer && !left_) (void)connections_->writer->checkpoint();
}

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  auto connections = std::make_unique<Connections>();
  connections->path = path;
  ASSIGN_OR_RETURN(connections->lock, lock_database(path));
  RETURN_IF_ERROR(create_file(path));
  ASSIGN_OR_RETURN(connections->writer, open_writer(path));
  return std::unique_ptr<Store>(new Store(std::move(connections)));
}

Result<std::unique_ptr<Store>> Store::open_read_only(const std::string& path) {
  auto connections = std::make_unique<Connections>();
  connections->path = path;
  // Without a -wal there is nothing to recover; looking for one would leave files beside a copy,
  // or fail where its folder cannot be written to.
  const bool has_log = ::access((path + "-wal").c_str(), F_OK) == 0;
  connections->reading = has_log ? Connections::Access::read_only : Connections::Access::immutable;
  {
    ASSIGN_OR_RETURN(auto reader, connections->reader());
    RETURN_IF_ERROR(check_schema(*reader));
  }
  return std::unique_ptr<Store>(new Store(std::move(connections)));
}

Result<void> Store::begin() {
  CHECK(connections_->writer != nullptr);
  connections_->writer->forget_failure();
  RETURN_IF_ERROR(sqlite::run(*connections_->writer, "BEGIN IMMEDIATE"));
  return {};
}

Result<Store::Applied> Store::apply(const PendingEntry& entry) {
  sqlite::Connection& writer = *connections_->writer;
  // A single change refuses itself before it has written anything; of several, a later one can.
  const bool guarded = entry.changes.size() > 1;
  if (guarded) RETURN_IF_ERROR(sqlite::run(writer, "SAVEPOINT record"));
  for (const StoreChange& change : entry.changes) {
    ASSIGN_OR_RETURN(auto refused, apply_change(writer, change, entry.index));
    if (!refused) continue;
    if (guarded) {
      RETURN_IF_ERROR(sqlite::run(writer, "ROLLBACK TO record"));
      RETURN_IF_ERROR(sqlite::run(writer, "RELEASE record"));
    }
    return Applied{std::move(refused)};
  }
  RETURN_IF_ERROR(sqlite::run(writer, "INSERT INTO entry (number, text) VALUES (?, ?)", entry.index,
                              entry.text));
  if (guarded) RETURN_IF_ERROR(sqlite::run(writer, "RELEASE record"));
  return Applied{};
}

Result<void> Store::put_tile(unsigned level, std::uint64_t index, ByteView hashes, ByteView root) {
  RETURN_IF_ERROR(sqlite::run(*connections_->writer,
                              "INSERT INTO tile (level, number, root, hashes) VALUES (?, ?, ?, ?)",
                              level, index, root, hashes));
  return {};
}

Result<void> Store::put_recovery_mark(std::uint64_t index) {
  RETURN_IF_ERROR(
      sqlite::run(*connections_->writer, "UPDATE recovery SET mark = ? WHERE only = 1", index));
  return {};
}

Result<void> Store::put_checkpoint(const CheckpointRecord& checkpoint) {
  // The same size again: only to add the note, and only over the same root.
  ASSIGN_OR_RETURN(const int changed,
                   sqlite::run(*connections_->writer,
                               "INSERT INTO checkpoint (size, root, note) VALUES (?, ?, ?)"
                               " ON CONFLICT (size) DO UPDATE SET note = excluded.note"
                               " WHERE checkpoint.root = excluded.root AND checkpoint.note = ''",
                               checkpoint.size, checkpoint.root, checkpoint.note));
  if (changed == 1) return {};
  return fail(ErrorCode::internal, "a checkpoint of this size stands in the log with another root");
}

Result<void> Store::commit() {
  sqlite::Connection& writer = *connections_->writer;
  RETURN_IF_ERROR(sqlite::run(writer, "COMMIT"));
  return {};
}

Result<void> Store::tidy() {
  sqlite::Connection& writer = *connections_->writer;
  if (writer.log_pages() < limits::store_log_pages) return {};
  return writer.checkpoint();
}

StoreFaultRow Store::fault() const {
  return fault_of(connections_->writer->last_failure());
}

void Store::roll_back() {
  // Its own failure changes nothing: SQLite has rolled back by itself, or the file is lost to us.
  (void)connections_->writer->execute("ROLLBACK");
}

void Store::leave_as_is() {
  left_ = true;
  connections_->writer->leave_log();
}

Result<std::uint64_t> Store::log_size() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader, "SELECT coalesce(max(number) + 1, 0) FROM entry");
}

Result<std::uint64_t> Store::recovery_mark() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader, "SELECT mark FROM recovery WHERE only = 1");
}

Result<std::optional<std::uint64_t>> Store::last_start() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, read_index,
                  "SELECT last_start FROM recovery WHERE only = 1 AND last_start IS NOT NULL");
}

Result<std::string> Store::entry(std::uint64_t index) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  ASSIGN_OR_RETURN(auto text,
                   read_one(*reader, read_text, "SELECT text FROM entry WHERE number = ?", index));
  if (!text) return fail(ErrorCode::not_found, "the log has no entry of this index");
  return std::move(*text);
}

Result<std::vector<std::string>> Store::entries(std::uint64_t first, std::size_t count) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, read_text,
                  "SELECT text FROM entry WHERE number >= ? AND number < ? ORDER BY number", first,
                  first + count);
}

Result<std::vector<NumberedEntry>> Store::entries_from(std::uint64_t first, std::uint64_t end,
                                                       std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, read_numbered,
                  "SELECT number, text FROM entry WHERE number >= ? AND number < ?"
                  " ORDER BY number LIMIT ?",
                  first, end, limit);
}

Result<Bytes> Store::tile(unsigned level, std::uint64_t index) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  ASSIGN_OR_RETURN(auto hashes, read_one(*reader, read_blob,
                                         "SELECT hashes FROM tile WHERE level = ? AND number = ?",
                                         level, index));
  if (!hashes) return fail(ErrorCode::not_found, "the log has no full tile of this index");
  return std::move(*hashes);
}

Result<Bytes> Store::tile_roots(unsigned level, std::uint64_t first, std::size_t count) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  ASSIGN_OR_RETURN(const auto roots,
                   read_all(*reader, read_blob,
                            "SELECT root FROM tile WHERE level = ? AND number >= ? AND number < ?"
                            " ORDER BY number",
                            level, first, first + count));
  Bytes joined;
  for (const Bytes& root : roots) joined.insert(joined.end(), root.begin(), root.end());
  return joined;
}

Result<std::optional<CheckpointRecord>> Store::last_checkpoint() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::checkpoint,
                  "SELECT size, root, note FROM checkpoint ORDER BY size DESC LIMIT 1");
}

Result<std::optional<CheckpointRecord>> Store::last_signed_checkpoint() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::checkpoint,
                  "SELECT size, root, note FROM checkpoint WHERE note <> ''"
                  " ORDER BY size DESC LIMIT 1");
}

Result<std::vector<CheckpointRecord>> Store::checkpoints(std::uint64_t after, std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::checkpoint,
                  "SELECT size, root, note FROM checkpoint WHERE size > ? ORDER BY size LIMIT ?",
                  after, limit);
}

}  // namespace chancery
