// What the keyholder does when a function of the module fails, in the order of PKCS#11's own nouns.

#include <boost/test/unit_test.hpp>
#include <csignal>

#include "tests/contract/intent_for_test.h"
#include "tests/pkcs11/keyholder_fixture.h"

namespace chancery {
namespace {

BOOST_FIXTURE_TEST_SUITE(token_fault, KeyholderFixture)

BOOST_AUTO_TEST_CASE(each_return_value_has_its_consequence) {
  struct Case {
    const char* name;
    const char* function;
    const char* value;
    std::optional<ErrorCode> error;  // none: the signature is made all the same
    bool replaced;                   // the keyholder is, too
    std::size_t sign_calls;          // C_Sign is never asked twice
  };
  const auto unavailable = ErrorCode::token_unavailable;
  const Case cases[] = {
      {"CKR_KEY_HANDLE_INVALID", "C_SignInit", "60", std::nullopt, false, 1},
      {"CKR_OBJECT_HANDLE_INVALID", "C_SignInit", "82", std::nullopt, false, 1},
      {"CKR_SESSION_HANDLE_INVALID", "C_SignInit", "b3", std::nullopt, false, 1},
      {"CKR_SESSION_CLOSED", "C_SignInit", "b0", std::nullopt, false, 1},
      {"CKR_0x80000001", "C_SignInit", "80000001", std::nullopt, false, 1},
      {"CKR_OPERATION_ACTIVE", "C_SignInit", "90", ErrorCode::busy, false, 0},
      {"CKR_DEVICE_MEMORY", "C_SignInit", "31", ErrorCode::busy, false, 0},
      {"CKR_MECHANISM_INVALID", "C_SignInit", "70", unavailable, false, 0},
      {"CKR_USER_NOT_LOGGED_IN", "C_SignInit", "101", unavailable, true, 0},
      {"CKR_TOKEN_NOT_PRESENT", "C_SignInit", "e0", unavailable, true, 0},
      {"CKR_CRYPTOKI_NOT_INITIALIZED", "C_SignInit", "190", unavailable, true, 0},
      {"CKR_SESSION_HANDLE_INVALID", "C_Sign", "b3", unavailable, false, 1},
      {"CKR_DEVICE_MEMORY", "C_Sign", "31", unavailable, false, 1},
      {"CKR_FUNCTION_FAILED", "C_Sign", "6", unavailable, false, 1},
      {"CKR_DEVICE_ERROR", "C_Sign", "30", unavailable, true, 1},
      {"CKR_DEVICE_REMOVED", "C_Sign", "32", unavailable, true, 1},
      {"CKR_GENERAL_ERROR", "C_Sign", "5", unavailable, true, 1},
  };
  start();
  const Key key = make_key();
  for (const Case& each : cases) {
    BOOST_TEST_CONTEXT(each.name << " in " << each.function) {
      sign_once_it_is_up(key);
      const auto restarts = pool().status().restarts;
      const auto sign_calls = calls("C_Sign");
      order(std::string(each.function) + ".fail", each.value);
      const auto signature = sign(key, "a message");
      BOOST_TEST(calls("C_Sign") == sign_calls + each.sign_calls);
      BOOST_REQUIRE(signature.has_value() == !each.error.has_value());
      if (!signature) {
        BOOST_TEST((signature.error().code == *each.error));
        BOOST_TEST(signature.error().detail.find(each.name) != std::string::npos);
        BOOST_TEST(signature.error().detail.find(each.function) != std::string::npos);
        BOOST_TEST(signature.error().message.find("CKR_") == std::string::npos);
      }
      if (each.replaced) {
        BOOST_TEST(eventually([&] { return pool().status().restarts == restarts + 1; }));
      }
      sign_once_it_is_up(key);
      BOOST_TEST(pool().status().restarts == restarts + (each.replaced ? 1 : 0));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_handle_is_looked_up_once) {
  options.lanes = 1;
  start();
  const Key key = make_key();
  BOOST_REQUIRE(sign(key, "the first").has_value());
  const auto searches = calls("C_FindObjectsInit");
  for (int i = 0; i < 20; ++i) BOOST_REQUIRE(sign(key, "another").has_value());
  BOOST_TEST(calls("C_FindObjectsInit") == searches);
}

BOOST_AUTO_TEST_CASE(where_the_token_has_few_sessions_there_are_few_lanes) {
  order("session_limit", "3");  // one holds the login
  options.lanes = 5;
  start();
  BOOST_TEST(pool().status().lanes == 2U);
  const Key key = make_key();
  BOOST_TEST(sign(key, "a message").has_value());
}

BOOST_AUTO_TEST_CASE(a_key_with_a_wrong_attribute_is_destroyed) {
  struct Case {
    const char* name;
    const char* type;
  };
  const Case cases[] = {
      {"CKA_SENSITIVE", "103"},         {"CKA_EXTRACTABLE", "162"}, {"CKA_ALWAYS_SENSITIVE", "165"},
      {"CKA_NEVER_EXTRACTABLE", "164"}, {"CKA_LOCAL", "163"},       {"CKA_PRIVATE", "2"},
      {"CKA_DECRYPT", "105"},           {"CKA_DERIVE", "10c"},
  };
  start();
  for (const Case& each : cases) {
    BOOST_TEST_CONTEXT(each.name) {
      const KeyId id = KeyId::random();
      order("flip_attribute", each.type);
      const auto spki = pool().generate(IntentForTest::to_generate(), KeyType::ec_p256, id, "bad");
      withdraw("flip_attribute");
      BOOST_REQUIRE(!spki);
      BOOST_TEST((spki.error().code == ErrorCode::token_unavailable));
      BOOST_TEST(spki.error().detail.find(each.name) != std::string::npos);
      BOOST_TEST(home.pkcs11_tool("--list-objects --id " + to_hex(id.bytes)).find("Object") ==
                 std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_key_whose_halves_do_not_match_is_destroyed) {
  start();
  const KeyId id = KeyId::random();
  order("C_Sign.corrupt", "0");
  const auto spki = pool().generate(IntentForTest::to_generate(), KeyType::ec_p256, id, "bad");
  BOOST_REQUIRE(!spki);
  BOOST_TEST(spki.error().detail.find("do not belong together") != std::string::npos);
  BOOST_TEST(home.pkcs11_tool("--list-objects --id " + to_hex(id.bytes)).find("Object") ==
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_key_whose_trial_fails_is_destroyed) {
  start();
  const KeyId id = KeyId::random();
  order("C_Sign.fail", "6");  // CKR_FUNCTION_FAILED
  BOOST_TEST(!pool().generate(IntentForTest::to_generate(), KeyType::ec_p256, id, "bad"));
  BOOST_TEST(home.pkcs11_tool("--list-objects --id " + to_hex(id.bytes)).find("Object") ==
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_stale_handle_never_leads_to_another_key) {
  options.lanes = 1;
  start();
  const Key key = make_key();
  BOOST_REQUIRE(sign(key, "the first").has_value());
  const std::string id = to_hex(key.id.bytes);
  (void)home.pkcs11_tool("--delete-object --type privkey --id " + id);
  (void)home.pkcs11_tool("--delete-object --type pubkey --id " + id);
  (void)home.pkcs11_tool("--keypairgen --key-type EC:prime256v1 --label other --id " + id);
  order("C_SignInit.fail", "60");  // CKR_KEY_HANDLE_INVALID
  const auto refused = sign(key, "a message");
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().detail.find("another key has the CKA_ID now") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_new_keyholder_must_find_the_known_key_as_it_was) {
  start();
  const Key key = make_key();
  BOOST_REQUIRE(sign(key, "the first").has_value());
  const std::string id = to_hex(key.id.bytes);
  (void)home.pkcs11_tool("--delete-object --type privkey --id " + id);
  (void)home.pkcs11_tool("--delete-object --type pubkey --id " + id);
  (void)home.pkcs11_tool("--keypairgen --key-type EC:prime256v1 --label other --id " + id);
  ::kill(processes().at(0), SIGKILL);
  BOOST_TEST(eventually([&] {
    return pool().status().problem == "the token holds another key under an id that is known";
  }));
  BOOST_TEST(!pool().status().up);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
