#include "cli/daemon.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace chancery {

Failure become_daemon(const std::vector<std::string>& arguments) {
  std::error_code error;
  auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error)
    return fail(ErrorCode::internal, "cannot find this program's path: " + error.message());
  std::string program = (self.parent_path() / "chanceryd").string();
  std::vector<char*> argv = {program.data()};
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  std::signal(SIGPIPE, SIG_DFL);  // an ignored signal would stay ignored
  ::execv(program.c_str(), argv.data());
  return fail(ErrorCode::internal, "cannot run " + program + " (" + std::strerror(errno) +
                                       "): chanceryd must be installed beside chancery");
}

}  // namespace chancery
