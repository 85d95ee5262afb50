#include "core/authentication_failures.h"

namespace chancery {

void AuthenticationFailures::note(const std::string& source, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = seen_.find(source);
    if (found != seen_.end()) {
      ++found->second.more;
      found->second.reason = reason;
      return;
    }
    if (seen_.size() >= limits::authentication_failure_sources) {
      ++others_.more;
      others_.reason = reason;
      return;
    }
    seen_.emplace(source, Seen{});
  }
  write(source, reason, 1);
}

void AuthenticationFailures::flush() {
  std::map<std::string, Seen> seen;
  Seen others;
  {
    const std::lock_guard lock(mutex_);
    seen.swap(seen_);
    std::swap(others, others_);
  }
  for (const auto& [source, counted] : seen) {
    if (counted.more > 0) write(source, counted.reason, counted.more);
  }
  if (others.more > 0) write("", others.reason, others.more);
}

void AuthenticationFailures::write(const std::string& source, const std::string& reason,
                                   std::uint64_t count) {
  AuditEntry entry(EntryKind::authentication);
  entry.set("source", source.empty() ? "others" : source);
  entry.set("reason", reason);
  entry.set("count", count);
  // A log that cannot take it has closed itself and says so; the request is refused either way.
  [[maybe_unused]] const auto recorded =
      log_.record({new_request_id(), Machine::self()}, std::move(entry));
}

}  // namespace chancery
