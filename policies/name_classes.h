#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "policies/name_universe.h"
#include "policies/pattern_automaton.h"

namespace chancery {

/// Names that any of these patterns covers.
using NameSet = std::vector<PatternAutomaton>;

/// Patterns into which (a part of) the name is inserted elsewhere. Names are told apart by what
/// they do to these automata: from which state they lead to which. Two names that do the same can
/// be exchanged wherever they are inserted between constant text.
struct NameInsertion {
  enum class Part { whole, spiffe_domain, spiffe_path };
  Part part{};
  NameSet constants;
};

/// Names that are alike: the same sets have them, and they do the same where they are inserted.
struct NameClass {
  std::string name;              ///< one of the shortest
  std::vector<bool> is_covered;  ///< by set
};

/// All classes of names of `universe` that are not empty. too_large where limits::analysis_states
/// are not enough to tell them apart, with some of the patterns in the message.
Result<std::vector<NameClass>> name_classes(NameUniverse universe, std::span<const NameSet> sets,
                                            std::span<const NameInsertion> insertions = {});

}  // namespace chancery
