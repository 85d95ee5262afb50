#pragma once

#include <p11-kit/pkcs11.h>

#include <span>
#include <string>
#include <string_view>

namespace chancery::keyholder {

/// What a keyholder does after a Cryptoki function returned a value. Whatever the action, a session
/// in which a call failed is closed and not used again.
enum class Action {
  proceed,          ///< it worked
  replace_session,  ///< the session is gone or in doubt: open another
  find_again,       ///< the object's handle is stale: find by CKA_ID, compare the public key
  refuse,           ///< the request does not fit the token or key; asking again changes nothing
  back_off,         ///< the token has no room: answer "busy"
  restart,          ///< token down: end this process; a new one loads, logs in and finds keys again
  stop,             ///< the PIN: end this process and never try the PIN again
};

struct ReturnValueRow {
  CK_RV value;
  std::string_view name;
  Action action;
};

/// Every return value of PKCS#11 v2.40 and 3.0 that a call of ours may give, one row each.
std::span<const ReturnValueRow> return_values();

/// "CKR_DEVICE_ERROR"; "CKR_0x80000001" for one that is not in the table.
std::string name_of(CK_RV value);

/// Not in the table: replace_session, since nothing is known of it but that it is a failure.
Action action_for(CK_RV value);

}  // namespace chancery::keyholder
