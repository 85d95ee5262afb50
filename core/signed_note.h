#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/public_key.h"

namespace chancery {

/// A key that signs notes: C2SP signed-note. Type 0x01 for Ed25519, 0x02 for ECDSA P-256.
class NoteVerifier {
 public:
  /// `name` is printable ASCII without space and "+", as a rule the log's origin. invalid_request
  /// for another name (field "name") or type of key (field "public_key").
  static Result<NoteVerifier> create(std::string name, ByteView spki);
  /// "name+hex(keyID)+base64(type || key)": the key is the 32 bytes of Ed25519, or for ECDSA the
  /// DER SubjectPublicKeyInfo. invalid_request (field "vkey"), also where the id is not the key's.
  static Result<NoteVerifier> parse(std::string_view vkey);
  [[nodiscard]] std::string vkey() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  /// "— name base64(keyID[4] || signature)", the whole line without its newline. `signature` is
  /// Ed25519's 64 bytes over the text, or a DER Ecdsa-Sig-Value over its SHA-256.
  [[nodiscard]] std::string signature_line(ByteView signature) const;
  /// True when one of the note's signature lines is this key's and verifies. A malformed note, and
  /// one with a line of this key that does not verify, is false; lines of other keys are ignored.
  [[nodiscard]] bool verify(std::string_view note) const;

 private:
  NoteVerifier(std::string name, PublicKey key, std::array<std::uint8_t, 4> id)
      : name_(std::move(name)), key_(std::move(key)), key_id_(id) {}
  [[nodiscard]] bool verify_text(std::string_view text, ByteView signature) const;
  std::string name_;
  PublicKey key_;
  std::array<std::uint8_t, 4> key_id_;
};

/// text, an empty line, then the signature lines. `text` ends in a newline (CHECK).
std::string assemble_note(std::string_view text, const std::vector<std::string>& signature_lines);

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Bytes root;
};
/// origin, decimal size, base64 root, each on a line (C2SP tlog-checkpoint).
std::string checkpoint_text(const Checkpoint& checkpoint);
/// Reads a note or its text alone; strict: exactly these three lines, so no extensions.
/// invalid_request (field "checkpoint").
Result<Checkpoint> parse_checkpoint(std::string_view note);

}  // namespace chancery
