#include "pkcs11/session.h"

#include <utility>

namespace chancery::keyholder {

TokenResult<Session> Session::open(Functions& functions, CK_SLOT_ID slot) {
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
  const CK_RV value =
      functions.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle);
  if (value != CKR_OK) return failed_call("C_OpenSession", value);
  return Session(functions, handle);
}

Session::Session(Session&& other) noexcept
    : functions_(other.functions_), handle_(std::exchange(other.handle_, CK_INVALID_HANDLE)) {}

Session& Session::operator=(Session&& other) noexcept {
  std::swap(functions_, other.functions_);
  std::swap(handle_, other.handle_);
  return *this;
}

Session::~Session() {
  if (handle_ != CK_INVALID_HANDLE) functions_->C_CloseSession(handle_);
}

}  // namespace chancery::keyholder
