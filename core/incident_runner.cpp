#include "core/incident_runner.h"

#include <algorithm>

#include "core/entry_view.h"

namespace chancery {
namespace {

/// What the service does for an incident is done in the name of who opened it.
RequestContext context_of(const IncidentRecord& incident) {
  RequestContext context{new_request_id(), {}};
  context.machine.name = incident.opened_by;
  return context;
}

/// When so many may have been handled; not before those whose turn it has been meanwhile.
std::chrono::steady_clock::time_point pace(const IncidentRecord& incident, std::size_t done,
                                           std::chrono::steady_clock::time_point began) {
  using Clock = std::chrono::steady_clock;
  const std::chrono::duration<double> span(static_cast<double>(done) /
                                           static_cast<double>(incident.per_second));
  return std::max(began + std::chrono::duration_cast<Clock::duration>(span), Clock::now());
}

}  // namespace

void IncidentRunner::work() {
  look_again();
  for (std::string problem;;) {
    const Clock::time_point at = Clock::now();
    if (must_read(at)) {
      const auto read = read_open();
      problem = read ? "" : read.error().message;
    }
    Slot* const slot = first_due();
    const bool is_due = slot != nullptr && slot->due <= at;
    if (is_due) serve(*slot);
    note_problem(problem);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    if (is_due) continue;
    if (all_idle()) return;
    wait_until(std::min(first_due()->due, read_at_ + limits::incident_interval));
  }
}

void IncidentRunner::look_again() {
  {
    const std::lock_guard lock(mutex_);
    again_ = true;
  }
  changed_.notify_all();
}

void IncidentRunner::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

std::string IncidentRunner::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void IncidentRunner::note_problem(const std::string& of_reading) {
  std::string problem = of_reading;
  for (const auto& [name, slot] : slots_) {
    if (!slot.problem.empty()) problem = name.text() + ": " + slot.problem;
  }
  const std::lock_guard lock(mutex_);
  problem_ = std::move(problem);
}

/// The open ones are read each second, and at once where one has moved or somebody says so; then
/// those that wait are looked at, too.
bool IncidentRunner::must_read(Clock::time_point at) {
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    again = std::exchange(again_, false);
  }
  for (auto& [name, slot] : slots_) {
    if (again && slot.idle) slot.due = at;
  }
  return std::exchange(moved_, false) || again || at >= read_at_ + limits::incident_interval;
}

Result<void> IncidentRunner::read_open() {
  read_at_ = Clock::now();
  std::map<IncidentName, Slot> open;
  for (Page page{"", limits::page_rows};;) {
    ASSIGN_OR_RETURN(auto rows, store_.open_incidents(page));
    for (IncidentRecord& row : rows) {
      page.after = row.name.text();
      auto known = slots_.extract(row.name);
      const bool same = !known.empty() && known.mapped().incident.last_entry == row.last_entry;
      if (same) {
        open.insert(std::move(known));
      } else {
        const IncidentName name = row.name;
        open.try_emplace(name, Slot{std::move(row), {}, read_at_, false, {}});
      }
    }
    if (rows.size() < page.limit) break;
  }
  slots_ = std::move(open);
  open_ = slots_.size();
  return {};
}

IncidentRunner::Slot* IncidentRunner::first_due() {
  const auto first =
      std::ranges::min_element(slots_, {}, [](const auto& named) { return named.second.due; });
  return first == slots_.end() ? nullptr : &first->second;
}

bool IncidentRunner::all_idle() const {
  return std::ranges::all_of(slots_, [](const auto& named) { return named.second.idle; });
}

void IncidentRunner::wait_until(Clock::time_point time) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, time, [this] { return stopping_ || again_; });
}

void IncidentRunner::serve(Slot& slot) {
  const auto next = step(slot);
  slot.problem = next ? "" : next.error().message;
  slot.idle = !next || !*next;
  slot.due = slot.idle ? Clock::now() + limits::incident_interval : **next;
}

Result<IncidentRunner::Next> IncidentRunner::step(Slot& slot) {
  switch (slot.incident.state) {
    case IncidentState::asking:
      return ask(slot);
    case IncidentState::replacing:
      return wait_for_replacements(slot);
    case IncidentState::revoking:
      return revoke(slot);
    case IncidentState::waiting:
    case IncidentState::finished:
    case IncidentState::cancelled:
      return Next();
  }
  return Next();
}

void IncidentRunner::Job::keep_one_batch() {
  if (batch.size() <= limits::incident_batch) return;
  selection.go_back_to(batch[limits::incident_batch]);
  batch.resize(limits::incident_batch);
  batch.shrink_to_fit();
}

