#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/merkle.h"

namespace chancery {

/// The body of add-checkpoint: C2SP tlog-witness.
struct WitnessRequest {
  std::uint64_t old_size = 0;  ///< what the witness cosigned last, as the log believes
  std::vector<Hash> proof;     ///< RFC 9162 section 2.1.4.1, from that size to the checkpoint's
  std::string checkpoint;      ///< the signed note, verbatim
};

/// "old <size>\n", the hashes in base64 one a line, an empty line, the checkpoint.
std::string to_text(const WitnessRequest& request);
/// That form and no other; at most limits::witness_request_bytes. What the checkpoint says is not
/// looked at. invalid_request (field "body").
Result<WitnessRequest> parse_witness_request(std::string_view body);

/// A decimal number in its one spelling; nothing for any other text.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

}  // namespace chancery
