#include <map>
#include <nlohmann/json.hpp>

#include "cli/policy_commands.h"
#include "cli/policy_source.h"
#include "cli/recorded_decisions.h"
#include "policies/narrowing.h"

namespace chancery {
namespace {

using nlohmann::json;

/// Uses of one grant that are looked at for narrowing it; more are counted only.
constexpr std::size_t kUsesAtMost = 10'000;

struct UnusedOptions {
  unsigned days = 0;
};

struct Uses {
  std::uint64_t count = 0, undecided = 0;
  Time last;
  std::vector<ExampleRequest> requests;
};

void add_use(Uses& uses, const RecordedDecisions::Decision& decision) {
  const RecordedRequest& request = decision.request;
  ++uses.count;
  uses.last = request.at;
  if (decision.machines.empty()) {
    ++uses.undecided;
  } else if (uses.requests.size() < kUsesAtMost) {
    uses.requests.push_back({decision.machines.front(), request.question, request.at});
  }
}

/// What is used of a grant, in lines and as an object.
json described(const GrantPolicy& policy, const std::string& name, const Uses& uses,
               std::string& text) {
  json narrower = json::array();
  // A use that is not known in full may need what looks unused.
  const bool whole = uses.undecided == 0 && uses.requests.size() == uses.count;
  if (whole) {
    for (const Narrowing& one : narrowing(policy, name, uses.requests)) {
      text += "\n  " + one.member + ": " + one.text;
      narrower.push_back({{"member", one.member}, {"text", one.text}});
    }
  }
  return {{"grant", name},
          {"uses", uses.count},
          {"last", to_rfc3339(uses.last)},
          {"whole", whole},
          {"narrower", std::move(narrower)}};
}

Result<ExitCode> show_unused(Session& session, const UnusedOptions& options) {
  ASSIGN_OR_RETURN(const PolicyVocabulary vocabulary, read_vocabulary({}));
  ASSIGN_OR_RETURN(const NamedPolicy current, read_named_policy(session, "current", vocabulary));
  ASSIGN_OR_RETURN(Service * service, session.service());
  RecordedDecisions decisions(*service, vocabulary.profiles);
  std::map<std::string, Uses, std::less<>> uses;
  const Time since = now() - std::chrono::days(options.days);
  RETURN_IF_ERROR(decisions.read(since, [&](const auto& decision) {
    if (decision.request.allowed) add_use(uses[decision.request.grant], decision);
  }));
  std::string text;
  json unused = json::array(), used = json::array();
  for (const auto& grant : current.policy->rules().grants) {
    const auto found = uses.find(grant.name);
    const std::string line = grant.name + " (line " + std::to_string(grant.place.line) + ")";
    if (found == uses.end()) {
      text += "unused  " + line + "\n";
      unused.push_back({{"grant", grant.name}, {"line", grant.place.line}});
      continue;
    }
    std::string more;
    used.push_back(described(*current.policy, grant.name, found->second, more));
    text += "used    " + line + ": " + std::to_string(found->second.count) + " times" + more + "\n";
  }
  session.print(text.empty() ? "the policy has no grants" : text,
                {{"since", to_rfc3339(since)},
                 {"version", current.policy->version()},
                 {"unused", unused},
                 {"used", used}});
  return ExitCode::done;
}

}  // namespace

void add_policy_unused_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<UnusedOptions>();
  CLI::App& command = line.add(group, "unused",
                               "Grants that nothing used, and how far the others could be narrowed",
                               {"chancery --identity ./auditor policy unused --days 90"});
  command.add_option("--days", options->days, "that are looked back")
      ->required()
      ->check(CLI::Range(1U, 36500U));
  line.on(command, options, show_unused);
}

}  // namespace chancery
