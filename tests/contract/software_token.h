#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "core/limits.h"
#include "core/token.h"

namespace chancery {

/// What a signature does instead of succeeding.
enum class TokenFault {
  turn_away,             ///< busy, nothing was asked of a key
  refuse,                ///< token_unavailable, nothing was signed
  lose_answer,           ///< signed, but the answer is lost: token_unavailable
  hang,                  ///< nothing until the deadline, then token_unavailable; nothing was signed
  wrong_signature,       ///< one bit of the signature is flipped
  swapped_key,           ///< signed with another key of the same type
  end_process,           ///< the process ends, with kEndedByTokenFault; nothing was signed
  sign_and_end_process,  ///< the same, signed
};
inline constexpr int kEndedByTokenFault = 78;  ///< exit status

/// The Token contract on OpenSSL keys in memory, for tests that need no PKCS#11.
/// tests/contract holds it to the same behaviour as the real one. Safe from many threads.
class SoftwareToken : public Token {
 public:
  explicit SoftwareToken(std::chrono::milliseconds deadline = limits::token_call_deadline);
  ~SoftwareToken() override;

  /// The next `times` signatures fail in this way, after those injected before.
  void inject(TokenFault fault, unsigned times = 1);
  /// Down: every call fails at once with token_unavailable, and status() gives `problem`.
  void take_down(std::string problem);
  void bring_up();
  /// A second key pair under an id that is taken, as an administrator's mistake would make it.
  void duplicate(const KeyId& id);

  Result<Bytes> sign(const Intent& intent) override;
  Result<Bytes> sign(const CheckpointText& checkpoint, const Key& key) override;
  Result<Bytes> generate(const Intent& intent, KeyType type, const KeyId& id,
                         const std::string& label) override;
  [[nodiscard]] TokenStatus status() const override;

 private:
  struct KeyPair;
  Result<std::shared_ptr<const KeyPair>> find(const KeyId& id) const;
  Result<Bytes> sign_with_faults(const SigningInput& input);
  Result<Bytes> sign_counted(const KeyPair& pair, const SigningInput& input);
  Result<void> check_up() const;

  const std::chrono::milliseconds deadline_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;  ///< ends a hang early when the token is taken down
  std::multimap<KeyId, std::shared_ptr<const KeyPair>> keys_;
  std::deque<TokenFault> faults_;
  std::string problem_;
  bool up_ = true;
  std::uint64_t signatures_ = 0;
  unsigned busy_ = 0;
};

}  // namespace chancery
