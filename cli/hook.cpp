#include "cli/hook.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "core/file_handle.h"

namespace chancery {
namespace {

volatile std::sig_atomic_t exit_status = 0;
volatile std::sig_atomic_t hook_group = 0;

void end_now(int) {
  if (hook_group > 0) ::kill(-hook_group, SIGTERM);
  ::_exit(exit_status);
}

/// How the hook's process begins: in a group of its own, with no signal ignored or held back.
class SpawnRules {
 public:
  SpawnRules() {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    CHECK(posix_spawnattr_init(&attributes_) == 0);
    CHECK(posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                     POSIX_SPAWN_SETSIGDEF) == 0);
    CHECK(posix_spawnattr_setpgroup(&attributes_, 0) == 0);
    CHECK(posix_spawnattr_setsigmask(&attributes_, &none) == 0);
    CHECK(posix_spawnattr_setsigdefault(&attributes_, &all) == 0);
    CHECK(posix_spawn_file_actions_init(&files_) == 0);
    CHECK(posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&files_, STDERR_FILENO, STDOUT_FILENO) == 0);
  }
  SpawnRules(const SpawnRules&) = delete;
  SpawnRules& operator=(const SpawnRules&) = delete;
  ~SpawnRules() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&files_);
  }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }
  [[nodiscard]] const posix_spawn_file_actions_t* files() const { return &files_; }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t files_{};
};

/// Ours, with `variables` in the place of what had the same names.
std::vector<char*> environment_with(const std::vector<std::string>& variables) {
  std::vector<char*> all;
  const auto is_replaced = [&](const char* entry) {
    for (const std::string& variable : variables) {
      const std::size_t name = variable.find('=') + 1;
      if (std::strncmp(entry, variable.c_str(), name) == 0) return true;
    }
    return false;
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!is_replaced(*entry)) all.push_back(*entry);
  }
  for (const std::string& variable : variables) all.push_back(const_cast<char*>(variable.c_str()));
  all.push_back(nullptr);
  return all;
}

/// Whether the process behind `handle` ended within `deadline`.
bool ends_within(const FileHandle& handle, Seconds deadline) {
  pollfd ended{handle.get(), POLLIN, 0};
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        begin + deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    const int count = ::poll(&ended, 1, static_cast<int>(left.count()));
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return false;
  }
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Result<void> run_hook(const std::string& program, const std::vector<std::string>& variables,
                      Seconds deadline) {
  const std::string name = "the hook " + program;
  std::string path = program;
  char* const arguments[] = {path.data(), nullptr};
  std::vector<char*> environment = environment_with(variables);
  const SpawnRules rules;
  pid_t child = 0;
  sigset_t all, before;
  sigfillset(&all);
  // A signal that ends us must find the child's number.
  CHECK(sigprocmask(SIG_BLOCK, &all, &before) == 0);
  const int error = ::posix_spawn(&child, path.c_str(), rules.files(), rules.attributes(),
                                  arguments, environment.data());
  hook_group = error == 0 ? child : 0;
  CHECK(sigprocmask(SIG_SETMASK, &before, nullptr) == 0);
  if (error != 0) {
    return fail(ErrorCode::internal, "cannot run " + name + ": " + std::strerror(error));
  }
  // Not by <sys/pidfd.h>: glibc 2.36 declares it there as a function of C++.
  const FileHandle handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0U)));
  // Without one (before Linux 5.3, or where a container forbids it) there is no deadline to hold.
  const bool watched = handle.get() >= 0;
  const bool ended = watched && ends_within(handle, deadline);
  // What it started and left behind, such as a daemon, stays; what outlives its time does not.
  if (!ended) ::kill(-child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  hook_group = 0;
  if (!watched) {
    return fail(ErrorCode::internal, name + " cannot be watched here (pidfd_open), and was killed");
  }
  if (!ended) {
    return fail(ErrorCode::internal,
                name + " took longer than " + format_duration(deadline) + " and was killed");
  }
  if (status == 0) return {};
  return fail(ErrorCode::internal, name + " " + how_it_ended(status));
}

void end_at_once_on_signals(int status) {
  exit_status = status;
  struct sigaction action {};
  action.sa_handler = end_now;
  sigfillset(&action.sa_mask);
  CHECK(sigaction(SIGTERM, &action, nullptr) == 0 && sigaction(SIGINT, &action, nullptr) == 0);
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  CHECK(sigprocmask(SIG_BLOCK, &hangup, nullptr) == 0);
}

bool wait_for_hangup(Seconds most) {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  timespec time{};
  time.tv_sec = static_cast<time_t>(most.count());
  // Interrupted by another signal: the caller looks at the time and waits again.
  return sigtimedwait(&hangup, nullptr, &time) == SIGHUP;
}

}  // namespace chancery
