#include "core/crl_publisher.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "core/durable_file.h"
#include "core/gzip.h"
#include "core/limits.h"

namespace chancery {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRest = 9;  // times as long as making it took

/// What passes without anybody's doing.
bool is_passing(ErrorCode code) {
  return code == ErrorCode::busy || code == ErrorCode::token_unavailable ||
         code == ErrorCode::store_unavailable || code == ErrorCode::deadline_exceeded;
}

Result<std::shared_ptr<const Document>> open_list(const std::string& path) {
  FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail(ErrorCode::store_unavailable, "cannot open " + path);
  return Document::in_file(std::move(file));
}

/// A small list in memory, a large one in its file, if there is a descriptor for it.
std::shared_ptr<const Document> held(Bytes der, const std::string& path) {
  if (der.size() > limits::document_in_memory) {
    if (auto file = open_list(path)) return std::move(*file);
  }
  return Document::in_memory(std::move(der));
}

Result<std::shared_ptr<const Document>> compress(const Document& document,
                                                 const std::string& folder) {
  if (document.size() <= limits::document_in_memory) {
    Bytes compressed;
    RETURN_IF_ERROR(gzip(document, [&](ByteView piece) -> Result<void> {
      compressed.insert(compressed.end(), piece.begin(), piece.end());
      return {};
    }));
    return Document::in_memory(std::move(compressed));
  }
  ASSIGN_OR_RETURN(FileHandle file, create_unnamed_file(folder));
  RETURN_IF_ERROR(gzip(document, [&](ByteView piece) { return write_to(file, piece); }));
  return Document::in_file(std::move(file));
}

}  // namespace

CrlPublisher::CrlPublisher(SigningService& service, Store& store, const Config& config)
    : service_(service), store_(store), config_(config) {
  for (const CertificateAuthority* ca : service.cas()) {
    for (const CrlScope& scope : scopes(ca->record.name)) load(*ca, scope);
  }
}

std::vector<CrlScope> CrlPublisher::scopes(const CaName& ca) const {
  std::vector<CrlScope> all;
  for (const unsigned shards : service_.crl_shard_counts(ca)) {
    if (shards == 1) continue;  // they name the list of all
    for (unsigned shard = 0; shard < shards; ++shard) {
      all.push_back(CrlScope::of_shard(shards, shard));
    }
  }
  all.push_back(CrlScope::all());
  if (config_.crl_delta) all.push_back(CrlScope::delta_of_all());
  return all;
}

std::string CrlPublisher::path(const Key& key) const {
  return config_.home + "/crl/" + key.second.path(key.first.text());
}

/// Whose signature is good was recorded before it was written: nothing else is asked of it here.
void CrlPublisher::load(const CertificateAuthority& ca, const CrlScope& scope) {
  const Key key(ca.record.name, scope);
  const auto row = store_.crl(key.first, key.second);
  if (row && *row) {
    const std::lock_guard lock(mutex_);
    lists_[key].remembered = (*row)->covers;
  }
  const auto file = open_list(path(key));
  if (!file) return;
  auto der = (*file)->all();
  if (!der) return;
  const auto head = read_signed_crl(*der, ca.issuer, ca.key->public_key);
  if (!head) return;
  const std::lock_guard lock(mutex_);
  if (row && *row && (*row)->number == head->number) lists_[key].covers = (*row)->covers;
  lists_[key].current = std::make_shared<const PublishedCrl>(
      PublishedCrl{held(std::move(*der), path(key)), nullptr, head->number, head->this_update,
                   head->next_update, head->entries});
}

Result<void> CrlPublisher::publish_due() {
  Result<void> last;
  for (const CertificateAuthority* ca : service_.cas()) {
    if (now() >= std::chrono::floor<Seconds>(ca->issuer.not_after())) {
      const std::lock_guard lock(mutex_);
      ended_.insert(ca->record.name);
      continue;
    }
    for (const CrlScope& scope : scopes(ca->record.name)) {
      const Key key(ca->record.name, scope);
      if (!due(key, now())) continue;
      if (auto made = refresh(key); !made) {
        failed(key, made.error());
        last = std::move(made);
      }
    }
  }
  return last;
}

void CrlPublisher::failed(const Key& key, const Error& error) {
  const std::lock_guard lock(mutex_);
  List& list = lists_[key];
  list.changed = true;
  list.problem = error.message;
  if (is_passing(error.code)) {
    list.retry.failed_in_passing(Clock::now());
  } else {
    list.retry.failed(Clock::now());
  }
}

bool CrlPublisher::due(const Key& key, Time at) {
  const std::lock_guard lock(mutex_);
  const List& list = lists_[key];
  if (Clock::now() < list.rest_until || !list.retry.is_due(Clock::now())) return false;
  if (list.changed || !list.current) return true;
  // The clock was set back since: for everybody else a list of the future is none yet.
  const auto age = at - list.current->this_update;
  return age < age.zero() || age >= config_.crl_refresh;
}

