// Notes, checkpoints, receipts, changes of keys and verifier keys, as another log or an attacker
// may send them.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/key_changes.h"
#include "core/receipt.h"
#include "core/signed_note.h"

namespace {

using namespace chancery;

constexpr std::string_view kVkey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kSignedText =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";

/// Only one text was ever signed with this key, so a note that verifies carries that text.
void check_note(std::string_view input) {
  static const NoteVerifier verifier = NoteVerifier::parse(kVkey).value();
  if (verifier.verify(input)) CHECK(input.starts_with(std::string(kSignedText) + "\n"));
}

/// There is one spelling of a checkpoint: what parses is what would be written.
void check_checkpoint(std::string_view input) {
  const auto checkpoint = parse_checkpoint(input);
  if (!checkpoint) {
    CHECK(checkpoint.error().field == "checkpoint");
    return;
  }
  const std::string text = checkpoint_text(*checkpoint);
  CHECK(input.starts_with(text));
  CHECK(input.size() == text.size() || input[text.size()] == '\n');
}

void check_vkey(std::string_view input) {
  const auto verifier = NoteVerifier::parse(input);
  if (verifier) CHECK(verifier->vkey() == input);
}

/// There is one spelling of a receipt, too, and no input proves an entry without the log's key.
void check_receipt(std::string_view input) {
  static const std::vector<NoteVerifier> verifiers = [] {
    std::vector<NoteVerifier> one;
    one.push_back(NoteVerifier::parse(kVkey).value());
    return one;
  }();
  const auto receipt = parse_receipt(input);
  if (!receipt) {
    CHECK(receipt.error().field == "receipt");
    return;
  }
  CHECK(to_text(*receipt) == input);
  CHECK(!verify_receipt(*receipt, verifiers));
}

/// No input leads from the log's key to another.
void check_key_changes(std::string_view input) {
  static const std::vector<NoteVerifier> verifiers = [] {
    std::vector<NoteVerifier> one;
    one.push_back(NoteVerifier::parse(kVkey).value());
    return one;
  }();
  const auto changes = parse_key_changes(input);
  if (!changes) {
    CHECK(changes.error().field == "key changes");
    return;
  }
  CHECK(to_text(*changes) == input);
  const auto keys = follow_key_changes(verifiers, *changes);
  CHECK(keys.has_value() == changes->empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_note(input);
  check_checkpoint(input);
  check_vkey(input);
  check_receipt(input);
  check_key_changes(input);
  return 0;
}
