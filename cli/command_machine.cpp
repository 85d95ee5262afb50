#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/file.h"
#include "cli/listing.h"
#include "core/clock.h"
#include "core/identifier.h"
#include "core/machine_attribute.h"

namespace chancery {
namespace {

using nlohmann::json;

struct MachineOptions {
  MachineName name;
  std::optional<Seconds> token_life;
  std::optional<ProfileName> profile;
  std::string token_file;
  std::vector<std::string> attributes;
  bool no_attributes = false;
};

Result<json> attributes_in(const std::string& option, const std::vector<std::string>& texts) {
  std::vector<MachineAttribute> attributes;
  for (const std::string& text : texts) {
    auto attribute = parse_machine_attribute(text);
    if (!attribute) return invalid(option, option + " " + text + ": " + attribute.error().message);
    attributes.push_back(std::move(*attribute));
  }
  ASSIGN_OR_RETURN(attributes, attribute_set(std::move(attributes)));
  json object = json::object();
  for (const MachineAttribute& attribute : attributes) object[attribute.name] = attribute.value;
  return object;
}

/// " team=shop env=prod", or nothing.
std::string shown_attributes(const json& machine) {
  std::string text;
  const json attributes = machine.value("attributes", json::object());
  for (const auto& [name, value] : attributes.items()) {
    if (value.is_string()) text += " " + name + "=" + value.get<std::string>();
  }
  return text;
}

Result<ExitCode> print_ticket(Session& session, const MachineOptions& options,
                              const std::string& done, const json& answer) {
  ASSIGN_OR_RETURN(std::string token, text_in(answer, "token"));
  ASSIGN_OR_RETURN(std::string expires_at, text_in(answer, "expires_at"));
  std::string line =
      done + options.name.text() + "; its enrolment token is good once, until " + expires_at;
  if (options.token_file.empty()) {
    session.print(line + ":\n" + token, answer);
    return ExitCode::done;
  }
  RETURN_IF_ERROR(replace_file(options.token_file, token + "\n", 0600));
  json shown = answer;
  shown.erase("token");
  shown["files"] = {{"token", options.token_file}};
  session.print(line + " → " + options.token_file, shown);
  return ExitCode::done;
}

Result<ExitCode> add_machine(Session& session, const MachineOptions& options) {
  RETURN_IF_ERROR(check_replaceable("--token-out", options.token_file));
  json body = {{"name", options.name.text()}};
  if (options.token_life) body["token_life"] = format_duration(*options.token_life);
  if (options.profile) body["profile"] = options.profile->text();
  if (!options.attributes.empty()) {
    ASSIGN_OR_RETURN(body["attributes"], attributes_in("--attribute", options.attributes));
  }
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->post("/v1/machines", body));
  return print_ticket(session, options, "added machine ", answer);
}

Result<ExitCode> make_token(Session& session, const MachineOptions& options) {
  RETURN_IF_ERROR(check_replaceable("--token-out", options.token_file));
  json body = json::object();
  if (options.profile) body["profile"] = options.profile->text();
  if (options.token_life) body["token_life"] = format_duration(*options.token_life);
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer,
                   service->post("/v1/machines/" + options.name.text() + "/token", body));
  return print_ticket(session, options, "machine ", answer);
}

Result<ExitCode> list_machines(Session& session, const PageOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/machines" + page_query(options)));
  return print_listing(session, answer, {"machines", {"name", "added_by", "added_at"}});
}

Result<ExitCode> show_machine(Session& session, const MachineOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/machines/" + options.name.text()));
  const std::string attributes = shown_attributes(answer);
  session.print(options.name.text() + ": added by " + optional_text_in(answer, "added_by") +
                    " at " + optional_text_in(answer, "added_at") +
                    (attributes.empty() ? "" : ";" + attributes),
                answer);
  return ExitCode::done;
}

Result<ExitCode> machine_attributes(Session& session, const MachineOptions& options) {
  const std::string path = "/v1/machines/" + options.name.text();
  const bool changes = !options.attributes.empty() || options.no_attributes;
  ASSIGN_OR_RETURN(json attributes, attributes_in("--set", options.attributes));
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer,
                   changes ? service->post(path + "/attributes", {{"attributes", attributes}})
                           : service->get(path));
  const std::string shown = shown_attributes(answer);
  session.print(options.name.text() + ":" + (shown.empty() ? " no attributes" : shown), answer);
  return ExitCode::done;
}

void add_ticket_options(CLI::App& command, MachineOptions& options) {
  add_parsed(command, "name", options.name, MachineName::parse, "name of the machine").required();
  add_parsed(command, "--token-life", options.token_life, parse_duration,
             "until when the token can be used, such as 15m; default: 1h, at most 7d");
  command
      .add_option("--token-out", options.token_file,
                  "write the token there (0600), do not print it")
      ->type_name("FILE");
  add_parsed(command, "--profile", options.profile, ProfileName::parse,
             "of its first certificate; default: the service's choice");
}

}  // namespace

void add_machine_commands(CommandLine& line) {
  CLI::App& group = line.add_group("machine", "Machines that may join or have joined",
                                   {"chancery --identity ./operator machine add web-1.example",
                                    "chancery --identity ./operator machine list"});

  auto add_options = std::make_shared<MachineOptions>();
  CLI::App& add = line.add(
      group, "add", "Make a machine known and get its one-time enrolment token",
      {"chancery --identity ./operator machine add web-1.example",
       "chancery --identity ./operator machine add web-1.example --token-life 15m --token-out "
       "web-1.token",
       "chancery --identity ./operator machine add web-1.example --attribute team=shop --attribute "
       "env=prod"});
  add_ticket_options(add, *add_options);
  add.add_option("--attribute", add_options->attributes,
                 "what the policy may go by, such as team=shop; several times")
      ->type_name("NAME=VALUE");
  line.on(add, add_options, add_machine);

  auto token_options = std::make_shared<MachineOptions>();
  CLI::App& token =
      line.add(group, "token", "Another enrolment token for a machine that is known already",
               {"chancery --identity ./operator machine token web-1.example --token-life 15m"});
  add_ticket_options(token, *token_options);
  line.on(token, token_options, make_token);

  auto page = std::make_shared<PageOptions>();
  CLI::App& list = line.add(group, "list", "List machines by name",
                            {"chancery --identity ./operator machine list --limit 1000"});
  add_page_options(list, *page);
  line.on(list, page, list_machines);

  auto show_options = std::make_shared<MachineOptions>();
  CLI::App& show = line.add(group, "show", "Show one machine",
                            {"chancery --identity ./operator machine show web-1.example"});
  add_parsed(show, "name", show_options->name, MachineName::parse, "name of the machine")
      .required();
  line.on(show, show_options, show_machine);

  auto attribute_options = std::make_shared<MachineOptions>();
  CLI::App& attributes = line.add(
      group, "attributes", "Show or replace what the policy may go by",
      {"chancery --identity ./operator machine attributes web-1.example",
       "chancery --identity ./operator machine attributes web-1.example --set team=shop --set "
       "env=test",
       "chancery --identity ./operator machine attributes web-1.example --none"});
  add_parsed(attributes, "name", attribute_options->name, MachineName::parse, "name of the machine")
      .required();
  CLI::Option* set = attributes
                         .add_option("--set", attribute_options->attributes,
                                     "all that it has from now on; several times")
                         ->type_name("NAME=VALUE");
  attributes.add_flag("--none", attribute_options->no_attributes, "take all away")->excludes(set);
  line.on(attributes, attribute_options, machine_attributes);
}

}  // namespace chancery
