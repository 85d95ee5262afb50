#pragma once

#include <functional>

#include "core/document.h"

namespace chancery {

/// Compresses a document piece by piece, as RFC 1952 has it, at zlib's fastest level, into what
/// takes the pieces in order. The first error of either ends it.
Result<void> gzip(const Document& document, const std::function<Result<void>(ByteView)>& sink);

}  // namespace chancery
