#include "core/audit_index.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "core/entry_view.h"
#include "core/file_handle.h"
#include "core/tile.h"

namespace chancery {
namespace {

constexpr std::size_t kPage = 1024;        // entries read at once
constexpr std::size_t kMostTerms = 6;      // that one query has
constexpr std::size_t kCandidates = 4096;  // numbers taken from the index at once

// A term is 64 bits of a hash, so that the index is small whatever entries are about; that two may
// have the same is no harm, because what the entries say is compared.
constexpr const char* kSchema = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS term (
  term  INTEGER NOT NULL,
  entry INTEGER NOT NULL,
  PRIMARY KEY (term, entry)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (
  only    INTEGER PRIMARY KEY CHECK (only = 1),
  indexed INTEGER NOT NULL,
  last    BLOB NOT NULL  -- the last entry's hash in the tree
) STRICT;
)sql";

using Term = std::int64_t;
/// A member of an entry and its value.
using Subject = std::pair<std::string, std::string>;

Term term(const Subject& subject) {
  Bytes text = copy_of(bytes_of(subject.first));
  text.push_back(0);
  text.insert(text.end(), subject.second.begin(), subject.second.end());
  const Bytes hash = sha256(text);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8 | hash[i];
  return static_cast<Term>(number);
}

void add_subjects(const EntryView& entry, std::vector<Subject>& subjects) {
  for (const char* member : {"machine", "key", "serial", "request", "grant"}) {
    if (std::string value = entry.text(member); !value.empty()) {
      subjects.emplace_back(member, std::move(value));
    }
  }
  if (std::string owner = entry.text("owner"); !owner.empty()) {
    subjects.emplace_back("machine", std::move(owner));
  }
}

/// What the entry is about, and, of an outcome, its intent.
Result<std::vector<Subject>> subjects_of(Store& store, std::string_view text) {
  std::vector<Subject> subjects;
  const auto entry = EntryView::parse(text);
  if (!entry) return subjects;  // audit verify finds it
  subjects.emplace_back("kind", name_of(entry->kind()));
  add_subjects(*entry, subjects);
  const auto intent = entry->number("intent");
  if (entry->kind() == EntryKind::outcome && intent) {
    const auto intent_text = store.entry(*intent);
    if (!intent_text && intent_text.error().code != ErrorCode::not_found) {
      return Failure(intent_text.error());
    }
    const auto view = intent_text ? EntryView::parse(*intent_text) : std::nullopt;
    if (view) add_subjects(*view, subjects);
  }
  return subjects;
}

std::vector<Term> terms_of(const std::vector<Subject>& subjects) {
  std::vector<Term> terms;
  for (const Subject& subject : subjects) terms.push_back(term(subject));
  return terms;
}

/// Those that fewest entries have first.
std::vector<Subject> subjects_of(const AuditQuery& query) {
  std::vector<Subject> subjects;
  if (!query.request.empty()) subjects.emplace_back("request", query.request);
  if (query.serial) subjects.emplace_back("serial", query.serial->hex());
  if (query.key) subjects.emplace_back("key", query.key->text());
  if (query.machine) subjects.emplace_back("machine", query.machine->text());
  if (!query.grant.empty()) subjects.emplace_back("grant", query.grant);
  if (query.kind) subjects.emplace_back("kind", name_of(*query.kind));
  return subjects;
}

template <class Value>
bool has_all(const std::vector<Value>& have, const std::vector<Value>& wanted) {
  return std::ranges::all_of(
      wanted, [&](const Value& one) { return std::ranges::find(have, one) != have.end(); });
}

Time time_of(const std::string& text) {
  const auto entry = EntryView::parse(text);
  return entry ? entry->time() : Time{};
}

Result<void> make_file(const std::string& path) {
  const FileHandle file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() >= 0) return {};
  return fail(ErrorCode::store_unavailable, "cannot make the index of the audit log, " + path);
}

}  // namespace

