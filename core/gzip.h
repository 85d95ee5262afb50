#pragma once

#include "core/bytes.h"

namespace chancery {

/// RFC 1952, at zlib's fastest level.
Bytes gzip(ByteView bytes);

}  // namespace chancery
