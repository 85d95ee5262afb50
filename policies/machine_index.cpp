#include "policies/machine_index.h"

#include <algorithm>
#include <tuple>

namespace chancery {

MachineIndex::MachineIndex()
    : indices_{PatternIndex(PatternKind::machine_name), PatternIndex(PatternKind::dns_name),
               PatternIndex(PatternKind::uri), PatternIndex(PatternKind::machine_name)} {}

void MachineIndex::add(const MachinePattern& pattern, GrantId grant, OperationSet operations) {
  std::uint32_t& number = index(pattern.kind).value(pattern.text, pattern.wildcards);
  if (number == 0) number = ++patterns_;
  postings_.push_back({number, grant, operations});
}

void MachineIndex::finish() {
  std::sort(postings_.begin(), postings_.end(), [](const Posting& a, const Posting& b) {
    return std::tie(a.pattern, a.grant) < std::tie(b.pattern, b.grant);
  });
  postings_.shrink_to_fit();
  starts_.assign(patterns_ + 2, 0);
  for (const Posting& posting : postings_) ++starts_[posting.pattern + 1];
  for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
}

std::span<const MachineIndex::Posting> MachineIndex::postings(std::uint32_t pattern) const {
  return std::span(postings_).subspan(starts_[pattern], starts_[pattern + 1] - starts_[pattern]);
}

std::pmr::vector<std::uint32_t> MachineIndex::patterns(const Machine& machine,
                                                       std::pmr::memory_resource* memory) const {
  std::pmr::vector<std::uint32_t> found(memory);
  found.reserve(16);
  index(IdentityKind::name).find(machine.name.text(), found);
  index(IdentityKind::spiffe).find(machine.spiffe_id, found);
  index(IdentityKind::fingerprint).find(machine.fingerprint, found);
  for (const std::string& name : machine.dns_names) index(IdentityKind::dns).find(name, found);
  return found;
}

std::pmr::vector<GrantId> MachineIndex::find(const Machine& machine, Operation operation,
                                             std::pmr::memory_resource* memory) const {
  std::pmr::vector<GrantId> grants(memory);
  grants.reserve(16);
  for (std::uint32_t pattern : patterns(machine, memory)) {
    for (const Posting& posting : postings(pattern)) {
      if (posting.operations.has(operation)) grants.push_back(posting.grant);
    }
  }
  std::sort(grants.begin(), grants.end());
  grants.erase(std::unique(grants.begin(), grants.end()), grants.end());
  return grants;
}

std::optional<GrantId> MachineIndex::first(const Machine& machine) const {
  std::optional<GrantId> first;
  for (std::uint32_t pattern : patterns(machine, std::pmr::get_default_resource())) {
    const GrantId grant = postings(pattern).front().grant;
    if (!first || grant < *first) first = grant;
  }
  return first;
}

std::optional<GrantId> MachineIndex::first_exact(const MachinePattern& identity,
                                                 OperationSet operations) const {
  const std::uint32_t pattern = index(identity.kind).exact(identity.text);
  if (pattern == 0) return std::nullopt;
  for (const Posting& posting : postings(pattern)) {
    if (posting.operations.meets(operations)) return posting.grant;
  }
  return std::nullopt;
}

}  // namespace chancery
