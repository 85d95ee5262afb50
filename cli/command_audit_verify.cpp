#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/audit_commands.h"
#include "cli/file.h"
#include "cli/log_reader.h"
#include "cli/remote_tree.h"
#include "cli/tiles_check.h"
#include "cli/verifier_keys.h"
#include "core/audit_verify.h"
#include "core/log_replay.h"

namespace chancery {
namespace {

using nlohmann::json;

struct AuditVerifyOptions {
  std::string database;
  std::string tiles;
  VerifierKeyOptions keys;
  std::string remember;
  std::string resume;
  bool full = false;
};

/// How far it is, where somebody watches.
void show_progress(std::uint64_t done, std::uint64_t total) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r%llu of %llu entries%s", static_cast<unsigned long long>(done),
               static_cast<unsigned long long>(total), done == total ? "\n" : "");
}

/// What the log must contain: the checkpoint that the user kept, and the one that the service keeps
/// beside its database.
Result<std::vector<RememberedCheckpoint>> remembered(const AuditVerifyOptions& options) {
  std::vector<RememberedCheckpoint> all;
  const auto beside = std::filesystem::path(options.database).parent_path() / "last-checkpoint";
  for (const std::string& path : {options.remember, beside.string()}) {
    if (path.empty() || !file_exists(path)) continue;
    ASSIGN_OR_RETURN(std::string note, read_file(path, limits::credential_file_bytes));
    all.push_back({"the checkpoint in " + path, std::move(note)});
  }
  return all;
}

/// What an earlier verification of the same source kept; nothing at the first one.
Result<std::optional<VerifiedState>> resumed(const AuditVerifyOptions& options, LogSource source) {
  RETURN_IF_ERROR(check_replaceable("--resume", options.resume));
  if (options.resume.empty() || options.full || !file_exists(options.resume)) return std::nullopt;
  ASSIGN_OR_RETURN(std::string text, read_file(options.resume, limits::verified_state_bytes));
  auto state = parse_verified_state(text);
  if (!state) {
    return invalid("--resume", options.resume + " is not what a verification keeps: " +
                                   state.error().message + "; --full begins anew");
  }
  if (state->source != source) {
    return invalid("--resume", options.resume + " is of a verification of another source (" +
                                   std::string(name_of(state->source)) + ")");
  }
  return std::move(*state);
}

Result<void> keep(const AuditVerifyOptions& options, const VerifiedState& state) {
  if (options.resume.empty()) return {};
  return replace_file(options.resume, to_text(state), 0600);
}

/// Those that a copy is held against.
Result<std::vector<std::string>> required_vkeys(const AuditVerifyOptions& options) {
  ASSIGN_OR_RETURN(std::vector<std::string> vkeys, named_vkeys(options.keys));
  if (!vkeys.empty()) return vkeys;
  return invalid("--vkeys",
                 "a copy cannot vouch for itself: name the keys that checkpoints must verify "
                 "with, from `chancery audit keys` or where you noted them");
}

Result<ExitCode> verify_database(Session& session, const AuditVerifyOptions& options) {
  ASSIGN_OR_RETURN(std::vector<std::string> vkeys, required_vkeys(options));
  ASSIGN_OR_RETURN(std::vector<NoteVerifier> verifiers, parse_vkeys(vkeys));
  auto store = Store::open_read_only(options.database);
  if (!store) {
    return fail(store.error().code,
                "cannot read " + options.database + ": " + store.error().message);
  }
  ASSIGN_OR_RETURN(std::vector<RememberedCheckpoint> kept, remembered(options));
  ASSIGN_OR_RETURN(const auto earlier, resumed(options, LogSource::database));
  ASSIGN_OR_RETURN(VerifyReport report,
                   verify_log(**store, verifiers,
                              {show_progress, std::move(kept), earlier ? &*earlier : nullptr,
                               !options.resume.empty()}));
  if (report.state) RETURN_IF_ERROR(keep(options, *report.state));
  session.print(summary(report), {{"good", report.good},
                                  {"summary", summary(report)},
                                  {"findings", report.findings},
                                  {"entries", report.entries},
                                  {"root", to_base64(report.root)},
                                  {"open_intents", report.open_intents},
                                  {"vkeys", vkeys}});
  return report.good ? ExitCode::done : ExitCode::failed;
}

