#include "pkcs11/return_value.h"

#include <algorithm>
#include <cstdio>

namespace chancery::keyholder {
namespace {

#define ROW(value, action)        \
  ReturnValueRow {                \
    value, #value, Action::action \
  }

constexpr ReturnValueRow rows[] = {
    ROW(CKR_OK, proceed),
    ROW(CKR_USER_ALREADY_LOGGED_IN, proceed),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, proceed),

    // The session went away. A removed token shows up like this in calls that take a session; then
    // opening another one fails too, with a value of the "restart" group.
    ROW(CKR_SESSION_HANDLE_INVALID, replace_session),
    ROW(CKR_SESSION_CLOSED, replace_session),
    ROW(CKR_OPERATION_NOT_INITIALIZED, replace_session),
    ROW(CKR_FUNCTION_FAILED, replace_session),
    ROW(CKR_FUNCTION_CANCELED, replace_session),
    ROW(CKR_CANCEL, replace_session),
    ROW(CKR_SESSION_READ_ONLY, replace_session),
    ROW(CKR_BUFFER_TOO_SMALL, replace_session),

    ROW(CKR_OBJECT_HANDLE_INVALID, find_again),
    ROW(CKR_KEY_HANDLE_INVALID, find_again),

    // Some tokens let a key work in one session at a time and say so with OPERATION_ACTIVE.
    ROW(CKR_OPERATION_ACTIVE, back_off),
    ROW(CKR_SESSION_COUNT, back_off),
    ROW(CKR_DEVICE_MEMORY, back_off),
    ROW(CKR_HOST_MEMORY, back_off),

    // A new process loads the module, logs in once and finds every handle anew, which is also what
    // a lost login asks for: private objects' handles stay invalid after it.
    ROW(CKR_USER_NOT_LOGGED_IN, restart),
    ROW(CKR_DEVICE_REMOVED, restart),
    ROW(CKR_DEVICE_ERROR, restart),
    ROW(CKR_TOKEN_NOT_PRESENT, restart),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, restart),
    ROW(CKR_GENERAL_ERROR, restart),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, restart),
    ROW(CKR_SLOT_ID_INVALID, restart),
    ROW(CKR_LIBRARY_LOAD_FAILED, restart),
    ROW(CKR_FIPS_SELF_TEST_FAILED, restart),
    ROW(CKR_CANT_LOCK, restart),
    ROW(CKR_MUTEX_BAD, restart),
    ROW(CKR_MUTEX_NOT_LOCKED, restart),
    ROW(CKR_NEED_TO_CREATE_THREADS, restart),

    // A second attempt would count against the PIN.
    ROW(CKR_PIN_INCORRECT, stop),
    ROW(CKR_PIN_LOCKED, stop),
    ROW(CKR_PIN_EXPIRED, stop),
    ROW(CKR_PIN_INVALID, stop),
    ROW(CKR_PIN_LEN_RANGE, stop),
    ROW(CKR_PIN_TOO_WEAK, stop),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, stop),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, stop),
    ROW(CKR_USER_TOO_MANY_TYPES, stop),
    ROW(CKR_USER_TYPE_INVALID, stop),

    ROW(CKR_ARGUMENTS_BAD, refuse),
    ROW(CKR_ACTION_PROHIBITED, refuse),
    ROW(CKR_ATTRIBUTE_READ_ONLY, refuse),
    ROW(CKR_ATTRIBUTE_SENSITIVE, refuse),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, refuse),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, refuse),
    ROW(CKR_CURVE_NOT_SUPPORTED, refuse),
    ROW(CKR_DATA_INVALID, refuse),
    ROW(CKR_DATA_LEN_RANGE, refuse),
    ROW(CKR_DOMAIN_PARAMS_INVALID, refuse),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, refuse),
    ROW(CKR_FUNCTION_REJECTED, refuse),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, refuse),
    ROW(CKR_KEY_SIZE_RANGE, refuse),
    ROW(CKR_KEY_TYPE_INCONSISTENT, refuse),
    ROW(CKR_MECHANISM_INVALID, refuse),
    ROW(CKR_MECHANISM_PARAM_INVALID, refuse),
    ROW(CKR_PUBLIC_KEY_INVALID, refuse),
    ROW(CKR_SESSION_EXISTS, refuse),
    ROW(CKR_SESSION_READ_ONLY_EXISTS, refuse),
    ROW(CKR_SESSION_READ_WRITE_SO_EXISTS, refuse),
    ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED, refuse),
    ROW(CKR_TEMPLATE_INCOMPLETE, refuse),
    ROW(CKR_TEMPLATE_INCONSISTENT, refuse),
    ROW(CKR_TOKEN_WRITE_PROTECTED, refuse),
};

#undef ROW

const ReturnValueRow* find(CK_RV value) {
  const auto* found = std::find_if(std::begin(rows), std::end(rows),
                                   [value](const auto& row) { return row.value == value; });
  return found == std::end(rows) ? nullptr : found;
}

}  // namespace

std::span<const ReturnValueRow> return_values() {
  return rows;
}

std::string name_of(CK_RV value) {
  if (const ReturnValueRow* row = find(value)) return std::string(row->name);
  char text[32];
  std::snprintf(text, sizeof text, "CKR_0x%lX", value);
  return text;
}

Action action_for(CK_RV value) {
  const ReturnValueRow* row = find(value);
  return row ? row->action : Action::replace_session;
}

}  // namespace chancery::keyholder
