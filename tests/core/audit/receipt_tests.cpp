#include <boost/test/unit_test.hpp>

#include "core/receipt.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

/// Why it is no good, or "good".
std::string verdict(const std::string& text, const std::vector<NoteVerifier>& verifiers) {
  const auto receipt = parse_receipt(text);
  if (!receipt) return receipt.error().message;
  const auto checkpoint = verify_receipt(*receipt, verifiers);
  return checkpoint ? "good" : checkpoint.error().message;
}

Receipt receipt_for(LogHome& home, std::uint64_t index) {
  auto receipt = make_receipt(*home.store, home.log->published_checkpoint(), index);
  BOOST_REQUIRE_MESSAGE(receipt, receipt.error().message);
  return *receipt;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(receipts, LogHome)

BOOST_AUTO_TEST_CASE(every_entry_of_logs_of_many_sizes_has_one) {
  for (const std::uint64_t size : {1U, 2U, 3U, 255U, 256U, 257U, 600U}) {
    while (log->head().size < size) append();
    checkpoint();
    for (std::uint64_t index = 0; index < size; index += size < 10 ? 1 : size / 7) {
      const Receipt receipt = receipt_for(*this, index);
      BOOST_TEST(receipt.entry == store->entry(index).value());
      const std::string text = to_text(receipt);
      BOOST_TEST(verdict(text, verifiers()) == "good");
      BOOST_TEST(to_text(parse_receipt(text).value()) == text);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_entry_that_no_checkpoint_covers_has_none_yet) {
  append();
  const std::string note = checkpoint();
  const std::uint64_t index = append();
  const auto early = make_receipt(*store, note, index);
  BOOST_REQUIRE(!early);
  BOOST_CHECK(early.error().code == ErrorCode::not_found);
  BOOST_TEST(verdict(to_text(make_receipt(*store, checkpoint(), index).value()), verifiers()) ==
             "good");
}

BOOST_AUTO_TEST_CASE(an_older_receipt_stays_good_when_the_log_grows) {
  append();
  checkpoint();
  const std::string text = to_text(receipt_for(*this, 0));
  for (int i = 0; i < 300; ++i) append();
  checkpoint();
  BOOST_TEST(verdict(text, verifiers()) == "good");
}

// Each octet of a receipt matters: in the entry, the index, the proof, the checkpoint and its
// signatures.
BOOST_AUTO_TEST_CASE(no_octet_can_be_changed) {
  for (int i = 0; i < 5; ++i) append();
  checkpoint();
  const std::string text = to_text(receipt_for(*this, 2));
  for (std::size_t place = 0; place < text.size(); ++place) {
    std::string changed = text;
    changed[place] = static_cast<char>(changed[place] ^ 1);
    BOOST_TEST(verdict(changed, verifiers()) != "good", "octet " << place);
    BOOST_TEST(verdict(text.substr(0, place), verifiers()) != "good", "cut at " << place);
  }
}

BOOST_AUTO_TEST_CASE(other_spellings_are_refused) {
  for (int i = 0; i < 3; ++i) append();
  checkpoint();
  const std::string good = to_text(receipt_for(*this, 1));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const auto place = text.find(from);
    BOOST_REQUIRE(place != std::string::npos);
    return verdict(text.replace(place, from.size(), to), verifiers());
  };
  const std::string extra =
      good.substr(good.find("extra"), good.find("\nindex") - good.find("extra"));
  struct Case {
    const char* name;
    std::string from, to, reason;
  };
  const Case cases[] = {
      {"another version", "@v1", "@v2", "does not begin"},
      {"without the entry", extra + "\n", "", "no line \"extra"},
      {"an empty entry", extra, "extra ", "no line \"extra"},
      {"a leading zero", "index 1", "index 01", "no number"},
      {"a sign", "index 1", "index +1", "no number"},
      {"another entry's index", "index 1", "index 0", "does not prove"},
      {"an index beyond the log", "index 1", "index 3", "does not prove"},
      {"the largest index", "index 1", "index 18446744073709551615", "does not prove"},
      {"white space", "index 1", "index 1 ", "no number"},
      {"CRLF", "index 1\n", "index 1\r\n", "no number"},
      {"one hash more", "\n\n", "\n" + std::string(43, 'A') + "=\n\n", "does not prove"},
      {"a short hash", "\n\n", "\nAAAA\n\n", "proof that is none"},
      {"no base64", "\n\n", "\n!\n\n", "not base64"},
      {"no checkpoint", good.substr(good.find("\n\n") + 2), "", "no checkpoint"},
  };
  for (const Case& c : cases) {
    const std::string reason = with(c.from, c.to);
    BOOST_TEST(reason.find(c.reason) != std::string::npos, c.name << ": " << reason);
  }
}

BOOST_AUTO_TEST_CASE(every_key_must_have_signed) {
  append();
  checkpoint();
  const std::string text = to_text(receipt_for(*this, 0));
  std::vector<NoteVerifier> more = verifiers();
  const NoteSigner other(kOrigin, KeyType::ed25519);
  more.push_back(NoteVerifier::parse(other.verifier().vkey()).value());
  BOOST_TEST(verdict(text, more).find("without a valid signature") != std::string::npos);
  // Of the keys that did sign, one alone will do where only one is known.
  std::vector<NoteVerifier> one = verifiers();
  one.pop_back();
  BOOST_TEST(verdict(text, one) == "good");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
