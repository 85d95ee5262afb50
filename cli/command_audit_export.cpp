#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/audit_commands.h"
#include "cli/audit_search.h"
#include "cli/file.h"
#include "cli/log_reader.h"
#include "cli/remote_tree.h"
#include "cli/verifier_keys.h"
#include "core/log_export.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ExportOptions {
  std::string out;
  std::optional<std::uint64_t> first, count;
  std::optional<Time> from, until;
};

struct CheckOptions {
  std::string file;
  VerifierKeyOptions keys;
};

std::string proof_file(const std::string& file) {
  return file + ".proof";
}

void show_progress(std::uint64_t done, std::uint64_t total) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r%llu of %llu entries%s", static_cast<unsigned long long>(done),
               static_cast<unsigned long long>(total), done == total ? "\n" : "");
}

Failure cannot_write(const std::string& path) {
  return fail(ErrorCode::internal, "cannot write " + path);
}

/// Entries first … end-1, each on a line.
Result<void> write_entries(Service& service, const std::string& path, std::uint64_t first,
                           std::uint64_t end) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) return cannot_write(path);
  for (std::uint64_t next = first; next < end;) {
    const std::uint64_t want = std::min<std::uint64_t>(limits::audit_page_entries, end - next);
    ASSIGN_OR_RETURN(const LogPage page, read_log_page(service, next, want));
    if (page.entries.empty() || page.first != next) {
      return fail(ErrorCode::conflict, "entries were removed while they were read; ask again");
    }
    for (const std::string& entry : page.entries) file << entry << '\n';
    next += page.entries.size();
    show_progress(next - first, end - first);
  }
  file.flush();
  if (!file) return cannot_write(path);
  return {};
}

struct Range {
  std::uint64_t first = 0, end = 0;
};

Result<Range> range_of(Service& service, const ExportOptions& options, std::uint64_t size) {
  Range range{options.first.value_or(0), size};
  if (options.from) {
    ASSIGN_OR_RETURN(range.first, first_entry_from(service, *options.from));
  }
  if (options.until) {
    ASSIGN_OR_RETURN(range.end, first_entry_from(service, *options.until));
  }
  ASSIGN_OR_RETURN(const LogPage page, read_log_page(service, range.first, 1));
  if (options.first && page.first > *options.first) {
    return invalid("--first", "entries below " + std::to_string(page.minimum) +
                                  " were removed; an export can begin there");
  }
  range.first = std::max(range.first, page.minimum);
  if (options.count) range.end = range.first + std::min(*options.count, size);
  range.end = std::min(range.end, size);
  if (range.first > range.end) {
    return invalid("--first",
                   "the log has no published entries there; it has " + std::to_string(size));
  }
  return range;
}

Result<ExitCode> export_entries(Session& session, const ExportOptions& options) {
  RETURN_IF_ERROR(check_replaceable("--out", options.out));
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const SignedCheckpoint published, read_signed_checkpoint(*service));
  const std::uint64_t size = published.checkpoint.size;
  ASSIGN_OR_RETURN(const Range range, range_of(*service, options, size));

  ExportProof proof;
  proof.first = range.first;
  proof.count = range.end - range.first;
  proof.checkpoint = published.note;
  ASSIGN_OR_RETURN(const MerkleFrontier before, remote_tree(*service, range.first).frontier());
  proof.frontier = before.roots();
  ASSIGN_OR_RETURN(proof.consistency, remote_tree(*service, size).consistency_proof(range.end));

  // The proof first: entries without it would look like an export that is not whole.
  const std::string part = options.out + ".part";
  RETURN_IF_ERROR(write_entries(*service, part, range.first, range.end));
  RETURN_IF_ERROR(replace_file(proof_file(options.out), to_text(proof), 0644));
  std::error_code error;
  std::filesystem::rename(part, options.out, error);
  if (error) return cannot_write(options.out);
  session.print(std::to_string(proof.count) + " entries from " + std::to_string(proof.first) +
                    " → " + options.out + ", with " + proof_file(options.out),
                {{"first", proof.first},
                 {"count", proof.count},
                 {"size", size},
                 {"files", {{"entries", options.out}, {"proof", proof_file(options.out)}}}});
  return ExitCode::done;
}

