#pragma once

#include <sys/types.h>

namespace chancery::keyholder {

/// For a process that knows a PIN: no core dump, no attaching by others of the same user, files of
/// its own for itself alone.
void harden_process();

/// The process is killed when the thread that started it ends. False when `parent` has ended
/// already, so that nobody would.
bool die_with_parent(pid_t parent);

/// Closes every descriptor from `first` on.
void close_descriptors_from(int first);

}  // namespace chancery::keyholder
