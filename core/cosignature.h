#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/public_key.h"

namespace chancery {

/// A witness's key: C2SP tlog-cosignature, Ed25519 (type 0x04). Its signatures tell when it had
/// seen nothing of the log beyond this checkpoint.
class CosignatureVerifier {
 public:
  /// `key` is Ed25519's 32 bytes. invalid_request for a bad name (field "name") or key
  /// ("public_key").
  static Result<CosignatureVerifier> create(std::string name, ByteView key);
  /// "name+hex(keyID)+base64(0x04 || key)". invalid_request (field "vkey").
  static Result<CosignatureVerifier> parse(std::string_view vkey);
  CosignatureVerifier(CosignatureVerifier&&) noexcept = default;
  CosignatureVerifier& operator=(CosignatureVerifier&&) noexcept = default;

  [[nodiscard]] std::string vkey() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Bytes& spki() const { return key_.spki(); }
  /// What is signed, for a checkpoint's text (with its last newline) at that moment.
  static std::string message(std::string_view text, std::uint64_t seconds);
  /// "— name base64(keyID[4] || seconds[8] || signature[64])", without a newline.
  [[nodiscard]] std::string signature_line(std::uint64_t seconds, ByteView signature) const;

  struct Cosignature {
    std::uint64_t seconds = 0;  ///< since 1970
    std::string line;           ///< as it stands in the note, without its newline
  };
  /// The first of this key's lines in the note. Nothing where there is none, or where any of them
  /// does not verify or the note is malformed; lines of other keys are ignored.
  [[nodiscard]] std::optional<Cosignature> find_in(std::string_view note) const;

 private:
  CosignatureVerifier(std::string name, PublicKey key, std::array<std::uint8_t, 4> id)
      : name_(std::move(name)), key_(std::move(key)), key_id_(id) {}
  [[nodiscard]] std::optional<std::uint64_t> verify(std::string_view text,
                                                    ByteView signature) const;
  std::string name_;
  PublicKey key_;
  std::array<std::uint8_t, 4> key_id_;
};

}  // namespace chancery
