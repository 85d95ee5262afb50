#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/audit_commands.h"
#include "cli/log_reader.h"
#include "cli/tile_directory.h"
#include "cli/verifier_keys.h"

namespace chancery {
namespace {

struct MirrorOptions {
  std::string out;
  VerifierKeyOptions keys;
};

/// Brings one directory up to the service's last checkpoint. Every file is whole or not there, full
/// tiles stay as they are, and the checkpoint comes last: after a crash at any moment the directory
/// holds what its checkpoint is over.
class Mirror {
 public:
  Mirror(Service& service, std::string path) : service_(service), directory_(std::move(path)) {}

  /// `vkeys` are keys of any time.
  Result<Checkpoint> update(const std::vector<std::string>& vkeys) {
    ASSIGN_OR_RETURN(const Checkpoint old, old_checkpoint());
    ASSIGN_OR_RETURN(const std::string note,
                     service_.get_text("/v1/audit/log/checkpoint", "text/plain"));
    ASSIGN_OR_RETURN(const std::string changes, read_key_changes(service_));
    ASSIGN_OR_RETURN(const LogKeys keys, log_keys(vkeys, changes));
    ASSIGN_OR_RETURN(const Checkpoint latest, verified(note, keys));
    if (latest.size < old.size) {
      return changed("is over " + std::to_string(latest.size) + " entries, the one here over " +
                     std::to_string(old.size));
    }
    RETURN_IF_ERROR(fetch_tiles(old.size, latest.size));
    if (const auto consistent = require_consistency(old, latest); !consistent) {
      for (const TilePath& tile : fetched_) directory_.remove(tile);  // of another log
      return Failure(consistent.error());
    }
    RETURN_IF_ERROR(directory_.put_key_changes(changes));
    RETURN_IF_ERROR(directory_.put_checkpoint(note));
    remove_partial_tiles(old.size, latest.size);
    return latest;
  }

  [[nodiscard]] std::size_t fetched() const { return fetched_.size(); }

 private:
  static Failure changed(const std::string& what) {
    return fail(ErrorCode::conflict,
                "the service's checkpoint " + what +
                    ": its log was cut or replaced. The directory stays as it was");
  }

  /// The empty log's where there is none yet.
  Result<Checkpoint> old_checkpoint() {
    ASSIGN_OR_RETURN(const auto note, directory_.checkpoint());
    if (!note) return Checkpoint{"", 0, copy_of(empty_root())};
    auto checkpoint = parse_checkpoint(*note);
    if (checkpoint) return checkpoint;
    return invalid("--out", directory_.checkpoint_file() + ": " + checkpoint.error().message);
  }

  static Result<Checkpoint> verified(const std::string& note, const LogKeys& keys) {
    auto checkpoint = parse_checkpoint(note);
    if (!checkpoint) return fail(ErrorCode::internal, checkpoint.error().message);
    const std::string wrong = keys.find_wrong(*checkpoint, note);
    if (wrong.empty()) return checkpoint;
    return fail(ErrorCode::internal, "the service's checkpoint has " + wrong);
  }

  Result<void> fetch_tiles(std::uint64_t old_size, std::uint64_t size) {
    for (unsigned level = 0; size >> (kTileBits * level) != 0; ++level) {
      const std::uint64_t end = size >> (kTileBits * (level + 1));
      for (std::uint64_t i = old_size >> (kTileBits * (level + 1)); i < end; ++i) {
        if (level == 0) RETURN_IF_ERROR(fetch_entries(i));
        RETURN_IF_ERROR(fetch({.level = level, .index = i}));
      }
    }
    for (const TilePath& tile : partial_tiles(size)) RETURN_IF_ERROR(fetch(tile));
    return {};
  }

