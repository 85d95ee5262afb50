#include "cli/listing.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chancery {
namespace {

using nlohmann::json;

/// A text as it is, an array of texts with commas between.
std::string cell(const json& row, const std::string& member) {
  auto found = row.find(member);
  if (found == row.end()) return "-";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return json_text(*found);
  std::string text;
  for (const json& item : *found) {
    text +=
        (text.empty() ? "" : ",") + (item.is_string() ? item.get<std::string>() : json_text(item));
  }
  return text;
}

std::string table(const std::vector<json>& rows, const std::vector<std::string>& members) {
  std::vector<std::size_t> widths(members.size(), 0);
  for (const json& row : rows) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      widths[i] = std::max(widths[i], cell(row, members[i]).size());
    }
  }
  std::string text;
  for (const json& row : rows) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      std::string value = cell(row, members[i]);
      bool last = i + 1 == members.size();
      text += value + (last ? "\n" : std::string(widths[i] - value.size() + 2, ' '));
    }
  }
  return text;
}

}  // namespace

void add_page_options(CLI::App& command, PageOptions& options) {
  command.add_option("--after", options.after, "begin behind this one")->type_name("TEXT");
  command.add_option("--limit", options.limit, "rows at most")
      ->check(CLI::Range(1u, static_cast<unsigned>(limits::page_rows)))
      ->capture_default_str();
}

std::string page_query(const PageOptions& options) {
  std::string query = "?limit=" + std::to_string(options.limit);
  if (!options.after.empty()) query += "&after=" + percent_encode(options.after);
  return query;
}

Result<ExitCode> print_listing(Session& session, const json& answer, const Columns& columns) {
  ASSIGN_OR_RETURN(std::vector<json> rows, rows_in(answer, columns.array));
  if (session.json()) {
    session.print("", answer);
    return ExitCode::done;
  }
  if (rows.empty()) {
    write_text(stderr, "no " + columns.array);
    return ExitCode::done;
  }
  write_text(stdout, table(rows, columns.members));
  if (std::string next = optional_text_in(answer, "next"); !next.empty()) {
    write_text(stderr, "more: --after " + next);
  }
  return ExitCode::done;
}

}  // namespace chancery
