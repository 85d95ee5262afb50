#include "cli/recorded_decisions.h"

#include <nlohmann/json.hpp>

#include "cli/audit_search.h"
#include "cli/log_reader.h"
#include "policies/policy_file.h"

namespace chancery {

Result<void> RecordedDecisions::read(Time since, const std::function<void(const Decision&)>& take) {
  ASSIGN_OR_RETURN(const std::uint64_t first, first_entry_from(service_, since));
  // What is asked meanwhile makes entries of its own: the end is where the log ends now.
  ASSIGN_OR_RETURN(const LogPage head, read_log_page(service_, first, 1));
  const std::uint64_t end = head.size;
  for (std::uint64_t next = first; next < end;) {
    ASSIGN_OR_RETURN(
        const LogPage page,
        read_log_page(service_, next,
                      std::min<std::uint64_t>(limits::audit_page_entries, end - next)));
    if (page.entries.empty()) break;
    next = page.first;
    for (const std::string& entry : page.entries) {
      ASSIGN_OR_RETURN(auto request, recorded_request(next++, entry, profiles_));
      if (!request || !request->quota.empty()) continue;
      ASSIGN_OR_RETURN(const Decision decision, recognized(std::move(*request)));
      take(decision);
    }
  }
  return {};
}

Result<RecordedDecisions::Decision> RecordedDecisions::of_request(const std::string& id) {
  AuditFilter filter;
  filter.request = id;
  ASSIGN_OR_RETURN(const nlohmann::json answer, search_log(service_, query_of(filter)));
  ASSIGN_OR_RETURN(const auto rows, rows_in(answer, "entries"));
  for (const nlohmann::json& row : rows) {
    ASSIGN_OR_RETURN(const std::uint64_t index, number_in(row, "index"));
    ASSIGN_OR_RETURN(const std::string entry, text_in(row, "entry"));
    ASSIGN_OR_RETURN(auto request, recorded_request(index, entry, profiles_));
    if (request) return recognized(std::move(*request));
  }
  return fail(ErrorCode::not_found, "the log has no decision of the request " + id);
}

Result<RecordedDecisions::Decision> RecordedDecisions::recognized(RecordedRequest request) {
  Decision decision{std::move(request), {}, {}};
  const RecordedRequest& recorded = decision.request;
  decision.why = recorded.lacking;
  if (!decision.why.empty()) return decision;
  ASSIGN_OR_RETURN(const GrantPolicy* then, policy_of(recorded.policy));
  ASSIGN_OR_RETURN(std::vector<Machine> machines, machines_.of(recorded));
  for (Machine& machine : machines) {
    const auto answer = then->decide(machine, recorded.question, recorded.at);
    if (answer.allowed() != recorded.allowed || answer.grant() != recorded.grant) continue;
    decision.machines.push_back(std::move(machine));
  }
  if (decision.machines.empty()) {
    decision.why = "the log does not say all that it was decided on";
  }
  return decision;
}

Result<const GrantPolicy*> RecordedDecisions::policy_of(const std::string& version) {
  const auto known = policies_.find(version);
  if (known != policies_.end()) return known->second.get();
  ASSIGN_OR_RETURN(const nlohmann::json answer, service_.get("/v1/policy/versions/" + version));
  ASSIGN_OR_RETURN(const std::string text, text_in(answer, "text"));
  ASSIGN_OR_RETURN(auto policy, load_policy(text, PolicyVocabulary::unchecked()));
  return policies_.emplace(version, std::move(policy)).first->second.get();
}

}  // namespace chancery
