#include "core/incident_runner.h"

#include <algorithm>

#include "core/entry_view.h"
#include "core/incident_report.h"

namespace chancery {
namespace {

using Clock = std::chrono::steady_clock;

/// What the service does for an incident is done in the name of who opened it.
RequestContext context_of(const IncidentRecord& incident) {
  RequestContext context{new_request_id(), {}};
  context.machine.name = incident.opened_by;
  return context;
}

}  // namespace

void IncidentRunner::work() {
  for (bool more = true; more;) {
    more = false;
    auto incidents = store_.incidents(true, Page{"", limits::page_rows});
    std::string problem;
    if (!incidents) problem = incidents.error().message;
    if (incidents) open_ = incidents->size();
    if (incidents) forget_all_but(*incidents);
    for (std::size_t i = 0; incidents && i < incidents->size(); ++i) {
      const auto again = step((*incidents)[i]);
      if (again) more = more || *again;
      if (!again) problem = (*incidents)[i].name.text() + ": " + again.error().message;
    }
    const std::lock_guard lock(mutex_);
    problem_ = std::move(problem);
    if (stopping_) return;
  }
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

Result<bool> IncidentRunner::step(const IncidentRecord& incident) {
  switch (incident.state) {
    case IncidentState::asking:
      return ask(incident);
    case IncidentState::replacing:
      return wait_for_replacements(incident);
    case IncidentState::revoking:
      return revoke(incident);
    case IncidentState::waiting:
    case IncidentState::finished:
    case IncidentState::cancelled:
      return false;
  }
  return false;
}

Result<IncidentRunner::Job*> IncidentRunner::job(const IncidentRecord& incident) {
  auto found = jobs_.find(incident.name);
  if (found != jobs_.end() && found->second.state == incident.state) return &found->second;
  ASSIGN_OR_RETURN(const auto selector, CertificateSelector::parse(incident.selector));
  ASSIGN_OR_RETURN(CertificateSelection selection, incidents_.select(selector));
  if (found != jobs_.end()) jobs_.erase(found);
  return &jobs_.try_emplace(incident.name, Job{std::move(selection), incident.state, {}})
              .first->second;
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

Result<bool> IncidentRunner::ask(const IncidentRecord& incident) {
  const Clock::time_point began = Clock::now();
  ASSIGN_OR_RETURN(Job* const job, this->job(incident));
  ASSIGN_OR_RETURN(const auto batch, take(incident, *job));
  if (batch.empty()) {
    ASSIGN_OR_RETURN(const Store::Asked asked, store_.count_asked_for(incident.name));
    AuditEntry entry = incident_entry(incident.name, "asked", IncidentState::replacing);
    entry.set("asked", asked.all);
    RETURN_IF_ERROR(move(incident, IncidentState::replacing, std::move(entry)));
    return true;
  }
  ReplaceCertificate request{.serial = {},
                             .reason = incident.reason,
                             .deadline = *incident.deadline,
                             .explanation_url = incident.explanation_url};
  ASSIGN_OR_RETURN(const auto failure,
                   service_.ask_to_replace(context_of(incident), batch, request, incident.name));
  if (failure) return Failure(*failure);
  job->done(batch.size());
  pace(incident, batch.size(), began);
  return true;
}

Result<bool> IncidentRunner::wait_for_replacements(const IncidentRecord& incident) {
  if (now() < *incident.deadline) {
    ASSIGN_OR_RETURN(const bool all, have_all_renewed(incident));
    if (!all) return false;
  }
  ASSIGN_OR_RETURN(const Store::Asked asked, store_.count_asked_for(incident.name));
  AuditEntry entry = incident_entry(incident.name, "revoking", IncidentState::revoking);
  entry.set("asked", asked.all);
  entry.set("left", asked.pending);
  RETURN_IF_ERROR(move(incident, IncidentState::revoking, std::move(entry)));
  return true;
}

/// Of what was asked for, nothing is pending. Who else asks for a certificate takes it over: then
/// nobody here knows of it, and the deadline is waited for.
Result<bool> IncidentRunner::have_all_renewed(const IncidentRecord& incident) {
  ASSIGN_OR_RETURN(const bool pending, store_.is_replacement_pending(incident.name));
  if (pending) return false;
  ASSIGN_OR_RETURN(const std::string text, store_.entry(incident.last_entry));
  const auto entry = EntryView::parse(text);
  if (!entry) return fail(ErrorCode::internal, "an incident's entry in the log does not parse");
  ASSIGN_OR_RETURN(const Store::Asked asked, store_.count_asked_for(incident.name));
  return entry->number("asked") == asked.all;
}

Result<bool> IncidentRunner::revoke(const IncidentRecord& incident) {
  const Clock::time_point began = Clock::now();
  ASSIGN_OR_RETURN(Job* const job, this->job(incident));
  ASSIGN_OR_RETURN(const auto batch, take(incident, *job));
  if (batch.empty()) {
    RETURN_IF_ERROR(finish(incident));
    return true;
  }
  ASSIGN_OR_RETURN(const auto results, service_.revoke_for(context_of(incident), incident, batch));
  for (const Revocation& revocation : results.revoked) revoked_(revocation);
  if (results.failure) return Failure(*results.failure);
  job->done(batch.size());
  pace(incident, results.revoked.size(), began);
  return true;
}

Result<void> IncidentRunner::finish(const IncidentRecord& incident) {
  ASSIGN_OR_RETURN(const auto summary, summarize_incident_report(store_, incident));
  AuditEntry entry = incident_entry(incident.name, "finished", IncidentState::finished);
  entry.set("revoked", summary.revoked);
  entry.set("left", summary.left);
  entry.set("report_sha256", to_hex(summary.sha256));
  return move(incident, IncidentState::finished, std::move(entry));
}

Result<void> IncidentRunner::move(const IncidentRecord& incident, IncidentState to,
                                  AuditEntry entry) {
  const auto recorded = log_.record(context_of(incident), std::move(entry),
                                    {MoveIncident{incident.name, incident.state, to}});
  jobs_.erase(incident.name);
  // Somebody cancelled it meanwhile.
  if (!recorded && recorded.error().code != ErrorCode::conflict) return Failure(recorded.error());
  return {};
}

/// Those that were cancelled have nothing left to do.
void IncidentRunner::forget_all_but(const std::vector<IncidentRecord>& incidents) {
  std::erase_if(jobs_, [&](const auto& job) {
    return std::ranges::none_of(
        incidents, [&](const IncidentRecord& incident) { return incident.name == job.first; });
  });
}

/// Waits as long as so many may take, or for stop().
void IncidentRunner::pace(const IncidentRecord& incident, std::size_t done,
                          Clock::time_point began) {
  const auto span = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
      static_cast<double>(done) / static_cast<double>(incident.per_second)));
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, began + span, [this] { return stopping_; });
}

}  // namespace chancery
