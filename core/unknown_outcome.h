#pragma once

#include <string_view>

#include "core/log_writer.h"

namespace chancery {

/// The terminal record of an intent whose end nobody knows: the token may have signed. A
/// certificate it may have made is listed as such. internal where the intent does not say which.
Result<Submission> unknown_outcome(const LogWriter::OpenIntent& open, std::string_view reason);

}  // namespace chancery
