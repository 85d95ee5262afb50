#include "pkcs11/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>

extern "C" {  // glibc 2.36 forgot it in this header
#include <sys/pidfd.h>
}

extern char** environ;

namespace chancery::keyholder {
namespace {

constexpr int first_inherited = 3;
constexpr auto death_after_kill = std::chrono::seconds(1);

/// posix_spawn's two descriptions of the child.
struct SpawnSettings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
};

void set_signals_and_group(posix_spawnattr_t& attributes) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
}

/// Moves the descriptors above those that the child will know them by, so that placing one never
/// overwrites another that is still to be placed.
bool move_out_of_the_way(std::vector<FileDescriptor>& descriptors) {
  const int lowest = first_inherited + static_cast<int>(descriptors.size());
  for (FileDescriptor& descriptor : descriptors) {
    FileDescriptor moved(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, lowest));
    if (!moved.is_open()) return false;
    descriptor = std::move(moved);
  }
  return true;
}

void place_descriptors(posix_spawn_file_actions_t& files,
                       const std::vector<FileDescriptor>& inherited) {
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  int number = first_inherited;
  for (const FileDescriptor& descriptor : inherited) {
    posix_spawn_file_actions_adddup2(&files, descriptor.get(), number++);
  }
  posix_spawn_file_actions_addclosefrom_np(&files, number);
}

std::vector<std::string> environment_with(const std::string& softhsm_config) {
  constexpr std::string_view name = "SOFTHSM2_CONF=";
  std::vector<std::string> variables;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    if (softhsm_config.empty() || !text.starts_with(name)) variables.emplace_back(text);
  }
  if (!softhsm_config.empty()) variables.push_back(std::string(name) + softhsm_config);
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<ChildProcess> ChildProcess::spawn(ChildProgram program) {
  if (!move_out_of_the_way(program.inherited)) {
    return fail(ErrorCode::internal, "no free file descriptor", {}, std::strerror(errno));
  }
  SpawnSettings settings;
  place_descriptors(settings.files, program.inherited);
  set_signals_and_group(settings.attributes);
  std::vector<std::string> words = {program.executable};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  std::vector<std::string> variables = environment_with(program.softhsm_config);

  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, program.executable.c_str(), &settings.files, &settings.attributes,
                    pointers_to(words).data(), pointers_to(variables).data());
  if (error != 0) {
    return fail(ErrorCode::internal, "cannot run " + program.executable, {}, std::strerror(error));
  }
  return ChildProcess(pid, FileDescriptor(::pidfd_open(pid, 0)));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)), exit_(other.exit_) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || exit_) return;
  kill();
  // A process that hangs inside the kernel is left to be reaped after us.
  (void)wait(death_after_kill);
}

// The process is not reaped while the object lives, unless wait() saw its end, so that the number
// cannot belong to another one.
void ChildProcess::kill() const {
  if (pidfd_.is_open()) {
    ::pidfd_send_signal(pidfd_.get(), SIGKILL, nullptr, 0);
  } else if (!exit_) {
    ::kill(pid_, SIGKILL);
  }
}

std::optional<int> ChildProcess::wait(std::chrono::milliseconds at_most) {
  if (exit_) return exit_;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  ::poll(&ended, 1, static_cast<int>(at_most.count()));
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return exit_;
}

}  // namespace chancery::keyholder
