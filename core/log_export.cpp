#include "core/log_export.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace chancery {
namespace {

constexpr std::string_view kTitle = "chancery/log-export/v1";
constexpr std::size_t kMostHashes = 64;      // a path of a tree of 2^63 entries
constexpr std::uint64_t kMost = 1ULL << 62;  // entries

Failure malformed(const std::string& what) {
  return invalid("proof", "the proof of the export is malformed: " + what);
}

/// Takes the next line off the text, without its newline; false where there is no whole line.
bool take_line(std::string_view& text, std::string_view& line) {
  const std::size_t end = text.find('\n');
  if (end == text.npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

/// What stands behind "NAME "; nothing where the line is another.
std::optional<std::string_view> value_of(std::string_view line, std::string_view name) {
  if (!line.starts_with(name) || line.size() <= name.size() + 1 || line[name.size()] != ' ') {
    return std::nullopt;
  }
  return line.substr(name.size() + 1);
}

Result<std::uint64_t> take_number(std::string_view& text, std::string_view name) {
  std::string_view line;
  if (!take_line(text, line)) return malformed("it ends early");
  const auto digits = value_of(line, name);
  std::uint64_t number = 0;
  const auto parsed = digits
                          ? std::from_chars(digits->data(), digits->data() + digits->size(), number)
                          : std::from_chars_result{nullptr, std::errc::invalid_argument};
  const bool good = parsed.ec == std::errc() && parsed.ptr == digits->data() + digits->size() &&
                    std::to_string(number) == *digits && number < kMost;
  if (!good) return malformed("its \"" + std::string(name) + "\" is no number");
  return number;
}

Result<std::vector<Hash>> take_hashes(std::string_view& text, std::string_view name) {
  std::string_view line;
  if (!take_line(text, line)) return malformed("it ends early");
  std::vector<Hash> hashes;
  if (line == name) return hashes;
  auto rest = value_of(line, name);
  if (!rest) return malformed("it has no \"" + std::string(name) + "\"");
  for (;;) {
    const std::size_t end = std::min(rest->find(' '), rest->size());
    const auto hash = from_base64(rest->substr(0, end));
    if (!hash || hash->size() != sizeof(Hash) || hashes.size() == kMostHashes) {
      return malformed("its \"" + std::string(name) + "\" has what is no hash");
    }
    std::ranges::copy(*hash, hashes.emplace_back().begin());
    if (end == rest->size()) return hashes;
    rest->remove_prefix(end + 1);
  }
}

std::string listed(std::string_view name, const std::vector<Hash>& hashes) {
  std::string line(name);
  for (const Hash& hash : hashes) line += " " + to_base64(hash);
  return line + "\n";
}

Failure refuted(const std::string& what) {
  return invalid("export", what);
}

}  // namespace

std::string to_text(const ExportProof& proof) {
  return std::string(kTitle) + "\nfirst " + std::to_string(proof.first) + "\ncount " +
         std::to_string(proof.count) + "\n" + listed("frontier", proof.frontier) +
         listed("consistency", proof.consistency) + "\n" + proof.checkpoint;
}

Result<ExportProof> parse_export_proof(std::string_view text) {
  std::string_view line;
  if (!take_line(text, line) || line != kTitle) {
    return malformed("it does not begin with \"" + std::string(kTitle) + "\"");
  }
  ExportProof proof;
  ASSIGN_OR_RETURN(proof.first, take_number(text, "first"));
  ASSIGN_OR_RETURN(proof.count, take_number(text, "count"));
  ASSIGN_OR_RETURN(proof.frontier, take_hashes(text, "frontier"));
  ASSIGN_OR_RETURN(proof.consistency, take_hashes(text, "consistency"));
  if (proof.frontier.size() != static_cast<std::size_t>(std::popcount(proof.first))) {
    return malformed("its frontier is not one of " + std::to_string(proof.first) + " entries");
  }
  if (!take_line(text, line) || !line.empty()) return malformed("it has no checkpoint");
  proof.checkpoint = text;
  return proof;
}

ExportCheck::ExportCheck(ExportProof proof)
    : proof_(std::move(proof)), tree_(proof_.first, proof_.frontier) {}

void ExportCheck::add(std::string_view entry) {
  tree_.append(leaf_hash(bytes_of(entry)));
}

Result<Checkpoint> ExportCheck::finish(const std::vector<NoteVerifier>& verifiers) const {
  auto checkpoint = parse_checkpoint(proof_.checkpoint);
  if (!checkpoint) return refuted("its checkpoint does not parse");
  for (const NoteVerifier& verifier : verifiers) {
    if (verifier.name() == checkpoint->origin && verifier.verify(proof_.checkpoint)) continue;
    return refuted("its checkpoint has no valid signature of " + verifier.vkey());
  }
  const std::uint64_t end = proof_.first + proof_.count;
  if (tree_.size() != end) {
    return refuted("it has " + std::to_string(tree_.size() - proof_.first) +
                   " entries, and should have " + std::to_string(proof_.count));
  }
  if (end > checkpoint->size) return refuted("its checkpoint does not cover all of it");
  Hash root;
  std::ranges::copy(checkpoint->root, root.begin());
  if (!verify_consistency(end, tree_.root(), checkpoint->size, root, proof_.consistency)) {
    return refuted("its entries are not those of the log");
  }
  return checkpoint;
}

}  // namespace chancery