/// A signed checkpoint, with what is wrong about it added to the findings.
Result<Checkpoint> check_note(const std::string& note, const std::string& name, const LogKeys& keys,
                              AuditFindings& findings) {
  auto checkpoint = parse_checkpoint(note);
  if (!checkpoint) {
    return fail(ErrorCode::internal, name + " is no checkpoint: " + checkpoint.error().message);
  }
  const std::string wrong = keys.find_wrong(*checkpoint, note);
  if (!wrong.empty()) findings.add(name + " has " + wrong);
  return checkpoint;
}

/// Up to `end`, a multiple of the tile's width: what was removed, by its hashes.
Result<void> replay_removed(Service& service, std::uint64_t end, LogReplay& replay) {
  while (replay.size() < end) {
    ASSIGN_OR_RETURN(const Bytes hashes,
                     remote_tile(service, {.index = replay.size() >> kTileBits}));
    for (std::size_t i = replay.size() % kTileWidth; i < kTileWidth; ++i) {
      RETURN_IF_ERROR(replay.add_removed(hash_at(hashes, i)));
    }
  }
  return {};
}

Result<void> replay_entries(Service& service, std::uint64_t size, LogReplay& replay) {
  while (replay.size() < size) {
    std::uint64_t count = std::min<std::uint64_t>(size - replay.size(), limits::audit_page_entries);
    ASSIGN_OR_RETURN(LogPage page, read_log_page(service, replay.size(), count));
    if (page.first > replay.size()) {
      const std::uint64_t end = std::min(page.first, size) / kTileWidth * kTileWidth;
      RETURN_IF_ERROR(replay_removed(service, end, replay));
      if (replay.size() != page.first) return {};  // finish() says that it is short
    }
    page.entries.resize(std::min<std::size_t>(page.entries.size(), size - replay.size()));
    if (page.entries.empty()) return {};  // shorter than its checkpoint: finish() says so
    for (const std::string& entry : page.entries) RETURN_IF_ERROR(replay.add(entry));
    show_progress(replay.size(), size);
  }
  return {};
}

/// Goes on from an earlier verification, and expects the checkpoint that the user kept.
Result<void> begin_replay(const AuditVerifyOptions& options, LogSource source, const LogKeys& keys,
                          LogReplay& replay) {
  ASSIGN_OR_RETURN(auto earlier, resumed(options, source));
  if (earlier) {
    RETURN_IF_ERROR(check_note(earlier->note, options.resume, keys, replay.findings()));
    replay.resume(std::move(earlier->log));
  }
  if (options.remember.empty() || !file_exists(options.remember)) return {};
  ASSIGN_OR_RETURN(std::string note, read_file(options.remember, limits::credential_file_bytes));
  ASSIGN_OR_RETURN(Checkpoint kept, check_note(note, options.remember, keys, replay.findings()));
  replay.expect(kept, "the checkpoint in " + options.remember);
  return {};
}

struct LiveLog {
  std::vector<std::string> vkeys;
  bool pinned = false;
  std::string note;
  LogReplay replay{GrowingTree::no_sink()};
  json own_check;  ///< the service's, of its inventory against its log
};

