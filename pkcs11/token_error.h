#pragma once

#include <string>
#include <tl/expected.hpp>

#include "pkcs11/frame.h"
#include "pkcs11/return_value.h"

namespace chancery::keyholder {

/// Why the token did not do something. `text` is printable ASCII for the log.
struct TokenError {
  Status status = Status::token_failed;
  CK_RV return_value = CKR_OK;  ///< CKR_OK where no call failed but its result was not acceptable
  std::string text;
  bool may_have_signed = false;
};

template <class T>
using TokenResult = tl::expected<T, TokenError>;
using TokenFailure = tl::unexpected<TokenError>;

/// A failed Cryptoki call. Busy and refused promise that nothing was signed, so a failed C_Sign is
/// never one of them: say `may_have_signed`.
TokenFailure failed_call(const char* function, CK_RV value, bool may_have_signed = false);

TokenFailure token_failure(Status status, std::string text);

}  // namespace chancery::keyholder

#define TOKEN_ASSIGN_OR_RETURN(declaration, expression) \
  TOKEN_ASSIGN_OR_RETURN_(CHANCERY_CONCAT(token_result_, __LINE__), declaration, expression)
#define TOKEN_ASSIGN_OR_RETURN_(result, declaration, expression)                      \
  auto result = (expression);                                                         \
  if (!result) return ::chancery::keyholder::TokenFailure(std::move(result.error())); \
  declaration = std::move(*result)

#define TOKEN_RETURN_IF_ERROR(expression)                                          \
  do {                                                                             \
    if (auto token_result = (expression); !token_result)                           \
      return ::chancery::keyholder::TokenFailure(std::move(token_result.error())); \
  } while (false)
