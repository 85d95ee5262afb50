#include <map>
#include <nlohmann/json.hpp>

#include "cli/policy_commands.h"
#include "cli/policy_source.h"
#include "cli/recorded_decisions.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ReplayOptions {
  std::string policy;
  Time since;
  std::size_t limit = 100;
  VocabularyOptions vocabulary;
};

/// The recorded decisions, made again by another policy.
class Replay {
 public:
  Replay(const GrantPolicy& policy, std::size_t limit) : policy_(policy), limit_(limit) {}

  void take(const RecordedDecisions::Decision& recorded) {
    ++decisions_;
    if (recorded.machines.empty()) return set_aside(recorded.request, recorded.why);
    std::optional<Decision> answer;
    for (const Machine& machine : recorded.machines) {
      Decision one = policy_.decide(machine, recorded.request.question, recorded.request.at);
      if (answer && answer->allowed() != one.allowed()) {
        return set_aside(recorded.request,
                         "it depends on which of its certificates the machine came with");
      }
      if (!answer) answer = std::move(one);
    }
    if (answer->allowed() == recorded.request.allowed) return;
    ++(answer->allowed() ? allowed_ : refused_);
    if (flips_.size() < limit_) flips_.push_back(flip(recorded.request, *answer));
  }

  void report(const Session& session, const std::string& name) const {
    const std::uint64_t flipped = allowed_ + refused_;
    std::uint64_t aside = 0;
    for (const auto& [why, found] : undecided_) aside += found.count;
    std::string text;
    for (const json& row : flips_) text += line_of(row) + "\n";
    if (flipped > flips_.size()) {
      text += "… and " + std::to_string(flipped - flips_.size()) + " more (--limit)\n";
    }
    text += std::to_string(decisions_) + " decisions under " + name + ": " +
            std::to_string(decisions_ - flipped - aside) + " the same, " +
            std::to_string(refused_) + " would be refused, " + std::to_string(allowed_) +
            " would be allowed, " + std::to_string(aside) + " cannot be decided again";
    json reasons = json::array();
    for (const auto& [why, found] : undecided_) {
      text += "\n  " + std::to_string(found.count) + ": " + why + " (the first is entry " +
              std::to_string(found.first) + ")";
      reasons.push_back({{"reason", why}, {"count", found.count}, {"first", found.first}});
    }
    session.print(text, {{"version", policy_.version()},
                         {"decisions", decisions_},
                         {"same", decisions_ - flipped - aside},
                         {"refused", refused_},
                         {"allowed", allowed_},
                         {"undecided", aside},
                         {"undecided_reasons", std::move(reasons)},
                         {"flips", flips_}});
  }

 private:
  struct Aside {
    std::uint64_t count = 0, first = 0;
  };

  void set_aside(const RecordedRequest& request, const std::string& why) {
    Aside& aside = undecided_[why];
    if (aside.count++ == 0) aside.first = request.index;
  }

  static json flip(const RecordedRequest& request, const Decision& answer) {
    return {{"entry", request.index},
            {"time", to_rfc3339(request.at)},
            {"request", request.request},
            {"machine", request.machine},
            {"operation", name_of(request.question.operation)},
            {"was", request.allowed ? "allowed by " + request.grant : "refused: " + request.reason},
            {"would_be",
             answer.allowed() ? "allowed by " + answer.grant() : "refused: " + answer.reason()}};
  }
  static std::string line_of(const json& row) {
    return row["entry"].dump() + " " + optional_text_in(row, "time") + " " +
           optional_text_in(row, "machine") + " " + optional_text_in(row, "operation") + ": was " +
           optional_text_in(row, "was") + "; would be " + optional_text_in(row, "would_be");
  }

  const GrantPolicy& policy_;
  const std::size_t limit_;
  std::uint64_t decisions_ = 0, allowed_ = 0, refused_ = 0;
  std::map<std::string, Aside> undecided_;
  json flips_ = json::array();
};

Result<ExitCode> replay(Session& session, const ReplayOptions& options) {
  ASSIGN_OR_RETURN(const PolicyVocabulary vocabulary, read_vocabulary(options.vocabulary));
  ASSIGN_OR_RETURN(const NamedPolicy named, read_named_policy(session, options.policy, vocabulary));
  ASSIGN_OR_RETURN(Service * service, session.service());
  Replay again(*named.policy, options.limit);
  RecordedDecisions decisions(*service, vocabulary.profiles);
  RETURN_IF_ERROR(decisions.read(options.since, [&](const auto& one) { again.take(one); }));
  again.report(session, named.name);
  return ExitCode::done;
}

}  // namespace

Result<Time> parse_since(std::string_view text) {
  if (const auto duration = parse_duration(text)) return now() - *duration;
  auto time = from_rfc3339(text);
  if (time) return time;
  return invalid("since", "must be a time such as 2026-11-22T09:40:50Z, or how long ago: 30d");
}

void add_policy_replay_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App& command =
      line.add(group, "replay", "Make the decisions of the log again, under another policy",
               {"chancery --identity ./auditor policy replay --policy new-policy.yaml --since 30d",
                "chancery --identity ./auditor policy replay --policy current --since "
                "2026-11-01T00:00:00Z --json"});
  command
      .add_option("--policy", options->policy,
                  "file or directory; or current, or a version, of the service")
      ->required()
      ->type_name("POLICY");
  add_parsed(command, "--since", options->since, parse_since,
             "a time, such as 2026-11-22T09:40:50Z, or how long ago, such as 30d")
      .required();
  command.add_option("--limit", options->limit, "changed decisions that are listed at most")
      ->capture_default_str();
  add_vocabulary_options(command, options->vocabulary);
  line.on(command, options, replay);
}

}  // namespace chancery
