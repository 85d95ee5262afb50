#include "cli/policy_source.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/file.h"
#include "core/config.h"
#include "core/policy_bundle.h"
#include "core/policy_directory.h"
#include "core/store.h"
#include "policies/policy_file.h"

namespace chancery {
namespace {

using nlohmann::json;

/// The profiles of a new installation.
Result<Profiles> default_profiles() {
  const NewInstallation any{{"127.0.0.1", 0}, {"127.0.0.1", 0}, "module", "token", "pin", ""};
  ASSIGN_OR_RETURN(Config config, parse_config(default_config(any), "."));
  return std::move(config.profiles);
}

Result<Profiles> read_profiles(const VocabularyOptions& options) {
  if (!options.home.empty()) {
    ASSIGN_OR_RETURN(Config config, load_config(options.home));
    return std::move(config.profiles);
  }
  if (options.config.empty()) return default_profiles();
  ASSIGN_OR_RETURN(const std::string text, read_file(options.config, limits::config_bytes));
  ASSIGN_OR_RETURN(Config config, parse_config(text, "."));
  return std::move(config.profiles);
}

Result<void> add_issuers_of(const std::string& home, PolicyVocabulary& vocabulary) {
  const std::string database = home + "/chancery.db";
  if (!file_exists(database)) return {};  // a home that is still to be filled
  ASSIGN_OR_RETURN(const auto store, Store::open_read_only(database));
  ASSIGN_OR_RETURN(const std::vector<CaRecord> cas, store->cas());
  vocabulary.issuers.emplace();
  for (const CaRecord& ca : cas) vocabulary.issuers->insert(ca.name.text());
  return {};
}

Result<std::string> text_of_service(Session& session, const std::string& path) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json answer, service->get(path));
  return text_in(answer, "text");
}

}  // namespace

void add_vocabulary_options(CLI::App& command, VocabularyOptions& options) {
  auto* home = command
                   .add_option("--home", options.home,
                               "an installation here: its profiles and CAs are what there is")
                   ->check(CLI::ExistingDirectory)
                   ->type_name("DIR");
  command
      .add_option("--config", options.config,
                  "a config.yaml with the profiles; default: those of a new installation")
      ->excludes(home)
      ->type_name("FILE");
  command
      .add_option("--issuer-name", options.issuers,
                  "a CA that there is; may be repeated; default: any name is taken")
      ->allow_extra_args(false)
      ->type_name("CA");
}

Result<PolicyVocabulary> read_vocabulary(const VocabularyOptions& options) {
  PolicyVocabulary vocabulary;
  ASSIGN_OR_RETURN(vocabulary.profiles, read_profiles(options));
  if (!options.home.empty()) RETURN_IF_ERROR(add_issuers_of(options.home, vocabulary));
  if (!options.issuers.empty() && !vocabulary.issuers) vocabulary.issuers.emplace();
  for (const std::string& issuer : options.issuers) vocabulary.issuers->insert(issuer);
  return vocabulary;
}

Result<std::string> read_policy_text(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) return read_policy_at(path);
  return invalid("POLICY", "there is no file or directory " + path);
}

Result<NamedPolicy> read_named_policy(Session& session, const std::string& name,
                                      const PolicyVocabulary& vocabulary) {
  NamedPolicy named{name, {}, false, nullptr};
  const bool current = name == "current";
  if (current || is_policy_version(name)) {
    named.of_service = true;
    ASSIGN_OR_RETURN(named.text, text_of_service(session, current ? "/v1/policy"
                                                                  : "/v1/policy/versions/" + name));
    ASSIGN_OR_RETURN(named.policy, load_policy(named.text, PolicyVocabulary::unchecked()));
    return named;
  }
  ASSIGN_OR_RETURN(named.text, read_policy_text(name));
  std::error_code error;
  if (!std::filesystem::is_directory(name, error)) {
    ASSIGN_OR_RETURN(named.policy, load_policy(named.text, vocabulary, name));
    return named;
  }
  // Files of a directory are called by their names in it, so it has to be said which it is.
  auto loaded = load_policy(named.text, vocabulary, "policy.yaml");
  if (!loaded) {
    Error wrong = loaded.error();
    wrong.message = name + ": " + wrong.message;
    return Failure(std::move(wrong));
  }
  named.policy = *std::move(loaded);
  return named;
}

}  // namespace chancery
