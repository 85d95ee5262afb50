#include "policies/pattern.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/field_path.h"
#include "core/limits.h"
#include "core/machine_attribute.h"
#include "core/subject.h"

namespace chancery {
namespace {

constexpr char kStar = kAnyMark;
constexpr char kRest = kRestMark;
constexpr char kAttribute = '\x03';  // then its name, then
constexpr char kAttributeEnd = '\x04';
constexpr char kFirstVariable = '\x10';

constexpr std::string_view kAttributePrefix = "machine.attribute.";

struct VariableRow {
  std::string_view name;
  std::string_view (*value)(const Machine&);
};

/// What follows spiffe:// up to the first slash, or after it (SPIFFE-ID section 2).
std::string_view trust_domain(const Machine& machine) {
  const std::string_view id = machine.spiffe_id;
  if (!id.starts_with("spiffe://")) return {};
  const std::string_view rest = id.substr(9);
  return rest.substr(0, rest.find('/'));
}
std::string_view spiffe_path(const Machine& machine) {
  const std::size_t domain = trust_domain(machine).size();
  if (domain == 0 || machine.spiffe_id.size() <= 10 + domain) return {};
  return std::string_view(machine.spiffe_id).substr(10 + domain);
}

constexpr std::array kVariables = {
    VariableRow{"machine.name",
                [](const Machine& machine) -> std::string_view { return machine.name.text(); }},
    VariableRow{"machine.spiffe_id",
                [](const Machine& machine) -> std::string_view { return machine.spiffe_id; }},
    VariableRow{"machine.spiffe_domain", trust_domain},
    VariableRow{"machine.spiffe_path", spiffe_path},
};

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_name_character(char c) {
  return is_lower_or_digit(c) || c == '-' || c == '_';
}
/// RFC 3986 section 2.3; a wildcard must not reach over ? # @ : or %.
bool is_unreserved(char c) {
  return is_name_character(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '~';
}
bool is_graphic(char c) {
  return c > 0x20 && c < 0x7f;
}

struct KindRow {
  PatternKind kind;
  std::string_view noun;
  char separator;
  bool (*literal)(char);  ///< what the pattern may contain beside separators and wildcards
  bool (*covered)(char);  ///< what a wildcard may stand for
  bool empty_segments;    ///< spiffe://a has one
  bool (*whole)(std::string_view);  ///< what a pattern without wildcards and variables must be
};

/// A requested "*.example.com" is a name too: its label "*" is covered by the wildcard * and
/// nothing narrower, because the certificate speaks for every such label.
bool is_dns_covered(char c) {
  return is_name_character(c) || c == '*';
}
bool is_email_covered(char c) {
  return is_graphic(c) && c != '@';
}
bool is_text(char c) {
  return !is_control(c);
}

// In the order of the enumerators.
constexpr std::array kKinds = {
    KindRow{PatternKind::machine_name, "machine name", '.', is_name_character, is_name_character,
            false, [](std::string_view text) { return MachineName::parse(text).has_value(); }},
    KindRow{PatternKind::dns_name, "DNS name", '.', is_name_character, is_dns_covered, false,
            [](std::string_view text) { return is_dns_name(text, false); }},
    KindRow{PatternKind::key, "key name", '.', is_name_character, is_name_character, false,
            [](std::string_view text) { return KeyName::parse(text).has_value(); }},
    KindRow{PatternKind::uri, "URI", '/', is_graphic, is_unreserved, true, is_uri},
    KindRow{PatternKind::email, "email address", '.', is_graphic, is_email_covered, false,
            is_email},
    KindRow{PatternKind::common_name, "common name", '.', is_text, is_text, true,
            [](std::string_view) { return true; }},
    KindRow{PatternKind::text, "text", '/', is_text, is_text, true,
            [](std::string_view) { return true; }},
};

const KindRow& row_of(PatternKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

// --- Parsing -------------------------------------------------------------------------------

Failure refuse(std::string_view source, const std::string& problem) {
  return invalid("", "pattern \"" + std::string(source) + "\" " + problem);
}

/// What stands in the form for the variable `name`.
Result<std::string> encode_variable(std::string_view source, std::string_view name) {
  if (name.starts_with(kAttributePrefix)) {
    const std::string_view attribute = name.substr(kAttributePrefix.size());
    if (const auto good = check_attribute_name(attribute); !good) {
      return refuse(source,
                    "has the variable {" + std::string(name) + "}, but " + good.error().message);
    }
    return kAttribute + std::string(attribute) + kAttributeEnd;
  }
  std::array<std::string_view, kVariables.size() + 1> known;
  known.back() = "machine.attribute.NAME";
  for (std::size_t i = 0; i < kVariables.size(); ++i) {
    if (kVariables[i].name == name) {
      return std::string(1, static_cast<char>(kFirstVariable + static_cast<char>(i)));
    }
    known[i] = kVariables[i].name;
  }
  return refuse(source,
                "has the unknown variable {" + std::string(name) + "}" + did_you_mean(name, known));
}

/// Turns the text of a pattern into its form, which has marks for wildcards and variables.
Result<std::string> encode(const KindRow& kind, std::string_view source) {
  std::string form;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    if (c == '{') {
      const std::size_t end = source.find('}', i);
      if (end == source.npos) return refuse(source, "has a { without a }");
      ASSIGN_OR_RETURN(const std::string variable,
                       encode_variable(source, source.substr(i + 1, end - i - 1)));
      form += variable;
      i = end;
    } else if (c == '*') {
      const bool rest = source.substr(i).starts_with("**");
      form += rest ? kRest : kStar;
      i += rest ? 1 : 0;
    } else if (c == kind.separator || (c == '@' && kind.kind == PatternKind::email)) {
      form += c;
    } else if (c >= 'A' && c <= 'Z' && !kind.literal(c)) {
      return refuse(source, "has a capital letter; a " + std::string(kind.noun) + " is lower case");
    } else if (c == '}' || is_control(c) || !kind.literal(c)) {
      return refuse(source, "has a character that no " + std::string(kind.noun) + " has: \"" +
                                std::string(1, c) + "\"");
    } else {
      form += c;
    }
  }
  return form;
}

Result<void> check_segments(const KindRow& kind, std::string_view source, std::string_view form) {
  bool rest = false;
  for (std::size_t count = 1;; ++count) {
    if (count > limits::policy_segments) return refuse(source, "has too many segments");
    const std::size_t end = form.find(kind.separator);
    const std::string_view segment = form.substr(0, end);
    if (segment.empty() && !kind.empty_segments) return refuse(source, "has an empty label");
    const auto stars = std::count(segment.begin(), segment.end(), kStar);
    if (segment.find(kRest) != segment.npos) {
      if (segment.size() > 1) return refuse(source, "has ** beside other text in a segment");
      if (rest) return refuse(source, "has ** more than once");
      rest = true;
    } else if (stars > 1) {
      return refuse(source, "has * more than once in a segment");
    }
    if (end == form.npos) return {};
    form.remove_prefix(end + 1);
  }
}

/// The scheme is spelt out, and of a SPIFFE ID the trust domain too: a wildcard there would trust
/// whoever any trust anchor certifies.
Result<void> check_uri(std::string_view source, std::string_view form) {
  const std::string_view own_id = "{machine.spiffe_id}";
  if (source == own_id || source.starts_with(std::string(own_id) + "/")) return {};
  const std::size_t colon = form.find("://");
  if (colon == form.npos || colon == 0) return refuse(source, "must begin with scheme://");
  if (!std::all_of(form.begin(), form.begin() + static_cast<std::ptrdiff_t>(colon),
                   [](char c) { return is_lower_or_digit(c) || c == '+' || c == '-'; })) {
    return refuse(source, "must spell its scheme out, in lower case");
  }
  const std::string_view authority = form.substr(colon + 3, form.substr(colon + 3).find('/'));
  if (authority.empty()) return refuse(source, "names no host or trust domain");
  if (authority.find(kRest) != authority.npos) return refuse(source, "has ** before its path");
  if (form.starts_with("spiffe://") && authority.find(kStar) != authority.npos) {
    return refuse(source, "must spell the trust domain out");
  }
  return {};
}

Result<void> check_email(std::string_view source, std::string_view form) {
  if (std::count(form.begin(), form.end(), '@') != 1) return refuse(source, "must have one @");
  const std::string_view local = form.substr(0, form.find('@'));
  if (local.empty()) return refuse(source, "has nothing before the @");
  if (local.find(kRest) != local.npos) return refuse(source, "has ** before the @");
  if (std::count(local.begin(), local.end(), kStar) > 1) {
    return refuse(source, "has * more than once before the @");
  }
  return {};
}

// --- Matching ------------------------------------------------------------------------------

/// RFC 3986 section 5.2.4 removes these, and with them what the pattern meant.
bool is_dot_segment(std::string_view segment) {
  return segment == "." || segment == "..";
}

bool covers(const KindRow& kind, std::string_view segment, std::size_t before, std::size_t after) {
  if (segment.size() <= before + after) return false;
  if (kind.separator == '/' && is_dot_segment(segment)) return false;
  const std::string_view covered = segment.substr(before, segment.size() - before - after);
  return std::all_of(covered.begin(), covered.end(), kind.covered);
}

bool segment_matches(const KindRow& kind, std::string_view pattern, std::string_view value) {
  const std::size_t star = pattern.find(kStar);
  if (star == pattern.npos) return pattern == value;
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1);
  return value.starts_with(before) && value.ends_with(after) &&
         covers(kind, value, before.size(), after.size());
}

/// Splits the first segment off `text`; false where no separator follows it.
bool take_front(char separator, std::string_view& text, std::string_view& segment) {
  const std::size_t end = text.find(separator);
  segment = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return end != std::string_view::npos;
}
bool take_back(char separator, std::string_view& text, std::string_view& segment) {
  const std::size_t begin = text.rfind(separator);
  segment = begin == text.npos ? text : text.substr(begin + 1);
  text.remove_suffix(begin == text.npos ? text.size() : text.size() - begin);
  return begin != std::string_view::npos;
}

/// What ** stands for: whole segments, none empty.
bool rest_covers(const KindRow& kind, std::string_view text) {
  for (bool more = true; more;) {
    std::string_view segment;
    more = take_front(kind.separator, text, segment);
    if (!covers(kind, segment, 0, 0)) return false;
  }
  return true;
}

bool same_segments(const KindRow& kind, std::string_view pattern, std::string_view value) {
  for (;;) {
    std::string_view wanted, given;
    const bool more_wanted = take_front(kind.separator, pattern, wanted);
    const bool more_given = take_front(kind.separator, value, given);
    if (more_wanted != more_given || !segment_matches(kind, wanted, given)) return false;
    if (!more_wanted) return true;
  }
}

bool form_matches(const KindRow& kind, std::string_view pattern, std::string_view value) {
  const std::size_t rest = pattern.find(kRest);
  if (rest == pattern.npos) return same_segments(kind, pattern, value);
  std::string_view before = pattern.substr(0, rest);
  std::string_view after = pattern.substr(rest + 1);
  std::string_view wanted, given;
  while (!before.empty()) {  // "a.b." before the **
    take_front(kind.separator, before, wanted);
    if (!take_front(kind.separator, value, given)) return false;
    if (!segment_matches(kind, wanted, given)) return false;
  }
  while (!after.empty()) {  // ".c.d" after it
    take_back(kind.separator, after, wanted);
    if (!take_back(kind.separator, value, given)) return false;
    if (!segment_matches(kind, wanted, given)) return false;
  }
  return rest_covers(kind, value);
}

/// The domain is compared as DNS names are, the part before the @ as one segment. A variable may
/// bring an @ of its own into the pattern: the last one counts, and then nothing matches.
bool email_matches(const KindRow& kind, std::string_view pattern, std::string_view value) {
  const std::size_t pattern_at = pattern.rfind('@');
  const std::size_t value_at = value.find('@');
  if (value_at == value.npos || value.find('@', value_at + 1) != value.npos) return false;
  return segment_matches(kind, pattern.substr(0, pattern_at), value.substr(0, value_at)) &&
         form_matches(row_of(PatternKind::dns_name), pattern.substr(pattern_at + 1),
                      value.substr(value_at + 1));
}

/// A form with its variables replaced, on the stack: decisions do not allocate for it.
class Expansion {
 public:
  /// Nothing where the machine lacks a variable or the result is longer than any name.
  std::optional<std::string_view> expand(std::string_view form, const Machine& machine) {
    size_ = 0;
    while (!form.empty()) {
      const std::size_t mark = std::find_if(form.begin(), form.end(), is_variable) - form.begin();
      if (!append(form.substr(0, mark))) return std::nullopt;
      form.remove_prefix(mark);
      if (form.empty()) break;
      const std::string_view value = take_variable(form, machine);
      if (value.empty() || std::any_of(value.begin(), value.end(), is_control)) return std::nullopt;
      if (!append(value)) return std::nullopt;
    }
    return std::string_view(buffer_.data(), size_);
  }

