#include "core/audit_entry.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/name_table.h"

namespace chancery {
namespace {

constexpr std::array kKindNames = {
    Named<EntryKind>{EntryKind::start, "start"},
    Named<EntryKind>{EntryKind::stop, "stop"},
    Named<EntryKind>{EntryKind::policy, "policy"},
    Named<EntryKind>{EntryKind::denial, "denial"},
    Named<EntryKind>{EntryKind::failure, "failure"},
    Named<EntryKind>{EntryKind::intent, "intent"},
    Named<EntryKind>{EntryKind::outcome, "outcome"},
    Named<EntryKind>{EntryKind::authentication, "authentication"},
    Named<EntryKind>{EntryKind::read, "read"},
    Named<EntryKind>{EntryKind::ca, "ca"},
    Named<EntryKind>{EntryKind::machine, "machine"},
    Named<EntryKind>{EntryKind::revocation, "revocation"},
    Named<EntryKind>{EntryKind::replacement, "replacement"},
    Named<EntryKind>{EntryKind::incident, "incident"},
    Named<EntryKind>{EntryKind::token, "token"},
    Named<EntryKind>{EntryKind::heartbeat, "heartbeat"},
    Named<EntryKind>{EntryKind::log, "log"},
    Named<EntryKind>{EntryKind::alarm, "alarm"},
    Named<EntryKind>{EntryKind::approval, "approval"},
};

constexpr std::string_view kTimeMember = "time";
constexpr std::string_view kNoTime = "0000-00-00T00:00:00.000000Z";

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

bool is_member_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// As nlohmann's dump and Python's json.dumps write it in ASCII: \b \f \n \r \t, else \u00xx.
std::string encode(std::string_view value) {
  if (std::ranges::all_of(value, is_plain)) {
    std::string text;
    text.reserve(value.size() + 2);
    return text.append(1, '"').append(value).append(1, '"');
  }
  return nlohmann::json(value).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::span<const EntryKind> entry_kinds() {
  static const auto kinds = [] {
    std::array<EntryKind, kKindNames.size()> values{};
    std::ranges::transform(kKindNames, values.begin(), &Named<EntryKind>::value);
    return values;
  }();
  return kinds;
}

std::string_view name_of(EntryKind kind) {
  return name_in<EntryKind>(kKindNames, kind);
}

Result<EntryKind> parse_entry_kind(std::string_view name) {
  return value_in<EntryKind>(kKindNames, name, "kind");
}

AuditEntry::AuditEntry(EntryKind kind) : kind_(kind) {
  members_.reserve(16);
  set("kind", name_of(kind)).set("v", std::uint64_t{1});
}

AuditEntry& AuditEntry::set(std::string_view member, std::string_view value) {
  if (value.empty()) return *this;
  return put(member, encode(value));
}

AuditEntry& AuditEntry::set(std::string_view member, std::uint64_t value) {
  CHECK(value <= kLargestInteger);
  return put(member, std::to_string(value));
}

AuditEntry& AuditEntry::set(std::string_view member, const std::vector<std::string>& values) {
  std::string text = "[";
  for (const std::string& value : values) {
    if (text.size() > 1) text += ',';
    text += encode(value);
  }
  return put(member, text + "]");
}

AuditEntry& AuditEntry::set_true(std::string_view member) {
  return put(member, "true");
}

bool AuditEntry::has(std::string_view member) const {
  const auto place = place_of(member);
  return place != members_.end() && place->first == member;
}

std::string AuditEntry::text(Time time) const {
  Draft draft = this->draft();
  draft.text.replace(draft.time_at, kNoTime.size(), to_rfc3339(time));
  return std::move(draft.text);
}

AuditEntry::Draft AuditEntry::draft() const {
  Draft draft;
  std::size_t size = 64;
  for (const auto& [name, value] : members_) size += name.size() + value.size() + 4;
  draft.text.reserve(size);
  auto append = [&](std::string_view name, std::string_view value) {
    draft.text += draft.text.empty() ? "{\"" : ",\"";
    draft.text.append(name).append("\":").append(value);
  };
  const auto after_time = place_of(kTimeMember);
  for (auto member = members_.begin(); member != after_time; ++member) {
    append(member->first, member->second);
  }
  append(kTimeMember, "\"");
  draft.time_at = draft.text.size();
  draft.text.append(kNoTime).append("\"");
  for (auto member = after_time; member != members_.end(); ++member) {
    append(member->first, member->second);
  }
  draft.text += '}';
  return draft;
}

std::vector<AuditEntry::Member>::const_iterator AuditEntry::place_of(
    std::string_view member) const {
  return std::ranges::lower_bound(members_, member, {},
                                  [](const Member& m) -> std::string_view { return m.first; });
}

AuditEntry& AuditEntry::put(std::string_view member, std::string encoded) {
  const auto place = place_of(member);
  CHECK(place == members_.end() || place->first != member);
  CHECK(member != kTimeMember && is_member_name(member));
  members_.emplace(place, member, std::move(encoded));
  return *this;
}

}  // namespace chancery
