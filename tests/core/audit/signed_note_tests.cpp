#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "core/merkle.h"
#include "core/signed_note.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

std::string vector_file(const std::string& name) {
  std::ifstream file(std::string(CHANCERY_SOURCE_DIR) + "/tests/vectors/audit/" + name);
  std::stringstream text;
  text << file.rdbuf();
  BOOST_REQUIRE_MESSAGE(!text.str().empty(), name);
  return text.str();
}

std::string line_of(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

struct Signers {
  NoteSigner ed25519{"log.example/audit", KeyType::ed25519};
  NoteSigner ecdsa{"log.example/audit", KeyType::ec_p256};
  std::string text = checkpoint_text({"log.example/audit", 1, Bytes(32, 7)});
};

}  // namespace

BOOST_AUTO_TEST_SUITE(signed_note)

// The worked example of golang.org/x/mod/sumdb/note's documentation (BSD licence): another
// program's key, text and signature.
BOOST_AUTO_TEST_CASE(a_note_of_another_program_verifies) {
  const std::string vkey = line_of(vector_file("peterneumann.vkey"));
  const std::string note = vector_file("peterneumann.note");
  const auto verifier = NoteVerifier::parse(vkey);
  BOOST_TEST_REQUIRE(verifier.has_value());
  BOOST_TEST(verifier->name() == "PeterNeumann");
  BOOST_TEST(verifier->vkey() == vkey);
  BOOST_TEST(verifier->verify(note));
}

// A public log's key: what its id is was decided elsewhere.
BOOST_AUTO_TEST_CASE(an_ecdsa_key_of_another_log_parses) {
  const std::string vkey = line_of(vector_file("rekor.vkey"));
  const auto verifier = NoteVerifier::parse(vkey);
  BOOST_TEST_REQUIRE(verifier.has_value());
  BOOST_TEST(verifier->name() == "rekor.sigstore.dev");
  BOOST_TEST(verifier->vkey() == vkey);
}

BOOST_AUTO_TEST_CASE(signs_and_verifies_with_both_types) {
  const Signers signers;
  const std::string note = assemble_note(
      signers.text, {signers.ed25519.line(signers.text), signers.ecdsa.line(signers.text)});
  for (const NoteSigner* signer : {&signers.ed25519, &signers.ecdsa}) {
    BOOST_TEST(signer->verifier().verify(note));
    const auto parsed = NoteVerifier::parse(signer->verifier().vkey());
    BOOST_TEST_REQUIRE(parsed.has_value());
    BOOST_TEST(parsed->verify(note));
  }
}

