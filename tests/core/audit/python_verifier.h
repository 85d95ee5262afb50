#pragma once

#include <string>

#include "tests/core/audit/log_fixture.h"

namespace chancery {

/// What the verifier in Python, tests/audit_verifier.py, says of a closed database: good or not.
/// Its words are in `python.txt` of the home's folder.
bool python_says_good(const LogHome& home);
/// The same to one who trusts these keys.
bool python_says_good(const LogHome& home, const std::vector<std::string>& vkeys);

/// A literal of SQL.
std::string blob(ByteView bytes);

}  // namespace chancery
