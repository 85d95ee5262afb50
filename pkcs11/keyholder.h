#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>

#include "pkcs11/child_process.h"
#include "pkcs11/keyholder_options.h"
#include "pkcs11/lane.h"

namespace chancery::keyholder {

/// Why a keyholder did not come up.
struct StartFailure {
  std::string reason;        ///< for the operator, without secrets
  bool pin_refused = false;  ///< the PIN must not be tried again
};

/// One keyholder as chanceryd sees it: its process, where it is ours, and the lanes to it.
class Keyholder {
 public:
  /// Starts the process, or connects to options.socket_path, and waits until it has logged in and
  /// its lanes answer. At least one must; others may have found no room for a session.
  static tl::expected<std::unique_ptr<Keyholder>, StartFailure> start(
      const KeyholderOptions& options);
  Keyholder(const Keyholder&) = delete;
  /// end()s it, and kills it when it does not end.
  ~Keyholder();

  [[nodiscard]] std::deque<Lane>& lanes() { return lanes_; }
  [[nodiscard]] const TokenInfo& token() const { return token_; }
  /// "keyholder process 4711" or "keyholder at /run/…".
  [[nodiscard]] const std::string& name() const { return name_; }

  /// A descriptor that polls as hung up (without asking for any event) once the keyholder is gone.
  [[nodiscard]] int watched_descriptor() const { return lanes_.front().descriptor(); }

  /// Kills the process and ends every exchange under way. Safe from many threads.
  void kill() const;

  /// Closes the lanes, which tells the process to end, and waits for that. Why it ended, where it
  /// did so by itself and not in order. No exchange may be under way.
  std::optional<StartFailure> end();

  /// To be called before requests are sent that make so many signatures at most.
  void note_asked(std::size_t signatures) { asked_ += signatures; }
  /// Keeps the count that a reply brought.
  void note_signatures(std::uint64_t count);
  /// Signatures that the keyholder has made since start(), as far as its replies told.
  [[nodiscard]] std::uint64_t signatures() const;
  /// How many more those are than were asked for here.
  [[nodiscard]] std::uint64_t unaccounted() const;

 private:
  Keyholder() = default;
  tl::expected<void, StartFailure> spawn(const KeyholderOptions& options);
  tl::expected<void, StartFailure> connect(const KeyholderOptions& options);
  tl::expected<void, StartFailure> greet(const KeyholderOptions& options);

  std::optional<ChildProcess> process_;
  std::deque<Lane> lanes_;  // Lane is not copied: others hold pointers to them
  TokenInfo token_;
  std::string name_;
  std::uint64_t signatures_before_ = 0;
  std::atomic<std::uint64_t> signatures_ = 0;
  std::atomic<std::uint64_t> asked_ = 0;
};

}  // namespace chancery::keyholder
