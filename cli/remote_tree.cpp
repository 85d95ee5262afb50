#include "cli/remote_tree.h"

namespace chancery {

Result<SignedCheckpoint> read_signed_checkpoint(Service& service) {
  ASSIGN_OR_RETURN(std::string note, service.get_text("/v1/audit/log/checkpoint", "text/plain"));
  auto checkpoint = parse_checkpoint(note);
  if (!checkpoint) return fail(ErrorCode::internal, checkpoint.error().message);
  return SignedCheckpoint{std::move(note), std::move(*checkpoint)};
}

Result<Bytes> remote_tile(Service& service, const TilePath& tile) {
  ASSIGN_OR_RETURN(const std::string hashes, service.get_text("/v1/audit/log/" + tile_path(tile),
                                                              "application/octet-stream"));
  if (hashes.size() != tile.width * sizeof(Hash)) {
    return fail(ErrorCode::internal, "the service's " + tile_path(tile) + " is not whole");
  }
  return copy_of(bytes_of(hashes));
}

TreeReader remote_tree(Service& service, std::uint64_t size) {
  return TreeReader([&service](const TilePath& tile) { return remote_tile(service, tile); }, size);
}

}  // namespace chancery
