#include "core/signed_note.h"

#include <algorithm>
#include <charconv>

namespace chancery {
namespace {

constexpr std::uint8_t kEd25519 = 0x01;    // C2SP signed-note, "Signature types"
constexpr std::uint8_t kEcdsaP256 = 0x02;  // as RFC 6962 logs sign, over SHA-256
constexpr std::string_view kLineBegin = "\u2014 ";
constexpr std::size_t kKeyIdBytes = 4;
constexpr std::size_t kEd25519Bytes = 32;
// RFC 8410 section 4: SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING } before the 32 bytes.
constexpr std::array<std::uint8_t, 12> kEd25519SpkiPrefix = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                             0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr std::size_t kRootBytes = 32;

using KeyHash = std::array<std::uint8_t, kKeyIdBytes>;

/// type || key, as a vkey carries it.
Bytes typed_key(const PublicKey& key) {
  const bool ed25519 = key.type() == KeyType::ed25519;
  const ByteView spki = key.spki();
  Bytes typed = {ed25519 ? kEd25519 : kEcdsaP256};
  const ByteView raw = ed25519 ? spki.last(kEd25519Bytes) : spki;
  typed.insert(typed.end(), raw.begin(), raw.end());
  return typed;
}

KeyHash key_id(std::string_view name, const PublicKey& key) {
  Bytes hash;
  if (key.type() == KeyType::ed25519) {
    Bytes input = copy_of(bytes_of(name));
    input.push_back('\n');
    const Bytes typed = typed_key(key);
    input.insert(input.end(), typed.begin(), typed.end());
    hash = sha256(input);
  } else {
    hash = sha256(key.spki());
  }
  KeyHash id{};
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

Failure bad_vkey(const char* why) {
  return invalid("vkey", std::string("the verifier key ") + why);
}

Failure bad_checkpoint(const char* why) {
  return invalid("checkpoint", std::string("the checkpoint ") + why);
}

}  // namespace

bool is_note_name(std::string_view name) {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f && c != '+'; });
}

std::optional<NoteParts> split_note(std::string_view note) {
  const auto divider = note.rfind("\n\n");
  if (divider == note.npos) return std::nullopt;
  NoteParts parts{note.substr(0, divider + 1), note.substr(divider + 2)};
  if (!parts.signatures.ends_with('\n')) return std::nullopt;
  return parts;
}

std::optional<std::string_view> take_note_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == text.npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

std::optional<SignatureLine> parse_signature_line(std::string_view line) {
  if (!line.starts_with(kLineBegin)) return std::nullopt;
  line.remove_prefix(kLineBegin.size());
  const auto space = line.find(' ');
  if (space == line.npos || space == 0) return std::nullopt;
  const auto blob = from_base64(line.substr(space + 1));
  if (!blob || blob->size() <= kKeyIdBytes) return std::nullopt;
  const auto signature = blob->begin() + kKeyIdBytes;
  return SignatureLine{line.substr(0, space), Bytes(blob->begin(), signature),
                       Bytes(signature, blob->end())};
}

std::string to_text(const SignatureLine& line) {
  Bytes blob = line.key_id;
  blob.insert(blob.end(), line.signature.begin(), line.signature.end());
  return std::string(kLineBegin).append(line.name) + " " + to_base64(blob);
}

Bytes ed25519_spki(ByteView key) {
  Bytes spki(kEd25519SpkiPrefix.begin(), kEd25519SpkiPrefix.end());
  spki.insert(spki.end(), key.begin(), key.end());
  return spki;
}

Result<NoteVerifier> NoteVerifier::create(std::string name, ByteView spki) {
  if (!is_note_name(name)) {
    return invalid("name", "a note key's name is printable ASCII without spaces and \"+\"");
  }
  ASSIGN_OR_RETURN(PublicKey key, PublicKey::from_spki(spki));
  if (key.type() != KeyType::ed25519 && key.type() != KeyType::ec_p256) {
    return invalid("public_key", "notes are signed by keys of type ed25519 or ec-p256");
  }
  const KeyHash id = key_id(name, key);
  return NoteVerifier(std::move(name), std::move(key), id);
}