Result<Checkpoint> verdict(const CheckOptions& options, const LogKeys& keys) {
  ASSIGN_OR_RETURN(const std::string text,
                   read_file(proof_file(options.file), limits::receipt_bytes));
  ASSIGN_OR_RETURN(ExportProof proof, parse_export_proof(text));
  const std::uint64_t count = proof.count;
  const std::string note = proof.checkpoint;
  ExportCheck check(std::move(proof));
  std::ifstream file(options.file, std::ios::binary);
  if (!file) return fail(ErrorCode::not_found, "cannot read " + options.file);
  std::uint64_t lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    if (file.eof()) return invalid("export", "its last line does not end");
    check.add(line);
    if (lines % limits::audit_page_entries == 0) show_progress(lines, count);
  }
  show_progress(count, count);
  ASSIGN_OR_RETURN(Checkpoint checkpoint, check.finish({}));
  const std::string wrong = keys.find_wrong(checkpoint, note);
  if (wrong.empty()) return checkpoint;
  return invalid("export", "its checkpoint has " + wrong +
                               "; where the log has changed its keys, name --key-changes");
}

Result<ExitCode> verify_export(Session& session, const CheckOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> vkeys, named_vkeys(options.keys));
  if (vkeys.empty()) {
    return invalid("--vkeys", "an export cannot vouch for itself: name the keys of the log");
  }
  ASSIGN_OR_RETURN(const std::string changes, read_key_changes_file(options.keys));
  ASSIGN_OR_RETURN(const LogKeys keys, log_keys(vkeys, changes));
  const auto checkpoint = verdict(options, keys);
  if (!checkpoint) {
    const std::string& field = checkpoint.error().field;
    if (field != "export" && field != "proof") return Failure(checkpoint.error());
    session.print("BAD: " + checkpoint.error().message,
                  {{"good", false}, {"reason", checkpoint.error().message}});
    return ExitCode::failed;
  }
  session.print("good: these are all the entries of " + checkpoint->origin +
                    " that the proof names, under a checkpoint of " +
                    std::to_string(checkpoint->size),
                {{"good", true}, {"origin", checkpoint->origin}, {"size", checkpoint->size}});
  return ExitCode::done;
}

void add_export_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App& command = line.add(
      group, "export", "Write entries to a file, and beside it the proof that they are complete",
      {"chancery --identity ./auditor audit export --out log.jsonl",
       "chancery --identity ./auditor audit export --out november.jsonl --from "
       "2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z",
       "chancery audit verify-export --vkeys vkeys.txt november.jsonl"});
  command.add_option("--out", options->out, "JSON lines; the proof is FILE.proof")
      ->required()
      ->type_name("FILE");
  auto* first = command.add_option("--first", options->first, "index of the first");
  auto* count = command.add_option("--count", options->count, "how many at most");
  add_parsed(command, "--from", options->from, from_rfc3339, "entries of that time and later")
      .excludes(first);
  add_parsed(command, "--until", options->until, from_rfc3339, "entries before that time")
      .excludes(count);
  line.on(command, options, export_entries);
}

void add_check_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App& command = line.add(group, "verify-export", "Check an export, here, with the log's keys",
                               {"chancery audit verify-export --vkeys vkeys.txt log.jsonl"});
  command.add_option("file", options->file, "what export wrote; FILE.proof stands beside it")
      ->required()
      ->type_name("FILE");
  add_verifier_keys(command, options->keys, "");
  add_key_changes(command, options->keys, "");
  line.on(command, options, verify_export);
}

}  // namespace

void add_audit_export_commands(CommandLine& line, CLI::App& group) {
  add_export_command(line, group);
  add_check_command(line, group);
}

}  // namespace chancery
