#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/session.h"

namespace chancery {

/// The receipt under this path of the service. A checkpoint comes each second: asks again for a few
/// seconds where none covers the entry yet.
Result<std::string> fetch_receipt(Session& session, const std::string& path);

/// Writes the receipt of the answer's outcome to `file`; nothing where `file` is empty. Returns the
/// answer with "receipt" among its "files".
Result<nlohmann::json> keep_receipt(Session& session, nlohmann::json answer,
                                    const std::string& file);

/// Raw as `sign --out` writes it, or in base64 as `sign` prints it.
Result<Bytes> read_signature(const std::string& path);

}  // namespace chancery
