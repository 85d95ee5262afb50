#include "cli/daemon.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
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

/// What `program` writes to its standard output and its standard error, and its exit status.
struct Finished {
  std::string output, errors;
  int status = 0;
};

/// From its beginning to its end.
std::string content_of(std::FILE* file) {
  std::string text;
  std::rewind(file);
  std::array<char, 4096> part{};
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), file)) {
    text.append(part.data(), count);
  }
  return text;
}

Result<Finished> run_captured(const std::string& program, char* const* argv) {
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  const File output(std::tmpfile(), std::fclose), errors(std::tmpfile(), std::fclose);
  if (!output || !errors) return cannot_run(program, errno);
  posix_spawn_file_actions_t actions;
  CHECK(posix_spawn_file_actions_init(&actions) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions, ::fileno(output.get()), STDOUT_FILENO) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions, ::fileno(errors.get()), STDERR_FILENO) == 0);
  pid_t child = 0;
  int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return cannot_run(program, error);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return Finished{content_of(output.get()), content_of(errors.get()),
                  WIFEXITED(status) ? WEXITSTATUS(status) : 1};
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
  if (finished.status == 0) {
    if (!finished.errors.empty()) write_text(stderr, finished.errors);  // warnings
    session.print("", {{"output", lines}});
  } else {
    while (finished.errors.ends_with('\n')) finished.errors.pop_back();
    write_text(stderr, json_text({{"detail", finished.errors}, {"output", lines}}));
  }
  return exit_code_of(finished.status);
}

}  // namespace chancery
