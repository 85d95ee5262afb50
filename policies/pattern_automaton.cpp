#include "policies/pattern_automaton.h"

#include <utility>

namespace chancery {
namespace {

/// A part before the @ is one segment, whatever dots it has.
constexpr char kNoSeparator = '\0';

bool is_mark(char c) {
  return c == kAnyMark || c == kRestMark;
}

}  // namespace

PatternAutomaton::PatternAutomaton(PatternKind kind, std::string form)
    : kind_(kind),
      syntax_(syntax_of(kind)),
      form_(std::move(form)),
      wildcard_(form_.size() + 1, false) {
  if (kind_ == PatternKind::email) {
    domain_ = form_.rfind('@') + 1;
    nothing_ = form_.find('@') + 1 != domain_;
  }
  bool wildcard = false;
  for (std::size_t i = 0; i < form_.size(); ++i) {
    wildcard_[i] = wildcard;
    if (is_mark(form_[i])) wildcard = true;
    if (form_[i] == syntax_at(i).separator) wildcard = false;
  }
  wildcard_[form_.size()] = wildcard;
}

PatternAutomaton::State PatternAutomaton::pack(Point point) {
  return static_cast<State>(point.at * 8 + (point.inside ? 4 : 0) + point.dots);
}
PatternAutomaton::Point PatternAutomaton::unpack(State state) {
  return {state / 8, (state & 4) != 0, state & 3};
}

NameSyntax PatternAutomaton::syntax_at(std::size_t at) const {
  if (kind_ != PatternKind::email) return syntax_;
  if (at >= domain_) return syntax_of(PatternKind::dns_name);
  return {kNoSeparator, syntax_.covered};
}

bool PatternAutomaton::is_wild(std::size_t at) const {
  return at < form_.size() && is_mark(form_[at]);
}

/// A segment that a wildcard stands for is no dot segment.
bool PatternAutomaton::ends_well(std::size_t end, unsigned dots) const {
  return !wildcard_[end] || (dots != 1 && dots != 2);
}

bool PatternAutomaton::covers(char character) const {
  if (kind_ != PatternKind::email) return syntax_.covered(character);
  return syntax_.covered(character) || syntax_of(PatternKind::dns_name).covered(character);
}

void PatternAutomaton::step(State state, char character, std::vector<State>& next) const {
  if (nothing_) return;
  const Point point = unpack(state);
  step_at(point, character, next);
  // A wildcard that stands for something may end here.
  if (point.inside) step_at({point.at + 1, false, point.dots}, character, next);
}

void PatternAutomaton::step_at(Point point, char character, std::vector<State>& next) const {
  if (point.at == form_.size()) return;
  const NameSyntax syntax = syntax_at(point.at);
  const bool separates = character == syntax.separator;
  unsigned dots = 0;
  if (syntax.separator == '/' && !separates) {
    dots = character == '.' && point.dots < 2 ? point.dots + 1 : 3;
  }
  if (!is_wild(point.at)) {
    if (character != form_[point.at]) return;
    if (separates && !ends_well(point.at, point.dots)) return;
    next.push_back(pack({point.at + 1, false, dots}));
    return;
  }
  if (separates) {
    // Only ** goes on, and not from an empty segment.
    if (form_[point.at] != kRestMark || !point.inside) return;
    if (point.dots == 1 || point.dots == 2) return;
    next.push_back(pack({point.at, false, 0}));
    return;
  }
  if (syntax.covered(character)) next.push_back(pack({point.at, true, dots}));
}

bool PatternAutomaton::accepts(State state) const {
  if (nothing_) return false;
  const Point point = unpack(state);
  const std::size_t at = point.at + (point.inside ? 1 : 0);
  return at == form_.size() && ends_well(form_.size(), point.dots);
}

}  // namespace chancery
