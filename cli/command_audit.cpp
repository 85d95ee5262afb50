#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/audit_commands.h"
#include "cli/file.h"
#include "cli/log_reader.h"
#include "cli/remote_tree.h"

namespace chancery {
namespace {

using nlohmann::json;

struct EntriesOptions {
  std::uint64_t first = 0;
  std::uint64_t count = 100;
};

struct TailOptions {
  std::uint64_t count = 10;
  bool follow = false;
};

struct OutOptions {
  std::string out;
};

void print_entries(const LogPage& page) {
  for (const std::string& entry : page.entries) write_text(stdout, entry);
}

/// `count` entries from `first`, or from the minimum, however many pages that takes; fewer at the
/// end of the log.
Result<LogPage> read_range(Service& service, std::uint64_t first, std::uint64_t count) {
  LogPage range;
  range.first = first;
  while (range.entries.size() < count) {
    std::uint64_t want =
        std::min<std::uint64_t>(count - range.entries.size(), limits::audit_page_entries);
    ASSIGN_OR_RETURN(LogPage page,
                     read_log_page(service, range.first + range.entries.size(), want));
    if (range.entries.empty()) range.first = page.first;
    range.size = page.size;
    range.minimum = page.minimum;
    if (page.entries.empty()) break;
    std::move(page.entries.begin(), page.entries.end(), std::back_inserter(range.entries));
  }
  return range;
}

Result<ExitCode> show_entries(Session& session, const EntriesOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(LogPage page, read_range(*service, options.first, options.count));
  if (session.json()) {
    session.print("", to_json(page));
  } else {
    print_entries(page);
  }
  return ExitCode::done;
}

/// Prints what is new, until interrupted. Reading is itself an entry of the log, and so is only
/// done when a checkpoint, which is not, says that there is more than that.
Result<ExitCode> follow(Service& service, std::uint64_t next) {
  for (;;) {
    ASSIGN_OR_RETURN(const SignedCheckpoint published, read_signed_checkpoint(service));
    while (next < published.checkpoint.size) {
      ASSIGN_OR_RETURN(LogPage page, read_log_page(service, next, limits::audit_page_entries));
      if (page.entries.empty()) break;
      print_entries(page);
      next = page.first + page.entries.size();
    }
    if (std::fflush(stdout) != 0) return fail(ErrorCode::internal, "cannot write standard output");
    std::this_thread::sleep_for(limits::checkpoint_interval);
  }
}

Result<ExitCode> tail(Session& session, const TailOptions& options) {
  if (options.follow && session.json()) {
    return invalid("--follow", "an endless list is no JSON object; its lines are JSON as they are");
  }
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(LogPage end, read_log_page(*service, 0, 1));
  std::uint64_t first = end.size - std::min(end.size, options.count);
  if (!options.follow) return show_entries(session, {first, options.count});
  return follow(*service, first);
}

struct KeysOptions {
  bool changes = false;
  std::string out;
};

Result<ExitCode> show_keys(Session& session, const KeysOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  if (options.changes) {
    ASSIGN_OR_RETURN(const std::string changes, read_key_changes(*service));
    return deliver(session, "key_changes", changes, options.out);
  }
  ASSIGN_OR_RETURN(PublishedKeys keys, read_published_keys(*service));
  std::string lines;
  for (const std::string& vkey : keys.vkeys) lines += vkey + "\n";
  if (!options.out.empty()) return deliver(session, "vkeys", lines, options.out);
  session.print(lines, {{"origin", keys.origin}, {"vkeys", keys.vkeys}});
  return ExitCode::done;
}

Result<ExitCode> change_keys(Session& session, const char* path, const char* done) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json answer, service->post(path, json::object()));
  ASSIGN_OR_RETURN(const auto vkeys, texts_in(answer, "vkeys"));
  std::string lines = std::string(done) + "\n";
  for (const std::string& vkey : vkeys) lines += vkey + "\n";
  session.print(lines, answer);
  return ExitCode::done;
}

Result<ExitCode> rotate_keys(Session& session) {
  return change_keys(session, "/v1/audit/keys/rotate",
                     "from now on all of these sign; give the new ones to who verifies, then "
                     "`chancery audit retire-keys`");
}

Result<ExitCode> retire_keys(Session& session) {
  return change_keys(session, "/v1/audit/keys/retire", "from now on these sign alone");
}

