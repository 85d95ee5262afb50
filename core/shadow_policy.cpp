#include "core/shadow_policy.h"

#include "core/limits.h"

namespace chancery {
namespace {

/// Enough of a version to know it by.
constexpr std::size_t kVersionDigits = 16;

std::string rule_of(const Duties* duties) {
  return duties != nullptr && duties->approval ? duties->approval->rule : std::string();
}

/// At most `bytes` of UTF-8, whole characters.
std::string beginning_of(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  constexpr std::string_view kMore = "...";
  std::size_t end = bytes - kMore.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end).append(kMore);
}

std::string answer(bool allowed, const std::string& grant, const std::string& reason,
                   const std::string& approval) {
  if (!allowed) return "refused: " + reason;
  return "allowed by " + grant + (approval.empty() ? "" : ", with an approval by " + approval);
}

void count(std::map<std::string, std::uint64_t>& counts, const std::string& grant, bool full) {
  if (full && !counts.contains(grant)) {
    ++counts[""];
  } else {
    ++counts[grant];
  }
}

}  // namespace

std::string Shadow::compare(const Policy::Verdict& in_force, const Machine& machine,
                            const PolicyQuestion& question, Time at) {
  ++decisions_;
  const Decision candidate = candidate_->decide(machine, question, at);
  const std::string before = in_force.allowed ? rule_of(in_force.duties.get()) : "";
  const std::string after = candidate.allowed() ? rule_of(candidate.duties()) : "";
  if (candidate.allowed() == in_force.allowed && before.empty() == after.empty()) return {};
  ++differences_;
  Difference difference{at, machine.text(), question.operation,
                        answer(in_force.allowed, in_force.grant, in_force.reason, before),
                        answer(candidate.allowed(), candidate.grant(), candidate.reason(), after)};
  for (std::string* text : {&difference.in_force, &difference.candidate}) {
    *text = beginning_of(std::move(*text), limits::shadow_answer_bytes);
  }
  std::string text = beginning_of(version().substr(0, kVersionDigits) + ": " + difference.candidate,
                                  limits::shadow_answer_bytes);
  keep(std::move(difference), in_force, candidate);
  return text;
}

void Shadow::keep(Difference difference, const Policy::Verdict& in_force,
                  const Decision& candidate) {
  const std::lock_guard lock(mutex_);
  const bool full = refused_.size() + allowed_.size() >= limits::shadow_grants;
  if (candidate.allowed()) {
    count(allowed_, candidate.grant(), full);
  } else {
    count(refused_, in_force.grant, full);
  }
  if (last_.size() == limits::shadow_differences) last_.pop_front();
  last_.push_back(std::move(difference));
}

Shadow::Report Shadow::report() const {
  const std::lock_guard lock(mutex_);
  return {.version = version(),
          .started_by = started_by_,
          .since = since_,
          .decisions = decisions_,
          .differences = differences_,
          .refused = refused_,
          .allowed = allowed_,
          .last = {last_.begin(), last_.end()}};
}

Policy::Verdict ShadowedPolicy::evaluate(const Machine& machine, const PolicyQuestion& question,
                                         Time at) const {
  Verdict verdict = ask(*in_force_, machine, question, at);
  verdict.shadow = shadow_->compare(verdict, machine, question, at);
  return verdict;
}

}  // namespace chancery