 private:
  static bool is_variable(char c) {
    return c == kAttribute ||
           (c >= kFirstVariable && c < kFirstVariable + static_cast<char>(kVariables.size()));
  }
  /// The value of the variable at the front of `form`, which it takes off.
  static std::string_view take_variable(std::string_view& form, const Machine& machine) {
    if (form.front() != kAttribute) {
      const auto index = static_cast<std::size_t>(form.front() - kFirstVariable);
      form.remove_prefix(1);
      return kVariables[index].value(machine);
    }
    const std::size_t end = form.find(kAttributeEnd);
    const std::string* value = find_attribute(machine, form.substr(1, end - 1));
    form.remove_prefix(end + 1);
    return value == nullptr ? std::string_view() : std::string_view(*value);
  }
  bool append(std::string_view text) {
    if (text.size() > buffer_.size() - size_) return false;
    std::copy(text.begin(), text.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += text.size();
    return true;
  }
  std::array<char, 2560> buffer_;  // limits::pattern_bytes and a URI of 2,048
  std::size_t size_ = 0;
};

}  // namespace

Result<Pattern> Pattern::parse(PatternKind kind, std::string_view source) {
  if (source.empty()) return invalid("", "a pattern must not be empty");
  if (source.size() > limits::pattern_bytes) {
    return invalid("", "a pattern has at most " + std::to_string(limits::pattern_bytes) + " bytes");
  }
  const KindRow& row = row_of(kind);
  Pattern pattern(kind, source);
  ASSIGN_OR_RETURN(pattern.form_, encode(row, source));
  if (kind == PatternKind::uri) RETURN_IF_ERROR(check_uri(source, pattern.form_));
  if (kind == PatternKind::email) {
    RETURN_IF_ERROR(check_email(source, pattern.form_));
    const std::size_t domain = pattern.form_.find('@') + 1;
    RETURN_IF_ERROR(check_segments(row, source, pattern.form_.substr(domain)));
  } else {
    RETURN_IF_ERROR(check_segments(row, source, pattern.form_));
  }
  pattern.has_wildcards_ = source.find('*') != source.npos;
  pattern.has_variables_ = source.find('{') != source.npos;
  if (!pattern.has_wildcards_ && !pattern.has_variables_ && !row.whole(source)) {
    return refuse(source, "is not a valid " + std::string(row.noun));
  }
  return pattern;
}

Result<Pattern> Pattern::parse_without_variables(PatternKind kind, std::string_view source) {
  ASSIGN_OR_RETURN(Pattern pattern, parse(kind, source));
  if (pattern.has_variables_) {
    return refuse(source, "has a variable, which would be replaced by the machine's own name");
  }
  return pattern;
}

bool Pattern::matches(std::string_view value, const Machine& machine) const {
  Expansion expansion;
  std::optional<std::string_view> form = form_;
  if (has_variables_) form = expansion.expand(form_, machine);
  if (!form) return false;
  if (!has_wildcards_) return *form == value;
  const KindRow& kind = row_of(kind_);
  return kind_ == PatternKind::email ? email_matches(kind, *form, value)
                                     : form_matches(kind, *form, value);
}

std::optional<std::string> Pattern::form(const Machine& machine) const {
  Expansion expansion;
  const auto expanded = expansion.expand(form_, machine);
  if (!expanded) return std::nullopt;
  return std::string(*expanded);
}

NameSyntax syntax_of(PatternKind kind) {
  return {row_of(kind).separator, row_of(kind).covered};
}

bool wildcard_covers(PatternKind kind, std::string_view segment, std::size_t before,
                     std::size_t after) {
  return covers(row_of(kind), segment, before, after);
}

std::string Pattern::expanded(const Machine& machine) const {
  Expansion expansion;
  const auto form = expansion.expand(form_, machine);
  std::string text;
  for (char c : form.value_or("")) {
    if (c == kRest) text += '*';
    text += c == kStar || c == kRest ? '*' : c;
  }
  return text;
}

}  // namespace chancery
