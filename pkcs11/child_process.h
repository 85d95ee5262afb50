#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "pkcs11/file_descriptor.h"

namespace chancery::keyholder {

/// What to run, with which sockets and environment.
struct ChildProgram {
  std::string executable;                 ///< a path; not searched for
  std::vector<std::string> arguments;     ///< without the program's name
  std::vector<FileDescriptor> inherited;  ///< become descriptors 3, 4, …
  std::string softhsm_config;             ///< SOFTHSM2_CONF, where not empty
};

/// One child process: killed and reaped when it goes.
class ChildProcess {
 public:
  /// Safe in a process with many threads. The child gets default signal handling, a process group
  /// of its own (a ^C is for the service, which ends its children in order), /dev/null as standard
  /// input, and its standard output goes to our standard error.
  static Result<ChildProcess> spawn(ChildProgram program);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// SIGKILL, without waiting. Safe from many threads while the object lives.
  void kill() const;
  /// Waits for its end: the exit code, or 128 and the signal's number. None while it runs on.
  std::optional<int> wait(std::chrono::milliseconds at_most);

 private:
  ChildProcess(pid_t pid, FileDescriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_;
  FileDescriptor pidfd_;
  std::optional<int> exit_;
};

}  // namespace chancery::keyholder
