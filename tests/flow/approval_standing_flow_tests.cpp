#include <boost/test/unit_test.hpp>

#include "tests/core/audit/log_fixture.h"
#include "tests/flow/approval_fixture.h"

// Whose agreement counts, each time anew, and for how long break-glass is open by it.

namespace chancery {
namespace {

struct StandingFlow : ApprovalFlow {
  static EVP_PKEY* ec() { return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"); }
  void agree(const std::string& id) {
    BOOST_TEST(refusal(give(alice, id)) == "");
    BOOST_TEST(refusal(give(bob, id)) == "");
  }
  /// Open, by alice and bob.
  std::string open() {
    terms.need.opens_for = std::chrono::hours(1);
    adopt();
    const std::string id = ask();
    agree(id);
    BOOST_TEST(refusal(create(id)) == "");
    BOOST_TEST(state(id) == "open");
    return id;
  }
  bool is_asked_again() {
    const auto again = create({}, "body", "web-1.second");
    return !again && again.error().code == ErrorCode::approval_needed;
  }
  void change(const std::string& sql) {
    close();
    tamper(home() / "chancery.db", sql);
    reopen();
    adopt();
  }
};

BOOST_FIXTURE_TEST_SUITE(approval_standing_flow, StandingFlow)

BOOST_AUTO_TEST_CASE(approvers_are_known_by_their_attributes) {
  const std::vector<MachineAttribute> attributes = {{"team", "release"}};
  BOOST_REQUIRE(service().add_machine(
      as("admin"), {MachineName::literal("alice"), ProfileName::literal("machine"),
                    std::chrono::hours(1), false, attributes}));
  alice.machine.attributes = attributes;
  terms.need.needed = 1;
  terms.approvers = {"team=release"};
  adopt();
  const std::string id = ask();
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(find(id).count() == 1U);
  BOOST_REQUIRE(service().set_attributes(as("admin"), MachineName::literal("alice"), {}));
  BOOST_TEST(find(id).count() == 0U);
  BOOST_REQUIRE(service().set_attributes(as("admin"), MachineName::literal("alice"), attributes));
  BOOST_TEST(refusal(create(id)) == "");
}

BOOST_AUTO_TEST_CASE(break_glass_stays_open_only_as_long_as_it_would_be_opened) {
  open();
  BOOST_TEST(!is_asked_again());
  terms.need.needed = 3;
  adopt();
  BOOST_TEST(is_asked_again());
  terms.need.needed = 2;
  terms.approvers.erase("bob");
  adopt();
  BOOST_TEST(is_asked_again());
  terms.approvers.insert("bob");
  adopt();
  BOOST_TEST(refusal(create({}, "body", "web-1.third")) == "");
  BOOST_REQUIRE(
      service().revoke(as("operator"), {*alice.machine.serial, RevocationReason::key_compromise}));
  BOOST_TEST(is_asked_again());
}

BOOST_AUTO_TEST_CASE(break_glass_closes_when_the_policy_in_force_says) {
  const std::string id = open();
  change("UPDATE approval SET approved_at = approved_at - 1800000000 WHERE id = '" + id + "'");
  BOOST_TEST(refusal(create({}, "body", "web-1.third")) == "");
  terms.need.opens_for = std::chrono::minutes(10);
  adopt();
  BOOST_TEST(says(refusal(create(id, "body", "web-1.fourth")), "is closed"));
  BOOST_TEST(is_asked_again());
}

BOOST_AUTO_TEST_CASE(break_glass_that_nobody_has_signed_is_not_open) {
  terms.need.opens_for = std::chrono::hours(1);
  adopt();
  const std::string id = ask();
  change("UPDATE approval SET state = 'open', approved_at = created_at WHERE id = '" + id + "'");
  BOOST_TEST(is_asked_again());
  BOOST_TEST(entries(EntryKind::alarm).empty());
}

BOOST_AUTO_TEST_CASE(break_glass_that_was_not_opened_in_its_time_is_over) {
  terms.need.opens_for = std::chrono::minutes(10);
  adopt();
  const std::string id = ask();
  agree(id);
  change("UPDATE approval SET approved_at = approved_at - 600000000 WHERE id = '" + id + "'");
  BOOST_TEST(says(refusal(create(id)), "is expired"));
  BOOST_TEST(entries(EntryKind::alarm).empty());
  BOOST_TEST(ask() != id);
  BOOST_TEST(state(id) == "expired");
}

BOOST_AUTO_TEST_CASE(one_signature_is_that_of_one_person) {
  const std::string id = ask();
  BOOST_TEST(refusal(give(alice, id)) == "");
  change(
      "UPDATE approval SET state = 'approved', approved_at = created_at;"
      "INSERT INTO approval_signature SELECT approval, 'carol', serial, randomblob(32),"
      " algorithm, signature, given_at, entry + 1 FROM approval_signature");
  BOOST_TEST(find(id).given.size() == 2U);
  BOOST_TEST(says(refusal(create(id)), "and 1 are given"));
}

BOOST_AUTO_TEST_CASE(the_requesters_other_keys_do_not_agree) {
  const Person other = person("web-1", ec());
  EVP_PKEY_up_ref(other.key.get());
  const Person under_a_name = person("carol", other.key.get());
  const std::string id = ask();
  BOOST_TEST(says(refusal(give(under_a_name, id)), "has the same key"));
}

BOOST_AUTO_TEST_CASE(who_becomes_an_approver_afterwards_agrees_to_nothing_that_was_asked_before) {
  const std::string id = ask();
  const Person late = person("carol", ec());
  BOOST_TEST(says(refusal(give(late, id)), "is newer than this request"));
  BOOST_TEST(find(id).count() == 0U);
  // One that renews an older one is as good as that.
  Person renewed{"alice", {ec(), EVP_PKEY_free}, alice.machine};
  const auto outcome =
      service().sign(as("alice"), RenewCertificate{*alice.machine.serial,
                                                   {public_half(renewed.key.get()), {}, {}},
                                                   std::nullopt});
  BOOST_REQUIRE_MESSAGE(outcome, (outcome ? "" : outcome.error().message));
  renewed.machine.serial = Serial::parse(outcome->serial).value();
  BOOST_TEST(refusal(give(renewed, id)) == "");
  BOOST_TEST(find(id).count() == 1U);
}

BOOST_AUTO_TEST_CASE(a_foreign_machine_is_known_by_its_spiffe_id) {
  const auto asked_with = [&](char digit) {
    Caller caller = by(requester);
    caller.context.machine = {};
    caller.context.machine.spiffe_id = "spiffe://other.example/build";
    caller.context.machine.fingerprint = std::string(64, digit);
    const auto asked = service().permit(caller, {.operation = Operation::key_create});
    BOOST_REQUIRE(!asked);
    return asked.error().approval;
  };
  const std::string id = asked_with('1');
  BOOST_TEST(asked_with('2') == id);  // the same, with its next certificate
  BOOST_TEST(find(id).record.requester == "spiffe://other.example/build");
}

BOOST_AUTO_TEST_CASE(what_is_open_is_found_by_itself) {
  const std::string id = open();
  terms.need.opens_for = Seconds{0};
  adopt();
  ask("another body");
  const auto rows = store().open_approvals(10).value();
  BOOST_REQUIRE(rows.size() == 1U);
  BOOST_TEST(rows[0].id.text() == id);
  BOOST_TEST(store().count_pending_approvals().value() == 1U);
}

BOOST_AUTO_TEST_CASE(approvers_see_what_a_machine_will_be) {
  terms.operation = Operation::machine_add;
  adopt();
  Caller caller = by(requester);
  const auto asked =
      service().set_attributes(caller, MachineName::literal("alice"), {{"team", "release"}});
  BOOST_REQUIRE(!asked);
  BOOST_TEST(says(find(asked.error().approval).record.summary, "attributes: team=release"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
