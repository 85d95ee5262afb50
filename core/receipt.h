#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/merkle.h"
#include "core/signed_note.h"
#include "core/store.h"

namespace chancery {

/// Proves offline that an entry is in the log: C2SP tlog-proof, whose `extra` line holds the entry,
/// so that whoever has the certificate or the signature at hand can compare it.
struct Receipt {
  std::uint64_t index = 0;
  std::string entry;
  std::vector<Hash> proof;  ///< RFC 9162 section 2.1.3.1, sibling first
  std::string checkpoint;   ///< the signed note, verbatim
};

/// Reads the proof of the entry `index` under a published checkpoint. not_found where the
/// checkpoint does not cover it yet.
Result<Receipt> make_receipt(Store& store, const std::string& checkpoint, std::uint64_t index);

/// "c2sp.org/tlog-proof@v1", "extra <base64>", "index <n>", hashes in base64 one a line, an empty
/// line, the checkpoint.
std::string to_text(const Receipt& receipt);
/// That form and no other; at most limits::receipt_bytes. invalid_request (field "receipt").
Result<Receipt> parse_receipt(std::string_view text);

/// The checkpoint, where the entry is in it and every one of `verifiers` has signed it (none: the
/// caller has seen to the signatures); else invalid_request (field "receipt") with what does not
/// hold.
Result<Checkpoint> verify_receipt(const Receipt& receipt,
                                  const std::vector<NoteVerifier>& verifiers);

}  // namespace chancery
