#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace chancery {

/// What the caller can do about a failure. api/problem.cpp maps each to an HTTP status.
enum class ErrorCode {
  invalid_request,    ///< mend the request; `field` names the part that is wrong
  unauthenticated,    ///< present a valid identity
  forbidden,          ///< the policy says no; ask for a grant
  approval_needed,    ///< others have to agree first; `approval` names what waits for them
  quota_exceeded,     ///< as often as the policy allows; `used_up` says until when
  not_found,          ///< no such object
  conflict,           ///< the object's state does not allow it (exists already, used already, ...)
  unprocessable,      ///< well-formed, but contradicts an earlier request
  too_large,          ///< over a bound in limits.h
  busy,               ///< too many requests at once; try again later
  token_unavailable,  ///< the token did not answer or refused; the signature may have been made
  store_unavailable,  ///< the record could not be made durable, so nothing was signed
  deadline_exceeded,  ///< the request's own deadline passed
  internal,           ///< a defect or a broken installation
};

/// Of quota_exceeded.
struct UsedUp {
  std::string quota;
  std::uint64_t limit = 0;
  std::optional<std::chrono::sys_seconds> until;  ///< none: for ever
};

/// One failure. `message` and `field` may be shown to the client; `detail` (with native codes such
/// as CKR_… or errno) goes to the log only.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string field = {};
  std::string detail = {};
  std::string approval = {};  ///< of approval_needed: its id
  std::shared_ptr<const UsedUp> used_up = {};
};

/// A value or an Error (std::expected's member names).
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Failure = tl::unexpected<Error>;

inline Failure fail(ErrorCode code, std::string message, std::string field = {},
                    std::string detail = {}) {
  return Failure(Error{code, std::move(message), std::move(field), std::move(detail)});
}

/// Fails with invalid_request and the name of the field that is wrong.
inline Failure invalid(std::string field, std::string message) {
  return fail(ErrorCode::invalid_request, std::move(message), std::move(field));
}

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace chancery

/// Aborts on a defect in this program. Never use it on input.
#define CHECK(condition) \
  ((condition) ? (void)0 : ::chancery::check_failed(#condition, __FILE__, __LINE__))

#define CHANCERY_CONCAT_(a, b) a##b
#define CHANCERY_CONCAT(a, b) CHANCERY_CONCAT_(a, b)

/// ASSIGN_OR_RETURN(auto x, f()): x = the value, or return the error from this function.
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_(CHANCERY_CONCAT(result_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_(result, declaration, expression)            \
  auto result = (expression);                                         \
  if (!result) return ::chancery::Failure(std::move(result.error())); \
  declaration = std::move(*result)

#define RETURN_IF_ERROR(expression)                           \
  do {                                                        \
    if (auto result_ = (expression); !result_)                \
      return ::chancery::Failure(std::move(result_.error())); \
  } while (false)