Result<AuditIndex::Found> AuditIndex::search(const AuditQuery& query, std::uint64_t log_size) {
  const std::lock_guard lock(mutex_);
  return search_locked(query, log_size);
}

Result<std::optional<AuditIndex::Found>> AuditIndex::try_search(const AuditQuery& query,
                                                                std::uint64_t log_size) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return std::nullopt;
  ASSIGN_OR_RETURN(Found found, search_locked(query, log_size));
  return std::optional(std::move(found));
}

Result<AuditIndex::Found> AuditIndex::search_locked(const AuditQuery& query,
                                                    std::uint64_t log_size) {
  if (!database_ && !open()) {
    // What cannot be opened was not closed well, or is no index: it is made anew.
    RETURN_IF_ERROR(make_anew());
  }
  ASSIGN_OR_RETURN(const bool ours, is_of_this_log());
  if (!ours || indexed_ > log_size) RETURN_IF_ERROR(make_anew());
  RETURN_IF_ERROR(update(log_size));
  return find(query);
}

Result<void> AuditIndex::open() {
  RETURN_IF_ERROR(make_file(path_));
  ASSIGN_OR_RETURN(auto database,
                   sqlite::Connection::open(path_, sqlite::Connection::Access::read_write));
  RETURN_IF_ERROR(database->execute(kSchema));
  {
    sqlite::Statement query(*database, "SELECT indexed FROM progress");
    ASSIGN_OR_RETURN(const bool found, query.step());
    indexed_ = found ? query.index(0) : 0;
  }
  database_ = std::move(database);
  return {};
}

Result<void> AuditIndex::make_anew() {
  database_.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((path_ + suffix).c_str());
  return open();
}

/// Whether the last entry that was indexed is the log's at that place.
Result<bool> AuditIndex::is_of_this_log() {
  if (indexed_ == 0) return true;
  Bytes last;
  {
    sqlite::Statement query(*database_, "SELECT last FROM progress");
    ASSIGN_OR_RETURN(const bool found, query.step());
    if (found) last = query.blob(0);
  }
  const auto leaf = leaf_at(store_, indexed_ - 1);
  if (!leaf && leaf.error().code != ErrorCode::not_found) return Failure(leaf.error());
  return leaf && std::ranges::equal(*leaf, last);
}

Result<void> AuditIndex::update(std::uint64_t log_size) {
  const auto until = std::chrono::steady_clock::now() + limits::audit_index_slice;
  while (indexed_ < log_size && std::chrono::steady_clock::now() < until) {
    ASSIGN_OR_RETURN(const auto entries, store_.entries_from(indexed_, log_size, kPage));
    if (entries.empty()) return {};
    RETURN_IF_ERROR(add(entries));
    indexed_ = entries.back().index + 1;
  }
  return {};
}

Result<void> AuditIndex::add(const std::vector<NumberedEntry>& entries) {
  std::vector<std::pair<Term, std::uint64_t>> rows;
  for (const auto& [index, text] : entries) {
    ASSIGN_OR_RETURN(const auto subjects, subjects_of(store_, text));
    for (const Term one : terms_of(subjects)) rows.emplace_back(one, index);
  }
  std::ranges::sort(rows);  // pages of the tree are visited once
  RETURN_IF_ERROR(database_->execute("BEGIN"));
  const auto write = [&]() -> Result<void> {
    for (const auto& [one, entry] : rows) {
      RETURN_IF_ERROR(sqlite::run(*database_,
                                  "INSERT INTO term (term, entry) VALUES (?, ?)"
                                  " ON CONFLICT DO NOTHING",
                                  one, entry));
    }
    RETURN_IF_ERROR(sqlite::run(*database_,
                                "INSERT INTO progress (only, indexed, last) VALUES (1, ?1, ?2)"
                                " ON CONFLICT (only) DO UPDATE SET indexed = ?1, last = ?2",
                                entries.back().index + 1,
                                copy_of(leaf_hash(bytes_of(entries.back().text)))));
    RETURN_IF_ERROR(database_->execute("COMMIT"));
    return database_->checkpoint();
  };
  auto written = write();
  if (!written) database_.reset();  // rolls back; the next search opens it again
  return written;
}

