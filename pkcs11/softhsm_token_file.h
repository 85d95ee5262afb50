#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace chancery {

// SoftHSM writes token.object, a token's own file with the label and, encrypted under the PINs, the
// master key, anew and in place at each login. A kill or a power cut in that moment leaves the file
// empty, and none of the token's keys is found any more. So there is a copy of each.
//
// `folder` is that of an installation's own SoftHSM tokens: FOLDER/tokens/NAME/token.object, and
// the copies are FOLDER/NAME.token.object. store_unavailable where a file cannot be read or
// written.

/// Copies the files as they are after a successful login. One that is cut off never replaces its
/// copy.
Result<void> keep_softhsm_token_files(const std::string& folder);

/// Puts the copies back of files that are gone, cut off or all zeros (as some file systems leave
/// what was not flushed), and returns their paths. Only while no keyholder runs.
Result<std::vector<std::string>> mend_softhsm_token_files(const std::string& folder);

}  // namespace chancery
