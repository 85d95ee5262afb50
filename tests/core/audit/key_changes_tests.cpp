#include <boost/test/unit_test.hpp>

#include "core/key_changes.h"
#include "tests/core/audit/changing_keys.h"

namespace chancery {
namespace {

struct KeyChangesFixture : ChangingKeys {
  KeyChanges read() { return read_key_changes(*store, log->published_checkpoint()).value(); }

  static std::string verdict(const Signers& pinned, const KeyChanges& changes) {
    const auto keys = follow_key_changes(verifiers_of(pinned), changes);
    return keys ? "good" : keys.error().message;
  }
  /// A log of the keys a, then a, b and c, then b and c.
  void change_twice() {
    name({&a});
    checkpoint_by({&a});
    name({&a, &b, &c});
    checkpoint_by({&a, &b, &c});
    name({&b, &c});
    checkpoint_by({&b, &c});
  }
};

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(key_changes, KeyChangesFixture)

BOOST_AUTO_TEST_CASE(lead_from_the_keys_of_any_time_to_all_others) {
  change_twice();
  const NoteSigner stranger{kOrigin, KeyType::ed25519};
  const KeyChanges changes = read();
  BOOST_TEST(changes.size() == 3U);
  for (const Signers& pinned : std::vector<Signers>{{&a}, {&b}, {&b, &c}, {&a, &b, &c}, {&a, &b}}) {
    BOOST_TEST(verdict(pinned, changes) == "good");
  }
  for (const Signers& pinned : std::vector<Signers>{{&stranger}, {&a, &stranger}}) {
    BOOST_TEST(says(verdict(pinned, changes), "lead to none of those named"));
  }
}

BOOST_AUTO_TEST_CASE(judge_a_checkpoint_by_the_keys_of_its_time) {
  change_twice();
  const auto keys = follow_key_changes(verifiers_of({&a}), read()).value();
  const auto wrong = [&](std::uint64_t size, const Signers& signers) {
    const std::string text = checkpoint_text({kOrigin, size, copy_of(empty_root())});
    std::vector<std::string> lines;
    for (const NoteSigner* signer : signers) lines.push_back(signer->line(text));
    const std::string note = assemble_note(text, lines);
    return keys.find_wrong(parse_checkpoint(note).value(), note);
  };
  const std::uint64_t now = log->head().size + 1;
  BOOST_TEST(wrong(now, {&b, &c}) == "");
  BOOST_TEST(wrong(now, {&a, &b, &c}) == "");
  BOOST_TEST(says(wrong(now, {&a}), "no valid signature of "));
  BOOST_TEST(says(wrong(now, {&b}), "no valid signature of " + c.verifier().vkey()));
  BOOST_TEST(wrong(1, {&a}) == "");
  BOOST_TEST(says(wrong(1, {&b, &c}), "no valid signature of " + a.verifier().vkey()));
}

BOOST_AUTO_TEST_CASE(that_do_not_follow_on_each_other_are_refused) {
  change_twice();
  const KeyChanges good = read();
  struct Case {
    const char* name;
    KeyChanges changes;
    std::string reason;
  };
  KeyChanges later = good, other_entry = good, other_index = good;
  later[1] = make_receipt(*store, log->published_checkpoint(), good[1].index).value();
  other_entry[1] =
      make_receipt(*store, good[1].checkpoint, good[1].index + 1).value();  // an entry, of no keys
  other_index[2].index += 1;
  const std::vector<Case> cases = {
      {"one is missing", {good[0], good[2]}, "took the place of others"},
      {"in another order", {good[1], good[0], good[2]}, "that later keys have signed"},
      {"twice", {good[0], good[0], good[1]}, "that later keys have signed"},
      {"under a checkpoint of a later time", later, "that later keys have signed"},
      {"not about keys", other_entry, "does not name keys"},
      {"of another place", other_index, "does not prove"},
  };
  for (const Case& row : cases) {
    BOOST_TEST(says(verdict({&a}, row.changes), row.reason),
               row.name << ": " << verdict({&a}, row.changes));
  }
}

// Keys before those that were named must have been vouched for, too: else anybody's old
// checkpoint would be good.
BOOST_AUTO_TEST_CASE(keys_of_a_stranger_before_those_that_were_named_are_refused) {
  name({&c});
  checkpoint_by({&c});
  name({&a});
  checkpoint_by({&a});
  BOOST_TEST(says(verdict({&a}, read()), "took the place of others"));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_lacks_a_signature_vouches_for_nothing) {
  name({&a});
  checkpoint_by({&a});
  name({&a, &b});
  checkpoint_by({&b});
  BOOST_TEST(says(verdict({&a}, read()), "no valid signature of " + a.verifier().vkey()));
}

BOOST_AUTO_TEST_CASE(of_a_log_that_names_none_or_has_not_signed_yet_there_are_none) {
  checkpoint_by({&a});
  BOOST_TEST(read().empty());
  BOOST_TEST(to_text(KeyChanges()) == "");
  BOOST_TEST(parse_key_changes("")->empty());
  BOOST_TEST(verdict({&a}, {}) == "good");
  name({&a, &b});
  BOOST_TEST(read().empty());
}

BOOST_AUTO_TEST_CASE(no_byte_of_them_can_be_changed) {
  change_twice();
  const std::string good = to_text(read());
  BOOST_TEST(to_text(parse_key_changes(good).value()) == good);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string text = good;
    text[i] = static_cast<char>(text[i] ^ 1);
    const auto changes = parse_key_changes(text);
    BOOST_TEST((!changes || verdict({&a}, *changes) != "good"),
               "the change of byte " << i << " was not noticed");
  }
  for (const char* text : {"x", "\n", "c2sp.org/tlog-proof@v1\n"}) {
    BOOST_TEST(!parse_key_changes(text));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
