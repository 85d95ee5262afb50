#include "core/witness_request.h"

#include <algorithm>
#include <charconv>

#include "core/limits.h"
#include "core/signed_note.h"

namespace chancery {
namespace {

constexpr std::string_view kOld = "old ";

Failure malformed(const char* what) {
  return invalid("body", std::string("the request ") + what);
}

}  // namespace

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good = error == std::errc() && end == text.data() + text.size();
  if (!good || std::to_string(number) != text) return std::nullopt;
  return number;
}

std::string to_text(const WitnessRequest& request) {
  std::string text = std::string(kOld) + std::to_string(request.old_size) + "\n";
  for (const Hash& hash : request.proof) text += to_base64(hash) + "\n";
  return text + "\n" + request.checkpoint;
}

Result<WitnessRequest> parse_witness_request(std::string_view body) {
  if (body.size() > limits::witness_request_bytes) return malformed("is longer than any");
  WitnessRequest request;
  const auto old = take_note_line(body);
  if (!old || !old->starts_with(kOld)) return malformed("does not begin with \"old SIZE\"");
  const auto size = parse_decimal(old->substr(kOld.size()));
  if (!size || *size >> 63 != 0) return malformed("has an old size that is no number");
  request.old_size = *size;
  for (;;) {
    const auto line = take_note_line(body);
    if (!line) return malformed("has no empty line before its checkpoint");
    if (line->empty()) break;
    const auto bytes = from_base64(*line);
    Hash hash;
    if (!bytes || bytes->size() != hash.size())
      return malformed("has a proof line that is no hash");
    if (request.proof.size() == limits::witness_proof_hashes) {
      return malformed("has more proof lines than any proof");
    }
    std::copy(bytes->begin(), bytes->end(), hash.begin());
    request.proof.push_back(hash);
  }
  request.checkpoint = body;
  return request;
}

}  // namespace chancery
