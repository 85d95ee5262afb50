#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/public_key.h"

namespace chancery {

/// A note's text with its final newline, and its signature lines. The last empty line divides: the
/// text may have empty lines of its own. Views of the note; nothing where it is not one.
struct NoteParts {
  std::string_view text;
  std::string_view signatures;
};
std::optional<NoteParts> split_note(std::string_view note);

/// Takes the first line off, without its newline; nothing when there is no whole line.
std::optional<std::string_view> take_note_line(std::string_view& text);

/// "— name base64(keyID[4] || signature)". `name` is a view of the line.
struct SignatureLine {
  std::string_view name;
  Bytes key_id, signature;
};
std::optional<SignatureLine> parse_signature_line(std::string_view line);
std::string to_text(const SignatureLine& line);

/// Printable ASCII without space and "+".
bool is_note_name(std::string_view name);

/// RFC 8410's SubjectPublicKeyInfo of the 32 bytes that a vkey carries.
Bytes ed25519_spki(ByteView key);

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
  [[nodiscard]] const Bytes& spki() const { return key_.spki(); }
  /// "— name base64(keyID[4] || signature)", the whole line without its newline. `signature` is
  /// Ed25519's 64 bytes over the text, or a DER Ecdsa-Sig-Value over its SHA-256.
  [[nodiscard]] std::string signature_line(ByteView signature) const;
  /// True when one of the note's signature lines is this key's and verifies. A malformed note, and
  /// one with a line of this key that does not verify, is false; lines of other keys are ignored.
  [[nodiscard]] bool verify(std::string_view note) const;
  /// Whether the note has a line that claims to be this key's, good or bad.
  [[nodiscard]] bool has_line_in(std::string_view note) const;

 private:
  NoteVerifier(std::string name, PublicKey key, std::array<std::uint8_t, 4> id)
      : name_(std::move(name)), key_(std::move(key)), key_id_(id) {}
  [[nodiscard]] bool is_of_this_key(const SignatureLine& line) const;
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
/// Reads a note or its text alone; strict: exactly these three lines. Further lines, the extensions
/// that other logs may have, are passed over only where they are allowed.
/// invalid_request (field "checkpoint").
enum class Extensions { refused, allowed };
Result<Checkpoint> parse_checkpoint(std::string_view note,
                                    Extensions extensions = Extensions::refused);

}  // namespace chancery
