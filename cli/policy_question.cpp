#include "cli/policy_question.h"

#include <algorithm>

#include "cli/known_machine.h"
#include "core/field_path.h"
#include "policies/asked_member.h"
#include "policies/policy_case.h"

namespace chancery {
namespace {

/// One option for each member of the table. `subject` is what they set.
template <class Subject>
void add_members(CLI::App& command, std::span<const AskedMember<Subject>> members,
                 const std::shared_ptr<AskedOptions>& options, Subject AskedOptions::*subject,
                 std::string_view passed_over) {
  for (const AskedMember<Subject>& member : members) {
    if (member.option == passed_over) continue;
    const std::string name = "--" + std::string(member.option);
    const auto set = [options, subject, &member, name](const std::vector<std::string>& values) {
      for (const std::string& value : values) {
        if (auto added = member.add((*options).*subject, value); !added) {
          throw CLI::ValidationError(name, "\"" + value + "\": " + added.error().message);
        }
      }
    };
    auto* option = command.add_option_function<std::vector<std::string>>(
        name, set, std::string(member.help) + (member.list ? "; may be repeated" : ""));
    option->allow_extra_args(false);
    if (!member.list) option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  }
}

/// The two sides of "NAME=VALUE".
Result<std::pair<std::string, std::string>> split(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals == 0) {
    return invalid("", "\"" + text + "\" must be NAME=VALUE");
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Result<void> complete_message(AskedOptions& options) {
  if (!options.message_class) {
    if (options.content.empty() && !options.lifetime) return {};
    return invalid("--message-class", "say which, where --content or --lifetime say what it holds");
  }
  MessageContent message{*options.message_class, {}, options.lifetime};
  for (const std::string& field : options.content) {
    ASSIGN_OR_RETURN(const auto sides, split(field));
    if (auto added = add_field(message, sides.first, sides.second); !added) {
      return invalid("--content", added.error().message);
    }
  }
  options.question.message = std::move(message);
  return {};
}

}  // namespace

void add_machine_options(CLI::App& command, const std::shared_ptr<AskedOptions>& options,
                         bool name) {
  add_members(command, machine_members(), options, &AskedOptions::machine, name ? "" : "machine");
  const auto add = [options](const std::vector<std::string>& values) {
    for (const std::string& text : values) {
      const auto sides = split(text);
      auto added = sides ? add_attribute(options->machine, sides->first, sides->second)
                         : Result<void>(Failure(sides.error()));
      if (!added) throw CLI::ValidationError("--attribute", added.error().message);
    }
  };
  command
      .add_option_function<std::vector<std::string>>("--attribute", add,
                                                     "of the machine; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  add_parsed(command, "--certificate-age", options->certificate_age, parse_duration,
             "how old the machine's certificate is: 10d, …");
  command.add_flag("--enrolling", options->enrolling, "the machine has no certificate yet");
  add_parsed(command, "--at", options->at, from_rfc3339,
             "when it is asked, such as 2026-11-22T09:40:50Z; default: now");
}

void add_question_options(CLI::App& command, const std::shared_ptr<AskedOptions>& options,
                          bool operation) {
  if (operation) {
    auto set = [options](const std::string& text) {
      auto parsed = parse_asked_operation(text);
      if (!parsed) throw CLI::ValidationError("--operation", parsed.error().message);
      options->question.operation = *parsed;
      options->operation_given = true;
    };
    command.add_option_function<std::string>("--operation", set, "certificate.issue, key.sign, …");
  }
  add_members(command, question_members(), options, &AskedOptions::question, "operation");
  add_parsed(command, "--message-class", options->message_class, parse_message_class,
             "of what is to be signed: jwt, ssh-certificate, …");
  command.add_option("--content", options->content, "what a field of it says; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FIELD=VALUE");
  add_parsed(command, "--lifetime", options->lifetime, parse_duration,
             "of what the message makes valid: 5m, …");
}

Result<Operation> parse_asked_operation(std::string_view text) {
  PolicyQuestion question{};
  RETURN_IF_ERROR(set_asked(question, "operation", text));
  return question.operation;
}

Result<void> set_asked(PolicyQuestion& question, std::string_view name, std::string_view value) {
  for (const AskedMember<PolicyQuestion>& member : question_members()) {
    if (member.option == name || member.name == name) return member.add(question, value);
  }
  return invalid("resource", "there is no \"" + std::string(name) +
                                 "\"; write issuer=NAME, profile=NAME, key=NAME, owner=MACHINE, "
                                 "dns=NAME, …");
}

Result<void> expect_machine(const AskedOptions& options, const std::string& option) {
  const Machine& machine = options.machine;
  const bool said = !machine.name.empty() || !machine.fingerprint.empty() ||
                    !machine.spiffe_id.empty() || !machine.dns_names.empty();
  if (said) return {};
  return invalid(option,
                 "say which machine asks: by its name, --spiffe, --machine-dns or "
                 "--fingerprint");
}

Result<void> expect_known(const PolicyQuestion& question, const PolicyVocabulary& vocabulary) {
  std::vector<std::string_view> profiles, issuers;
  for (const auto& [name, profile] : vocabulary.profiles) profiles.push_back(name.text());
  if (!question.profile.empty() && std::ranges::count(profiles, question.profile) == 0) {
    return invalid("--profile", "there is no profile \"" + question.profile + "\"" +
                                    did_you_mean(question.profile, profiles) +
                                    "; --home or --config say which there are");
  }
  if (!vocabulary.issuers || question.issuer.empty()) return {};
  issuers.assign(vocabulary.issuers->begin(), vocabulary.issuers->end());
  if (std::ranges::count(issuers, question.issuer) > 0) return {};
  return invalid("--issuer", "there is no CA \"" + question.issuer + "\"" +
                                 did_you_mean(question.issuer, issuers));
}

Result<std::string> add_known(Session& session, const NamedPolicy& named, AskedOptions& options) {
  Machine& machine = options.machine;
  if (!named.of_service || machine.name.empty() || !machine.attributes.empty()) {
    return std::string();
  }
  ASSIGN_OR_RETURN(Service * service, session.service());
  return add_inventory_attributes(*service, machine);
}

Result<void> complete(AskedOptions& options, const Profiles& profiles) {
  Machine& machine = options.machine;
  if (machine.fingerprint.empty() && !options.enrolling) machine.fingerprint = kSomeFingerprint;
  if (options.certificate_age) machine.certificate_since = options.at - *options.certificate_age;
  RETURN_IF_ERROR(complete_message(options));
  complete(options.question, machine, profiles);
  return {};
}

}  // namespace chancery
