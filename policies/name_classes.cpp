#include "policies/name_classes.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/limits.h"

namespace chancery {
namespace {

using State = PatternAutomaton::State;
using Word = std::vector<State>;  ///< states with separators: a key

constexpr State kEnd = ~State{0};
constexpr std::string_view kPreferred =
    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

struct WordHash {
  std::size_t operator()(const Word& word) const {
    std::size_t hash = 14695981039346656037u;  // FNV-1a
    for (State state : word) hash = (hash ^ state) * 1099511628211u;
    return hash;
  }
};

/// One character of each sort that the automata tell apart.
class Alphabet {
 public:
  explicit Alphabet(const UniverseAutomaton& universe) : universe_(universe) {}
  void add(const PatternAutomaton& automaton) {
    for (char c : automaton.form()) literals_[static_cast<unsigned char>(c)] = true;
    automata_.push_back(&automaton);
  }
  [[nodiscard]] std::string characters() const {
    std::string all(kPreferred);
    for (int byte = 0x20; byte < 256; ++byte) {
      const char c = static_cast<char>(byte);
      if (kPreferred.find(c) == kPreferred.npos) all += c;
    }
    std::string chosen;
    std::set<std::vector<unsigned>> known;
    for (char c : all) {
      const unsigned sort = universe_.sort(c);
      if (sort == 0) continue;
      std::vector<unsigned> key = {sort};
      if (literals_[static_cast<unsigned char>(c)]) {
        key.push_back(256u + static_cast<unsigned char>(c));
      } else {
        for (const PatternAutomaton* automaton : automata_) key.push_back(automaton->covers(c));
      }
      if (known.insert(std::move(key)).second) chosen += c;
    }
    return chosen;
  }

 private:
  const UniverseAutomaton& universe_;
  std::vector<bool> literals_ = std::vector<bool>(256, false);
  std::vector<const PatternAutomaton*> automata_;
};

/// States of several automata side by side: each has a range of numbers.
class Union {
 public:
  void add(const NameSet& set) {
    for (const PatternAutomaton& automaton : set) {
      automata_.push_back(&automaton);
      starts_.push_back(bound_);
      bound_ += automaton.bound();
    }
  }
  [[nodiscard]] Word initial() const {
    Word states;
    for (std::size_t i = 0; i < automata_.size(); ++i) {
      states.push_back(starts_[i] + automata_[i]->initial());
    }
    return states;
  }
  /// Sorted, without repetition.
  void step(std::span<const State> states, char c, Word& next) const {
    const std::size_t begin = next.size();
    std::vector<State> local;
    for (State state : states) {
      const std::size_t i = index_of(state);
      local.clear();
      automata_[i]->step(state - starts_[i], c, local);
      for (State one : local) next.push_back(starts_[i] + one);
    }
    const auto first = next.begin() + static_cast<std::ptrdiff_t>(begin);
    std::sort(first, next.end());
    next.erase(std::unique(first, next.end()), next.end());
  }
  [[nodiscard]] bool accepts(State state) const {
    const std::size_t i = index_of(state);
    return automata_[i]->accepts(state - starts_[i]);
  }
  /// The position, among all that were added, of the automaton that has `state`.
  [[nodiscard]] std::size_t index_of(State state) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), state);
    return static_cast<std::size_t>(after - starts_.begin()) - 1;
  }
  /// All states that some text leads to.
  [[nodiscard]] Word reachable(const std::string& characters) const {
    std::set<State> known;
    Word waiting = initial();
    known.insert(waiting.begin(), waiting.end());
    while (!waiting.empty()) {
      const State state = waiting.back();
      waiting.pop_back();
      for (char c : characters) {
        Word next;
        step({&state, 1}, c, next);
        for (State one : next) {
          if (known.insert(one).second) waiting.push_back(one);
        }
      }
    }
    return {known.begin(), known.end()};
  }

 private:
  std::vector<const PatternAutomaton*> automata_;
  std::vector<State> starts_;
  State bound_ = 0;
};

/// Where the parts of a SPIFFE ID begin, in the states of UniverseAutomaton.
constexpr std::size_t kDomainState = 9, kPathState = 11;

bool feeds(NameInsertion::Part part, UniverseAutomaton::State before, char c) {
  switch (part) {
    case NameInsertion::Part::whole:
      return true;
    case NameInsertion::Part::spiffe_domain:
      return before >= kDomainState && before < kPathState && c != '/';
    case NameInsertion::Part::spiffe_path:
      return before >= kPathState;
  }
  CHECK(!"every part is fed");
  return false;
}

/// Breadth first, so that the first name of a class is one of its shortest.
class Search {
 public:
  Search(NameUniverse universe, bool labels, std::span<const NameSet> sets,
         std::span<const NameInsertion> insertions)
      : kind_(universe),
        labels_(labels),
        universe_(universe, labels),
        sets_(sets),
        insertions_(insertions),
        actions_(insertions.size()) {
    Alphabet alphabet(universe_);
    for (const NameSet& set : sets) {
      union_.add(set);
      ends_.push_back(ends_.empty() ? set.size() : ends_.back() + set.size());
      for (const PatternAutomaton& automaton : set) alphabet.add(automaton);
    }
    for (std::size_t i = 0; i < insertions.size(); ++i) {
      actions_[i].add(insertions[i].constants);
      for (const PatternAutomaton& automaton : insertions[i].constants) alphabet.add(automaton);
    }
    characters_ = alphabet.characters();
  }

