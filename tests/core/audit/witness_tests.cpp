#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "core/durable_file.h"
#include "core/tile.h"
#include "core/witness.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

std::string vector_file(const std::string& name) {
  std::ifstream file(std::string(CHANCERY_SOURCE_DIR) + "/tests/vectors/witness/" + name);
  std::stringstream text;
  text << file.rdbuf();
  BOOST_REQUIRE_MESSAGE(!text.str().empty(), name);
  return text.str();
}

std::string line_of(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// A witness's folder, and the witness in it.
struct WitnessHome {
  explicit WitnessHome(const std::string& logs) {
    const auto made = Witness::init(path, "w1.example/witness");
    BOOST_REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
    vkey = *made;
    std::ofstream(path + "/logs", std::ios::app) << logs;
    open();
  }
  void open() {
    witness.reset();
    auto opened = Witness::open(path);
    BOOST_REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
    witness = std::move(*opened);
  }

  TemporaryFolder folder;
  const std::string path = folder.file("witness");
  std::string vkey;
  std::unique_ptr<Witness> witness;
};

std::string vkey_lines(const std::vector<NoteVerifier>& verifiers) {
  std::string lines;
  for (const NoteVerifier& verifier : verifiers) lines += verifier.vkey() + "\n";
  return lines;
}

/// The checkpoint of the log as it is, with the proof from `old_size`.
WitnessRequest submission_of(LogHome& home, std::uint64_t old_size) {
  WitnessRequest request;
  request.old_size = old_size;
  request.checkpoint = home.checkpoint();
  const std::uint64_t size = home.log->published_size();
  if (old_size > 0) request.proof = consistency_proof(*home.store, old_size, size).value();
  return request;
}

bool is_cosigned(const WitnessHome& home, const std::string& note, const std::string& lines) {
  return CosignatureVerifier::parse(home.vkey)->find_in(note + lines).has_value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cosignatures)

// Text, key and signature were put together by other programs.
BOOST_AUTO_TEST_CASE(a_cosignature_of_another_program_verifies) {
  const std::string vkey = line_of(vector_file("cosigner.vkey"));
  const std::string note = vector_file("cosigned.note");
  const auto verifier = CosignatureVerifier::parse(vkey);
  BOOST_TEST_REQUIRE(verifier.has_value());
  BOOST_TEST(verifier->vkey() == vkey);
  const auto found = verifier->find_in(note);
  BOOST_TEST_REQUIRE(found.has_value());
  BOOST_TEST(found->seconds == 1679315147U);
  BOOST_TEST(note.ends_with("\n" + found->line + "\n"));
}

// Ed25519 signatures are deterministic: ours is the other program's, byte for byte.
BOOST_AUTO_TEST_CASE(the_same_key_makes_the_same_cosignature) {
  const std::string text = vector_file("cosigner.key");
  const auto key = WitnessKey::parse(text);
  BOOST_TEST_REQUIRE(key.has_value());
  BOOST_TEST(key->text().reveal() == text);
  const std::string note = vector_file("cosigned.note");
  const std::string signed_text = note.substr(0, note.find("\n\n") + 1);
  const std::string line = key->cosign(signed_text, from_unix_seconds(1679315147));
  BOOST_TEST(note.ends_with("\n" + line + "\n"));
}

BOOST_AUTO_TEST_CASE(every_changed_byte_of_a_cosigned_note_is_noticed) {
  const auto verifier = CosignatureVerifier::parse(line_of(vector_file("cosigner.vkey")));
  const std::string note = vector_file("cosigned.note");
  const std::size_t others = note.find("\n\n") + 2;
  const std::size_t ours = note.find('\n', others) + 1;
  for (std::size_t i = 0; i < note.size(); ++i) {
    std::string changed = note;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    // The log's own line is another verifier's business, as long as it is one at all.
    const bool is_others = i >= others && i < ours;
    if (!is_others) BOOST_TEST(!verifier->find_in(changed).has_value(), "byte " << i);
  }
}

BOOST_AUTO_TEST_CASE(bad_keys_of_witnesses_are_refused) {
  const std::string good = line_of(vector_file("cosigner.vkey"));
  const std::string log = line_of(vector_file("log.vkey"));
  for (const std::string& vkey : {std::string(), std::string("name"), log, "x" + good, good + "A",
                                  good.substr(0, good.size() - 4)}) {
    const auto parsed = CosignatureVerifier::parse(vkey);
    BOOST_TEST(!parsed.has_value(), vkey);
    if (!parsed) BOOST_TEST(parsed.error().field == "vkey");
  }
  BOOST_TEST(!NoteVerifier::parse(good).has_value());  // it is no log's key
  const std::string key = line_of(vector_file("cosigner.key"));
  for (const std::string& text : {std::string(), key.substr(1), key.substr(0, key.size() - 4),
                                  key + "\n\n", std::string("PRIVATE+KEY+a+00000000+AAAA")}) {
    const auto parsed = WitnessKey::parse(text);
    BOOST_TEST(!parsed.has_value(), text);
    if (!parsed) BOOST_TEST(parsed.error().field == "key");
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(witness_requests)

BOOST_AUTO_TEST_CASE(are_read_in_one_form_only) {
  const std::string hash = "iipcm3aIJ95alVLDigRMZpWcaPbS8htSYK9U0vh9uCc=\n";
  std::string many = "old 1\n";
  for (int i = 0; i < 64; ++i) many += hash;
  const struct {
    const char* name;
    std::string body;
    bool good;
  } rows[] = {
      {"without proof", "old 0\n\ncheckpoint\n", true},
      {"with a proof", "old 17\n" + hash + hash + "\ncheckpoint\n", true},
      {"63 hashes", many.substr(0, 6 + 63 * hash.size()) + "\ncheckpoint\n", true},
      {"64 hashes", many + "\ncheckpoint\n", false},
      {"nothing", "", false},
      {"no old size", "\ncheckpoint\n", false},
      {"another word", "size 0\n\ncheckpoint\n", false},
      {"two blanks", "old  0\n\ncheckpoint\n", false},
      {"leading zero", "old 01\n\ncheckpoint\n", false},
      {"a sign", "old +1\n\ncheckpoint\n", false},
      {"2^63", "old 9223372036854775808\n\ncheckpoint\n", false},
      {"2^64", "old 18446744073709551616\n\ncheckpoint\n", false},
      {"no empty line", "old 1\n" + hash, false},
      {"a short hash", "old 1\niipcm3aI\n\ncheckpoint\n", false},
      {"no base64", "old 1\n!" + hash + "\ncheckpoint\n", false},
      {"longer than any", "old 0\n\n" + std::string(limits::witness_request_bytes, 'x'), false},
  };
  for (const auto& row : rows) {
    const auto request = parse_witness_request(row.body);
    BOOST_TEST(request.has_value() == row.good, row.name);
    if (request) BOOST_TEST(to_text(*request) == row.body, row.name);
    if (!request) BOOST_TEST(request.error().field == "body", row.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(witness)

// What another witness answers to its own tests. An unknown log is 404 by the specification, where
// that one says 403.
BOOST_AUTO_TEST_CASE(answers_the_submissions_of_another_witness) {
  WitnessHome home(vector_file("log.vkey"));
  const int expected[] = {200, 403, 404, 422, 422, 200, 409, 200, 409};
  for (int i = 0; i < 9; ++i) {
    const auto answer =
        home.witness->add_checkpoint(vector_file("submission-" + std::to_string(i + 1)));
    BOOST_TEST(answer.status == expected[i], "submission " << i + 1 << ": " << answer.body);
    if (i == 6) BOOST_TEST(answer.body == "3\n");
    if (i == 8) BOOST_TEST(answer.body == "5\n");
    if (answer.status == 409) BOOST_TEST(answer.content_type == "text/x.tlog.size");
  }
}

BOOST_AUTO_TEST_CASE(cosigns_a_log_that_only_grows) {
  LogHome log;
  WitnessHome home(vkey_lines(log.verifiers()));
  std::uint64_t old_size = 0;
  for (const int entries : {1, 2, 1, 300}) {
    for (int i = 0; i < entries; ++i) log.append();
    const WitnessRequest request = submission_of(log, old_size);
    const auto answer = home.witness->add_checkpoint(to_text(request));
    BOOST_TEST_REQUIRE(answer.status == 200, answer.body);
    BOOST_TEST(is_cosigned(home, request.checkpoint, answer.body));
    old_size = log.log->published_size();
    const auto latest = home.witness->latest(to_hex(sha256(bytes_of(LogHome::kOrigin))));
    BOOST_TEST_REQUIRE(latest.has_value());
    BOOST_TEST(*latest == request.checkpoint + answer.body);
    home.open();  // what was given out is still known
  }
  // The same checkpoint again, with its own size.
  WitnessRequest again{old_size, {}, log.log->published_checkpoint()};
  BOOST_TEST(home.witness->add_checkpoint(to_text(again)).status == 200);
  again.old_size = 0;
  const auto conflict = home.witness->add_checkpoint(to_text(again));
  BOOST_TEST(conflict.status == 409);
  BOOST_TEST(conflict.body == std::to_string(old_size) + "\n");
}

BOOST_AUTO_TEST_CASE(refuses_what_the_specification_refuses) {
  LogHome log;
  WitnessHome home(vkey_lines(log.verifiers()));
  for (int i = 0; i < 3; ++i) log.append();
  BOOST_TEST_REQUIRE(home.witness->add_checkpoint(to_text(submission_of(log, 0))).status == 200);
  const std::uint64_t size = log.log->published_size();
  log.append();
  const WitnessRequest good = submission_of(log, size);
  const auto with_text = [&](const Checkpoint& checkpoint, std::uint64_t old_size) {
    return WitnessRequest{old_size, {}, log.sign(checkpoint_text(checkpoint))};
  };
  WitnessRequest no_proof = good, long_proof = good, unsigned_note = good, half = good, old = good,
                 other = good;
  no_proof.proof.clear();
  long_proof.proof.push_back(empty_root());
  const auto parts = split_note(good.checkpoint);
  unsigned_note.checkpoint = assemble_note(parts->text, {});
  // One of the log's two lines is over another text: such a note is malformed.
  const std::string other_lines(
      split_note(log.sign(checkpoint_text({LogHome::kOrigin, 9, Bytes(32, 1)})))->signatures);
  // Lines of others are passed over, up to a bound, and of each key there is one.
  const auto with_others = [&](int count, bool same) {
    std::vector<std::string> lines;
    for (std::string_view rest = parts->signatures; const auto line = take_note_line(rest);) {
      lines.emplace_back(*line);
    }
    for (int i = 0; i < count; ++i) {
      lines.push_back(to_text(SignatureLine{
          "other.example", Bytes(4, static_cast<std::uint8_t>(same ? 0 : i)), Bytes(64, 1)}));
    }
    return WitnessRequest{size, good.proof, assemble_note(parts->text, lines)};
  };
  WitnessRequest repeated = good;
  repeated.checkpoint = good.checkpoint + std::string(parts->signatures);
  half.checkpoint = std::string(parts->text) + "\n" +
                    std::string(parts->signatures.substr(0, parts->signatures.find('\n') + 1)) +
                    other_lines.substr(other_lines.find('\n') + 1);
  old.old_size = size + 2;
  other.old_size = size - 1;
  const struct {
    const char* name;
    std::string body;
    int status;
  } rows[] = {
      {"nothing", "", 400},
      {"no checkpoint", "old 0\n\n", 400},
      {"an old size above the checkpoint's", to_text(old), 400},
      {"a log that is not known",
       to_text(with_text({"other.example", size + 1, Bytes(32, 1)}, size)), 404},
      {"no signature", to_text(unsigned_note), 403},
      {"a good and a bad signature", to_text(half), 403},
      {"each signature twice", to_text(repeated), 400},
      {"two of another's key", to_text(with_others(2, true)), 400},
      {"17 signatures", to_text(with_others(15, false)), 400},
      {"another old size", to_text(other), 409},
      {"a smaller tree", to_text(with_text({LogHome::kOrigin, 2, Bytes(32, 1)}, 2)), 409},
      {"no proof", to_text(no_proof), 422},
      {"a proof too long", to_text(long_proof), 422},
      {"another tree of the same size",
       to_text(with_text({LogHome::kOrigin, size, Bytes(32, 1)}, size)), 422},
      {"16 signatures", to_text(with_others(14, false)), 200},
  };
  for (const auto& row : rows) {
    const auto answer = home.witness->add_checkpoint(row.body);
    BOOST_TEST(answer.status == row.status, row.name << ": " << answer.status << answer.body);
    if (answer.status == 409) BOOST_TEST(answer.body == std::to_string(size) + "\n");
  }
}

BOOST_AUTO_TEST_CASE(the_empty_tree_has_one_root) {
  LogHome log;
  WitnessHome home(vkey_lines(log.verifiers()));
  const auto submit = [&](const Hash& root) {
    const Checkpoint checkpoint{LogHome::kOrigin, 0, Bytes(root.begin(), root.end())};
    return home.witness->add_checkpoint(
        to_text(WitnessRequest{0, {}, log.sign(checkpoint_text(checkpoint))}));
  };
  BOOST_TEST(submit(leaf_hash({})).status == 422);
  BOOST_TEST(submit(empty_root()).status == 200);
}

BOOST_AUTO_TEST_CASE(extension_lines_are_cosigned_with_the_rest) {
  LogHome log;
  WitnessHome home(vkey_lines(log.verifiers()));
  const std::string text = checkpoint_text({LogHome::kOrigin, 1, Bytes(32, 1)}) + "extension\n";
  const WitnessRequest request{0, {}, log.sign(text)};
  const auto answer = home.witness->add_checkpoint(to_text(request));
  BOOST_TEST_REQUIRE(answer.status == 200, answer.body);
  BOOST_TEST(is_cosigned(home, request.checkpoint, answer.body));
}

// Durable before it is given: a state that cannot be written gives nothing, and is not forgotten.
BOOST_AUTO_TEST_CASE(without_its_record_there_is_no_cosignature) {
  LogHome log;
  WitnessHome home(vkey_lines(log.verifiers()));
  log.append();
  const WitnessRequest request = submission_of(log, 0);
  std::filesystem::rename(home.path + "/state", home.path + "/gone");
  BOOST_TEST(home.witness->add_checkpoint(to_text(request)).status == 500);
  std::filesystem::rename(home.path + "/gone", home.path + "/state");
  BOOST_TEST(home.witness->add_checkpoint(to_text(request)).status == 200);
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_not_right_is_refused) {
  LogHome log;
  WitnessHome home(vkey_lines(log.verifiers()));
  log.append();
  BOOST_TEST_REQUIRE(home.witness->add_checkpoint(to_text(submission_of(log, 0))).status == 200);
  BOOST_TEST((Witness::open(home.path).error().code == ErrorCode::conflict));  // it is in use
  BOOST_TEST((Witness::init(home.path, "again").error().code == ErrorCode::conflict));
  home.witness.reset();
  const auto refused = [&](const std::string& what) {
    const auto opened = Witness::open(home.path);
    BOOST_TEST(!opened.has_value(), what);
    if (!opened) {
      BOOST_TEST((opened.error().message.find(what) != std::string::npos), opened.error().message);
    }
  };
  const std::string state = home.path + "/state/" + to_hex(sha256(bytes_of(LogHome::kOrigin)));
  const std::string note = read_durable_file(state)->value();
  // Another's checkpoint in its place: perhaps a smaller one, perhaps of a fork.
  BOOST_REQUIRE(replace_durable_file(state, log.log->published_checkpoint()));
  refused("does not hold a checkpoint that this witness cosigned");
  BOOST_REQUIRE(replace_durable_file(state, note));
  ::chmod((home.path + "/key").c_str(), 0640);
  refused("readable by others");
  ::chmod((home.path + "/key").c_str(), 0600);
  std::ofstream(home.path + "/logs", std::ios::app) << "log.example+zz\n";
  refused("/logs:5:");
  std::filesystem::remove(home.path + "/key");
  refused("chancery witness init");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
