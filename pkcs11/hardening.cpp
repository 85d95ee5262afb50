#include "pkcs11/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

namespace chancery::keyholder {

void harden_process() {
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::umask(S_IRWXG | S_IRWXO);
}

bool die_with_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have ended before the call above; no signal comes then.
  return ::getppid() == parent;
}

void close_descriptors_from(int first) {
  ::close_range(static_cast<unsigned>(first), ~0U, 0);
}

}  // namespace chancery::keyholder