  /// What was removed before it was mirrored is not to be had; an entry of the log says so, which
  /// `audit verify --tiles` looks for.
  Result<void> fetch_entries(std::uint64_t index) {
    const TilePath tile{.entries = true, .index = index};
    if (index << kTileBits < minimum_) return {};
    auto fetched = fetch(tile);
    if (fetched || fetched.error().code != ErrorCode::not_found) return fetched;
    ASSIGN_OR_RETURN(const nlohmann::json answer, service_.get("/v1/audit/prunings"));
    ASSIGN_OR_RETURN(minimum_, number_in(answer, "minimum"));
    return index << kTileBits < minimum_ ? Result<void>() : fetched;
  }

  Result<void> fetch(const TilePath& tile) {
    if (directory_.has(tile)) return {};
    ASSIGN_OR_RETURN(
        const std::string content,
        service_.get_text("/v1/audit/log/" + tile_path(tile), "application/octet-stream"));
    const bool whole = tile.entries ? parse_entry_tile(content, tile.width).has_value()
                                    : content.size() == tile.width * sizeof(Hash);
    if (!whole) {
      return fail(ErrorCode::internal, "the service's " + tile_path(tile) + " is not whole");
    }
    fetched_.push_back(tile);
    return directory_.put(tile, content);
  }

  /// By a proof (RFC 9162 section 2.1.4.2) out of the tiles, which need not be right for that.
  Result<void> require_consistency(const Checkpoint& old, const Checkpoint& latest) {
    TreeReader tree([this](const TilePath& tile) { return directory_.hashes(tile); }, latest.size);
    ASSIGN_OR_RETURN(const auto proof, tree.consistency_proof(old.size));
    Hash old_root, root;
    std::ranges::copy(old.root, old_root.begin());
    std::ranges::copy(latest.root, root.begin());
    if (verify_consistency(old.size, old_root, latest.size, root, proof)) return {};
    return changed("is not consistent with the one here");
  }

  void remove_partial_tiles(std::uint64_t old_size, std::uint64_t size) {
    const auto needed = partial_tiles(size);
    for (const TilePath& tile : partial_tiles(old_size)) {
      if (std::ranges::find(needed, tile) != needed.end()) continue;
      // The full one may have been removed in between: then these are all that there is.
      const bool only = tile.entries && size >> kTileBits > tile.index &&
                        !directory_.has({.entries = true, .index = tile.index});
      if (!only) directory_.remove(tile);
    }
  }

  Service& service_;
  TileDirectory directory_;
  std::vector<TilePath> fetched_;
  std::uint64_t minimum_ = 0;  ///< of the service, once it has not given entries
};

Result<ExitCode> audit_mirror(Session& session, const MirrorOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(std::vector<std::string> vkeys, named_vkeys(options.keys));
  if (vkeys.empty()) {
    ASSIGN_OR_RETURN(PublishedKeys keys, read_published_keys(*service));
    vkeys = std::move(keys.vkeys);
  }
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  if (error) return invalid("--out", "cannot make " + options.out + ": " + error.message());
  Mirror mirror(*service, options.out);
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, mirror.update(vkeys));
  session.print("mirrored " + std::to_string(checkpoint.size) + " entries, " +
                    std::to_string(mirror.fetched()) + " new tiles → " + options.out,
                {{"entries", checkpoint.size},
                 {"root", to_base64(checkpoint.root)},
                 {"fetched", mirror.fetched()},
                 {"directory", options.out}});
  return ExitCode::done;
}

}  // namespace

void add_audit_mirror_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<MirrorOptions>();
  CLI::App& command =
      line.add(group, "mirror",
               "Copy the log into a directory of tiles (C2SP tlog-tiles), and only what is new",
               {"chancery --identity ./auditor audit mirror --out mirror --vkeys vkeys.txt",
                "chancery audit verify --tiles mirror --vkeys vkeys.txt"});
  command
      .add_option("--out", options->out, "the directory; it is made, or goes on where it stopped")
      ->required()
      ->type_name("DIR");
  add_verifier_keys(command, options->keys, "; default: those the service names");
  line.on(command, options, audit_mirror);
}

}  // namespace chancery
