#pragma once

#include <memory>
#include <optional>

#include "api/connection_server.h"
#include "api/router.h"
#include "core/witness.h"

namespace chancery {

/// A witness's HTTP interface: POST /add-checkpoint, and GET /HASH/checkpoint for monitors (C2SP
/// tlog-witness). Plain: the signatures are all the authentication there is.
class WitnessServer {
 public:
  /// Listens and serves at once. `witness` outlives the server.
  static Result<std::unique_ptr<WitnessServer>> start(Witness& witness,
                                                      const ListenAddress& address);
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }

 private:
  explicit WitnessServer(Witness& witness);
  const Router router_;
  std::unique_ptr<ConnectionServer> server_;
};

}  // namespace chancery
