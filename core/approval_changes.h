#pragma once

#include "core/store_changes.h"

// The changes about quotas and approvals; see store.h for what each does and when it fails.
namespace chancery {

/// Of the window that `at` lies in, in microseconds since 1970; of "ever" one that never comes.
std::int64_t end_of_quota_window(Seconds window, Time at);

Result<Refusal> apply_use(sqlite::Connection& connection, const UseQuota& change);
Result<Refusal> apply_approval(sqlite::Connection& connection, const AddApproval& change,
                               std::uint64_t index);
Result<Refusal> apply_approval(sqlite::Connection& connection, const GiveApproval& change,
                               std::uint64_t index);
Result<Refusal> apply_approval(sqlite::Connection& connection, const MoveApproval& change,
                               std::uint64_t index);
Result<Refusal> apply_approval(sqlite::Connection& connection, const UseApproval& change,
                               std::uint64_t index);

}  // namespace chancery
