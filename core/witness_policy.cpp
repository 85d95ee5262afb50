#include "core/witness_policy.h"

#include <algorithm>

#include "core/limits.h"
#include "core/witness_request.h"

namespace chancery {
namespace {

Failure wrong(const std::string& what) {
  return invalid("policy", what);
}

/// C2SP tlog-policy, "Character set".
bool is_permitted(char c) {
  return c == '\t' || c == '\n' || (c >= 0x20 && c < 0x7f) || static_cast<unsigned char>(c) >= 0x80;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == line.npos) return words;
    const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

std::string quoted(std::string_view word) {
  return "\"" + std::string(word) + "\"";
}

template <class Verifiers, class Spki>
bool has_key(const Verifiers& verifiers, const Bytes& key, Spki spki) {
  return std::ranges::any_of(verifiers, [&](const auto& one) { return spki(one) == key; });
}

}  // namespace

Result<WitnessPolicy> WitnessPolicy::parse(std::string_view text) {
  if (text.size() > limits::witness_policy_bytes) return wrong("the witness policy is too long");
  WitnessPolicy policy;
  for (unsigned number = 1; !text.empty(); ++number) {
    const std::string place = "line " + std::to_string(number) + ": ";
    const auto line = take_note_line(text);
    if (!line) return wrong(place + "has no newline at its end");
    if (!std::ranges::all_of(*line, is_permitted)) return wrong(place + "has a control character");
    const Words words = words_of(*line);
    if (words.empty() || words.front().starts_with('#')) continue;
    if (const auto read = policy.read_line(words); !read) {
      return wrong(place + read.error().message);
    }
  }
  if (!policy.has_quorum_line_) return wrong("the witness policy has no line \"quorum\"");
  return policy;
}

Result<void> WitnessPolicy::read_line(const Words& words) {
  if (words.front() == "log") return read_log(words);
  if (words.front() == "witness") return read_witness(words);
  if (words.front() == "group") return read_group(words);
  if (words.front() == "quorum") return read_quorum(words);
  return wrong(quoted(words.front()) + " is none of log, witness, group, quorum");
}

Result<void> WitnessPolicy::read_log(const Words& words) {
  if (words.size() < 2 || words.size() > 3) return wrong("must be: log VKEY [URL]");
  ASSIGN_OR_RETURN(NoteVerifier verifier, NoteVerifier::parse(words[1]));
  if (has_key(logs_, verifier.spki(), [](const auto& log) { return log.spki(); })) {
    return wrong("another log has this key");
  }
  if (logs_.size() == limits::witness_policy_names) return wrong("there are too many logs");
  logs_.push_back(std::move(verifier));
  return {};
}

Result<void> WitnessPolicy::read_witness(const Words& words) {
  if (words.size() < 3 || words.size() > 4) return wrong("must be: witness NAME VKEY [URL]");
  ASSIGN_OR_RETURN(CosignatureVerifier verifier, CosignatureVerifier::parse(words[2]));
  if (has_key(witnesses_, verifier.spki(), [](const auto& one) { return one.verifier.spki(); })) {
    return wrong("another witness has this key");
  }
  if (witnesses_.size() == limits::witness_policy_names)
    return wrong("there are too many witnesses");
  std::string url(words.size() == 4 ? words[3] : "");
  if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://")) {
    return wrong("the URL must begin with http:// or https://");
  }
  while (url.ends_with('/')) url.pop_back();
  Node node;
  node.witness = witnesses_.size();
  RETURN_IF_ERROR(define(words[1], std::move(node)));
  witnesses_.push_back({std::string(words[1]), std::move(verifier), std::move(url)});
  return {};
}

Result<void> WitnessPolicy::read_group(const Words& words) {
  if (words.size() < 4) return wrong("must be: group NAME all|any|NUMBER NAME…");
  if (nodes_.size() - witnesses_.size() == limits::witness_policy_names) {
    return wrong("there are too many groups");
  }
  Node node;
  for (std::size_t i = 3; i < words.size(); ++i) {
    ASSIGN_OR_RETURN(const std::size_t member, find(words[i]));
    if (grouped_[member]) return wrong(quoted(words[i]) + " is a member of a group already");
    grouped_[member] = true;
    node.members.push_back(member);
  }
  const auto number = parse_decimal(words[2]);
  node.threshold = words[2] == "all"   ? node.members.size()
                   : words[2] == "any" ? 1
                                       : number.value_or(0);
  if (node.threshold == 0 || node.threshold > node.members.size()) {
    return wrong("of " + std::to_string(node.members.size()) + " members " + quoted(words[2]) +
                 " cannot have signed");
  }
  return define(words[1], std::move(node));
}

Result<void> WitnessPolicy::read_quorum(const Words& words) {
  if (words.size() != 2) return wrong("must be: quorum NAME, or quorum none");
  if (has_quorum_line_) return wrong("there is a quorum already");
  has_quorum_line_ = true;
  if (words[1] == "none") return {};
  ASSIGN_OR_RETURN(quorum_, find(words[1]));
  return {};
}

Result<void> WitnessPolicy::define(std::string_view name, Node node) {
  if (name == "none") return wrong("the name \"none\" is taken");
  if (!names_.emplace(name, nodes_.size()).second)
    return wrong(quoted(name) + " is defined already");
  nodes_.push_back(std::move(node));
  grouped_.push_back(false);
  return {};
}

Result<std::size_t> WitnessPolicy::find(std::string_view name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return wrong(quoted(name) + " is not defined before");
  return found->second;
}

bool WitnessPolicy::has_quorum(std::string_view note) const {
  if (!quorum_) return true;
  std::vector<bool> satisfied;  // members come before their group
  for (const Node& node : nodes_) {
    const auto count = std::ranges::count_if(node.members, [&](auto i) { return satisfied[i]; });
    satisfied.push_back(node.witness ? witnesses_[*node.witness].verifier.find_in(note).has_value()
                                     : static_cast<std::size_t>(count) >= node.threshold);
  }
  return satisfied[*quorum_];
}

}  // namespace chancery
