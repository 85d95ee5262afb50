#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit_entry.h"

namespace chancery {

/// A log entry, read in one pass without copying: it lives as long as its text does.
class EntryView {
 public:
  /// Nothing where the text is not an entry in the one form that AuditEntry writes
  /// (docs/audit-format.md): who decodes and encodes an entry again gets the same bytes.
  static std::optional<EntryView> parse(std::string_view text);

  [[nodiscard]] std::string_view source() const { return source_; }
  [[nodiscard]] EntryKind kind() const { return kind_; }
  [[nodiscard]] Time time() const { return time_; }
  [[nodiscard]] bool has(std::string_view member) const { return !spelled(member).empty(); }
  /// Decoded; empty where the member is absent or no text.
  [[nodiscard]] std::string text(std::string_view member) const;
  /// Nothing where the member is absent or no number.
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view member) const;
  /// The value as it stands in the text; empty where the member is absent.
  [[nodiscard]] std::string_view spelled(std::string_view member) const;

 private:
  struct Member {
    std::string_view name, value;
  };
  explicit EntryView(std::string_view source) : source_(source) {}
  bool read_members();
  bool read_head();

  std::string_view source_;
  std::vector<Member> members_;  // sorted by name, as they stand there
  EntryKind kind_{};
  Time time_;
};

}  // namespace chancery
