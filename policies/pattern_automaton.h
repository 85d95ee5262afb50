#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policies/pattern.h"

namespace chancery {

/// What one pattern covers, as a nondeterministic automaton that reads a name character by
/// character. It accepts exactly the names that Pattern::matches() does.
class PatternAutomaton {
 public:
  using State = std::uint32_t;

  /// `form` as of Pattern::form(machine).
  PatternAutomaton(PatternKind kind, std::string form);

  [[nodiscard]] State initial() const { return 0; }
  /// Appends the states after `character`; none where nothing that goes on so is covered.
  void step(State state, char character, std::vector<State>& next) const;
  [[nodiscard]] bool accepts(State state) const;
  /// States are below this.
  [[nodiscard]] State bound() const { return static_cast<State>(form_.size() + 1) * 8; }

  [[nodiscard]] const std::string& form() const { return form_; }
  /// What wildcards stand for at some place of the form.
  [[nodiscard]] bool covers(char character) const;

 private:
  /// A place in the form; within a wildcard, whether it has begun to stand for something; and how
  /// much of the segment has been read, as far as RFC 3986's dot segments need it.
  struct Point {
    std::size_t at = 0;
    bool inside = false;
    unsigned dots = 0;  ///< 0: the segment is empty, 1: ".", 2: "..", 3: anything else
  };
  static State pack(Point point);
  static Point unpack(State state);
  void step_at(Point point, char character, std::vector<State>& next) const;
  [[nodiscard]] NameSyntax syntax_at(std::size_t at) const;
  [[nodiscard]] bool is_wild(std::size_t at) const;
  [[nodiscard]] bool ends_well(std::size_t end, unsigned dots) const;

  PatternKind kind_;
  NameSyntax syntax_;
  std::string form_;
  std::size_t domain_ = 0;      // of an e-mail address: where it begins
  std::vector<bool> wildcard_;  // whether the segment that ends before this place has a wildcard
  bool nothing_ = false;        // an e-mail address with two @
};

}  // namespace chancery
