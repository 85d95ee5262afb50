#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/audit_entry.h"
#include "core/sqlite.h"
#include "core/store.h"

namespace chancery {

/// What entries of the log are asked for; what is not said is any. An outcome counts as being about
/// everything that its intent is about.
struct AuditQuery {
  std::optional<MachineName> machine;  ///< who asked, or whose it is
  std::optional<KeyName> key;
  std::optional<Serial> serial;
  std::string request;  ///< empty: any, as below
  std::string grant;
  std::optional<EntryKind> kind;
  std::optional<Time> from, until;  ///< until: before it
  std::uint64_t first = 0;          ///< index of the first that may be found
  std::size_t limit = limits::page_rows;
};

/// Finds entries without reading the whole log: a database of its own, beside the log, that maps
/// what entries are about to their numbers. It is derived from the log, is brought up to it when
/// something is asked, and can be deleted at any time. It is not believed: every entry that it
/// names is read from the log and compared, and where one does not fit, the index is made anew. An
/// entry that somebody took out of it is not found; who needs completeness exports
/// (docs/audit-search.md).
class AuditIndex {
 public:
  /// The file of the index; it is made when first needed.
  AuditIndex(Store& store, std::string path) : store_(store), path_(std::move(path)) {}

  struct Found {
    struct Entry {
      std::uint64_t index = 0;
      std::string text;
    };
    std::vector<Entry> entries;         ///< in order, `query.limit` at most
    std::optional<std::uint64_t> next;  ///< ask again from here: there may be more
    std::uint64_t indexed = 0;          ///< entries below this one were looked at
  };
  /// Reads what is new in the log for limits::audit_index_slice at most, and then searches what is
  /// indexed. store_unavailable.
  Result<Found> search(const AuditQuery& query, std::uint64_t log_size);
  /// The same where nobody searches now; nothing at once where somebody does.
  Result<std::optional<Found>> try_search(const AuditQuery& query, std::uint64_t log_size);

 private:
  Result<Found> search_locked(const AuditQuery& query, std::uint64_t log_size);
  Result<void> open();
  Result<void> make_anew();
  Result<void> update(std::uint64_t log_size);
  Result<void> add(const std::vector<NumberedEntry>& entries);
  Result<Found> find(const AuditQuery& query);
  Result<std::vector<std::uint64_t>> candidates(const AuditQuery& query, std::uint64_t first,
                                                std::uint64_t end);
  Result<std::uint64_t> first_from(Time time) const;
  Result<bool> is_of_this_log();

  Store& store_;
  const std::string path_;
  std::mutex mutex_;
  std::unique_ptr<sqlite::Connection> database_;
  std::uint64_t indexed_ = 0;
};

}  // namespace chancery
