#pragma once

#include "cli/command_line.h"
#include "core/clock.h"

namespace chancery {

/// A moment, by itself or by how long ago it is: "2026-11-22T09:40:50Z", "30d".
Result<Time> parse_since(std::string_view text);

// Below `policy`, one function a file.
void add_policy_explain_command(CommandLine& line, CLI::App& group);  // explain
void add_policy_reach_commands(CommandLine& line, CLI::App& group);   // who-can, what-can
void add_policy_diff_commands(CommandLine& line, CLI::App& group);    // diff, conflicts
void add_policy_unused_command(CommandLine& line, CLI::App& group);   // unused
void add_policy_test_command(CommandLine& line, CLI::App& group);     // test
void add_policy_change_commands(CommandLine& line, CLI::App& group);  // apply, rollback, versions
void add_policy_shadow_command(CommandLine& line, CLI::App& group);   // shadow
void add_policy_replay_command(CommandLine& line, CLI::App& group);   // replay

}  // namespace chancery