Result<void> CrlPublisher::refresh(const Key& key) {
  const auto& [ca, scope] = key;
  const Clock::time_point began = Clock::now();
  {
    // Before the entries are read: a revocation from here on marks the list again.
    const std::lock_guard lock(mutex_);
    lists_[key].changed = false;
  }
  const Caller self{{new_request_id(), Machine::self()}, {}, {}};
  ASSIGN_OR_RETURN(Outcome outcome, service_.sign(self, SignCrl{ca, scope}));
  ASSIGN_OR_RETURN(const auto row, store_.crl(ca, scope));
  if (!row || row->sha256 != sha256(outcome.certificate)) {
    return fail(ErrorCode::internal, "the new CRL \"" + scope.name() + "\" of \"" + ca.text() +
                                         "\" failed its checks; the last one stays");
  }
  RETURN_IF_ERROR(write(key, outcome.certificate));
  set(key, {held(std::move(outcome.certificate), path(key)), nullptr, row->number, row->this_update,
            row->next_update, row->entries});
  note_publication(key, row->covers);
  const std::lock_guard lock(mutex_);
  List& list = lists_[key];
  list.problem.clear();
  list.retry.succeeded();
  list.took = Clock::now() - began;
  list.rest_until = Clock::now() + kRest * list.took;
  return {};
}

Result<void> CrlPublisher::write(const Key& key, ByteView der) const {
  const std::filesystem::path file(path(key));
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (error) {
    return fail(ErrorCode::store_unavailable, "cannot make " + file.parent_path().string(), "",
                error.message());
  }
  return replace_durable_file(file, text_of(der));
}

void CrlPublisher::set(const Key& key, PublishedCrl crl) {
  {
    const std::lock_guard lock(mutex_);
    lists_[key].current = std::make_shared<const PublishedCrl>(crl);
  }
  // It is served by now; compressing it takes longer than making it.
  auto compressed = compress(*crl.der, config_.home + "/crl");
  // Without it the list is as good; where there is no room, the log says so soon enough.
  if (!compressed || (*compressed)->size() >= crl.der->size()) return;
  crl.gzip = std::move(*compressed);
  const std::lock_guard lock(mutex_);
  lists_[key].current = std::make_shared<const PublishedCrl>(std::move(crl));
}

void CrlPublisher::note_publication(const Key& key, std::uint64_t covers) {
  const Time at = now();
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    List& list = lists_[key];
    before = std::exchange(list.covers, covers);
    list.publications.emplace_back(covers, at);
    if (list.publications.size() > limits::publications_kept) {
      list.remembered = list.publications.front().first;
      list.publications.pop_front();
    }
  }
  if (key.second != CrlScope::all()) return;
  // Only a figure: it is published whatever comes of this.
  const auto waited = store_.waited(key.first, before, covers, at);
  if (!waited) return;
  const std::lock_guard lock(mutex_);
  waited_.count += waited->count;
  waited_.seconds += waited->seconds;
  waited_.longest_seconds = std::max(waited_.longest_seconds, waited->longest_seconds);
}

CrlPublisher::Publication CrlPublisher::publication(const CaName& ca, const CrlScope& scope,
                                                    std::uint64_t entry) const {
  const std::lock_guard lock(mutex_);
  const auto found = lists_.find(Key(ca, scope));
  if (found == lists_.end() || found->second.covers <= entry) return {};
  const List& list = found->second;
  if (entry < list.remembered) return {true, std::nullopt};
  const auto first = std::ranges::upper_bound(
      list.publications, entry, {}, [](const auto& publication) { return publication.first; });
  CHECK(first != list.publications.end());
  return {true, first->second};
}

Store::Waited CrlPublisher::waited() const {
  const std::lock_guard lock(mutex_);
  return waited_;
}

Result<std::optional<Revocation>> CrlPublisher::first_unpublished() const {
  std::vector<std::pair<Key, std::uint64_t>> behind;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, list] : lists_) {
      if (list.changed && !key.second.delta && !ended_.contains(key.first))
        behind.emplace_back(key, list.covers);
    }
  }
  std::optional<Revocation> first;
  for (const auto& [key, covers] : behind) {
    ASSIGN_OR_RETURN(auto one, store_.first_revocation(key.first, key.second, covers));
    if (one && (!first || one->entry < first->entry)) first = std::move(one);
  }
  return first;
}

std::shared_ptr<const PublishedCrl> CrlPublisher::current(const CaName& ca,
                                                          const CrlScope& scope) const {
  const std::lock_guard lock(mutex_);
  const auto found = lists_.find(Key(ca, scope));
  return found == lists_.end() ? nullptr : found->second.current;
}

void CrlPublisher::revoked(const Revocation& revocation) {
  const unsigned shards = revocation.crl_shards;
  const std::lock_guard lock(mutex_);
  const auto mark = [&](const CrlScope& scope) {
    List& list = lists_[Key(revocation.issuer, scope)];
    list.changed = true;
    list.retry.hurry();  // it may be what was missing
  };
  mark(CrlScope::of_shard(shards, revocation.serial.shard(shards)));
  mark(CrlScope::all());
  if (config_.crl_delta) mark(CrlScope::delta_of_all());
}

std::string CrlPublisher::problem() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, list] : lists_) {
    if (!list.problem.empty() && !ended_.contains(key.first)) return list.problem;
  }
  return {};
}

std::optional<Time> CrlPublisher::first_end() const {
  const std::lock_guard lock(mutex_);
  std::optional<Time> first;
  for (const auto& [key, list] : lists_) {
    if (!list.current || ended_.contains(key.first)) continue;
    if (!first || list.current->next_update < *first) first = list.current->next_update;
  }
  return first;
}

double CrlPublisher::slowest_seconds() const {
  const std::lock_guard lock(mutex_);
  Clock::duration slowest{};
  for (const auto& [key, list] : lists_) slowest = std::max(slowest, list.took);
  return std::chrono::duration<double>(slowest).count();
}

std::size_t CrlPublisher::behind() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [key, list] : lists_) {
    count += list.changed && !ended_.contains(key.first) ? 1 : 0;
  }
  return count;
}

std::size_t CrlPublisher::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_.size();
}

}  // namespace chancery
