#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/policy_source.h"
#include "core/policy.h"

namespace chancery {

/// What somebody asks a policy instead of the machine.
struct AskedOptions {
  Machine machine;
  PolicyQuestion question{};
  bool operation_given = false;
  Time at = now();
  std::optional<Seconds> certificate_age;
  bool enrolling = false;
  std::optional<MessageClass> message_class;
  std::vector<std::string> content;  ///< FIELD=VALUE
  std::optional<Seconds> lifetime;
};

/// --machine, --spiffe, --attribute, … and --at; without `name`, which is then an argument.
void add_machine_options(CLI::App& command, const std::shared_ptr<AskedOptions>& options,
                         bool name);
/// --issuer, --profile, --dns, …; without `operation`, which is then an argument.
void add_question_options(CLI::App& command, const std::shared_ptr<AskedOptions>& options,
                          bool operation);

/// Sets the member whose option is `name`, as "issuer=issuing" after `who-can OPERATION on`.
Result<void> set_asked(PolicyQuestion& question, std::string_view name, std::string_view value);

/// An operation; a misspelt one is refused with the name that is nearest.
Result<Operation> parse_asked_operation(std::string_view text);

/// Refuses a machine of which nothing is said. `option` is how it is named.
Result<void> expect_machine(const AskedOptions& options, const std::string& option);
/// Refuses a profile, and an issuer where all are known, that there is not.
Result<void> expect_known(const PolicyQuestion& question, const PolicyVocabulary& vocabulary);
/// Of a policy of the service and a machine of its inventory: adds the attributes that it has there
/// unless some were given. Returns why they are missing, or nothing.
Result<std::string> add_known(Session& session, const NamedPolicy& named, AskedOptions& options);

/// The machine and the question in full, with what `profiles` add.
Result<void> complete(AskedOptions& options, const Profiles& profiles);

}  // namespace chancery
