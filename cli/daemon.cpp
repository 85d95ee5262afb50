#include "cli/daemon.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

namespace chancery {
namespace {

Result<std::string> daemon_path() {
  std::error_code error;
  auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    return fail(ErrorCode::internal, "cannot find this program's path: " + error.message());
  }
  return (self.parent_path() / "chanceryd").string();
}

Failure cannot_run(const std::string& program, int error) {
  return fail(ErrorCode::internal, "cannot run " + program + " (" + std::strerror(error) +
                                       "): chanceryd must be installed beside chancery");
}

/// What `program` writes to its standard output, and its exit status.
struct Finished {
  std::string output;
  int status = 0;
};

Result<Finished> run_captured(const std::string& program, char* const* argv) {
  std::array<int, 2> ends{};
  CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  CHECK(posix_spawn_file_actions_init(&actions) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0);
  pid_t child = 0;
  int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0) {
    ::close(ends[0]);
    return cannot_run(program, error);
  }
  Finished finished;
  std::array<char, 4096> part{};
  for (;;) {
    ssize_t count = ::read(ends[0], part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    finished.output.append(part.data(), static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  return finished;
}

ExitCode exit_code_of(int status) {
  if (status == 0) return ExitCode::done;
  return status == 2 ? ExitCode::usage : ExitCode::failed;
}

}  // namespace

Result<ExitCode> run_daemon(const Session& session, std::vector<std::string> arguments) {
  ASSIGN_OR_RETURN(std::string program, daemon_path());
  std::vector<char*> argv = {program.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  std::signal(SIGPIPE, SIG_DFL);  // an ignored signal would stay ignored
  if (!session.json()) {
    ::execv(program.c_str(), argv.data());
    return cannot_run(program, errno);
  }
  ASSIGN_OR_RETURN(Finished finished, run_captured(program, argv.data()));
  nlohmann::json lines = nlohmann::json::array();
  std::istringstream output(finished.output);
  for (std::string line; std::getline(output, line);) lines.push_back(line);
  session.print("", {{"output", lines}});
  return exit_code_of(finished.status);
}

}  // namespace chancery