Result<std::uint64_t> AuditIndex::first_from(Time time) const {
  // Entries stand in order of time.
  std::uint64_t low = 0, high = indexed_;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    // Where it was removed, the next one that is there tells.
    ASSIGN_OR_RETURN(const auto found, store_.entries_from(middle, high, 1));
    if (!found.empty() && time_of(found[0].text) < time) {
      low = found[0].index + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Result<std::vector<std::uint64_t>> AuditIndex::candidates(const AuditQuery& query,
                                                          std::uint64_t first, std::uint64_t end) {
  const std::vector<Term> terms = terms_of(subjects_of(query));
  std::vector<std::uint64_t> numbers;
  if (terms.empty()) {
    return store_.entry_numbers(first, end, kCandidates);
  }
  std::array<std::optional<Term>, kMostTerms> asked;
  std::ranges::copy(terms, asked.begin());
  sqlite::Statement rows(
      *database_,
      "SELECT entry FROM term AS t WHERE term = ? AND entry >= ? AND entry < ?"
      " AND (?4 IS NULL OR EXISTS (SELECT 1 FROM term WHERE term = ?4 AND entry = t.entry))"
      " AND (?5 IS NULL OR EXISTS (SELECT 1 FROM term WHERE term = ?5 AND entry = t.entry))"
      " AND (?6 IS NULL OR EXISTS (SELECT 1 FROM term WHERE term = ?6 AND entry = t.entry))"
      " AND (?7 IS NULL OR EXISTS (SELECT 1 FROM term WHERE term = ?7 AND entry = t.entry))"
      " AND (?8 IS NULL OR EXISTS (SELECT 1 FROM term WHERE term = ?8 AND entry = t.entry))"
      " ORDER BY entry LIMIT ?9",
      *asked[0], first, end, asked[1], asked[2], asked[3], asked[4], asked[5], kCandidates);
  for (;;) {
    ASSIGN_OR_RETURN(const bool found, rows.step());
    if (!found) return numbers;
    numbers.push_back(rows.index(0));
  }
}

Result<AuditIndex::Found> AuditIndex::find(const AuditQuery& query) {
  std::uint64_t first = query.first, end = indexed_;
  if (query.from) {
    ASSIGN_OR_RETURN(const std::uint64_t from, first_from(*query.from));
    first = std::max(first, from);
  }
  if (query.until) {
    ASSIGN_OR_RETURN(end, first_from(*query.until));
  }
  const std::vector<Subject> wanted = subjects_of(query);
  const std::vector<Term> wanted_terms = terms_of(wanted);
  Found found;
  found.indexed = indexed_;
  ASSIGN_OR_RETURN(const auto numbers, candidates(query, first, end));
  std::size_t bytes = 0;
  for (const std::uint64_t number : numbers) {
    if (found.entries.size() == query.limit || bytes > limits::audit_search_bytes) {
      found.next = number;
      return found;
    }
    auto read = store_.entry(number);
    if (!read && read.error().code == ErrorCode::not_found) continue;  // removed since
    if (!read) return Failure(std::move(read.error()));
    std::string text = std::move(*read);
    ASSIGN_OR_RETURN(const auto have, subjects_of(store_, text));
    if (!has_all(terms_of(have), wanted_terms)) {
      RETURN_IF_ERROR(make_anew());
      return Found{};  // nothing is indexed: to be asked again
    }
    if (!has_all(have, wanted)) continue;  // of another value that has the same term
    bytes += text.size();
    found.entries.push_back({number, std::move(text)});
  }
  if (numbers.size() == kCandidates) found.next = numbers.back() + 1;
  return found;
}

}  // namespace chancery
