#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/command_line.h"

/// chancery: the client of the HTTP API, and of files where no service is needed.
int main(int argc, char** argv) {
  using namespace chancery;
  std::signal(SIGPIPE, SIG_IGN);  // a closed connection is an error to report, not to die of
  try {
    CommandLine line;
    add_init_command(line);
    add_machine_commands(line);
    add_enroll_command(line);
    add_issue_command(line);
    add_renew_command(line);
    add_certificate_commands(line);
    add_revoke_command(line);
    add_incident_commands(line);
    add_approval_commands(line);
    add_sign_commands(line);
    add_key_commands(line);
    add_ca_commands(line);
    add_policy_commands(line);
    add_audit_commands(line);
    add_status_command(line);
    add_witness_commands(line);
    ExitCode code = line.run(argc, argv);
    if (std::fflush(stdout) != 0 && code == ExitCode::done) {
      std::perror("chancery: cannot write to standard output");
      code = ExitCode::failed;
    }
    return static_cast<int>(code);
  } catch (const std::exception& error) {  // of the libraries: out of memory and the like
    std::fprintf(stderr, "chancery: %s\n", error.what());
    return static_cast<int>(ExitCode::failed);
  }
}
