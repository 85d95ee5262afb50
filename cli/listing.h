#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"

namespace chancery {

/// Which part of a long list.
struct PageOptions {
  std::string after;
  unsigned limit = 100;
};

void add_page_options(CLI::App& command, PageOptions& options);

/// "?limit=…&after=…"
std::string page_query(const PageOptions& options);

/// How rows of an answer become lines: the array's name, and the members that are columns.
struct Columns {
  std::string array;
  std::vector<std::string> members;
};

/// One line a row, aligned; with --json the answer. Says on standard error how to get the next page
/// where there is one.
Result<ExitCode> print_listing(Session& session, const nlohmann::json& answer,
                               const Columns& columns);

}  // namespace chancery
