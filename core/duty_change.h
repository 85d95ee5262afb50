#pragma once

#include <cstdint>
#include <string>

#include "core/approval.h"

// What the duties of decisions change in the store, each as part of a StoreChange: "fails" is said
// there.
namespace chancery {

/// fails (quota_exceeded): as many uses as `limit` began in the window that `at` lies in. Windows
/// begin at multiples of their length since 1970; zero: there is one, for ever.
struct UseQuota {
  std::string quota, machine;
  std::uint64_t limit = 0;
  Seconds window{};
  Time at;  ///< filled in: the entry's time
};
/// fails (conflict): the same request waits for the same rule already.
struct AddApproval {
  ApprovalRecord row;  ///< its entries are filled in
};
/// Approved, where that makes enough. fails (conflict): it is not pending, or this approver or this
/// key has agreed.
struct GiveApproval {
  ApprovalSignatureRecord row;  ///< its entry and time are filled in
};
/// fails (conflict): it is not in the state `from`.
struct MoveApproval {
  ApprovalId id;
  ApprovalState from{}, to{};
};
/// Of an approved one, once: by all records of one request. Of break-glass as often as it is open.
/// fails (conflict): used by another request, not approved, expired or closed at `at`.
struct UseApproval {
  ApprovalId id;
  std::string request;  ///< the id of the request that uses it
  Time at;              ///< filled in: the entry's time
};

}  // namespace chancery
