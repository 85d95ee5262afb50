#include "core/cosignature.h"

#include <algorithm>

#include "core/signed_note.h"

namespace chancery {
namespace {

constexpr std::uint8_t kCosignature = 0x04;  // C2SP signed-note, "Signature types"
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kSignatureBytes = 64;

Bytes typed_key(ByteView key) {
  Bytes typed = {kCosignature};
  typed.insert(typed.end(), key.begin(), key.end());
  return typed;
}

/// SHA-256(name || "\n" || 0x04 || key)[:4].
std::array<std::uint8_t, 4> key_id(std::string_view name, ByteView key) {
  Bytes input = copy_of(bytes_of(name));
  input.push_back('\n');
  const Bytes typed = typed_key(key);
  input.insert(input.end(), typed.begin(), typed.end());
  const Bytes hash = sha256(input);
  std::array<std::uint8_t, 4> id{};
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

Failure bad_vkey(const char* why) {
  return invalid("vkey", std::string("the witness's key ") + why);
}

}  // namespace

Result<CosignatureVerifier> CosignatureVerifier::create(std::string name, ByteView key) {
  if (!is_note_name(name)) {
    return invalid("name", "a witness's name is printable ASCII without spaces and \"+\"");
  }
  if (key.size() != kKeyBytes) return invalid("public_key", "has the wrong length");
  ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::from_spki(ed25519_spki(key)));
  const auto id = key_id(name, key);
  return CosignatureVerifier(std::move(name), std::move(public_key), id);
}

Result<CosignatureVerifier> CosignatureVerifier::parse(std::string_view vkey) {
  const auto name_end = vkey.find('+');
  const auto id_end = name_end == vkey.npos ? vkey.npos : vkey.find('+', name_end + 1);
  if (id_end == vkey.npos) return bad_vkey("is not NAME+ID+KEY");
  const auto typed = from_base64(vkey.substr(id_end + 1));
  if (!typed || typed->empty()) return bad_vkey("is not base64");
  if (typed->front() != kCosignature) {
    return bad_vkey("is not of type 0x04, for Ed25519 cosignatures");
  }
  auto verifier =
      create(std::string(vkey.substr(0, name_end)), ByteView(typed->data() + 1, typed->size() - 1));
  if (!verifier) return bad_vkey("has a bad name or key");
  if (verifier->vkey() != vkey) return bad_vkey("does not carry its own id");
  return verifier;
}

std::string CosignatureVerifier::vkey() const {
  return name_ + "+" + to_hex(key_id_) + "+" +
         to_base64(typed_key(ByteView(key_.spki()).last(kKeyBytes)));
}

std::string CosignatureVerifier::message(std::string_view text, std::uint64_t seconds) {
  return "cosignature/v1\ntime " + std::to_string(seconds) + "\n" + std::string(text);
}

std::string CosignatureVerifier::signature_line(std::uint64_t seconds, ByteView signature) const {
  Bytes timestamped;
  for (int shift = 56; shift >= 0; shift -= 8) {
    timestamped.push_back(static_cast<std::uint8_t>(seconds >> shift));
  }
  timestamped.insert(timestamped.end(), signature.begin(), signature.end());
  return to_text(
      SignatureLine{name_, Bytes(key_id_.begin(), key_id_.end()), std::move(timestamped)});
}

std::optional<CosignatureVerifier::Cosignature> CosignatureVerifier::find_in(
    std::string_view note) const {
  auto parts = split_note(note);
  if (!parts) return std::nullopt;
  std::optional<Cosignature> found;
  while (!parts->signatures.empty()) {
    const auto text = take_note_line(parts->signatures);
    const auto line = text ? parse_signature_line(*text) : std::nullopt;
    if (!line) return std::nullopt;
    if (line->name != name_ || !std::ranges::equal(line->key_id, key_id_)) continue;
    const auto seconds = verify(parts->text, line->signature);
    if (!seconds) return std::nullopt;
    if (!found) found = Cosignature{*seconds, std::string(*text)};
  }
  return found;
}

std::optional<std::uint64_t> CosignatureVerifier::verify(std::string_view text,
                                                         ByteView signature) const {
  if (signature.size() != kTimeBytes + kSignatureBytes) return std::nullopt;
  std::uint64_t seconds = 0;
  for (const std::uint8_t byte : signature.first(kTimeBytes)) seconds = seconds << 8 | byte;
  // Zero says that nothing is said of the time: that is for subtrees, which tlog-witness excludes.
  if (seconds == 0 || seconds >> 63 != 0) return std::nullopt;
  if (!key_.verify(SignatureAlgorithm::ed25519, bytes_of(message(text, seconds)),
                   signature.subspan(kTimeBytes))) {
    return std::nullopt;
  }
  return seconds;
}

}  // namespace chancery
