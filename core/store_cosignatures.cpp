#include "core/store.h"
#include "core/store_connections.h"
#include "core/store_rows.h"

namespace chancery {
namespace {

Result<CosignatureRecord> read_cosignature(const sqlite::Statement& row) {
  return CosignatureRecord{row.index(0), row.text(1), row.text(2)};
}

Result<std::uint64_t> read_size(const sqlite::Statement& row) {
  return row.index(0);
}

}  // namespace

Result<void> Store::put_cosignature(const CosignatureRecord& cosignature) {
  RETURN_IF_ERROR(sqlite::run(*connections_->writer,
                              "INSERT INTO cosignature (size, vkey, line) VALUES (?, ?, ?)"
                              " ON CONFLICT DO NOTHING",
                              cosignature.size, cosignature.vkey, cosignature.line));
  return {};
}

Result<std::optional<CheckpointRecord>> Store::checkpoint(std::uint64_t size) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::checkpoint,
                  "SELECT size, root, note FROM checkpoint WHERE size = ?", size);
}

Result<std::vector<LogKeysRecord>> Store::log_keys() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::log_keys,
                  "SELECT vkeys, entry FROM log_keys ORDER BY entry");
}

Result<std::vector<CosignatureRecord>> Store::cosignatures(std::uint64_t size) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, read_cosignature,
                  "SELECT size, vkey, line FROM cosignature WHERE size = ? ORDER BY vkey", size);
}

Result<std::vector<std::uint64_t>> Store::cosigned_sizes(std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, read_size,
                  "SELECT DISTINCT size FROM cosignature ORDER BY size DESC LIMIT ?", limit);
}

Result<std::vector<std::uint64_t>> Store::cosigned_without_checkpoint(std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, read_size,
                  "SELECT DISTINCT size FROM cosignature WHERE NOT EXISTS"
                  " (SELECT 1 FROM checkpoint WHERE checkpoint.size = cosignature.size"
                  " AND note <> '') ORDER BY size LIMIT ?",
                  limit);
}

Result<std::uint64_t> Store::cosigned_size(const std::string& vkey) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader, "SELECT coalesce(max(size), 0) FROM cosignature WHERE vkey = ?",
                     vkey);
}

}  // namespace chancery
