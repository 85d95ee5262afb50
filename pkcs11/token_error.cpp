#include "pkcs11/token_error.h"

namespace chancery::keyholder {
namespace {

Status status_for(Action action) {
  switch (action) {
    case Action::back_off:
      return Status::busy;
    case Action::refuse:
      return Status::refused;
    case Action::proceed:
    case Action::replace_session:
    case Action::find_again:
    case Action::restart:
    case Action::stop:
      break;
  }
  return Status::token_failed;
}

}  // namespace

TokenFailure failed_call(const char* function, CK_RV value, bool may_have_signed) {
  const Status status = may_have_signed ? Status::token_failed : status_for(action_for(value));
  return TokenFailure(
      TokenError{status, value, std::string(function) + ": " + name_of(value), may_have_signed});
}

TokenFailure token_failure(Status status, std::string text) {
  return TokenFailure(TokenError{status, CKR_OK, std::move(text), false});
}

}  // namespace chancery::keyholder
