#pragma once

#include <cstddef>
#include <string>

namespace chancery {

/// Decides the same requests under the same rules as tests/bench/cedar_bench.mjs does with Cedar:
/// `machines` grants, one a machine. Writes to `directory` what that program reads, the rules in
/// Cedar's language (policy.cedar) and the requests with this engine's decisions (cases.json), and
/// prints one JSON object with this engine's times.
void compare_with_cedar(const std::string& directory, std::size_t machines);

}  // namespace chancery
