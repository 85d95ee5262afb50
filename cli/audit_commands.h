#pragma once

#include "cli/command_line.h"

namespace chancery {

/// `audit verify`, below the group `audit`.
void add_audit_verify_command(CommandLine& line, CLI::App& group);

/// `audit mirror`.
void add_audit_mirror_command(CommandLine& line, CLI::App& group);

/// `audit search`.
void add_audit_search_command(CommandLine& line, CLI::App& group);

/// `audit export` and `audit verify-export`.
void add_audit_export_commands(CommandLine& line, CLI::App& group);

/// `audit prune` and `audit prunings`.
void add_audit_prune_commands(CommandLine& line, CLI::App& group);

/// `audit prove`.
void add_audit_prove_command(CommandLine& line, CLI::App& group);

/// `audit receipt` and `audit verify-receipt`.
void add_audit_receipt_commands(CommandLine& line, CLI::App& group);

/// Prints `text`, or with `out` writes it there; `what` it is, such as "receipt".
Result<ExitCode> deliver(Session& session, const std::string& what, const std::string& text,
                         const std::string& out);

}  // namespace chancery