Result<ExitCode> show_checkpoint(Session& session, const OutOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(std::string note, read_checkpoint(*service));
  return deliver(session, "checkpoint", note, options.out);
}

void add_entries_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<EntriesOptions>();
  CLI::App& command =
      line.add(group, "entries", "Print entries, each on a line as it is hashed",
               {"chancery --identity ./auditor audit entries --first 0 --count 1000",
                "chancery --identity ./auditor audit entries --count 50 | jq .kind"});
  command.add_option("--first", options->first, "index of the first")->capture_default_str();
  command.add_option("--count", options->count, "how many at most")->capture_default_str();
  line.on(command, options, show_entries);
}

void add_tail_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<TailOptions>();
  CLI::App& command = line.add(group, "tail", "Print the last entries",
                               {"chancery --identity ./auditor audit tail",
                                "chancery --identity ./auditor audit tail --count 0 --follow"});
  command.add_option("-n,--count", options->count, "how many")->capture_default_str();
  command.add_flag("-f,--follow", options->follow, "go on with new ones");
  line.on(command, options, tail);
}

struct SaltOptions {
  std::string request;
};

Result<ExitCode> show_salt(Session& session, const SaltOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json answer,
                   service->get("/v1/audit/commitments/" + percent_encode(options.request)));
  ASSIGN_OR_RETURN(const std::string salt, text_in(answer, "salt"));
  session.print(salt, answer);
  return ExitCode::done;
}

void add_salt_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<SaltOptions>();
  CLI::App& command =
      line.add(group, "salt", "Print what opens the commitments to e-mail addresses of one request",
               {"chancery --identity ./auditor audit salt req-0f…",
                "printf %s bob@people.example | openssl dgst -sha256 -mac HMAC -macopt "
                "hexkey:SALT   (is it among the entry's `emails`?)"});
  command.add_option("request", options->request, "id of the request, from its entries")
      ->required();
  line.on(command, options, show_salt);
}

void add_keys_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<KeysOptions>();
  CLI::App& command =
      line.add(group, "keys", "Print the keys that checkpoints verify with, or how they changed",
               {"chancery --identity ./auditor audit keys > vkeys.txt",
                "chancery --identity ./auditor audit keys --changes --out key-changes"});
  command.add_flag("--changes", options->changes,
                   "what leads from keys of any time to those of any other, for --key-changes");
  command.add_option("--out", options->out, "write it there")->type_name("FILE");
  line.on(command, options, show_keys);
}

}  // namespace

Result<ExitCode> deliver(Session& session, const std::string& what, const std::string& text,
                         const std::string& out) {
  if (out.empty()) {
    session.print(text, {{what, text}});
    return ExitCode::done;
  }
  RETURN_IF_ERROR(replace_file(out, text, 0644));
  session.print(what + " → " + out, {{what, text}, {"files", {{what, out}}}});
  return ExitCode::done;
}

void add_audit_commands(CommandLine& line) {
  CLI::App& group =
      line.add_group("audit", "The audit log",
                     {"chancery --identity ./auditor audit verify --remember last-checkpoint",
                      "chancery audit verify --database copy.db --vkeys vkeys.txt",
                      "chancery --identity ./auditor audit tail"});
  add_audit_verify_command(line, group);
  add_audit_mirror_command(line, group);
  add_audit_receipt_commands(line, group);
  add_audit_prove_command(line, group);
  add_audit_search_command(line, group);
  add_audit_export_commands(line, group);
  add_audit_prune_commands(line, group);
  add_tail_command(line, group);
  add_entries_command(line, group);

  add_keys_command(line, group);
  add_salt_command(line, group);
  CLI::App& rotate = line.add(group, "rotate-keys", "Make new keys of the log, beside the old ones",
                              {"chancery --identity ./admin audit rotate-keys"});
  line.on(rotate, rotate_keys);
  CLI::App& retire = line.add(group, "retire-keys", "Let only the newest keys of the log sign",
                              {"chancery --identity ./admin audit retire-keys"});
  line.on(retire, retire_keys);

  auto options = std::make_shared<OutOptions>();
  CLI::App& checkpoint =
      line.add(group, "checkpoint", "Print the last signed checkpoint",
               {"chancery --identity ./auditor audit checkpoint --out checkpoint"});
  checkpoint.add_option("--out", options->out, "write it there")->type_name("FILE");
  line.on(checkpoint, options, show_checkpoint);
}

}  // namespace chancery
