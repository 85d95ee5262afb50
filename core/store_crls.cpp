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

Result<std::optional<Revocation>> Store::newest_revocation(const CaName& issuer,
                                                           std::uint64_t below, Time at) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  // Whatever else was released or has expired since: never a long search.
  return read_one(*reader, store_rows::revocation,
                  "SELECT " CHANCERY_REVOCATION_COLUMNS
                  " FROM (SELECT * FROM revocation WHERE issuer = ? AND entry < ?"
                  " ORDER BY entry DESC LIMIT 64)"
                  " WHERE reason <> 'removeFromCRL' AND not_after > ? ORDER BY entry DESC LIMIT 1",
                  issuer.text(), below, store_rows::to_micros(at));
}

Result<std::optional<Revocation>> Store::first_revocation(const CaName& issuer,
                                                          const CrlScope& scope,
                                                          std::uint64_t from) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  if (!scope.is_shard()) {
    return read_one(*reader, store_rows::revocation,
                    "SELECT " CHANCERY_REVOCATION_COLUMNS
                    " FROM revocation WHERE issuer = ? AND entry >= ?"
                    " AND reason <> 'removeFromCRL' ORDER BY entry LIMIT 1",
                    issuer.text(), from);
  }
  return read_one(*reader, store_rows::revocation,
                  "SELECT " CHANCERY_REVOCATION_COLUMNS
                  " FROM revocation INDEXED BY revocation_issuer WHERE issuer = ? AND entry >= ?"
                  " AND crl_shards = ? AND shard = ? AND reason <> 'removeFromCRL'"
                  " ORDER BY entry LIMIT 1",
                  issuer.text(), from, scope.shards, scope.shard);
}

Result<Store::Waited> Store::waited(const CaName& issuer, std::uint64_t from, std::uint64_t below,
                                    Time at) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  sqlite::Statement query(*reader,
                          "SELECT count(*), coalesce(sum(? - revoked_at), 0),"
                          " coalesce(max(? - revoked_at), 0)"
                          " FROM revocation WHERE issuer = ? AND entry >= ? AND entry < ?"
                          " AND reason <> 'removeFromCRL'",
                          store_rows::to_micros(at), store_rows::to_micros(at), issuer.text(), from,
                          below);
  ASSIGN_OR_RETURN(const bool found, query.step());
  CHECK(found);
  return Waited{static_cast<std::uint64_t>(query.integer(0)),
                static_cast<double>(query.integer(1)) / 1e6,
                static_cast<double>(query.integer(2)) / 1e6};
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
