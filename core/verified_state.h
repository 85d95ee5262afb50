#pragma once

#include <set>
#include <string>
#include <string_view>

#include "core/inventory_check.h"
#include "core/log_replay.h"

namespace chancery {

/// Where a log was read from. What was learnt from one kind does not serve for another.
enum class LogSource { service, database, tiles };
std::string_view name_of(LogSource source);

/// What a verification needs to go on from the last checkpoint that an earlier one verified. Who
/// keeps it trusts it as his own; its size is bounded by what is open, not by the log's size.
struct VerifiedState {
  LogSource source{};
  std::string note;                   ///< the checkpoint, over exactly the entries of `log`
  std::set<std::string> vouched_for;  ///< keys of the log, of a database (LogKeys)
  LogReplay::State log;
  InventoryCheck::State inventory;  ///< of a database
};

/// One JSON object.
std::string to_text(const VerifiedState& state);
/// invalid_request (field "resume"), also where the checkpoint is not over this tree.
Result<VerifiedState> parse_verified_state(std::string_view text);

}  // namespace chancery
