#pragma once

#include "pkcs11/token_error.h"

namespace chancery::keyholder {

/// The module's functions. They are called from many threads, each in a session of its own.
using Functions = const CK_FUNCTION_LIST;

/// One read-write PKCS#11 session; closed when it goes. For one thread at a time.
class Session {
 public:
  static TokenResult<Session> open(Functions& functions, CK_SLOT_ID slot);
  Session(Session&& other) noexcept;
  Session& operator=(Session&& other) noexcept;
  ~Session();

  [[nodiscard]] Functions& functions() const { return *functions_; }
  [[nodiscard]] CK_SESSION_HANDLE handle() const { return handle_; }

 private:
  Session(Functions& functions, CK_SESSION_HANDLE handle)
      : functions_(&functions), handle_(handle) {}
  Functions* functions_;
  CK_SESSION_HANDLE handle_;
};

}  // namespace chancery::keyholder
