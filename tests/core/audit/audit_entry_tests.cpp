#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "core/entry_view.h"

namespace chancery {
namespace {

const Time kTime = from_rfc3339("2026-11-22T09:40:50.123456Z").value();

bool canonical(const std::string& text) {
  return EntryView::parse(text).has_value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(audit_entry)

BOOST_AUTO_TEST_CASE(the_text_is_what_the_format_says) {
  AuditEntry entry(EntryKind::intent);
  entry.set("zone", std::vector<std::string>{"a", "b\"c"}).set("machine", "web");
  entry.set("count", std::uint64_t{7}).set_true("again").set("nothing", "");
  BOOST_TEST(entry.text(kTime) ==
             R"({"again":true,"count":7,"kind":"intent","machine":"web",)"
             R"("time":"2026-11-22T09:40:50.123456Z","v":1,"zone":["a","b\"c"]})");
  BOOST_TEST(canonical(entry.text(kTime)));
  BOOST_TEST(entry.has("machine"));
  BOOST_TEST(!entry.has("nothing"));
}

BOOST_AUTO_TEST_CASE(the_draft_has_a_place_for_the_time) {
  // The members before and after "time", and none.
  for (const auto& [first, last] : {std::pair{"aaa", "zzz"}, {"timd", "timf"}}) {
    AuditEntry entry(EntryKind::read);
    entry.set(first, "x").set(last, "y");
    AuditEntry::Draft draft = entry.draft();
    draft.text.replace(draft.time_at, 27, to_rfc3339(kTime));
    BOOST_TEST(draft.text == entry.text(kTime));
  }
}

BOOST_AUTO_TEST_CASE(text_is_ascii) {
  const struct {
    const char* name;
    std::string value, encoded;
  } rows[] = {
      {"non-ASCII", "M\u00fcller", R"("M\u00fcller")"},
      {"beyond the basic plane", "\U0001F511", R"("\ud83d\udd11")"},
      {"short escapes", "\b\f\n\r\t\"\\", R"("\b\f\n\r\t\"\\")"},
      {"other controls", std::string("\x01\x1f\x7f", 3), R"("\u0001\u001f\u007f")"},
      {"NUL", std::string("a\0b", 3), R"("a\u0000b")"},
      {"no UTF-8",
       "a\xff"
       "b",
       R"("a\ufffdb")"},
      {"slash stays", "a/b", R"("a/b")"},
  };
  for (const auto& row : rows) {
    AuditEntry entry(EntryKind::read);
    entry.set("a", row.value);
    const std::string text = entry.text(kTime);
    BOOST_TEST(text.starts_with(R"({"a":)" + row.encoded + ","), row.name << ": " << text);
    BOOST_TEST(canonical(text), row.name);
  }
}

BOOST_AUTO_TEST_CASE(any_other_spelling_is_not_canonical) {
  const std::string good = R"({"a":"x","kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})";
  BOOST_TEST_REQUIRE(canonical(good));
  const struct {
    const char* name;
    std::string text;
  } rows[] = {
      {"nothing", ""},
      {"white space", R"({"a": "x","kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"a newline after it", good + "\n"},
      {"members out of order",
       R"({"kind":"read","a":"x","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"a member twice",
       R"({"a":"x","a":"x","kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"needless escape",
       R"({"a":"\u0078","kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"upper-case escape",
       R"({"a":"\u00FC","kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"raw UTF-8",
       "{\"a\":\"\u00fc\",\"kind\":\"read\",\"time\":\"2026-11-22T09:40:50.123456Z\",\"v\":1}"},
      {"unknown kind", R"({"a":"x","kind":"raed","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"no kind", R"({"a":"x","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"no time", R"({"a":"x","kind":"read","v":1})"},
      {"time in seconds", R"({"a":"x","kind":"read","time":"2026-11-22T09:40:50Z","v":1})"},
      {"a time that is none",
       R"({"a":"x","kind":"read","time":"2026-13-22T09:40:50.123456Z","v":1})"},
      {"version 2", R"({"a":"x","kind":"read","time":"2026-11-22T09:40:50.123456Z","v":2})"},
      {"version 1.0", R"({"a":"x","kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1.0})"},
      {"false", R"({"a":false,"kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"null", R"({"a":null,"kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"negative", R"({"a":-1,"kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"2^53",
       R"({"a":9007199254740992,"kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"an object", R"({"a":{},"kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"an array of numbers",
       R"({"a":[1],"kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"a name in capitals",
       R"({"A":"x","kind":"read","time":"2026-11-22T09:40:50.123456Z","v":1})"},
      {"an array", R"(["read"])"},
  };
  for (const auto& row : rows) BOOST_TEST(!canonical(row.text), row.name);
}

BOOST_AUTO_TEST_CASE(kinds_have_names_of_their_own) {
  std::set<std::string_view> names;
  for (EntryKind kind : entry_kinds()) {
    names.insert(name_of(kind));
    BOOST_TEST((parse_entry_kind(name_of(kind)).value() == kind));
  }
  BOOST_TEST(names.size() == entry_kinds().size());
  BOOST_TEST(parse_entry_kind("nonsense").error().field == "kind");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
