#include "core/receipt.h"

#include <algorithm>
#include <charconv>

#include "core/limits.h"
#include "core/tile.h"

namespace chancery {
namespace {

constexpr std::string_view kHeader = "c2sp.org/tlog-proof@v1";
// A log of 2^64 entries has proofs of 64 hashes.
constexpr std::size_t kMostHashes = 64;

Failure malformed(const std::string& what) {
  return invalid("receipt", "the receipt " + what);
}

/// What stands before the next newline; both are taken off `text`.
Result<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == text.npos) return malformed("is cut short");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

/// The value of a line "name value", taken off `text`.
Result<std::string_view> take_member(std::string_view& text, std::string_view name) {
  ASSIGN_OR_RETURN(std::string_view line, take_line(text));
  if (!line.starts_with(name) || line.size() <= name.size() + 1 || line[name.size()] != ' ') {
    return malformed("has no line \"" + std::string(name) + " …\" where it belongs");
  }
  line.remove_prefix(name.size() + 1);
  return line;
}

/// Base64 in its one spelling.
Result<Bytes> decode(std::string_view text) {
  auto bytes = from_base64(text);
  if (!bytes || to_base64(*bytes) != text) return malformed("has a line that is not base64");
  return std::move(*bytes);
}

Result<std::uint64_t> decode_index(std::string_view text) {
  std::uint64_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size() || std::to_string(index) != text) {
    return malformed("has an index that is no number");
  }
  return index;
}

Result<std::vector<Hash>> take_hashes(std::string_view& text) {
  std::vector<Hash> hashes;
  for (;;) {
    ASSIGN_OR_RETURN(const std::string_view line, take_line(text));
    if (line.empty()) return hashes;
    ASSIGN_OR_RETURN(const Bytes bytes, decode(line));
    Hash hash;
    if (bytes.size() != hash.size() || hashes.size() == kMostHashes) {
      return malformed("has a proof that is none");
    }
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    hashes.push_back(hash);
  }
}

}  // namespace

Result<Receipt> make_receipt(Store& store, const std::string& checkpoint, std::uint64_t index) {
  ASSIGN_OR_RETURN(const Checkpoint head, parse_checkpoint(checkpoint));
  if (index >= head.size) {
    return fail(ErrorCode::not_found, "no published checkpoint covers entry " +
                                          std::to_string(index) + " yet; ask again in a second");
  }
  Receipt receipt;
  receipt.index = index;
  auto entry = store.entry(index);
  if (!entry && entry.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found, "entry " + std::to_string(index) +
                                          " was removed after its time (log.retention); a mirror "
                                          "or export from before has it");
  }
  if (!entry) return Failure(std::move(entry.error()));
  receipt.entry = std::move(*entry);
  ASSIGN_OR_RETURN(receipt.proof, inclusion_proof(store, index, head.size));
  receipt.checkpoint = checkpoint;
  return receipt;
}

std::string to_text(const Receipt& receipt) {
  std::string text(kHeader);
  text += "\nextra " + to_base64(bytes_of(receipt.entry));
  text += "\nindex " + std::to_string(receipt.index) + "\n";
  for (const Hash& hash : receipt.proof) text += to_base64(hash) + "\n";
  return text + "\n" + receipt.checkpoint;
}

Result<Receipt> parse_receipt(std::string_view text) {
  if (text.size() > limits::receipt_bytes) return malformed("is longer than any");
  ASSIGN_OR_RETURN(const std::string_view header, take_line(text));
  if (header != kHeader) return malformed("does not begin with " + std::string(kHeader));
  Receipt receipt;
  ASSIGN_OR_RETURN(const std::string_view extra, take_member(text, "extra"));
  ASSIGN_OR_RETURN(const Bytes entry, decode(extra));
  receipt.entry.assign(entry.begin(), entry.end());
  ASSIGN_OR_RETURN(const std::string_view index, take_member(text, "index"));
  ASSIGN_OR_RETURN(receipt.index, decode_index(index));
  ASSIGN_OR_RETURN(receipt.proof, take_hashes(text));
  receipt.checkpoint = text;
  if (!parse_checkpoint(receipt.checkpoint)) return malformed("has no checkpoint at its end");
  return receipt;
}

Result<Checkpoint> verify_receipt(const Receipt& receipt,
                                  const std::vector<NoteVerifier>& verifiers) {
  ASSIGN_OR_RETURN(Checkpoint checkpoint, parse_checkpoint(receipt.checkpoint));
  for (const NoteVerifier& verifier : verifiers) {
    if (verifier.name() == checkpoint.origin && verifier.verify(receipt.checkpoint)) continue;
    return malformed("is under a checkpoint without a valid signature of " + verifier.vkey());
  }
  Hash root;
  CHECK(checkpoint.root.size() == root.size());  // parse_checkpoint() saw to it
  std::copy(checkpoint.root.begin(), checkpoint.root.end(), root.begin());
  if (receipt.index >= checkpoint.size ||
      !verify_inclusion(receipt.index, checkpoint.size, leaf_hash(bytes_of(receipt.entry)),
                        receipt.proof, root)) {
    return malformed("does not prove that its entry is in the log");
  }
  return checkpoint;
}

}  // namespace chancery
