#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/token.h"
#include "pkcs11/keyholder.h"
#include "pkcs11/keyholder_options.h"

namespace chancery {

/// Something happened to the token that the audit log should know.
struct TokenEvent {
  enum class Kind {
    up,        ///< a first keyholder serves, after none did
    lost,      ///< a keyholder failed and was killed; others serve
    down,      ///< no keyholder serves; told once, not for each attempt
    replaced,  ///< a new keyholder took the place of one that failed
  };
  Kind kind{};
  unsigned keyholder = 0;  ///< its number, from 0
  std::string reason;      ///< why it failed, or what came up; without secrets
};
std::string_view name_of(TokenEvent::Kind kind);

/// The token in keyholder processes. A request takes a free lane, writes a frame and reads one.
/// Where none is free it waits, and goes in one packet with others that wait: the first of them
/// uses the lane for all.
///
/// A keyholder that dies, hangs or answers nonsense is killed; what was in flight on its lanes
/// fails with token_unavailable, the other keyholders go on, and a supervisor thread starts a new
/// one, at a limited rate. Where the token refuses the PIN nothing is started again: that would
/// lock it.
class KeyholderPool : public Token {
 public:
  /// Called from the supervisor thread, one event at a time; while it runs nothing is replaced. It
  /// may be called before start() returns, and not after the pool is gone.
  using Listener = std::function<void(const TokenEvent&)>;

  /// Starts the keyholders, one after the other so that a wrong PIN is tried once, and returns when
  /// each has been tried: status() says whether the token is up. invalid_request where the options
  /// are out of bounds.
  static Result<std::unique_ptr<KeyholderPool>> start(KeyholderOptions options, Listener listener);

  /// Ends the keyholders in order. No call may be under way.
  ~KeyholderPool() override;

  Result<Bytes> sign(const Intent& intent) override;
  Result<Bytes> sign(const CheckpointText& checkpoint, const Key& key) override;
  Result<Bytes> generate(const Intent& intent, KeyType type, const KeyId& id,
                         const std::string& label) override;
  [[nodiscard]] TokenStatus status() const override;

  /// What the token says of itself; token_unavailable while it is down.
  [[nodiscard]] Result<keyholder::TokenInfo> token_info() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Place;
  struct Call;
  class GenerationTurn;

  KeyholderPool(KeyholderOptions options, Listener listener);

  // For requests.
  Result<Bytes> sign_input(const SigningInput& input);
  Result<Bytes> exchange(const keyholder::Request& request, std::chrono::milliseconds deadline);
  void use_lane(Call& first);
  void give_back_lane(const Call& call);
  void remember(const Key& key);

  // With mutex_ held.
  [[nodiscard]] bool any_serving() const;
  void hand_out_lanes();
  std::vector<Call*> next_batch();
  [[nodiscard]] Place* place_with_most_free_lanes() const;
  [[nodiscard]] Failure unavailable() const;
  void mark_broken(Place& place, const std::string& reason);
  [[nodiscard]] std::string problem() const;

  // The supervisor thread's.
  void supervise();
  void replace_what_failed();
  void retire(Place& place);
  bool try_to_start(Place& place);
  tl::expected<std::unique_ptr<keyholder::Keyholder>, keyholder::StartFailure> start_keyholder();
  std::optional<std::string> check_known_key(keyholder::Keyholder& keyholder);
  void take_into_service(Place& place, std::unique_ptr<keyholder::Keyholder> keyholder);
  void wait_for_work();
  void tell(TokenEvent::Kind kind, const Place& place, std::string reason) const;
  void wake_supervisor() const;

  const KeyholderOptions options_;
  const Listener listener_;

  mutable std::mutex mutex_;
  std::deque<Call*> waiting_;               // for a lane, first come first served
  std::condition_variable lanes_returned_;  // the supervisor waits for a broken keyholder's lanes
  std::condition_variable tried_all_;       // start() waits until each place was tried
  std::vector<std::unique_ptr<Place>> places_;
  bool started_ = false;
  bool stopping_ = false;
  bool pin_refused_ = false;
  std::uint64_t restarts_ = 0;
  std::uint64_t retired_signatures_ = 0;  // by keyholders that are gone
  std::uint64_t retired_unaccounted_ = 0;

  // The first key that signed. A new keyholder must find it as it was before it serves.
  std::atomic<bool> knows_key_ = false;
  KeyId known_id_;
  Bytes known_spki_;

  bool generating_ = false;  // one key at a time, over all keyholders
  std::condition_variable generated_;

  FileDescriptor wake_;  // eventfd; wakes the supervisor
  std::thread supervisor_;
};

}  // namespace chancery
