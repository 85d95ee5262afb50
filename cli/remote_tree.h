#pragma once

#include "cli/service.h"
#include "core/signed_note.h"
#include "core/tile.h"

namespace chancery {

/// A published checkpoint of the service's log.
struct SignedCheckpoint {
  std::string note;
  Checkpoint checkpoint;
};
/// The last one. Asking for it is no entry of the log.
Result<SignedCheckpoint> read_signed_checkpoint(Service& service);

/// A tile of hashes, whole.
Result<Bytes> remote_tile(Service& service, const TilePath& tile);

/// The tree of a published size, out of the tiles that the service publishes: a proof takes O(log
/// n) of them.
TreeReader remote_tree(Service& service, std::uint64_t size);

}  // namespace chancery
