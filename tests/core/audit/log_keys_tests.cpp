#include <boost/test/unit_test.hpp>

#include "core/audit_verify.h"
#include "core/log_keys.h"
#include "tests/core/audit/changing_keys.h"
#include "tests/core/audit/python_verifier.h"

namespace chancery {
namespace {

struct KeysFixture : ChangingKeys {
  /// What both verifiers say, who trust these keys: "good", or the first finding of ours.
  std::string verdict(const Signers& pinned) {
    std::vector<std::string> vkeys;
    for (const NoteSigner* signer : pinned) vkeys.push_back(signer->verifier().vkey());
    const auto report = verify_log(*store, verifiers_of(pinned)).value();
    close();
    BOOST_TEST(python_says_good(*this, vkeys) == report.good, summary(report));
    open();
    return report.good ? "good" : report.findings.front();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(log_keys, KeysFixture)

BOOST_AUTO_TEST_CASE(keys_of_any_time_lead_to_all_others) {
  name({&a});
  checkpoint_by({&a});
  name({&a, &b, &c});
  checkpoint_by({&a, &b, &c});
  name({&b, &c});
  checkpoint_by({&b, &c});
  checkpoint_by({&b, &c});
  const std::vector<Signers> good = {{&a}, {&a, &b, &c}, {&b, &c}, {&b}, {}};
  for (const Signers& pinned : good) BOOST_TEST(verdict(pinned) == "good");
  const NoteSigner stranger{kOrigin, KeyType::ed25519};
  const std::vector<Signers> bad = {{&stranger}, {&a, &stranger}};
  for (const Signers& pinned : bad) {
    BOOST_TEST(verdict(pinned) == "no checkpoint is signed by all of the keys that were named");
  }
}

BOOST_AUTO_TEST_CASE(a_log_that_does_not_say_so_has_the_keys_that_were_given) {
  checkpoint_by({&a, &b});
  BOOST_TEST(verdict({&a, &b}) == "good");
  BOOST_TEST(verdict({&a}) == "good");
  BOOST_TEST(verdict({&c}).find("no valid signature") != std::string::npos);
  name({&a, &b, &c});
  checkpoint_by({&a, &b, &c});
  name({&c});
  checkpoint_by({&c});
  BOOST_TEST(verdict({&a, &b}) == "good");
}

BOOST_AUTO_TEST_CASE(every_key_in_force_must_sign) {
  name({&a});
  checkpoint_by({&a});
  name({&a, &b});
  checkpoint_by({&b});
  BOOST_TEST(verdict({&a}).find("no valid signature of " + a.verifier().vkey()) !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(retired_keys_count_no_more) {
  name({&a});
  checkpoint_by({&a});
  name({&a, &b});
  checkpoint_by({&a, &b});
  name({&b});
  checkpoint_by({&a});
  BOOST_TEST(verdict({&a}).find("no valid signature of " + b.verifier().vkey()) !=
             std::string::npos);
}

// Whoever has the database and a key of his own, but not the old one.
BOOST_AUTO_TEST_CASE(keys_that_none_of_before_vouched_for_are_found) {
  name({&a});
  checkpoint_by({&a});
  name({&b});
  checkpoint_by({&b});
  BOOST_TEST(verdict({&a}).find("took the place") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_verification_goes_on_over_a_change) {
  name({&a});
  checkpoint_by({&a});
  std::vector<NoteVerifier> pinned;
  pinned.push_back(NoteVerifier::parse(a.verifier().vkey()).value());
  const auto first = verify_log(*store, pinned, {.keep_state = true}).value();
  BOOST_REQUIRE(first.state);
  name({&a, &b});
  checkpoint_by({&a, &b});
  name({&b});
  checkpoint_by({&b});
  const auto state = parse_verified_state(to_text(*first.state)).value();
  const auto second = verify_log(*store, pinned, {.resume = &state, .keep_state = true}).value();
  BOOST_TEST(second.good, summary(second));
  BOOST_REQUIRE(second.state);
  checkpoint_by({&b});
  const auto later = parse_verified_state(to_text(*second.state)).value();
  const auto third = verify_log(*store, pinned, {.resume = &later}).value();
  BOOST_TEST(third.good, summary(third));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
