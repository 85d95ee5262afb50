#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "pkcs11/exit_code.h"
#include "pkcs11/file_descriptor.h"
#include "pkcs11/token_session.h"

namespace chancery::keyholder {

/// The keyholder's side of its lanes: each is one socket, one thread and one PKCS#11 session, and
/// answers one request at a time, in packets as they came. A failure that only a new process can
/// mend ends this one, after the answer to the request that met it.
class LaneService {
 public:
  struct Deadlines {
    std::chrono::milliseconds call;
    std::chrono::milliseconds generation;
  };
  LaneService(LoggedInToken& token, Deadlines deadlines) : token_(token), deadlines_(deadlines) {}
  LaneService(const LaneService&) = delete;

  /// Serves this socket in a thread of its own until its peer closes it.
  void add(FileDescriptor socket);

  /// Lanes open now.
  [[nodiscard]] std::size_t size() const;

  /// Waits until no lane is open, or for this long; true when none is.
  bool wait_until_empty(std::chrono::milliseconds at_most);

  /// Ends the process with ExitCode::hung when a call into the module is over its deadline. To be
  /// called every so often by a thread that never calls the module.
  void end_if_overdue() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Lane {
    FileDescriptor socket;
    std::atomic<Clock::time_point> call_ends = Clock::time_point::max();
  };
  void serve(Lane& lane);
  struct Buffers;
  bool serve_packet(Lane& lane, TokenSession& session, Buffers& buffers);

  LoggedInToken& token_;
  const Deadlines deadlines_;
  mutable std::mutex mutex_;
  std::condition_variable closed_;
  std::list<Lane> lanes_;
};

/// Ends the process at once, without exit handlers: modules crash in them.
[[noreturn]] void end_process(ExitCode code, const std::string& why);

}  // namespace chancery::keyholder
