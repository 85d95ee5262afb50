#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "core/secret.h"
#include "pkcs11/key_generation.h"
#include "pkcs11/key_handles.h"
#include "pkcs11/module.h"

namespace chancery::keyholder {

/// The token after its login: what all lanes of a keyholder share. Safe from many threads.
class LoggedInToken {
 public:
  /// Opens a session, kept as long as the token since closing the last one loses the login, and
  /// logs in. Tries the PIN once, and not at all when the token says that it is the last attempt.
  ///
  /// C_Login itself and not PKCS11_login, which would keep a copy of the PIN.
  static TokenResult<std::unique_ptr<LoggedInToken>> log_in(Functions& functions, CK_SLOT_ID slot,
                                                            const Secret& pin);

  [[nodiscard]] TokenResult<TokenInfo> info() const;
  [[nodiscard]] std::uint64_t signatures() const {
    return signatures_.load(std::memory_order_relaxed);
  }

 private:
  friend class TokenSession;
  LoggedInToken(Functions& functions, CK_SLOT_ID slot, Session pinned)
      : functions_(functions), slot_(slot), pinned_(std::move(pinned)) {}

  Functions& functions_;
  CK_SLOT_ID slot_;
  Session pinned_;
  KeyHandles keys_;
  std::mutex generation_;  // tokens fail when keys are generated at once (softhsm #573)
  std::atomic<std::uint64_t> signatures_ = 0;
};

/// One lane's session on the token: what a request can have done. Whatever fails, the session is
/// closed and the next request opens another. For one thread.
class TokenSession {
 public:
  explicit TokenSession(LoggedInToken& token) : token_(token) {}

  /// Opens the session ahead of the first request.
  TokenResult<void> open();

  /// `input` is a digest of the algorithm's, or the message for Ed25519. In X.509's form.
  TokenResult<Bytes> sign(const KeyId& id, SignatureAlgorithm algorithm, ByteView input);

  struct NewKey {
    Bytes spki;
    Bytes trial_signature;  ///< over trial_input(), verified
  };
  TokenResult<NewKey> generate(KeyType type, const KeyId& id, std::string_view label);

  TokenResult<Bytes> public_key(const KeyId& id);
  TokenResult<TokenInfo> token_info() { return token_.info(); }

 private:
  enum class LookUp { cached, again };
  TokenResult<Bytes> sign_once(LookUp look_up, const KeyId& id, SignatureAlgorithm algorithm,
                               ByteView input);
  TokenResult<NewKey> try_new_key(const KeyPair& pair, KeyType type, const KeyId& id);

  LoggedInToken& token_;
  std::optional<Session> session_;
};

}  // namespace chancery::keyholder
