#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/listing.h"
#include "cli/private_key.h"
#include "core/approval.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ListOptions {
  bool all = false;
  PageOptions page;
};

struct ApprovalOptions {
  ApprovalId id;
  bool yes = false;
};

std::string path_of(const ApprovalOptions& options) {
  return "/v1/approvals/" + percent_encode(options.id.text());
}

/// What is asked, for people; the statement is what is signed.
Result<std::string> describe(const json& approval) {
  ASSIGN_OR_RETURN(const std::string statement, text_in(approval, "statement"));
  ASSIGN_OR_RETURN(const std::uint64_t needed, number_in(approval, "needed"));
  ASSIGN_OR_RETURN(const std::uint64_t counted, number_in(approval, "counted"));
  std::string text = optional_text_in(approval, "id") + " is " +
                     optional_text_in(approval, "state") + ": " + std::to_string(counted) + " of " +
                     std::to_string(needed) + " have agreed\n";
  const auto summary = approval.find("summary");
  if (summary != approval.end()) {
    for (const auto& [name, value] : summary->items()) {
      text +=
          "  " + name + ": " + (value.is_string() ? value.get<std::string>() : value.dump()) + "\n";
    }
  }
  ASSIGN_OR_RETURN(const auto given, rows_in(approval, "given"));
  for (const json& one : given) {
    text += "  agreed: " + optional_text_in(one, "approver") + " at " +
            optional_text_in(one, "given_at");
    const std::string why_not = optional_text_in(one, "why_not");
    text += why_not.empty() ? "\n" : " (does not count: " + why_not + ")\n";
  }
  return text + "what approvers sign:\n" + statement;
}

Result<ExitCode> show(Session& session, const ApprovalOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json answer, service->get(path_of(options)));
  ASSIGN_OR_RETURN(const std::string text, describe(answer));
  session.print(text, answer);
  return ExitCode::done;
}

Result<ExitCode> list(Session& session, const ListOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json answer,
                   service->get("/v1/approvals" + page_query(options.page) +
                                (options.all ? "&state=all" : "&state=pending")));
  return print_listing(
      session, answer,
      {"approvals",
       {"id", "state", "operation", "requester", "rule", "counted", "needed", "expires_at"}});
}

Result<ExitCode> cancel(Session& session, const ApprovalOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json answer, service->post(path_of(options) + "/cancel", json::object()));
  session.print(options.id.text() + " is " + optional_text_in(answer, "state"), answer);
  return ExitCode::done;
}

/// The statement names what it is about: it is signed as it stands only where it is about this.
Result<void> check_statement(const std::string& statement, const ApprovalId& id) {
  const bool good = statement.starts_with("chancery-approval/v1\n") &&
                    statement.find("\nid " + id.text() + "\n") != std::string::npos;
  if (good) return {};
  return fail(ErrorCode::internal, "the service shows a statement that is not of this approval");
}

Result<ExitCode> approve(Session& session, const ApprovalOptions& options) {
  ASSIGN_OR_RETURN(const Identity* identity, session.identity());
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json shown, service->get(path_of(options)));
  ASSIGN_OR_RETURN(const std::string text, describe(shown));
  if (!options.yes) {
    session.print(text + "\nnothing is signed yet: with --yes it is, by the key of " +
                      session.identity_directory(),
                  shown);
    return ExitCode::failed;
  }
  ASSIGN_OR_RETURN(const std::string statement, text_in(shown, "statement"));
  RETURN_IF_ERROR(check_statement(statement, options.id));
  ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::from_pem(identity->key));
  ASSIGN_OR_RETURN(const json answer,
                   service->post(path_of(options) + "/approve",
                                 {{"signature", to_base64(key.sign(statement))}}));
  ASSIGN_OR_RETURN(const std::string after, describe(answer));
  session.print(after, answer);
  return ExitCode::done;
}

CLI::App& add_of_one(CommandLine& line, CLI::App& parent, const std::string& name,
                     const std::string& summary, const std::vector<std::string>& examples,
                     Result<ExitCode> (*action)(Session&, const ApprovalOptions&)) {
  auto options = std::make_shared<ApprovalOptions>();
  CLI::App& command = line.add(parent, name, summary, examples);
  add_parsed(command, "id", options->id, ApprovalId::parse, "of the approval").required();
  line.on(command, options, action);
  if (action == approve) {
    command.add_flag("--yes", options->yes, "sign; without it, only show what would be signed");
  }
  return command;
}

}  // namespace

void add_approval_commands(CommandLine& line) {
  add_of_one(line, line.root(), "approve",
             "Agree to what somebody else asks for, by a signature of your own key",
             {"chancery --identity ./alice approve apr-5f0c9c1b2d3e4f5061728394",
              "chancery --identity ./alice approve apr-5f0c9c1b2d3e4f5061728394 --yes"},
             approve);
  CLI::App& group = line.add_group("approvals", "What waits for others to agree (see approve)",
                                   {"chancery --identity ./alice approvals list",
                                    "chancery --identity ./alice approvals show "
                                    "apr-5f0c9c1b2d3e4f5061728394"});
  auto options = std::make_shared<ListOptions>();
  CLI::App& list_command = line.add(group, "list", "List what waits, and what is open",
                                    {"chancery --identity ./auditor approvals list --all"});
  list_command.add_flag("--all", options->all, "also what has ended");
  add_page_options(list_command, options->page);
  line.on(list_command, options, list);
  add_of_one(line, group, "show", "Show what is asked, and who has agreed",
             {"chancery --identity ./alice approvals show apr-5f0c9c1b2d3e4f5061728394"}, show);
  add_of_one(line, group, "cancel", "Take it back, or close what it has opened",
             {"chancery --identity ./bob approvals cancel apr-5f0c9c1b2d3e4f5061728394"}, cancel);
}

}  // namespace chancery