Result<IncidentRunner::Job*> IncidentRunner::job(Slot& slot) {
  if (slot.job) return &*slot.job;
  ASSIGN_OR_RETURN(const auto incident, store_.incident(slot.incident.name));
  if (!incident) return fail(ErrorCode::internal, "the incident is gone");
  ASSIGN_OR_RETURN(const auto selector, CertificateSelector::parse(incident->selector));
  ASSIGN_OR_RETURN(CertificateSelection selection, incidents_.select(selector));
  ASSIGN_OR_RETURN(Machine opener, incidents_.opener(*incident));
  slot.job.emplace(Job{std::move(selection), std::move(opener), {}, 0, {}, {}});
  return &*slot.job;
}

Result<std::vector<SelectedCertificate>> IncidentRunner::take(const IncidentRecord& incident,
                                                              Job& job) {
  // Where machines were given time, what came after is what they renewed to.
  std::uint64_t through = incident.through;
  if (!incident.deadline) {
    ASSIGN_OR_RETURN(through, store_.certificate_count());
  }
  while (job.batch.empty() && !job.selection.done(through)) {
    ASSIGN_OR_RETURN(auto rows, job.selection.next(through));
    job.batch.assign(std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  }
  const std::size_t count = std::min<std::size_t>(
      {job.batch.size(), limits::incident_batch, static_cast<std::size_t>(incident.per_second)});
  return std::vector(job.batch.begin(), job.batch.begin() + static_cast<std::ptrdiff_t>(count));
}

Result<IncidentRunner::Next> IncidentRunner::ask(Slot& slot) {
  const IncidentRecord& incident = slot.incident;
  // Also where not all could be asked by then.
  if (now() >= *incident.deadline) return begin_to_revoke(slot);
  const Clock::time_point began = Clock::now();
  ASSIGN_OR_RETURN(Job* const job, this->job(slot));
  ASSIGN_OR_RETURN(const auto batch, take(incident, *job));
  if (batch.empty()) {
    ASSIGN_OR_RETURN(const Store::Asked asked, store_.count_asked_for(incident.name));
    AuditEntry entry = incident_entry(incident.name, "asked", IncidentState::replacing);
    entry.set("asked", asked.all);
    return move(slot, IncidentState::replacing, std::move(entry));
  }
  ReplaceCertificate request{.serial = {},
                             .reason = incident.reason,
                             .deadline = *incident.deadline,
                             .explanation_url = incident.explanation_url};
  ASSIGN_OR_RETURN(const auto failure,
                   service_.ask_to_replace(context_of(incident), batch, request, incident.name));
  if (failure) return Failure(*failure);
  job->done(batch.size());
  return Next(pace(incident, batch.size(), began));
}

Result<IncidentRunner::Next> IncidentRunner::wait_for_replacements(Slot& slot) {
  if (now() < *slot.incident.deadline) return look_for_replacements(slot);
  return begin_to_revoke(slot);
}

/// The time to renew has ended.
Result<IncidentRunner::Next> IncidentRunner::begin_to_revoke(Slot& slot) {
  const IncidentRecord& incident = slot.incident;
  ASSIGN_OR_RETURN(const Store::Asked asked, store_.count_asked_for(incident.name));
  AuditEntry entry = incident_entry(incident.name, "revoking", IncidentState::revoking);
  entry.set("asked", asked.all);
  entry.set("left", asked.pending);
  return move(slot, IncidentState::revoking, std::move(entry));
}

/// Whether all have renewed is told by the certificates. One that is done with stays so: those
/// before the first that is not are never looked at again.
Result<IncidentRunner::Next> IncidentRunner::look_for_replacements(Slot& slot) {
  const IncidentRecord& incident = slot.incident;
  ASSIGN_OR_RETURN(Job* const job, this->job(slot));
  ASSIGN_OR_RETURN(const auto batch, take(incident, *job));
  if (batch.empty()) {
    ASSIGN_OR_RETURN(const Store::Asked asked, store_.count_asked_for(incident.name));
    AuditEntry entry = incident_entry(incident.name, "revoking", IncidentState::revoking);
    entry.set("asked", asked.all);
    entry.set("left", std::uint64_t{0});
    return move(slot, IncidentState::revoking, std::move(entry));
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    ASSIGN_OR_RETURN(const bool done, incidents_.is_done_with(batch[i]));
    if (done) continue;
    job->done(i);
    job->keep_one_batch();
    return Next();
  }
  job->done(batch.size());
  return Next(Clock::now());
}

Result<IncidentRunner::Next> IncidentRunner::revoke(Slot& slot) {
  const IncidentRecord& incident = slot.incident;
  const Clock::time_point began = Clock::now();
  ASSIGN_OR_RETURN(Job* const job, this->job(slot));
  ASSIGN_OR_RETURN(auto taken, take(incident, *job));
  if (taken.empty()) return finish(slot, *job);
  // Those that it was opened for need nobody's further consent.
  const auto later = std::ranges::find_if(
      taken, [&](const SelectedCertificate& one) { return one.number > incident.through; });
  if (later != taken.begin()) taken.erase(later, taken.end());
  const std::size_t count = taken.size();
  ASSIGN_OR_RETURN(const Permitted batch, permitted(incident, *job, std::move(taken)));
  ASSIGN_OR_RETURN(const bool too_many, needs_second_person(incident, batch.certificates));
  if (too_many) return go_back_to_waiting(slot);

  ASSIGN_OR_RETURN(const auto results,
                   service_.revoke_for(context_of(incident), incident, batch.certificates));
  for (const Revocation& revocation : results.revoked) revoked_(revocation);
  if (!results.revoked.empty()) {
    // What these have brought about until now is waited for, and reported.
    job->intents.reset();
    job->summary.reset();
  }
  if (results.failure) return Failure(*results.failure);
  job->passed_over += batch.passed_over;
  job->done(count);
  return Next(pace(incident, results.revoked.size(), began));
}

/// Of the certificates that were issued after the incident was opened, those that are not revoked
/// yet and that its opener may revoke: nobody was asked about them.
Result<IncidentRunner::Permitted> IncidentRunner::permitted(
    const IncidentRecord& incident, const Job& job, std::vector<SelectedCertificate> batch) {
  Permitted of;
  for (SelectedCertificate& certificate : batch) {
    if (certificate.number > incident.through) {
      ASSIGN_OR_RETURN(const auto revocation, store_.revocation(certificate.serial));
      if (revocation && is_final(revocation->reason)) continue;
      if (!incidents_.permits(job.opener, certificate)) {
        ++of.passed_over;
        continue;
      }
    }
    of.certificates.push_back(std::move(certificate));
  }
  return of;
}

/// Whether what was issued later makes it larger than one person may decide alone, and nobody has
/// agreed yet.
Result<bool> IncidentRunner::needs_second_person(const IncidentRecord& incident,
                                                 const std::vector<SelectedCertificate>& batch) {
  const bool grows = !batch.empty() && batch.front().number > incident.through;
  if (!grows || !incidents_.asks_second_person()) return false;
  ASSIGN_OR_RETURN(const std::string text, store_.entry(incident.last_entry));
  const auto entry = EntryView::parse(text);
  if (!entry) return fail(ErrorCode::internal, "an incident's entry in the log does not parse");
  if (entry->text("event") == "approved") return false;
  ASSIGN_OR_RETURN(const std::uint64_t before, store_.count_revocations_of(incident.name));
  return incidents_.needs_second_person(before + batch.size());
}

Result<IncidentRunner::Next> IncidentRunner::go_back_to_waiting(Slot& slot) {
  AuditEntry entry = incident_entry(slot.incident.name, "grown", IncidentState::waiting);
  ASSIGN_OR_RETURN(const std::uint64_t revoked, store_.count_revocations_of(slot.incident.name));
  entry.set("revoked", revoked);
  return move(slot, IncidentState::waiting, std::move(entry));
}

/// All that fits is revoked: it ends, but not before the signatures that were under way then have
/// an end, and what they brought about was looked at; nor where something was issued while its
/// report was made. Later ones are not asked for by what is revoked (SigningService::sign).
Result<IncidentRunner::Next> IncidentRunner::finish(Slot& slot, Job& job) {
  const IncidentRecord& incident = slot.incident;
  if (!incident.deadline) {
    if (!job.intents) job.intents = log_.head().size;
    if (log_.first_open_intent() < *job.intents) return Next();
    ASSIGN_OR_RETURN(const auto more, take(incident, job));
    if (!more.empty()) return Next(Clock::now());
  }
  if (!job.summary) {
    ASSIGN_OR_RETURN(const auto reported, store_.incident(incident.name));
    if (!reported) return fail(ErrorCode::internal, "the incident is gone");
    ASSIGN_OR_RETURN(job.summary, summarize_incident_report(store_, *reported));
    return Next(Clock::now());
  }
  AuditEntry entry = incident_entry(incident.name, "finished", IncidentState::finished);
  entry.set("revoked", job.summary->revoked);
  entry.set("left", job.summary->left);
  if (job.passed_over > 0) entry.set("passed_over", job.passed_over);
  entry.set("report_sha256", to_hex(job.summary->sha256));
  return move(slot, IncidentState::finished, std::move(entry));
}

Result<IncidentRunner::Next> IncidentRunner::move(Slot& slot, IncidentState to, AuditEntry entry) {
  const IncidentRecord& incident = slot.incident;
  const auto recorded = log_.record(context_of(incident), std::move(entry),
                                    {MoveIncident{incident.name, incident.state, to}});
  // Somebody cancelled it meanwhile.
  if (!recorded && recorded.error().code != ErrorCode::conflict) return Failure(recorded.error());
  moved_ = true;
  return Next(Clock::now());
}

}  // namespace chancery
