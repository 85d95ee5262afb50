#pragma once

#include <memory>
#include <string>

#include "core/secret.h"
#include "pkcs11/frame.h"
#include "pkcs11/session.h"

struct PKCS11_ctx_st;  // libp11's PKCS11_CTX

namespace chancery::keyholder {

/// Why a token cannot be used at all; the process ends with one of exit_code.h.
struct SlotError {
  enum class Kind { none_or_several, exists, no_free_slot, failed } kind;
  std::string text;
};

/// A PKCS#11 module, loaded and initialised through libp11. One a process, never unloaded: modules
/// that use OpenSSL crash when both clean up at exit, so end with finalize() and _exit().
class Module {
 public:
  /// The error is a text for the operator.
  static tl::expected<std::unique_ptr<Module>, std::string> load(const std::string& path);
  Module(const Module&) = delete;

  [[nodiscard]] Functions& functions() const { return *functions_; }

  /// The slot of the one token with this label.
  [[nodiscard]] tl::expected<CK_SLOT_ID, SlotError> find_token(const std::string& label) const;

  /// Initialises the first uninitialised token, with this label (at most 32 bytes), security
  /// officer's PIN and user PIN. A token of that label must not exist.
  [[nodiscard]] tl::expected<void, SlotError> init_token(const std::string& label,
                                                         const Secret& so_pin,
                                                         const Secret& pin) const;

  /// C_Finalize. No call may be under way, none may follow.
  void finalize() const;

 private:
  Module(PKCS11_ctx_st* context, Functions* functions) : context_(context), functions_(functions) {}
  PKCS11_ctx_st* context_;
  Functions* functions_;
};

}  // namespace chancery::keyholder
