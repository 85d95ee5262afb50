#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/machine.h"

namespace chancery {

/// What a pattern is compared with; decides its segments and characters. docs/policy.md has the
/// table.
enum class PatternKind {
  machine_name,
  dns_name,
  key,
  uri,
  email,
  common_name,
  text,  ///< values of attributes and fields of messages: any text, with parts between slashes
};

/// A name with wildcards, compared segment by segment ('.' between the labels of names, '/' between
/// the parts of a URI or text):
///   *            one or more characters within one segment, at most once in it: web-*, *-db, *
///   **           one or more whole segments, at most once in a pattern
///   {machine.…}  a variable or an attribute of the asking machine, inserted literally
/// A wildcard never covers an empty segment. Comparing takes one pass over both sides.
class Pattern {
 public:
  /// The error's message says what is wrong with `source`, without a place.
  static Result<Pattern> parse(PatternKind kind, std::string_view source);
  /// The same without variables, for patterns of machines themselves.
  static Result<Pattern> parse_without_variables(PatternKind kind, std::string_view source);

  /// A variable that `machine` does not have (the SPIFFE ID of a machine without one) makes the
  /// pattern match nothing.
  [[nodiscard]] bool matches(std::string_view value, const Machine& machine) const;

  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] bool has_variables() const { return has_variables_; }
  [[nodiscard]] bool has_wildcards() const { return has_wildcards_; }
  /// The source with its variables replaced; empty where the machine lacks one.
  [[nodiscard]] std::string expanded(const Machine& machine) const;
  [[nodiscard]] PatternKind kind() const { return kind_; }
  /// The pattern with its variables replaced and one byte, kAnyMark or kRestMark, for each
  /// wildcard: what it covers is regular. Nothing where the machine lacks a variable.
  [[nodiscard]] std::optional<std::string> form(const Machine& machine) const;
  /// The same with its variables: a byte of 0x10 and above each, or the name of an attribute
  /// between 0x03 and 0x04.
  [[nodiscard]] const std::string& form() const { return form_; }

 private:
  Pattern(PatternKind kind, std::string_view source) : kind_(kind), source_(source) {}
  PatternKind kind_;
  bool has_variables_ = false;
  bool has_wildcards_ = false;
  std::string source_;
  // source_ with one-byte marks for wildcards and variables; an attribute is its name between two
  std::string form_;
};

/// Marks in forms. No name has control characters, so that a mark is never text.
inline constexpr char kAnyMark = '\x01';   ///< *
inline constexpr char kRestMark = '\x02';  ///< **

/// How names of a kind are compared.
struct NameSyntax {
  char separator;                   ///< of segments
  bool (*covered)(char character);  ///< what wildcards stand for, but for separators
};
NameSyntax syntax_of(PatternKind kind);

/// Whether one wildcard may stand for the whole `segment`, or for what is left of it between its
/// first `before` and last `after` characters: at least one character, and none of those that
/// patterns of this kind exclude.
bool wildcard_covers(PatternKind kind, std::string_view segment, std::size_t before = 0,
                     std::size_t after = 0);

}  // namespace chancery