Result<void> replay_log(Service& service, const AuditVerifyOptions& options, LiveLog& log) {
  ASSIGN_OR_RETURN(log.note, read_checkpoint(service));
  ASSIGN_OR_RETURN(const std::string changes, read_key_changes(service));
  ASSIGN_OR_RETURN(const LogKeys keys, log_keys(log.vkeys, changes));
  AuditFindings& findings = log.replay.findings();
  ASSIGN_OR_RETURN(Checkpoint latest, check_note(log.note, "the checkpoint", keys, findings));
  RETURN_IF_ERROR(begin_replay(options, LogSource::service, keys, log.replay));
  log.replay.expect(latest, "the checkpoint");
  RETURN_IF_ERROR(replay_entries(service, latest.size, log.replay));
  log.replay.finish();
  return {};
}

Result<bool> ask_for_own_check(Service& service, LiveLog& log) {
  ASSIGN_OR_RETURN(log.own_check, service.post("/v1/audit/verify", json::object(),
                                               Seconds(limits::audit_verify_deadline)));
  ASSIGN_OR_RETURN(bool good, flag_in(log.own_check, "good"));
  ASSIGN_OR_RETURN(std::string text, text_in(log.own_check, "summary"));
  if (!good) log.replay.findings().add("the service's own check: " + text);
  return good;
}

std::string describe(const AuditFindings& findings) {
  const std::uint64_t count = findings.count();
  return "BAD: " + std::to_string(count) + (count == 1 ? " finding" : " findings") +
         "; first: " + findings.kept().front();
}

std::string describe(const LiveLog& log) {
  const LogReplay& replay = log.replay;
  if (replay.findings().count() > 0) return describe(replay.findings());
  std::string line = "good: " + std::to_string(replay.size()) + " entries give root " +
                     to_base64(replay.root()) + ", signed by " + std::to_string(log.vkeys.size()) +
                     (log.pinned ? " known keys" : " keys that the service named") + "; of " +
                     std::to_string(replay.state().intents) + " intents " +
                     std::to_string(replay.state().open_intents.size()) + " open";
  return line + "; the service's own check: " + optional_text_in(log.own_check, "summary");
}

Result<ExitCode> verify_live(Session& session, const AuditVerifyOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  LiveLog log;
  ASSIGN_OR_RETURN(log.vkeys, named_vkeys(options.keys));
  log.pinned = !log.vkeys.empty();
  if (!log.pinned) {
    ASSIGN_OR_RETURN(PublishedKeys keys, read_published_keys(*service));
    log.vkeys = std::move(keys.vkeys);
  }
  if (log.vkeys.empty()) return fail(ErrorCode::internal, "the service names no keys of its log");
  RETURN_IF_ERROR(replay_log(*service, options, log));
  RETURN_IF_ERROR(ask_for_own_check(*service, log));
  bool good = log.replay.findings().count() == 0;
  if (good && !options.remember.empty()) {
    RETURN_IF_ERROR(replace_file(options.remember, log.note, 0644));
  }
  if (good)
    RETURN_IF_ERROR(keep(options, {LogSource::service, log.note, {}, log.replay.state(), {}}));
  session.print(describe(log), {{"good", good},
                                {"summary", describe(log)},
                                {"findings", log.replay.findings().kept()},
                                {"entries", log.replay.size()},
                                {"root", to_base64(log.replay.root())},
                                {"open_intents", log.replay.state().open_intents.size()},
                                {"vkeys", log.vkeys},
                                {"checkpoint", log.note},
                                {"service", log.own_check}});
  return good ? ExitCode::done : ExitCode::failed;
}

std::string describe(const TilesCheck& check) {
  const LogReplay& replay = check.replay();
  if (replay.findings().count() > 0) return describe(replay.findings());
  const std::string line = "good: " + std::to_string(replay.size()) + " entries give root " +
                           to_base64(replay.root()) + " and every tile; ";
  if (!check.has_entries()) return line + "entries were not there, only their hashes";
  return line + "of " + std::to_string(replay.state().intents) + " intents " +
         std::to_string(replay.state().open_intents.size()) + " open; the inventory was not there";
}

