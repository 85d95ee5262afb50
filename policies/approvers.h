#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/yaml.h"
#include "policies/identity.h"
#include "policies/role.h"

namespace chancery {

class FieldPath;

/// Who may agree, how many have to, and how long there is time for it.
struct ApprovalTerms {
  unsigned needed = 0;
  std::vector<MachinePattern> machines;     ///< any of these,
  std::array<bool, kRoles.size()> roles{};  ///< or who holds any of these
  std::vector<std::uint32_t> numbers;       ///< of `machines` in the MachineIndex, sorted
  Seconds life{};
  Seconds opens_for{};  ///< break-glass; else zero
  [[nodiscard]] bool has(Role role) const { return roles[static_cast<std::size_t>(role)]; }
};

/// Whether no more than one machine or person is meant.
bool is_one(const MachinePattern& pattern);

/// "needed", "from", "expires".
std::span<const std::string_view> approval_members();

/// Reads these members of `node`, which may have others. Refuses what fewer than `needed` could
/// ever give; who holds a role is not known here.
Result<ApprovalTerms> read_approval(const YamlNode& node, const FieldPath& path);

/// Reads how long a grant is open once it was approved.
Result<Seconds> read_break_glass(const YamlNode& node, const FieldPath& path);

}  // namespace chancery
