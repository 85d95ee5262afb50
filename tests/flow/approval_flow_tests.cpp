#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/signing_task.h"
#include "tests/core/audit/log_fixture.h"
#include "tests/flow/approval_fixture.h"

namespace chancery {
namespace {

BOOST_FIXTURE_TEST_SUITE(approval_flow, ApprovalFlow)

BOOST_AUTO_TEST_CASE(two_others_agree_and_it_is_done_once) {
  const std::size_t intents = entries(EntryKind::intent).size();
  const std::string id = ask();
  BOOST_TEST(ask() == id);  // the same request asks nobody again
  BOOST_TEST(state(id) == "waiting");
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(says(refusal(create(id)), "asks for 2 approvals, and 1 are given"));
  BOOST_TEST(refusal(give(carol, id)) == "");
  BOOST_TEST(state(id) == "approved");
  BOOST_TEST(entries(EntryKind::intent).size() == intents);

  BOOST_TEST(refusal(create(id)) == "");
  BOOST_TEST(state(id) == "used");
  BOOST_TEST(last(EntryKind::intent)["approval"] == id);
  BOOST_TEST(says(refusal(create(id, "body", "web-1.other")), "is used"));

  const auto events = entries(EntryKind::approval);
  BOOST_REQUIRE(events.size() == 3U);
  const auto requested = nlohmann::json::parse(events[0]);
  BOOST_TEST(requested["event"] == "requested");
  BOOST_TEST(requested["requester"] == "web-1");
  BOOST_TEST(requested["needed"] == 2);
  const auto given = nlohmann::json::parse(events[1]);
  BOOST_TEST(given["event"] == "given");
  BOOST_TEST(given["machine"] == "alice");
  // What stands in the log is enough to verify it, without this service.
  const PublicKey key =
      PublicKey::from_spki(from_base64(given["spki"].get<std::string>()).value()).value();
  BOOST_TEST(key.verify(SignatureAlgorithm::ecdsa_p256_sha256,
                        sha256(bytes_of(given["statement"].get<std::string>())),
                        from_base64(given["signature"].get<std::string>()).value()));
  BOOST_TEST(verify().good);
  // So says who has the log alone.
  close();
  const std::string command = "python3 '" CHANCERY_SOURCE_DIR "/tests/audit_verifier.py' '" +
                              (home() / "chancery.db").string() + "' > /dev/null";
  BOOST_TEST(std::system(command.c_str()) == 0);
}

BOOST_AUTO_TEST_CASE(each_type_of_key_signs) {
  terms.need.needed = 3;
  adopt();
  const std::string id = ask();
  for (const Person* who : {&alice, &bob, &carol}) BOOST_TEST(refusal(give(*who, id)) == "");
  BOOST_TEST(state(id) == "approved");
}

BOOST_AUTO_TEST_CASE(the_statement_says_what_must_not_change) {
  const std::string id = ask();
  const ApprovalRecord record = find(id).record;
  BOOST_TEST(service().approvals().statement(record) ==
             "chancery-approval/v1\nlog " + instance().config().log_origin + "\nid " + id +
                 "\nrule approval:test\nrequester web-1\noperation key.create\nrequest_sha256 " +
                 to_hex(sha256(bytes_of("body"))) + "\nexpires " +
                 to_rfc3339_seconds(record.expires_at) + "\n");
  const auto summary = nlohmann::json::parse(record.summary);
  BOOST_TEST(summary["key"] == "web-1.new");
  BOOST_TEST(summary["request"] == "POST /v1/keys");
}

BOOST_AUTO_TEST_CASE(who_may_not_agree) {
  const std::string id = ask();
  const std::string statement = service().approvals().statement(find(id).record);
  Person stranger = person("dave", EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  Person foreign = alice;
  foreign.machine.serial.reset();
  const struct {
    const char* name;
    const Person& who;
    Bytes signature;
    const char* reason;
  } rows[] = {
      {"the requester", requester, requester.sign(statement), "who asked for it does not approve"},
      {"nobody whom the rule names", stranger, stranger.sign(statement), "does not ask dave"},
      {"without a certificate of ours", foreign, alice.sign(statement), "has issued to it"},
      {"another statement", alice, alice.sign(statement + "more"), "is not a signature"},
      {"another key", alice, bob.sign(statement), "is not a signature"},
      {"no signature", alice, {}, "is not a signature"},
  };
  for (const auto& row : rows) {
    const std::size_t before =
        entries(EntryKind::denial).size() + entries(EntryKind::failure).size();
    BOOST_TEST(says(refusal(give(row.who, id, row.signature)), row.reason), row.name);
    BOOST_TEST(entries(EntryKind::denial).size() + entries(EntryKind::failure).size() == before + 1,
               row.name);
  }
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(says(refusal(give(alice, id)), "has agreed already"));
  BOOST_TEST(find(id).count() == 1U);
}

BOOST_AUTO_TEST_CASE(one_key_agrees_once_and_never_to_its_own_request) {
  // The key of alice under another name, and that of who asks.
  EVP_PKEY_up_ref(alice.key.get());
  const Person again = person("bob", alice.key.get());
  EVP_PKEY_up_ref(requester.key.get());
  const Person own = person("carol", requester.key.get());
  const std::string id = ask();
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(says(refusal(give(again, id)), "this key has agreed already"));
  BOOST_TEST(says(refusal(give(own, id)), "has the same key"));
  BOOST_TEST(state(id) == "waiting");
}

BOOST_AUTO_TEST_CASE(what_was_agreed_to_is_for_nothing_else) {
  const std::string id = ask();
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(refusal(give(bob, id)) == "");
  BOOST_TEST(says(refusal(create(id, "another body")), "is for another request"));
  BOOST_TEST(says(refusal(create("apr-0123")), "there is no approval apr-0123"));
  const auto by_other = service().create_key(
      by(carol, id), {KeyName::literal("carol.new"), KeyType::ec_p256, KeyPurpose::data, {}});
  BOOST_TEST(says(refusal(by_other), "that this machine has asked for"));
  terms.need.rule = "approval:other";
  adopt();
  BOOST_TEST(says(refusal(create(id)), "is by \"approval:test\""));
}

BOOST_AUTO_TEST_CASE(who_has_lost_the_right_or_the_key_does_not_count) {
  const std::string id = ask();
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(refusal(give(bob, id)) == "");
  terms.approvers.erase("bob");
  adopt();
  BOOST_TEST(says(refusal(create(id)), "and 1 are given"));
  BOOST_TEST(refusal(give(carol, id)) == "");
  BOOST_TEST(find(id).count() == 2U);
  BOOST_REQUIRE(
      service().revoke(as("operator"), {*alice.machine.serial, RevocationReason::key_compromise}));
  BOOST_TEST(says(refusal(create(id)), "and 1 are given"));
  BOOST_TEST(find(id).given.front().why_not == "the approver's certificate is revoked");
}

BOOST_AUTO_TEST_CASE(a_policy_that_asks_for_more_is_not_satisfied_with_fewer) {
  const std::string id = ask();
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(refusal(give(bob, id)) == "");
  terms.need.needed = 3;
  adopt();
  BOOST_TEST(says(refusal(create(id)), "asks for 3 approvals now"));
  BOOST_TEST(ask() != id);
  BOOST_TEST(state(id) == "cancelled");
}

BOOST_AUTO_TEST_CASE(it_expires) {
  terms.need.life = Seconds{0};
  adopt();
  const std::string id = ask();
  BOOST_TEST(says(refusal(give(alice, id)), "it is expired"));
  BOOST_TEST(says(refusal(create(id)), "is expired"));
  BOOST_TEST(state(id) == "waiting");
  BOOST_REQUIRE(service().approvals().record_ended());
  BOOST_TEST(state(id) == "expired");
  BOOST_TEST(last(EntryKind::approval)["event"] == "expired");
  BOOST_TEST(ask() != id);
}

BOOST_AUTO_TEST_CASE(it_is_cancelled_by_who_asked_or_an_administrator) {
  const std::string id = ask();
  BOOST_REQUIRE(service().cancel_approval(by(requester), ApprovalId::literal(id)));
  BOOST_TEST(state(id) == "cancelled");
  BOOST_TEST(says(refusal(give(alice, id)), "it is cancelled"));
  BOOST_TEST(says(refusal(create(id)), "is cancelled"));
  BOOST_TEST(!service().cancel_approval(by(requester), ApprovalId::literal(id)));
  const std::string other = ask();
  BOOST_REQUIRE(service().cancel_approval(as("admin"), ApprovalId::literal(other)));
  BOOST_TEST(last(EntryKind::approval)["grant"] == "test");
}

BOOST_AUTO_TEST_CASE(it_is_used_over_a_restart) {
  const std::string id = ask();
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(refusal(give(bob, id)) == "");
  reopen();
  adopt();
  BOOST_TEST(refusal(create(id)) == "");
  reopen();
  adopt();
  BOOST_TEST(says(refusal(create(id, "body", "web-1.other")), "is used"));
}

BOOST_AUTO_TEST_CASE(what_is_changed_in_the_database_does_not_count) {
  const std::string id = ask();
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(refusal(give(bob, id)) == "");
  const auto refused_after = [&](const std::string& sql) {
    close();
    tamper(home() / "chancery.db", sql);
    reopen();
    adopt();
    return refusal(create(id));
  };
  BOOST_TEST(says(refused_after("UPDATE approval SET expires_at = expires_at + 86400000000"),
                  "and 0 are given"));
  BOOST_TEST(find(id).given.front().why_not == "the signature does not verify");
}

BOOST_AUTO_TEST_CASE(a_repeated_request_gets_its_answer_and_uses_nothing_more) {
  terms.operation = Operation::key_sign;
  adopt();
  data_key("web-1.releases");
  const auto sign = [&](const std::string& approval) {
    Caller caller = by(requester, approval);
    caller.idempotency_key = "build-1";
    return service().sign(
        caller, SignData{KeyName::literal("web-1.releases"), SignatureAlgorithm::ecdsa_p256_sha256,
                         copy_of(bytes_of("hello")), false});
  };
  const auto asked = sign("");
  BOOST_REQUIRE(!asked);
  const std::string id = asked.error().approval;
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(refusal(give(bob, id)) == "");
  BOOST_REQUIRE(sign(id));
  const auto again = sign(id);
  BOOST_REQUIRE(again);
  BOOST_TEST(again->repeated);
}

BOOST_AUTO_TEST_CASE(addresses_stay_out_of_what_is_kept) {
  terms.operation = Operation::certificate_issue;
  adopt();
  SubjectAltNames names{
      .dns = {"web-1.example"}, .ip = {}, .uri = {}, .email = {"person@people.example"}};
  Caller caller = by(requester);
  caller.request_line = "POST /v1/of/person@people.example";
  const auto asked = service().permit(
      caller, {.operation = Operation::certificate_issue, .names = std::move(names)});
  BOOST_REQUIRE(!asked);
  BOOST_TEST(!says(find(asked.error().approval).record.summary, "person"));
  for (const std::string& entry : entries(EntryKind::approval)) {
    BOOST_TEST(!says(entry, "person"));
  }
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_without_bound) {
  for (std::uint64_t i = 0; i < limits::approvals_pending; ++i) ask("body " + std::to_string(i));
  const auto refused = create({}, "one more");
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::busy);
}

BOOST_AUTO_TEST_CASE(break_glass_opens_rings_and_closes) {
  terms.need.opens_for = std::chrono::hours(1);
  adopt();
  const std::string id = ask();
  BOOST_TEST(ask("another body") == id);  // it is for the machine, not for one request
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(refusal(give(bob, id)) == "");
  BOOST_TEST(refusal(create(id)) == "");
  BOOST_TEST(state(id) == "open");
  BOOST_TEST(refusal(create({}, "another body", "web-1.second")) == "");
  const auto alarms = entries(EntryKind::alarm);
  BOOST_REQUIRE(alarms.size() == 2U);
  const auto alarm = nlohmann::json::parse(alarms.back());
  BOOST_TEST(alarm["alarm"] == "break-glass");
  BOOST_TEST(alarm["approval"] == id);
  BOOST_TEST(alarm["machine"] == "web-1");
  BOOST_TEST(service().approvals().break_glass_uses() == 2U);
  BOOST_TEST(last(EntryKind::approval)["event"] == "opened");
  // Nobody else's.
  const auto other = service().create_key(
      by(carol), {KeyName::literal("carol.new"), KeyType::ec_p256, KeyPurpose::data, {}});
  BOOST_REQUIRE(!other);
  BOOST_CHECK(other.error().code == ErrorCode::approval_needed);

  // An hour later.
  close();
  BOOST_TEST(run_sql(home() / "chancery.db",
                     "UPDATE approval SET approved_at = approved_at - 3600000000 WHERE id = '" +
                         id + "'") == "");
  reopen();
  adopt();
  const auto closed = create(id, "body", "web-1.third");
  BOOST_TEST(says(refusal(closed), "is closed"), refusal(closed));
  BOOST_TEST(ask() != id);
  BOOST_REQUIRE(service().approvals().record_ended());
  BOOST_TEST(state(id) == "closed");
  BOOST_TEST(last(EntryKind::approval)["event"] == "closed");
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_CASE(break_glass_is_closed_at_once) {
  terms.need.opens_for = std::chrono::hours(1);
  adopt();
  const std::string id = ask();
  BOOST_TEST(refusal(give(alice, id)) == "");
  BOOST_TEST(refusal(give(bob, id)) == "");
  BOOST_TEST(refusal(create(id)) == "");
  BOOST_REQUIRE(service().cancel_approval(by(requester), ApprovalId::literal(id)));
  BOOST_TEST(state(id) == "closed");
  BOOST_TEST(ask() != id);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
