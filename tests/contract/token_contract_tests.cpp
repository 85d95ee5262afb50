// What core/token.h promises, held by the software token and by the keyholders on SoftHSM alike.

#include <atomic>
#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>
#include <thread>

#include "core/limits.h"
#include "core/public_key.h"
#include "pkcs11/keyholder_pool.h"
#include "tests/contract/intent_for_test.h"
#include "tests/contract/softhsm_home.h"
#include "tests/contract/software_token.h"

namespace chancery {
namespace {

/// One Token with its own storage, and what an administrator could do to it behind our back.
struct Software {
  static SoftwareToken& token() {
    static SoftwareToken token;
    return token;
  }
  static void duplicate(const KeyId& id) { token().duplicate(id); }
};

struct Keyholders {
  static SoftHsmHome& home() {
    static SoftHsmHome home;
    return home;
  }
  static Token& token() {
    static std::unique_ptr<KeyholderPool> pool = [] {
      auto started = KeyholderPool::start(home().options(), nullptr);
      CHECK(started);
      return std::move(*started);
    }();
    return *pool;
  }
  static void duplicate(const KeyId& id) {
    (void)home().pkcs11_tool("--keypairgen --key-type EC:prime256v1 --label double --id " +
                             to_hex(id.bytes));
  }
};

using Tokens = boost::mpl::list<Software, Keyholders>;

Key key_around(const KeyId& id, PublicKey public_key, KeyPurpose purpose = KeyPurpose::data) {
  std::vector<SignatureAlgorithm> algorithms;
  for (const auto& algorithm : signature_algorithms()) {
    if (fits(algorithm.algorithm, public_key.type())) algorithms.push_back(algorithm.algorithm);
  }
  return Key{KeyName::literal("test"),
             id,
             purpose,
             std::move(algorithms),
             MachineName::literal("tests"),
             now(),
             std::move(public_key)};
}

Key generate(Token& token, KeyType type, KeyPurpose purpose = KeyPurpose::data) {
  const KeyId id = KeyId::random();
  auto spki = token.generate(IntentForTest::to_generate(), type, id, "a test's key");
  BOOST_REQUIRE_MESSAGE(spki, (spki ? "" : spki.error().message + ": " + spki.error().detail));
  auto public_key = PublicKey::from_spki(*spki);
  BOOST_REQUIRE(public_key);
  return key_around(id, std::move(*public_key), purpose);
}

/// One key of each type and token, since an RSA key takes a second to make.
template <class Custody>
const Key& shared_key(KeyType type) {
  static std::map<KeyType, Key> keys;
  auto found = keys.find(type);
  if (found == keys.end()) found = keys.emplace(type, generate(Custody::token(), type)).first;
  return found->second;
}

Bytes input_for(SignatureAlgorithm algorithm, std::string_view message) {
  const auto hash = row(algorithm).digest;
  return hash ? digest(*hash, bytes_of(message)) : copy_of(bytes_of(message));
}

Result<Bytes> sign(Token& token, const Key& key, SignatureAlgorithm algorithm, Bytes input) {
  return token.sign(IntentForTest::to_sign(key, algorithm, std::move(input)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(token_contract)

BOOST_AUTO_TEST_CASE_TEMPLATE(each_key_type_signs_with_each_of_its_algorithms, Custody, Tokens) {
  for (const KeyTypeRow& type : key_types()) {
    const Key& key = shared_key<Custody>(type.type);
    BOOST_TEST((key.public_key.type() == type.type));
    for (const SignatureAlgorithm algorithm : key.algorithms) {
      BOOST_TEST_CONTEXT(type.name << " " << row(algorithm).name) {
        const Bytes input = input_for(algorithm, "a message");
        const auto signature = sign(Custody::token(), key, algorithm, input);
        BOOST_REQUIRE(signature);
        BOOST_TEST(key.public_key.verify(algorithm, input, *signature));
        BOOST_TEST(!key.public_key.verify(algorithm, input_for(algorithm, "another"), *signature));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_checkpoint_is_signed_as_its_key_asks, Custody, Tokens) {
  const auto text = IntentForTest::checkpoint("log.example\n7\nAAAA\n");
  const Key ed25519 = generate(Custody::token(), KeyType::ed25519, KeyPurpose::audit_log);
  const auto first = Custody::token().sign(text, ed25519);
  BOOST_REQUIRE(first);
  BOOST_TEST(ed25519.public_key.verify(SignatureAlgorithm::ed25519, bytes_of(text.text()), *first));

  const Key p256 = generate(Custody::token(), KeyType::ec_p256, KeyPurpose::audit_log);
  const auto second = Custody::token().sign(text, p256);
  BOOST_REQUIRE(second);
  BOOST_TEST(p256.public_key.verify(SignatureAlgorithm::ecdsa_p256_sha256,
                                    sha256(bytes_of(text.text())), *second));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_checkpoint_is_signed_by_no_other_key, Custody, Tokens) {
  const auto text = IntentForTest::checkpoint("log.example\n7\nAAAA\n");
  const auto by_data_key = Custody::token().sign(text, shared_key<Custody>(KeyType::ec_p256));
  BOOST_REQUIRE(!by_data_key);
  BOOST_TEST((by_data_key.error().code == ErrorCode::internal));

  const Key p384 = generate(Custody::token(), KeyType::ec_p384, KeyPurpose::audit_log);
  const auto by_other_type = Custody::token().sign(text, p384);
  BOOST_REQUIRE(!by_other_type);
  BOOST_TEST((by_other_type.error().code == ErrorCode::internal));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_unknown_id_is_not_found, Custody, Tokens) {
  const Key& good = shared_key<Custody>(KeyType::ec_p256);
  auto copy = PublicKey::from_spki(good.public_key.spki());
  BOOST_REQUIRE(copy);
  const Key stranger = key_around(KeyId::random(), std::move(*copy));
  const auto signature = sign(Custody::token(), stranger, SignatureAlgorithm::ecdsa_p256_sha256,
                              input_for(SignatureAlgorithm::ecdsa_p256_sha256, "a message"));
  BOOST_REQUIRE(!signature);
  BOOST_TEST((signature.error().code == ErrorCode::not_found));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_id_that_two_keys_carry_is_not_found, Custody, Tokens) {
  const Key key = generate(Custody::token(), KeyType::ec_p256);
  Custody::duplicate(key.id);  // before the first use, when no handle is known yet
  const auto signature = sign(Custody::token(), key, SignatureAlgorithm::ecdsa_p256_sha256,
                              input_for(SignatureAlgorithm::ecdsa_p256_sha256, "a message"));
  BOOST_REQUIRE(!signature);
  BOOST_TEST((signature.error().code == ErrorCode::not_found));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_id_is_given_once, Custody, Tokens) {
  const Key& key = shared_key<Custody>(KeyType::ec_p256);
  const auto second =
      Custody::token().generate(IntentForTest::to_generate(), KeyType::ec_p256, key.id, "again");
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == ErrorCode::conflict));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_does_not_fit_the_key_is_refused_before_the_token, Custody,
                              Tokens) {
  struct Case {
    const char* name;
    KeyType key;
    SignatureAlgorithm algorithm;
    std::size_t input_size;
    ErrorCode code;
    const char* field;
  };
  const Case cases[] = {
      {"another curve's algorithm", KeyType::ec_p256, SignatureAlgorithm::ecdsa_p384_sha384, 48,
       ErrorCode::invalid_request, "algorithm"},
      {"another family's algorithm", KeyType::ec_p256, SignatureAlgorithm::rsa_pss_sha256, 32,
       ErrorCode::invalid_request, "algorithm"},
      {"no digest", KeyType::ec_p256, SignatureAlgorithm::ecdsa_p256_sha256, 0,
       ErrorCode::invalid_request, "input"},
      {"digest cut short", KeyType::ec_p256, SignatureAlgorithm::ecdsa_p256_sha256, 31,
       ErrorCode::invalid_request, "input"},
      {"digest too long", KeyType::ec_p256, SignatureAlgorithm::ecdsa_p256_sha256, 33,
       ErrorCode::invalid_request, "input"},
      {"message over the limit", KeyType::ed25519, SignatureAlgorithm::ed25519,
       limits::ed25519_message_bytes + 1, ErrorCode::too_large, "input"},
  };
  const auto before = Custody::token().status().signatures;
  std::uint64_t made_for_the_test = 0;
  for (const Case& each : cases) {
    BOOST_TEST_CONTEXT(each.name) {
      const auto keys_before = Custody::token().status().signatures;
      const Key& key = shared_key<Custody>(each.key);
      made_for_the_test += Custody::token().status().signatures - keys_before;
      const auto signature = sign(Custody::token(), key, each.algorithm, Bytes(each.input_size));
      BOOST_REQUIRE(!signature);
      BOOST_TEST((signature.error().code == each.code));
      BOOST_TEST(signature.error().field == each.field);
    }
  }
  BOOST_TEST(Custody::token().status().signatures == before + made_for_the_test);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_key_signs_only_with_algorithms_it_was_made_for, Custody, Tokens) {
  Key key = generate(Custody::token(), KeyType::rsa_2048);
  key.algorithms = {SignatureAlgorithm::rsa_pss_sha256};
  const auto refused = sign(Custody::token(), key, SignatureAlgorithm::rsa_pkcs1_sha256,
                            input_for(SignatureAlgorithm::rsa_pkcs1_sha256, "a message"));
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().field == "algorithm");
  BOOST_TEST(sign(Custody::token(), key, SignatureAlgorithm::rsa_pss_sha256,
                  input_for(SignatureAlgorithm::rsa_pss_sha256, "a message"))
                 .has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_label_has_a_bounded_length, Custody, Tokens) {
  for (const std::size_t size : {std::size_t{0}, limits::name_bytes + 1}) {
    const auto spki = Custody::token().generate(IntentForTest::to_generate(), KeyType::ec_p256,
                                                KeyId::random(), std::string(size, 'x'));
    BOOST_REQUIRE(!spki);
    BOOST_TEST(spki.error().field == "label");
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(ed25519_signs_messages_up_to_the_limit, Custody, Tokens) {
  const Key& key = shared_key<Custody>(KeyType::ed25519);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, limits::ed25519_message_bytes}) {
    BOOST_TEST_CONTEXT(size) {
      const Bytes message(size, 0x5a);
      const auto signature = sign(Custody::token(), key, SignatureAlgorithm::ed25519, message);
      BOOST_REQUIRE(signature);
      BOOST_TEST(key.public_key.verify(SignatureAlgorithm::ed25519, message, *signature));
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(many_threads_get_each_their_own_signature, Custody, Tokens) {
  constexpr unsigned threads = 16;
  constexpr unsigned each = 50;
  const Key& p256 = shared_key<Custody>(KeyType::ec_p256);
  const Key& ed25519 = shared_key<Custody>(KeyType::ed25519);
  const auto before = Custody::token().status().signatures;
  std::atomic<unsigned> good = 0;
  {
    std::vector<std::jthread> crowd;
    for (unsigned thread = 0; thread < threads; ++thread) {
      crowd.emplace_back([&, thread] {
        const Key& key = thread % 2 == 0 ? p256 : ed25519;
        const SignatureAlgorithm algorithm = key.algorithms.front();
        for (unsigned i = 0; i < each; ++i) {
          const Bytes input =
              input_for(algorithm, std::to_string(thread) + " " + std::to_string(i));
          const auto signature = sign(Custody::token(), key, algorithm, input);
          if (signature && key.public_key.verify(algorithm, input, *signature)) ++good;
        }
      });
    }
  }
  BOOST_TEST(good == threads * each);
  BOOST_TEST(Custody::token().status().signatures == before + threads * each);
  BOOST_TEST(Custody::token().status().lanes_busy == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(keys_can_be_made_while_others_sign, Custody, Tokens) {
  const Key& key = shared_key<Custody>(KeyType::ec_p256);
  std::atomic<bool> done = false;
  std::atomic<unsigned> failed = 0;
  std::jthread signer([&] {
    const auto input = input_for(SignatureAlgorithm::ecdsa_p256_sha256, "meanwhile");
    while (!done) {
      if (!sign(Custody::token(), key, SignatureAlgorithm::ecdsa_p256_sha256, input)) ++failed;
    }
  });
  std::set<Bytes> made;
  std::mutex mutex;
  {
    std::vector<std::jthread> makers;
    for (int i = 0; i < 4; ++i) {
      makers.emplace_back([&] {
        const auto spki = Custody::token().generate(IntentForTest::to_generate(), KeyType::ec_p256,
                                                    KeyId::random(), "one of several");
        const std::lock_guard lock(mutex);
        if (spki) made.insert(*spki);
      });
    }
  }
  done = true;
  signer.join();
  BOOST_TEST(made.size() == 4U);
  BOOST_TEST(failed == 0U);
}

BOOST_AUTO_TEST_CASE(a_key_in_the_token_cannot_leave_it) {
  const Key key = generate(Keyholders::token(), KeyType::ec_p256);
  const std::string listed =
      Keyholders::home().pkcs11_tool("--list-objects --type privkey --id " + to_hex(key.id.bytes));
  BOOST_TEST_INFO(listed);
  BOOST_TEST(listed.find("sensitive, always sensitive, never extractable, local") !=
             std::string::npos);
  BOOST_TEST(listed.find("Usage:      sign\n") != std::string::npos);
  BOOST_TEST(listed.find("label:      a test's key") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(software_token_faults)

namespace {
struct Fault {
  const char* name;
  TokenFault fault;
  bool answers;
  std::uint64_t signatures;
};
}  // namespace

BOOST_AUTO_TEST_CASE(each_fault_happens_once_and_does_what_it_says) {
  SoftwareToken token(std::chrono::milliseconds(10));
  const Key key = generate(token, KeyType::ec_p256);
  const Bytes input = input_for(SignatureAlgorithm::ecdsa_p256_sha256, "a message");
  const Fault faults[] = {
      {"refuse", TokenFault::refuse, false, 0},
      {"lose_answer", TokenFault::lose_answer, false, 1},
      {"hang", TokenFault::hang, false, 0},
      {"wrong_signature", TokenFault::wrong_signature, true, 1},
      {"swapped_key", TokenFault::swapped_key, true, 1},
  };
  for (const Fault& each : faults) {
    BOOST_TEST_CONTEXT(each.name) {
      const auto before = token.status().signatures;
      token.inject(each.fault);
      const auto faulty = sign(token, key, SignatureAlgorithm::ecdsa_p256_sha256, input);
      BOOST_TEST(faulty.has_value() == each.answers);
      if (!faulty) BOOST_TEST((faulty.error().code == ErrorCode::token_unavailable));
      if (faulty) {
        BOOST_TEST(!key.public_key.verify(SignatureAlgorithm::ecdsa_p256_sha256, input, *faulty));
      }
      BOOST_TEST(token.status().signatures == before + each.signatures);
      BOOST_TEST(sign(token, key, SignatureAlgorithm::ecdsa_p256_sha256, input).has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_token_that_is_down_says_so) {
  SoftwareToken token;
  const Key key = generate(token, KeyType::ec_p256);
  token.take_down("unplugged");
  BOOST_TEST(!token.status().up);
  BOOST_TEST(token.status().problem == "unplugged");
  const Bytes input = input_for(SignatureAlgorithm::ecdsa_p256_sha256, "a message");
  const auto refused = sign(token, key, SignatureAlgorithm::ecdsa_p256_sha256, input);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code == ErrorCode::token_unavailable));
  token.bring_up();
  BOOST_TEST(token.status().up);
  BOOST_TEST(sign(token, key, SignatureAlgorithm::ecdsa_p256_sha256, input).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
