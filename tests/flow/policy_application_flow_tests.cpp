#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "core/durable_file.h"
#include "core/policy_replacement.h"
#include "policies/default_policy.h"
#include "tests/core/audit/log_fixture.h"
#include "tests/flow/approval_fixture.h"

// Another policy comes into force where others have to agree to it, and only then.

namespace chancery {
namespace {

const std::string kBase = default_policy("chancery.internal") + "\napprovals:\n";
const std::string kAgreed =
    kBase + "  - {name: test, operations: [policy.change], needed: 1, from: [alice, bob]}\n";

struct PolicyFlow : ApprovalFlow {
  PolicyFlow() {
    BOOST_REQUIRE(replace_durable_file(home() / "policy.yaml", kAgreed, 0600));
    BOOST_REQUIRE(instance().reload_policy(as("admin")));
  }
  Result<bool> apply(const std::string& text, const std::string& approval = {}) {
    Caller caller = as("admin", {}, text);
    caller.approval = approval;
    return instance().apply_policy(caller, {text, {}, false});
  }
  /// The approval that it was put in force with.
  std::string agree_and_apply(const std::string& text) {
    const auto asked = apply(text);
    BOOST_REQUIRE(!asked);
    const std::string id = asked.error().approval;
    BOOST_REQUIRE_MESSAGE(refusal(give(alice, id)).empty(), asked.error().message);
    const auto applied = apply(text, id);
    BOOST_TEST(refusal(applied) == "");
    return id;
  }
  /// Differs where the file was replaced meanwhile, though by the same.
  std::string file() {
    struct stat status {};
    BOOST_REQUIRE(::stat((home() / "policy.yaml").c_str(), &status) == 0);
    return std::to_string(status.st_ino) + " " + std::to_string(status.st_ctim.tv_sec) + "." +
           std::to_string(status.st_ctim.tv_nsec);
  }
  std::vector<nlohmann::json> policies() {
    std::vector<nlohmann::json> found;
    for (const std::string& entry : entries(EntryKind::policy)) {
      found.push_back(nlohmann::json::parse(entry));
    }
    return found;
  }
};

BOOST_FIXTURE_TEST_SUITE(policy_application_flow, PolicyFlow)

BOOST_AUTO_TEST_CASE(the_files_change_only_after_it_is_recorded_that_they_may) {
  const std::string first = agree_and_apply(kAgreed + "# one\n");
  const auto recorded = policies();
  const auto& applying = recorded.at(recorded.size() - 2);
  BOOST_TEST(applying["event"] == "applying");
  BOOST_TEST(applying["candidate"] == recorded.back()["version"]);
  for (const auto* entry : {&applying, &recorded.back()}) {
    BOOST_TEST((*entry)["approval"] == first);
    BOOST_TEST((*entry)["grant"] == "role:administrator");
  }
  agree_and_apply(kAgreed);
  const std::string before = file();
  // What was agreed to was agreed to once.
  BOOST_TEST(says(refusal(apply(kAgreed + "# one\n", first)), "is used"));
  BOOST_TEST(file() == before);
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_CASE(approvers_see_which_policy_it_is) {
  const std::string text = kAgreed + "# one\n";
  const std::string version = to_hex(sha256(bytes_of(text)));
  const auto applied = apply(text);
  const auto shadow = instance().start_shadow(as("admin", {}, "shadow"), text);
  for (const std::string& id : {applied.error().approval, shadow.error().approval}) {
    BOOST_TEST(says(find(id).record.summary, "policy " + version));
  }
}

BOOST_AUTO_TEST_CASE(a_reload_names_what_it_was_permitted_by) {
  const std::string text = kAgreed + "# reloaded\n";
  const std::string version = to_hex(sha256(bytes_of(text)));
  BOOST_REQUIRE(replace_durable_file(home() / "policy.yaml", text, 0600));
  Caller caller = as("admin");
  const auto asked = instance().permit_change(caller, version);
  BOOST_REQUIRE(!asked);
  caller.approval = asked.error().approval;
  BOOST_TEST(refusal(give(bob, caller.approval)) == "");
  const auto permitted = instance().permit_change(caller, version);
  BOOST_REQUIRE_MESSAGE(permitted, refusal(permitted));
  BOOST_REQUIRE(instance().reload_policy(caller, *permitted, version));
  BOOST_TEST(policies().back()["approval"] == caller.approval);
  BOOST_TEST(policies().back()["grant"] == "role:administrator");
  BOOST_TEST(policies().back()["version"] == version);
}

BOOST_AUTO_TEST_CASE(a_policy_that_too_few_others_could_change_again_locks_out) {
  const auto rule = [](const std::string& from) {
    return kBase + "  - {name: test, operations: [policy.change], needed: 1, from: [" + from +
           "]}\n";
  };
  const struct {
    const char* name;
    std::string from;
    bool locked;
  } rows[] = {
      {"the caller alone", "admin", true},
      {"the one administrator, who is the caller", "\"role:administrator\"", true},
      {"the same twice", "admin, \"role:administrator\"", true},
      {"somebody else", "bob", false},
      {"whoever a pattern means", "\"ops-*\"", false},
  };
  for (const auto& row : rows) {
    const auto checked = instance().check_policy(as("admin"), {rule(row.from), {}, false});
    BOOST_TEST(says(refusal(checked), "names fewer") == row.locked, row.name << refusal(checked));
    const auto accepted = instance().check_policy(as("admin"), {rule(row.from), {}, true});
    BOOST_TEST(refusal(accepted) == "", row.name);
  }
}

BOOST_AUTO_TEST_CASE(a_version_that_the_database_has_otherwise_does_not_come_back) {
  const std::string before = service().policy()->version();
  agree_and_apply(kAgreed + "# one\n");
  close();
  BOOST_TEST(run_sql(home() / "chancery.db",
                     "DROP TRIGGER IF EXISTS policy_version_update;"
                     "UPDATE policy_version SET text = text || '# more' WHERE version = '" +
                         before + "'") == "");
  reopen();
  Caller caller = as("admin", {}, "roll back");
  const auto asked = instance().roll_policy_back(caller, before, false);
  BOOST_REQUIRE(!asked);
  caller.approval = asked.error().approval;
  BOOST_TEST(refusal(give(alice, caller.approval)) == "");
  const auto rolled = instance().roll_policy_back(caller, before, false);
  BOOST_REQUIRE(!rolled);
  BOOST_CHECK(rolled.error().code == ErrorCode::internal);
}

BOOST_AUTO_TEST_CASE(a_symbolic_link_is_not_replaced) {
  const std::filesystem::path policy = home() / "policy.yaml", kept = home() / "kept.yaml";
  std::filesystem::rename(policy, kept);
  std::filesystem::create_symlink(kept, policy);
  const auto replaced = replace_policy(home(), kAgreed);
  BOOST_REQUIRE(!replaced);
  BOOST_CHECK(replaced.error().code == ErrorCode::conflict);
  BOOST_TEST(says(replaced.error().message, "symbolic link"));
  BOOST_TEST(std::filesystem::is_symlink(policy));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
