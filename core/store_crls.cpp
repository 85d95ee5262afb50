#include "core/store.h"
#include "core/store_connections.h"
#include "core/store_rows.h"

// What CRLs are made of, and the last of each.

namespace chancery {
namespace {

Result<void> hand_over(sqlite::Statement& query, const RevokedSink& sink) {
  for (;;) {
    ASSIGN_OR_RETURN(const bool found, query.step());
    if (!found) return {};
    ASSIGN_OR_RETURN(const RevokedEntry entry, store_rows::revoked_entry(query));
    sink(entry);
  }
}

}  // namespace

Result<void> Store::each_revoked(const CaName& issuer, const CrlScope& shard, Time since,
                                 const RevokedSink& sink) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  sqlite::Statement query(*reader,
                          "SELECT serial, revoked_at, reason, invalidity_date FROM revocation"
                          " INDEXED BY revocation_list WHERE issuer = ? AND crl_shards = ?"
                          " AND shard = ? AND not_after >= ? AND reason <> 'removeFromCRL'",
                          issuer.text(), shard.shards, shard.shard, store_rows::to_micros(since));
  return hand_over(query, sink);
}

Result<void> Store::each_revoked_from(const CaName& issuer, std::uint64_t first_entry,
                                      const RevokedSink& sink) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  sqlite::Statement query(*reader,
                          "SELECT serial, revoked_at, reason, invalidity_date FROM revocation"
                          " WHERE issuer = ? AND entry >= ? ORDER BY entry",
                          issuer.text(), first_entry);
  return hand_over(query, sink);
}

Result<std::uint64_t> Store::count_revoked(const CaName& issuer, const CrlScope& shard,
                                           Time since) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader,
                     "SELECT count(*) FROM revocation INDEXED BY revocation_list WHERE issuer = ?"
                     " AND crl_shards = ? AND shard = ? AND not_after >= ?",
                     issuer.text(), shard.shards, shard.shard, store_rows::to_micros(since));
}

Result<std::uint64_t> Store::released_from(const CaName& issuer, std::uint64_t first_entry) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader,
                     "SELECT count(*) FROM revocation INDEXED BY revocation_released"
                     " WHERE issuer = ? AND entry >= ? AND reason = 'removeFromCRL'",
                     issuer.text(), first_entry);
}

Result<std::uint64_t> Store::revoked_and_expired(const CaName& issuer, const CrlScope& shard,
                                                 Time since, Time until) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader,
                     "SELECT count(*) FROM revocation WHERE issuer = ? AND crl_shards = ?"
                     " AND shard = ? AND not_after >= ? AND not_after < ?",
                     issuer.text(), shard.shards, shard.shard, store_rows::to_micros(since),
                     store_rows::to_micros(until));
}

Result<std::optional<CrlRecord>> Store::crl(const CaName& issuer, const CrlScope& scope) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::crl,
                  "SELECT " CHANCERY_CRL_COLUMNS " FROM crl WHERE issuer = ? AND scope = ?",
                  issuer.text(), scope.name());
}

Result<std::vector<CrlRecord>> Store::crls() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::crl,
                  "SELECT " CHANCERY_CRL_COLUMNS " FROM crl ORDER BY issuer, scope");
}

Result<std::vector<CrlShardsRecord>> Store::crl_shards() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::crl_shards,
                  "SELECT issuer, shards, entry FROM crl_shards ORDER BY entry");
}

}  // namespace chancery