  /// False where labels have to be counted.
  Result<bool> run() {
    RETURN_IF_ERROR(enter(first(), 0, '\0'));
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      RETURN_IF_ERROR(collect(i));
      if (needs_labels_) return false;
      for (char c : characters_) RETURN_IF_ERROR(go(i, c));
    }
    return true;
  }
  std::vector<NameClass> take_classes() { return std::move(classes_); }

 private:
  struct Node {
    const Word* key;  // universe state, states of the sets, kEnd, for each insertion its action
    std::size_t parent;
    char character;
  };

  Word first() const {
    Word key = {universe_.initial()};
    const Word states = union_.initial();
    key.insert(key.end(), states.begin(), states.end());
    key.push_back(kEnd);
    for (const Union& action : actions_) {
      for (State state : action.reachable(characters_)) {
        key.push_back(state);
        key.push_back(kEnd);
      }
      key.push_back(kEnd);
    }
    return key;
  }

  Result<void> go(std::size_t from, char c) {
    const Word& key = *nodes_[from].key;
    const State before = key[0];
    const State after = universe_.step(before, c);
    if (after == UniverseAutomaton::kDead) return {};
    Word next = {after};
    std::size_t at = 1;
    const auto take = [&](const Union& automata, bool fed) {
      std::size_t end = at;
      while (key[end] != kEnd) ++end;
      const std::span<const State> states(key.data() + at, end - at);
      if (fed) {
        automata.step(states, c, next);
      } else {
        next.insert(next.end(), states.begin(), states.end());
      }
      next.push_back(kEnd);
      at = end + 1;
    };
    take(union_, true);
    for (std::size_t i = 0; i < actions_.size(); ++i) {
      const bool fed = feeds(insertions_[i].part, before, c);
      for (std::size_t left = starts_of(i); left > 0; --left) take(actions_[i], fed);
      next.push_back(kEnd);
      ++at;
    }
    return enter(std::move(next), from, c);
  }

  std::size_t starts_of(std::size_t insertion) {
    if (starts_.empty()) {
      for (const Union& action : actions_) starts_.push_back(action.reachable(characters_).size());
    }
    return starts_[insertion];
  }

  Result<void> enter(Word key, std::size_t parent, char c) {
    const auto [entry, added] = known_.try_emplace(std::move(key), nodes_.size());
    if (!added) return {};
    words_ += entry->first.size();
    if (nodes_.size() == limits::analysis_states || words_ > limits::analysis_state_words) {
      return too_many();
    }
    nodes_.push_back({&entry->first, parent, c});
    return {};
  }

  Failure too_many() const {
    std::string patterns;
    for (const NameSet& set : sets_) {
      for (const PatternAutomaton& automaton : set) {
        if (patterns.size() > 100) break;
        std::string text;
        for (char c : automaton.form()) {
          text += c == kAnyMark ? "*" : c == kRestMark ? "**" : std::string(1, c);
        }
        patterns += (patterns.empty() ? "\"" : ", \"") + text + "\"";
      }
    }
    return fail(ErrorCode::too_large,
                "there are too many distinct cases of names to tell apart by the patterns " +
                    patterns + ", …");
  }

  Result<void> collect(std::size_t i) {
    const Word& key = *nodes_[i].key;
    if (i == 0 || !universe_.accepts(key[0])) return {};
    std::vector<bool> covered(sets_.size(), false);
    std::size_t at = 1;
    for (; key[at] != kEnd; ++at) {
      if (union_.accepts(key[at])) covered[set_of(union_.index_of(key[at]))] = true;
    }
    Word signature(key.begin() + static_cast<std::ptrdiff_t>(at), key.end());
    for (bool one : covered) signature.push_back(one ? 1 : 0);
    if (!seen_.insert(std::move(signature)).second) return {};
    std::string name;
    for (std::size_t node = i; node != 0; node = nodes_[node].parent) {
      name += nodes_[node].character;
    }
    std::reverse(name.begin(), name.end());
    if (!is_in(kind_, name)) return too_long(name);
    if (classes_.size() == limits::analysis_classes) return too_many();
    classes_.push_back({std::move(name), std::move(covered)});
    return {};
  }

  /// The shortest of its class: where only the whole is too long, the class is empty.
  Result<void> too_long(const std::string& name) {
    const bool has_labels = kind_ == NameUniverse::dns_name || kind_ == NameUniverse::email;
    if (has_labels && !labels_) needs_labels_ = true;
    const bool local = kind_ == NameUniverse::email && name.find('@') > 64 && name.size() <= 254;
    if (local) return too_many();
    return {};
  }

  std::size_t set_of(std::size_t automaton) const {
    const auto after = std::upper_bound(ends_.begin(), ends_.end(), automaton);
    return static_cast<std::size_t>(after - ends_.begin());
  }

  NameUniverse kind_;
  bool labels_;
  UniverseAutomaton universe_;
  std::span<const NameSet> sets_;
  std::span<const NameInsertion> insertions_;
  Union union_;
  std::vector<std::size_t> ends_;  // of the sets, in automata
  std::vector<Union> actions_;
  std::vector<std::size_t> starts_;
  std::string characters_;
  std::unordered_map<Word, std::size_t, WordHash> known_;
  std::vector<Node> nodes_;
  std::size_t words_ = 0;
  std::set<Word> seen_;
  bool needs_labels_ = false;
  std::vector<NameClass> classes_;
};

}  // namespace

Result<std::vector<NameClass>> name_classes(NameUniverse universe, std::span<const NameSet> sets,
                                            std::span<const NameInsertion> insertions) {
  for (bool labels : {false, true}) {
    Search search(universe, labels, sets, insertions);
    ASSIGN_OR_RETURN(const bool done, search.run());
    if (done) return search.take_classes();
  }
  CHECK(!"labels are counted the second time");
  return std::vector<NameClass>{};
}

}  // namespace chancery
