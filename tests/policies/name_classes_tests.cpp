#include <boost/test/unit_test.hpp>
#include <functional>
#include <set>

#include "policies/name_classes.h"

namespace chancery {
namespace {

using Texts = std::vector<std::string>;

Pattern parse(PatternKind kind, const std::string& source) {
  auto pattern = Pattern::parse(kind, source);
  BOOST_REQUIRE_MESSAGE(pattern, source << ": " << (pattern ? "" : pattern.error().message));
  return *std::move(pattern);
}

NameSet set_of(PatternKind kind, const Texts& sources) {
  NameSet set;
  for (const std::string& source : sources) {
    set.emplace_back(kind, *parse(kind, source).form(Machine{}));
  }
  return set;
}

bool accepts(const PatternAutomaton& automaton, const std::string& name) {
  std::set<PatternAutomaton::State> states = {automaton.initial()};
  for (char c : name) {
    std::vector<PatternAutomaton::State> next;
    for (auto state : states) automaton.step(state, c, next);
    states = {next.begin(), next.end()};
  }
  return std::any_of(states.begin(), states.end(),
                     [&](auto state) { return automaton.accepts(state); });
}

bool accepts(const UniverseAutomaton& automaton, const std::string& name) {
  auto state = automaton.initial();
  for (char c : name) {
    state = automaton.step(state, c);
    if (state == UniverseAutomaton::kDead) return false;
  }
  return automaton.accepts(state);
}

/// Calls `check` with every text over `alphabet` up to a length, behind `prefix`.
void for_all(const std::string& alphabet, std::size_t length, const std::string& prefix,
             const std::function<void(const std::string&)>& check) {
  check(prefix);
  if (length == 0) return;
  for (char c : alphabet) for_all(alphabet, length - 1, prefix + c, check);
}

struct UniverseRow {
  PatternKind kind;
  NameUniverse universe;
  std::string alphabet, prefix;
  std::size_t length;
  Texts patterns;
};

const std::vector<UniverseRow>& rows() {
  static const std::vector<UniverseRow> rows = {
      {PatternKind::machine_name,
       NameUniverse::machine_name,
       "ab-.",
       "",
       6,
       {"a", "*", "**", "a*", "*b", "a*b", "*.a", "**.a", "a.**", "a.**.b", "*.*", "a-*.b*"}},
      {PatternKind::dns_name,
       NameUniverse::dns_name,
       "a1-.*",
       "",
       6,
       {"*.a", "**.a", "**", "*", "a*.a", "*-a.**", "a.a"}},
      {PatternKind::key, NameUniverse::key, "ab._", "", 6, {"*", "a_*.b", "**.b", "a.*.*"}},
      {PatternKind::uri,
       NameUniverse::uri,
       "a./?",
       "s://a",
       6,
       {"s://a/*", "s://a/**", "s://a/*/a", "s://*", "s://a/.*", "s://a/**/a", "s://a/../a",
        "s://a/*."}},
      {PatternKind::email,
       NameUniverse::email,
       "ab.@",
       "",
       6,
       {"*@a", "a*@b.**", "*@*.a", "*.a@**", "a@b"}},
      {PatternKind::common_name,
       NameUniverse::common_name,
       "aB .",
       "",
       6,
       {"*", "**", "a *", "*.a", "**.B", "a.*.a"}},
  };
  return rows;
}

BOOST_AUTO_TEST_SUITE(name_classes_suite)

BOOST_AUTO_TEST_CASE(an_automaton_accepts_what_its_pattern_covers) {
  for (const UniverseRow& row : rows()) {
    for (const std::string& source : row.patterns) {
      const Pattern pattern = parse(row.kind, source);
      const PatternAutomaton automaton(row.kind, *pattern.form(Machine{}));
      std::size_t covered = 0;
      for_all(row.alphabet, row.length, row.prefix, [&](const std::string& name) {
        if (!is_in(row.universe, name)) return;  // matches() is only asked for names
        const bool expected = pattern.matches(name, Machine{});
        covered += expected;
        if (accepts(automaton, name) != expected) {
          BOOST_ERROR(source << " and " << name << ": " << expected);
        }
      });
      BOOST_TEST(covered > 0u, source);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_universe_has_the_names_that_are_names) {
  for (const UniverseRow& row : rows()) {
    const UniverseAutomaton automaton(row.universe, true);
    for_all(row.alphabet, row.length, row.prefix, [&](const std::string& name) {
      if (accepts(automaton, name) != is_in(row.universe, name)) BOOST_ERROR(name);
    });
  }
}

/// Each class that a short name shows is found, and each name found is of its class.
BOOST_AUTO_TEST_CASE(classes_are_those_that_all_names_show) {
  for (const UniverseRow& row : rows()) {
    for (std::size_t i = 0; i + 2 < row.patterns.size(); ++i) {
      const Texts some(row.patterns.begin() + static_cast<std::ptrdiff_t>(i),
                       row.patterns.begin() + static_cast<std::ptrdiff_t>(i) + 3);
      std::vector<NameSet> sets;
      std::vector<Pattern> patterns;
      for (const std::string& source : some) {
        sets.push_back(set_of(row.kind, {source}));
        patterns.push_back(parse(row.kind, source));
      }
      const auto signature = [&](const std::string& name) {
        std::vector<bool> covered;
        for (const Pattern& pattern : patterns) covered.push_back(pattern.matches(name, Machine{}));
        return covered;
      };
      const auto classes = name_classes(row.universe, sets);
      BOOST_REQUIRE(classes);
      std::set<std::vector<bool>> found;
      for (const NameClass& one : *classes) {
        BOOST_TEST(is_in(row.universe, one.name), one.name);
        BOOST_TEST((signature(one.name) == one.is_covered), one.name);
        BOOST_TEST(found.insert(one.is_covered).second);
      }
      for_all(row.alphabet, row.length, row.prefix, [&](const std::string& name) {
        if (is_in(row.universe, name) && !found.contains(signature(name))) {
          BOOST_ERROR(some[0] << ", …: no class as that of " << name);
        }
      });
    }
  }
}

struct EmptyRow {
  std::string name;
  PatternKind kind;
  NameUniverse universe;
  Texts covered, but_not;
  std::string witness;  ///< empty: there is none
};

BOOST_AUTO_TEST_CASE(differences_of_patterns) {
  const std::string long_label(40, 'a');
  const std::vector<EmptyRow> rows = {
      {"a label more",
       PatternKind::dns_name,
       NameUniverse::dns_name,
       {"**.a.org"},
       {"*.a.org"},
       "a.a.a.org"},
      {"the same", PatternKind::dns_name, NameUniverse::dns_name, {"*.a.org"}, {"**.a.org"}, ""},
      {"in two parts", PatternKind::key, NameUniverse::key, {"**"}, {"*", "*.**"}, ""},
      {"in two parts but one", PatternKind::key, NameUniverse::key, {"**"}, {"*", "*.*"}, "a.a.a"},
      {"the wildcard name",
       PatternKind::dns_name,
       NameUniverse::dns_name,
       {"*.a.org"},
       {"a*.a.org", "b*.a.org", "*a.a.org", "*b.a.org"},
       "a.a.org"},
      {"an underscore is in no name",
       PatternKind::dns_name,
       NameUniverse::dns_name,
       {"_a.*"},
       {},
       ""},
      {"labels have 63 characters",
       PatternKind::dns_name,
       NameUniverse::dns_name,
       {long_label + "b*" + long_label},
       {},
       ""},
      {"and so has what many segments give",
       PatternKind::machine_name,
       NameUniverse::machine_name,
       {long_label + "b*" + long_label},
       {},
       long_label + "ba" + long_label},
      {"a key has 64",
       PatternKind::key,
       NameUniverse::key,
       {long_label + "*" + long_label},
       {},
       ""},
      {"dot segments are none",
       PatternKind::uri,
       NameUniverse::uri,
       {"s://a/.*"},
       {"s://a/.a*"},
       "s://a/.a"},
  };
  for (const EmptyRow& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const std::vector<NameSet> sets = {set_of(row.kind, row.covered),
                                         set_of(row.kind, row.but_not)};
      const auto classes = name_classes(row.universe, sets);
      BOOST_REQUIRE(classes);
      std::string witness;
      for (const NameClass& one : *classes) {
        if (one.is_covered[0] && !one.is_covered[1]) witness = one.name;
      }
      BOOST_TEST(witness == row.witness);
    }
  }
}

/// Two names of one class can be exchanged between constant text.
BOOST_AUTO_TEST_CASE(what_a_name_does_where_it_is_inserted) {
  const Texts constants = {"a.*", "ab*.b", "**.ab.a", "b*b"};
  const NameInsertion insertion{NameInsertion::Part::whole, set_of(PatternKind::key, constants)};
  const auto classes = name_classes(NameUniverse::machine_name, {}, {&insertion, 1});
  BOOST_REQUIRE(classes);
  // By all effects that can be told apart with short text around.
  const Texts before = {"", "a", "a.", "ab", "ab.", "a.a.", "b", "b.ab."};
  const Texts after = {"", "a", ".a", "b", ".b", "b.b", ".ab.a", "b.a", ".b.ab.a"};
  std::vector<Pattern> patterns;
  for (const std::string& source : constants) patterns.push_back(parse(PatternKind::key, source));
  const auto effect = [&](const std::string& name) {
    std::vector<bool> bits;
    for (const Pattern& pattern : patterns) {
      for (const std::string& left : before) {
        for (const std::string& right : after) {
          bits.push_back(pattern.matches(left + name + right, Machine{}));
        }
      }
    }
    return bits;
  };
  std::set<std::vector<bool>> found;
  for (const NameClass& one : *classes) found.insert(effect(one.name));
  for_all("ab.-", 5, "", [&](const std::string& name) {
    if (is_in(NameUniverse::machine_name, name) && !found.contains(effect(name))) {
      BOOST_ERROR("no class as that of " << name);
    }
  });
  BOOST_TEST(found.size() > 10u);
}

BOOST_AUTO_TEST_CASE(too_many_cases_are_an_error) {
  std::vector<NameSet> sets;
  for (char c = 'a'; c <= 'z'; ++c) {
    sets.push_back(set_of(PatternKind::key, {std::string("*") + c + ".**"}));
    sets.push_back(set_of(PatternKind::key, {std::string("**.*") + c + ".*"}));
    sets.push_back(set_of(PatternKind::key, {std::string("**.*") + c + ".*.*"}));
    sets.push_back(set_of(PatternKind::key, {std::string("**.*") + c + ".*.*.*"}));
  }
  const auto classes = name_classes(NameUniverse::key, sets);
  BOOST_REQUIRE(!classes);
  BOOST_TEST((classes.error().code == ErrorCode::too_large));
  BOOST_TEST(classes.error().message.find("\"*a.**\"") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