BOOST_AUTO_TEST_CASE(key_ids_are_computed_as_the_format_says) {
  const Signers signers;
  // 0x02: SHA-256 of the DER SubjectPublicKeyInfo.
  const Bytes spki_hash = sha256(signers.ecdsa.spki());
  BOOST_TEST(signers.ecdsa.verifier().vkey().find("+" + to_hex(spki_hash).substr(0, 8) + "+") !=
             std::string::npos);
  // 0x01: SHA-256 of name, newline, type, key.
  Bytes input = copy_of(bytes_of("log.example/audit\n\x01"));
  const Bytes& spki = signers.ed25519.spki();
  input.insert(input.end(), spki.end() - 32, spki.end());
  BOOST_TEST(signers.ed25519.verifier().vkey().find("+" + to_hex(sha256(input)).substr(0, 8) +
                                                    "+") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_changed_byte_is_noticed) {
  const Signers signers;
  const std::string note = assemble_note(signers.text, {signers.ed25519.line(signers.text)});
  for (std::size_t i = 0; i < note.size(); ++i) {
    for (const int bit : {1, 32}) {
      std::string changed = note;
      changed[i] = static_cast<char>(changed[i] ^ bit);
      BOOST_TEST(!signers.ed25519.verifier().verify(changed), "byte " << i);
    }
    BOOST_TEST(!signers.ed25519.verifier().verify(note.substr(0, i)), "cut at " << i);
  }
}

BOOST_AUTO_TEST_CASE(notes_that_do_not_verify) {
  const Signers signers;
  const NoteSigner other("log.example/audit", KeyType::ed25519);
  const std::string& text = signers.text;
  const std::string good = signers.ed25519.line(text);
  const std::string wrong = signers.ed25519.line(text + "x");
  const struct {
    const char* name;
    std::string note;
    bool verifies;
  } rows[] = {
      {"its own line", assemble_note(text, {good}), true},
      {"beside another key's", assemble_note(text, {other.line(text), good}), true},
      {"no signature line", assemble_note(text, {}), false},
      {"another key's line", assemble_note(text, {other.line(text)}), false},
      {"its line over another text", assemble_note(text, {wrong}), false},
      {"a good and a bad line of the key", assemble_note(text, {good, wrong}), false},
      {"no empty line", text + good + "\n", false},
      {"a line without its dash", assemble_note(text, {good, "example abc="}), false},
      {"a line that is not base64", assemble_note(text, {good, "\u2014 other !!!!"}), false},
      {"a line with a key id only", assemble_note(text, {good, "\u2014 other AAAAAA=="}), false},
      {"no newline at the end", text + "\n" + good, false},
      {"the text alone", text, false},
      {"nothing", "", false},
  };
  for (const auto& row : rows) {
    BOOST_TEST(signers.ed25519.verifier().verify(row.note) == row.verifies, row.name);
  }
}

BOOST_AUTO_TEST_CASE(bad_verifier_keys_are_refused) {
  const Signers signers;
  const std::string vkey = signers.ed25519.verifier().vkey();
  const auto id_at = vkey.find('+') + 1;
  const auto key_at = vkey.find('+', id_at) + 1;
  std::string other_id = vkey;
  other_id[id_at] = other_id[id_at] == '0' ? '1' : '0';
  const struct {
    const char* name;
    std::string vkey;
  } rows[] = {
      {"nothing", ""},
      {"no name", vkey.substr(id_at - 1)},
      {"another name", "x" + vkey},
      {"another id", other_id},
      {"no id", vkey.substr(0, id_at) + vkey.substr(key_at)},
      {"no key", vkey.substr(0, key_at)},
      {"cut key", vkey.substr(0, vkey.size() - 4)},
      {"unknown type", vkey.substr(0, key_at) + "Aw" + vkey.substr(key_at + 2)},
      {"a space in the name", "a b" + vkey.substr(id_at - 1)},
  };
  for (const auto& row : rows) {
    const auto parsed = NoteVerifier::parse(row.vkey);
    BOOST_TEST(!parsed.has_value(), row.name);
    if (!parsed) BOOST_TEST(parsed.error().field == "vkey", row.name);
  }
  const NoteSigner p256("log", KeyType::ec_p256);
  BOOST_TEST(NoteVerifier::create("with space", p256.spki()).error().field == "name");
  BOOST_TEST(NoteVerifier::create("with+plus", p256.spki()).error().field == "name");
  BOOST_TEST(NoteVerifier::create("", p256.spki()).error().field == "name");
}

// A log of the one entry "hello"; its root was also computed with another program.
BOOST_AUTO_TEST_CASE(checkpoint_of_hello) {
  const Hash root = leaf_hash(bytes_of("hello"));
  BOOST_TEST(checkpoint_text({"log.example/audit", 1, Bytes(root.begin(), root.end())}) ==
             "log.example/audit\n1\niipcm3aIJ95alVLDigRMZpWcaPbS8htSYK9U0vh9uCc=\n");
}

BOOST_AUTO_TEST_CASE(checkpoints_are_read_strictly) {
  const std::string root = "iipcm3aIJ95alVLDigRMZpWcaPbS8htSYK9U0vh9uCc=";
  const std::string text = "log.example/audit\n70000\n" + root + "\n";
  for (const std::string& good : {text, text + "\n\u2014 a AAAAAAAA\n"}) {
    const auto checkpoint = parse_checkpoint(good);
    BOOST_TEST_REQUIRE(checkpoint.has_value());
    BOOST_TEST(checkpoint->origin == "log.example/audit");
    BOOST_TEST(checkpoint->size == 70000U);
    BOOST_TEST(checkpoint_text(*checkpoint) == text);
  }
  const struct {
    const char* name;
    std::string text;
  } rows[] = {
      {"nothing", ""},
      {"origin alone", "log\n"},
      {"no root", "log\n1\n"},
      {"no last newline", "log\n1\n" + root},
      {"an extension line", text + "more\n"},
      {"an empty line and no signature", text + "\n"},
      {"empty origin", "\n1\n" + root + "\n"},
      {"a space in the origin", "a log\n1\n" + root + "\n"},
      {"leading zero", "log\n01\n" + root + "\n"},
      {"signed size", "log\n+1\n" + root + "\n"},
      {"negative size", "log\n-1\n" + root + "\n"},
      {"size with a space", "log\n1 \n" + root + "\n"},
      {"2^63", "log\n9223372036854775808\n" + root + "\n"},
      {"2^64", "log\n18446744073709551616\n" + root + "\n"},
      {"short root", "log\n1\niipcm3aI\n"},
      {"root without padding", "log\n1\n" + root.substr(0, 43) + "\n"},
      {"carriage returns", "log\r\n1\r\n" + root + "\r\n"},
  };
  for (const auto& row : rows) {
    const auto checkpoint = parse_checkpoint(row.text);
    BOOST_TEST(!checkpoint.has_value(), row.name);
    if (!checkpoint) BOOST_TEST(checkpoint.error().field == "checkpoint", row.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
