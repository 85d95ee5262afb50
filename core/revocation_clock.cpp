#include "core/revocation_clock.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "core/entry_view.h"
#include "core/limits.h"

namespace chancery {
namespace {

double seconds_since(const std::optional<Time>& time) {
  if (!time) return 0;
  return std::max(0.0, std::chrono::duration<double>(now() - *time).count());
}

}  // namespace

double RevocationClock::oldest_unpublished_seconds() const {
  const std::lock_guard lock(mutex_);
  return seconds_since(oldest_);
}

double RevocationClock::oldest_incident_seconds() const {
  const std::lock_guard lock(mutex_);
  return seconds_since(oldest_incident_);
}

bool RevocationClock::overdue() const {
  const std::lock_guard lock(mutex_);
  return overdue_;
}

void RevocationClock::look() {
  const auto reason = find_overdue(now());
  if (!reason) return;  // the store's own failure is shown by the log
  {
    const std::lock_guard lock(mutex_);
    overdue_ = !reason->empty();
  }
  record(*reason);
}

Result<Time> RevocationClock::began(const IncidentRecord& incident) {
  if (const auto known = begun_.find(incident.entry); known != begun_.end()) return known->second;
  ASSIGN_OR_RETURN(const auto reported, reported_in(instance_.store(), incident.entry));
  const Time at = reported ? std::min(*reported, incident.opened_at) : incident.opened_at;
  return begun_.emplace(incident.entry, at).first->second;
}

Result<const IncidentRecord*> RevocationClock::first_of(const std::vector<IncidentRecord>& open) {
  std::erase_if(begun_, [&](const auto& known) {
    return std::ranges::find(open, known.first, &IncidentRecord::entry) == open.end();
  });
  const IncidentRecord* first = nullptr;
  for (const IncidentRecord& incident : open) {
    ASSIGN_OR_RETURN(const Time at, began(incident));
    if (!first || at < begun_.at(first->entry)) first = &incident;
  }
  return first;
}

Result<std::vector<IncidentRecord>> RevocationClock::open_incidents() const {
  std::vector<IncidentRecord> open;
  for (Page page{"", limits::page_rows};;) {
    ASSIGN_OR_RETURN(auto rows, instance_.store().open_incidents(page));
    const bool last = rows.size() < page.limit;
    if (!last) page.after = rows.back().name.text();
    std::ranges::move(rows, std::back_inserter(open));
    if (last) return open;
  }
}

/// What has waited longest of what has waited too long, in words; empty where nothing has.
Result<std::string> RevocationClock::find_overdue(Time at) {
  const Time limit = at - instance_.config().alarm_after;
  ASSIGN_OR_RETURN(const auto revocation, crls_.first_unpublished());
  ASSIGN_OR_RETURN(const auto open, open_incidents());
  ASSIGN_OR_RETURN(const IncidentRecord* incident, first_of(open));
  {
    const std::lock_guard lock(mutex_);
    oldest_ = revocation ? std::optional(revocation->revoked_at) : std::nullopt;
    oldest_incident_ = incident ? std::optional(begun_.at(incident->entry)) : std::nullopt;
  }
  if (revocation && revocation->revoked_at < limit) {
    return "certificate " + revocation->serial.hex() + ", revoked at " +
           to_rfc3339_seconds(revocation->revoked_at) + ", is not on its list yet";
  }
  if (incident && begun_.at(incident->entry) < limit) {
    return "incident " + incident->name.text() + ", opened at " +
           to_rfc3339_seconds(incident->opened_at) + ", has not finished: it is " +
           std::string(name_of(incident->state));
  }
  return std::string();
}

/// What cannot be recorded now is tried at the next look.
void RevocationClock::record(const std::string& reason) {
  if (recorded_ == !reason.empty()) return;
  AuditEntry entry(EntryKind::alarm);
  entry.set("event", reason.empty() ? "cleared" : "raised");
  entry.set("alarm", "overdue");
  entry.set("reason", reason);
  if (!instance_.log().record(Instance::self().context, std::move(entry))) return;
  recorded_ = !reason.empty();
  tell_(reason.empty() ? "nothing to be revoked is overdue any more" : "overdue: " + reason);
}

Result<std::optional<Time>> reported_in(Store& store, std::uint64_t entry) {
  ASSIGN_OR_RETURN(const std::string text, store.entry(entry));
  const auto view = EntryView::parse(text);
  if (!view) return fail(ErrorCode::internal, "an entry of the log does not parse");
  const std::string reported = view->text("reported_at");
  if (reported.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const Time at, from_rfc3339(reported));
  return at;
}

Result<std::optional<Time>> publication_in_log(Store& store, const CaName& ca,
                                               const CrlScope& scope, std::uint64_t entry) {
  constexpr std::size_t kAtOnce = 256;
  std::optional<std::uint64_t> intent;
  const std::uint64_t end = entry + 1 + limits::publication_scan;
  for (std::uint64_t first = entry + 1; first < end; first += kAtOnce) {
    ASSIGN_OR_RETURN(const auto texts, store.entries(first, kAtOnce));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto view = EntryView::parse(texts[i]);
      if (!view) return fail(ErrorCode::internal, "an entry of the log does not parse");
      const bool covers =
          view->kind() == EntryKind::intent && view->text("crl_list") == scope.name() &&
          view->text("issuer") == ca.text() && view->number("crl_covers").value_or(0) > entry;
      if (covers) intent = first + i;
      const bool is_outcome =
          view->kind() == EntryKind::outcome && intent && view->number("intent") == intent;
      if (is_outcome && view->text("result") == "ok" && !view->has("published")) {
        return view->time();
      }
    }
    if (texts.size() < kAtOnce) break;
  }
  return std::nullopt;
}

Result<CrlPublisher::Publication> publication_of(Store& store, const CrlPublisher& crls,
                                                 const Revocation& revocation) {
  std::vector<CrlScope> scopes{CrlScope::all()};
  if (const unsigned shards = revocation.crl_shards; shards > 1) {
    scopes.push_back(CrlScope::of_shard(shards, revocation.serial.shard(shards)));
  }
  CrlPublisher::Publication whole{true, Time{}};
  for (const CrlScope& scope : scopes) {
    auto one = crls.publication(revocation.issuer, scope, revocation.entry);
    if (!one.is) return CrlPublisher::Publication{};
    if (!one.at) {
      ASSIGN_OR_RETURN(one.at,
                       publication_in_log(store, revocation.issuer, scope, revocation.entry));
    }
    whole.at = whole.at && one.at ? std::optional(std::max(*whole.at, *one.at)) : std::nullopt;
  }
  return whole;
}

}  // namespace chancery
