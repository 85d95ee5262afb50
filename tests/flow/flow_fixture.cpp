#include "tests/flow/flow_fixture.h"

#include <stdlib.h>

#include <boost/test/unit_test.hpp>

#include "core/durable_file.h"
#include "policies/default_policy.h"
#include "policies/policy_file.h"

namespace chancery {
namespace {

template <class T>
T must(Result<T> result) {
  BOOST_REQUIRE_MESSAGE(result, result.error().message << " " << result.error().detail);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace

FlowFixture::FlowFixture() {
  std::string name = (std::filesystem::temp_directory_path() / "chancery-flow.XXXXXX").string();
  BOOST_REQUIRE(::mkdtemp(name.data()));
  home_ = name;
  NewInstallation wanted;
  wanted.api = {"127.0.0.1", 1};
  wanted.public_http = {"127.0.0.1", 2};
  wanted.module = "none";
  wanted.token_label = "software";
  wanted.pin_file = "none";
  must(replace_durable_file(home_ / "config.yaml", default_config(wanted), 0600));
  must(replace_durable_file(home_ / "policy.yaml", default_policy("chancery.internal"), 0600));
  reopen();
  must(furnish(*instance_, [](const std::string&) {}));
}

FlowFixture::~FlowFixture() {
  instance_.reset();
  std::filesystem::remove_all(home_);
}

Result<void> FlowFixture::try_reopen() {
  instance_.reset();
  ASSIGN_OR_RETURN(Config config, load_config(home_));
  adjust(config);
  const auto load = [profiles = config.profiles](const std::string& text,
                                                 const std::vector<CaName>& cas) {
    return load_policy(text, PolicyVocabulary::of(profiles, cas));
  };
  ASSIGN_OR_RETURN(instance_, Instance::open(std::move(config), token_, load));
  return {};
}

void FlowFixture::reopen() {
  must(try_reopen());
}

Caller FlowFixture::as(const std::string& machine, std::string idempotency_key,
                       const std::string& body) {
  Caller caller{{new_request_id(), Machine{}}, std::move(idempotency_key), sha256(bytes_of(body))};
  caller.context.machine.name = MachineName::literal(machine);
  caller.context.machine.fingerprint = std::string(64, 'a');
  caller.context.machine.source = "127.0.0.1";
  return caller;
}

CertificateRequest FlowFixture::request_for(SubjectAltNames names, std::string common_name) {
  Subject subject;
  subject.common_name = std::move(common_name);
  return {generate_software_key().public_key, std::move(subject), std::move(names)};
}

const Key& FlowFixture::data_key(const std::string& name, KeyType type) {
  return *must(
      service().create_key(as("admin"), {KeyName::literal(name), type, KeyPurpose::data, {}}));
}

Outcome FlowFixture::issue(const std::string& machine) {
  return must(service().sign(
      as(machine),
      IssueCertificate{CaName::literal("issuing"), ProfileName::literal("machine"),
                       request_for({.dns = {machine}, .ip = {}, .uri = {}, .email = {}}),
                       std::nullopt}));
}

void FlowFixture::grant(const std::string& name, const std::string& rest,
                        const std::string& machines) {
  const std::string text = default_policy("chancery.internal") + "\n  - name: " + name +
                           "\n    machines: " + machines + "\n    " + rest + "\n";
  must(replace_durable_file(home_ / "policy.yaml", text, 0600));
  must(instance_->reload_policy(as("admin")));
}

std::string FlowFixture::short_ca_profile(Seconds life) {
  const std::string validity = format_duration(life);
  return "  short-ca:\n    key_usages: [key_cert_sign, crl_sign]\n    ca: true\n"
         "    default_validity: " +
         validity + "\n    max_validity: " + validity +
         "\n    key_types: [ec-p256]\n    subject: [common_name]\n    require_alt_name: false\n";
}

const CertificateAuthority& FlowFixture::create_short_ca() {
  Subject subject;
  subject.common_name = "Short";
  const auto made = service().create_ca(
      Instance::self(), {CaName::literal("short"), subject, KeyType::ec_p256,
                         CaName::literal("root"), ProfileName::literal("short-ca"), 1});
  BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  return **made;
}

std::vector<std::string> FlowFixture::entries(EntryKind kind) {
  const std::string member = "\"kind\":\"" + std::string(name_of(kind)) + "\"";
  std::vector<std::string> found;
  for (std::uint64_t first = 0;;) {
    const auto page = must(store().entries(first, 1000));
    if (page.empty()) return found;
    for (const std::string& text : page) {
      if (text.find(member) != text.npos) found.push_back(text);
    }
    first += page.size();
  }
}

VerifyReport FlowFixture::verify() {
  auto publisher =
      must(CheckpointPublisher::create(instance_->log(), instance_->store(), token_,
                                       instance_->keys(), instance_->config().log_origin));
  must(publisher->publish());
  std::vector<NoteVerifier> verifiers;
  for (const std::string& vkey : publisher->vkeys()) {
    verifiers.push_back(must(NoteVerifier::parse(vkey)));
  }
  return must(verify_log(store(), verifiers));
}

}  // namespace chancery
