#pragma once

#include <string>

#include "core/result.h"
#include "core/secret.h"

namespace chancery::keyholder {

/// The PIN from a file: one line of 1 to 255 bytes, its newline not part of it. The file must be a
/// regular one that belongs to this user or root, without any permission for group and others (as
/// 0600); else invalid_request with the reason.
Result<Secret> read_pin_file(const std::string& path);

/// Locks the secret's memory, as far as the system allows. The secret must not be moved afterwards.
void keep_out_of_swap(const Secret& secret);

}  // namespace chancery::keyholder