Result<ExitCode> verify_tiles(Session& session, const AuditVerifyOptions& options) {
  ASSIGN_OR_RETURN(std::vector<std::string> vkeys, required_vkeys(options));
  const TileDirectory directory(options.tiles);
  ASSIGN_OR_RETURN(const auto note, directory.checkpoint());
  if (!note) return fail(ErrorCode::not_found, directory.checkpoint_file() + " is not there");
  ASSIGN_OR_RETURN(const std::string changes, options.keys.changes.empty()
                                                  ? directory.key_changes()
                                                  : read_key_changes_file(options.keys));
  ASSIGN_OR_RETURN(const LogKeys keys, log_keys(vkeys, changes));
  TilesCheck check(directory);
  LogReplay& replay = check.replay();
  ASSIGN_OR_RETURN(Checkpoint latest, check_note(*note, "the checkpoint", keys, replay.findings()));
  if (!options.resume.empty() && !check.has_entries()) {
    return invalid("--resume", "without tile/entries there is nothing to go on from");
  }
  RETURN_IF_ERROR(begin_replay(options, LogSource::tiles, keys, replay));
  RETURN_IF_ERROR(check.run(latest, show_progress));
  const bool good = replay.findings().count() == 0;
  if (good) RETURN_IF_ERROR(keep(options, {LogSource::tiles, *note, {}, replay.state(), {}}));
  session.print(describe(check), {{"good", good},
                                  {"summary", describe(check)},
                                  {"findings", replay.findings().kept()},
                                  {"entries", replay.size()},
                                  {"entries_read", check.has_entries()},
                                  {"root", to_base64(replay.root())},
                                  {"open_intents", replay.state().open_intents.size()},
                                  {"vkeys", vkeys}});
  return good ? ExitCode::done : ExitCode::failed;
}

Result<ExitCode> audit_verify(Session& session, const AuditVerifyOptions& options) {
  if (options.full && options.resume.empty()) {
    return invalid("--full", "it says what to do with the file that --resume names");
  }
  if (!options.tiles.empty()) return verify_tiles(session, options);
  return options.database.empty() ? verify_live(session, options)
                                  : verify_database(session, options);
}

}  // namespace

void add_audit_verify_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<AuditVerifyOptions>();
  CLI::App& command = line.add(
      group, "verify", "Recompute the whole log here, from its entries, and check every promise",
      {"chancery --identity ./auditor audit verify --vkeys vkeys.txt --remember last-checkpoint",
       "chancery audit verify --database copy.db --vkeys vkeys.txt --resume verified.json",
       "chancery audit verify --tiles mirror --vkeys vkeys.txt"});
  CLI::Option* database = command
                              .add_option("--database", options->database,
                                          "a copy of the database, instead of a service")
                              ->check(CLI::ExistingFile)
                              ->type_name("FILE");
  command
      .add_option("--tiles", options->tiles,
                  "a directory of tiles, as `chancery audit mirror` makes it: entries, tiles and "
                  "checkpoint; the inventory is not in it")
      ->check(CLI::ExistingDirectory)
      ->excludes(database)
      ->type_name("DIR");
  add_verifier_keys(command, options->keys, "; default: those the service names");
  add_key_changes(
      command, options->keys,
      "; of a directory of tiles, default its file key-changes. A service is asked, and "
      "a database has them");
  command
      .add_option("--remember", options->remember,
                  "compare with the checkpoint in FILE, then keep the new one there (of a "
                  "service): a log that was replaced or cut is found. Beside a database its file "
                  "last-checkpoint is always compared")
      ->type_name("FILE");
  command
      .add_option("--resume", options->resume,
                  "go on behind the last checkpoint that an earlier verification of the same "
                  "source verified, and keep in FILE where to go on next time. What was verified "
                  "then is not read again")
      ->type_name("FILE");
  command.add_flag("--full", options->full, "begin anew, and replace the file of --resume");
  line.on(command, options, audit_verify);
}

}  // namespace chancery
