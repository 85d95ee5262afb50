#include "policies/name_universe.h"

#include "core/identifier.h"
#include "core/subject.h"

namespace chancery {
namespace {

constexpr std::string_view kSpiffe = "spiffe://";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_graphic(char c) {
  return c > 0x20 && c < 0x7f;
}
bool is_printable(char c) {
  return c >= 0x20 && c < 0x7f;
}
/// What a path of a SPIFFE ID is made of (SPIFFE-ID section 2.2).
bool is_path(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
}

// The state of a DNS name's automaton.
constexpr std::uint32_t kLength = 0x7f;       // of the label
constexpr std::uint32_t kHyphen = 0x80;       // the label ends with one
constexpr std::uint32_t kNoNumber = 0x100;    // something of the label was no digit
constexpr std::uint32_t kStarred = 0x200;     // "*" has been read
constexpr std::uint32_t kBelowStar = 0x400;   // "*." has been read
constexpr std::uint32_t kTwoLabels = 0x800;   // behind it, a dot too
constexpr std::uint32_t kDomain = 0x1000;     // of an e-mail address
constexpr std::uint32_t kLocalPart = 0x2000;  // before its @, not empty
constexpr unsigned kLabel = 63;               // RFC 1035 section 2.3.4

bool dns_accepts(std::uint32_t state) {
  if ((state & kLength) == 0 || (state & kHyphen) != 0 || (state & kStarred) != 0) return false;
  if ((state & kBelowStar) != 0 && (state & kTwoLabels) == 0) return false;
  return (state & kNoNumber) != 0;
}

}  // namespace

bool is_in(NameUniverse universe, std::string_view name) {
  switch (universe) {
    case NameUniverse::machine_name:
      return MachineName::parse(name).has_value();
    case NameUniverse::dns_name:
      return is_dns_name(name, true);
    case NameUniverse::spiffe_id:
      return is_uri(name) && name.starts_with(kSpiffe);
    case NameUniverse::key:
      return KeyName::parse(name).has_value();
    case NameUniverse::uri:
      return is_uri(name);
    case NameUniverse::email:
      return is_email(name);
    case NameUniverse::common_name:
      return !name.empty() && name.size() <= limits::name_bytes;
    case NameUniverse::attribute_value:
      return !name.empty() && name.size() <= 128 && name.front() != ' ' && name.back() != ' ';
    case NameUniverse::message_value:
      return !name.empty();
  }
  CHECK(!"every universe has its names");
  return false;
}

UniverseAutomaton::State UniverseAutomaton::step_dns(State state, char c, bool wildcard) const {
  const State length = state & kLength;
  if (c == '*') {
    const bool begins = wildcard && (state & ~kDomain) == 0;
    return begins ? state | kStarred : kDead;
  }
  if ((state & kStarred) != 0) {
    return c == '.' ? ((state & ~kStarred) | kBelowStar) : kDead;
  }
  if (c == '.') {
    if (length == 0 || (state & kHyphen) != 0) return kDead;
    State next = state & ~(kLength | kHyphen | kNoNumber);
    if ((state & kBelowStar) != 0) next |= kTwoLabels;
    return next;
  }
  if (!is_lower(c) && !is_digit(c) && c != '-') return kDead;
  if (c == '-' && length == 0) return kDead;
  if (length == kLabel) return kDead;
  const State longer = labels_ ? length + 1 : 1;
  State next = (state & ~(kLength | kHyphen)) | longer;
  if (c == '-') next |= kHyphen;
  if (!is_digit(c)) next |= kNoNumber;
  return next;
}

UniverseAutomaton::State UniverseAutomaton::step(State state, char c) const {
  switch (universe_) {
    case NameUniverse::machine_name:
    case NameUniverse::key:
      if (is_lower(c) || is_digit(c)) return 1;
      return state == 1 && (c == '.' || c == '_' || c == '-') ? 1 : kDead;
    case NameUniverse::dns_name:
      return step_dns(state, c, true);
    case NameUniverse::email:
      if ((state & kDomain) != 0) return step_dns(state, c, false);
      if (c == '@') return state == kLocalPart ? kDomain : kDead;
      if (!is_graphic(c) || std::string_view("\"\\,;:<>()[]").find(c) != std::string_view::npos) {
        return kDead;
      }
      return kLocalPart;
    case NameUniverse::spiffe_id: {
      if (state < kSpiffe.size()) return c == kSpiffe[state] ? state + 1 : kDead;
      // The trust domain, then a path without empty segments.
      const State domain = static_cast<State>(kSpiffe.size());
      if (state == domain || state == domain + 1) {
        if (c == '/') return state == domain + 1 ? domain + 2 : kDead;
        return is_lower(c) || is_digit(c) || c == '.' || c == '-' || c == '_' ? domain + 1 : kDead;
      }
      if (c == '/') return state == domain + 3 ? domain + 2 : kDead;
      return is_path(c) ? domain + 3 : kDead;
    }
    case NameUniverse::uri: {
      // 0: nothing, 1: the scheme, 2: its colon, 3: a slash, 4: the second one, 5: what follows
      if (!is_graphic(c)) return kDead;
      if (state >= 4) return 5;
      if (state == 2 || state == 3) return c == '/' ? state + 1 : kDead;
      if (is_lower(c)) return 1;
      if (state == 0) return kDead;
      if (c == ':') return 2;
      return is_digit(c) || c == '+' || c == '-' || c == '.' ? 1 : kDead;
    }
    case NameUniverse::common_name:
    case NameUniverse::message_value: {
      // UTF-8: how many bytes of a character are still to come.
      const auto byte = static_cast<unsigned char>(c);
      const bool follows = (byte & 0xc0) == 0x80;
      if (state > 1) return follows ? state - 1 : kDead;
      if (byte < 0x80) return byte >= 0x20 && byte != 0x7f ? 1 : kDead;
      if (follows || byte < 0xc2 || byte > 0xf4) return kDead;
      return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    }
    case NameUniverse::attribute_value:
      if (!is_printable(c) || c == '*' || c == '{' || c == '}') return kDead;
      if (c == ' ') return state == 0 ? kDead : 2;
      return 1;
  }
  CHECK(!"every universe has an automaton");
  return kDead;
}

bool UniverseAutomaton::accepts(State state) const {
  switch (universe_) {
    case NameUniverse::dns_name:
      return dns_accepts(state);
    case NameUniverse::email:
      return (state & kDomain) != 0 && dns_accepts(state);
    case NameUniverse::spiffe_id:
      return state == kSpiffe.size() + 1 || state == kSpiffe.size() + 3;
    case NameUniverse::uri:
      return state == 5;
    case NameUniverse::machine_name:
    case NameUniverse::key:
    case NameUniverse::common_name:
    case NameUniverse::attribute_value:
    case NameUniverse::message_value:
      return state == 1;
  }
  CHECK(!"every universe has names");
  return false;
}

unsigned UniverseAutomaton::sort(char c) const {
  if (is_lower(c)) return 1;
  if (is_digit(c)) return 2;
  if (is_upper(c)) return 3;
  // Each other one apart: separators, and what few names have.
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f ? 0 : 4 + byte;
}

}  // namespace chancery
