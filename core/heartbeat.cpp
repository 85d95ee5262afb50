#include "core/heartbeat.h"

#include "core/instance.h"

namespace chancery {

Heartbeat::Heartbeat(AuditLog& log, Seconds interval)
    : log_(log),
      interval_(interval),
      size_(log.head().size),
      since_(std::chrono::steady_clock::now()) {}

Result<void> Heartbeat::beat() {
  const auto at = std::chrono::steady_clock::now();
  const std::uint64_t size = log_.head().size;
  if (size != size_) {
    size_ = size;
    since_ = at;
    return {};
  }
  if (at - since_ < interval_) return {};
  AuditEntry entry(EntryKind::heartbeat);
  entry.set("interval", format_duration(interval_));
  ASSIGN_OR_RETURN([[maybe_unused]] const std::uint64_t index,
                   log_.record(Instance::self().context, std::move(entry)));
  return {};
}

}  // namespace chancery