Result<NoteVerifier> NoteVerifier::parse(std::string_view vkey) {
  const auto name_end = vkey.find('+');
  if (name_end == vkey.npos) return bad_vkey("has no name");
  const auto id_end = vkey.find('+', name_end + 1);
  if (id_end == vkey.npos) return bad_vkey("has no key id");
  const std::string_view id = vkey.substr(name_end + 1, id_end - name_end - 1);
  const auto typed = from_base64(vkey.substr(id_end + 1));
  if (!typed || typed->empty()) return bad_vkey("is not base64");

  Bytes spki(typed->begin() + 1, typed->end());
  if (typed->front() == kEd25519) {
    if (spki.size() != kEd25519Bytes) return bad_vkey("has a key of the wrong length");
    spki = ed25519_spki(spki);
  } else if (typed->front() != kEcdsaP256) {
    return bad_vkey("is of an unknown type");
  }
  auto verifier = create(std::string(vkey.substr(0, name_end)), spki);
  if (!verifier) return bad_vkey("has a bad name or key");
  // One spelling only: the type must be the key's, and the id the one that it has.
  if (verifier->vkey() != vkey || to_hex(verifier->key_id_) != id) {
    return bad_vkey("does not carry its own key's id");
  }
  return verifier;
}

std::string NoteVerifier::vkey() const {
  return name_ + "+" + to_hex(key_id_) + "+" + to_base64(typed_key(key_));
}

std::string NoteVerifier::signature_line(ByteView signature) const {
  return to_text(SignatureLine{name_, Bytes(key_id_.begin(), key_id_.end()), copy_of(signature)});
}

bool NoteVerifier::verify(std::string_view note) const {
  auto parts = split_note(note);
  if (!parts) return false;
  bool verified = false;
  while (!parts->signatures.empty()) {
    const auto line = take_note_line(parts->signatures);
    const auto signature = line ? parse_signature_line(*line) : std::nullopt;
    if (!signature) return false;
    if (!is_of_this_key(*signature)) continue;
    if (!verify_text(parts->text, signature->signature)) return false;
    verified = true;
  }
  return verified;
}

bool NoteVerifier::has_line_in(std::string_view note) const {
  auto parts = split_note(note);
  while (parts && !parts->signatures.empty()) {
    const auto line = take_note_line(parts->signatures);
    const auto signature = line ? parse_signature_line(*line) : std::nullopt;
    if (signature && is_of_this_key(*signature)) return true;
  }
  return false;
}

bool NoteVerifier::is_of_this_key(const SignatureLine& line) const {
  return line.name == name_ && std::ranges::equal(line.key_id, key_id_);
}

bool NoteVerifier::verify_text(std::string_view text, ByteView signature) const {
  if (key_.type() == KeyType::ed25519) {
    return key_.verify(SignatureAlgorithm::ed25519, bytes_of(text), signature);
  }
  return key_.verify(SignatureAlgorithm::ecdsa_p256_sha256, sha256(bytes_of(text)), signature);
}

std::string assemble_note(std::string_view text, const std::vector<std::string>& signature_lines) {
  CHECK(text.ends_with('\n'));
  std::string note = std::string(text) + "\n";
  for (const std::string& line : signature_lines) note += line + "\n";
  return note;
}

std::string checkpoint_text(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" +
         to_base64(checkpoint.root) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view note, Extensions extensions) {
  std::string_view text = note;
  if (const auto parts = split_note(note)) text = parts->text;
  const auto origin = take_note_line(text);
  const auto size = take_note_line(text);
  const auto root = take_note_line(text);
  if (!origin || !size || !root) return bad_checkpoint("has fewer than three lines");
  if (!text.empty() && extensions == Extensions::refused) {
    return bad_checkpoint("has more than three lines");
  }
  if (!is_note_name(*origin)) return bad_checkpoint("has a bad origin");

  Checkpoint checkpoint;
  checkpoint.origin = *origin;
  const char* const end = size->data() + size->size();
  const auto number = std::from_chars(size->data(), end, checkpoint.size);
  const bool canonical =
      number.ec == std::errc() && number.ptr == end && std::to_string(checkpoint.size) == *size;
  if (!canonical || checkpoint.size >> 63 != 0) return bad_checkpoint("has a bad size");
  auto decoded = from_base64(*root);
  if (!decoded || decoded->size() != kRootBytes) return bad_checkpoint("has a bad root");
  checkpoint.root = std::move(*decoded);
  return checkpoint;
}

}  // namespace chancery
