#include "policies/request_search.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "core/limits.h"
#include "policies/request_assembly.h"

namespace chancery {
namespace {

using Predicate = RequestPredicate;
using PredicatePointers = std::vector<std::shared_ptr<const Predicate>>;
using Bits = std::vector<char>;

/// Whether a given machine has this attribute as it is, and not as the search would like it.
bool is_known(Dimension dimension, const Machine& machine) {
  if (dimension == Dimension::source) return !machine.source.empty();
  if (dimension == Dimension::fingerprint || dimension == Dimension::certificate_age) {
    return !machine.fingerprint.empty();
  }
  return dimension == Dimension::machine_name || dimension == Dimension::spiffe_id ||
         dimension == Dimension::machine_dns || dimension == Dimension::machine_attribute;
}

constexpr std::string_view kSource = "192.0.2.1";  // RFC 5737

/// What the formulas that were taken to be true leave of one dimension.
struct Left {
  Bits alive;              ///< values that it can have; of a list, its elements
  std::vector<Bits> some;  ///< of a list: it must have an element of each of these
};

bool is_possible(const Left& left) {
  if (std::find(left.alive.begin(), left.alive.end(), 1) == left.alive.end() && left.some.empty()) {
    return false;
  }
  return std::all_of(left.some.begin(), left.some.end(), [&](const Bits& some) {
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (some[i] && left.alive[i]) return true;
    }
    return false;
  });
}

/// One machine's search, with its name and what else is inserted given.
class Solver {
 public:
  /// `fixed`: the machine where it is a given one, or null.
  Solver(ExampleRequest base, const Machine* fixed, const PredicatePointers& predicates,
         std::set<DimensionKey> given, std::map<DimensionKey, std::vector<RequestValue>>& shared,
         std::size_t& steps)
      : base_(std::move(base)),
        fixed_(fixed),
        predicates_(predicates),
        given_(std::move(given)),
        shared_(shared),
        steps_(steps) {}

  Result<std::optional<ExampleRequest>> solve(const std::vector<RequestFormula>& formulas) {
    for (const RequestFormula& formula : formulas) {
      if (by_given(formula) == Truth::no) return std::optional<ExampleRequest>();
    }
    State state;
    std::vector<const RequestFormula*> waiting;
    for (const RequestFormula& formula : formulas) waiting.push_back(&formula);
    std::optional<ExampleRequest> found;
    RETURN_IF_ERROR(go(std::move(state), std::move(waiting), found));
    return found;
  }

 private:
  struct State {
    std::map<DimensionKey, Left> left;
    std::vector<Statement> statements;
  };

  Result<const std::vector<RequestValue>*> table(const DimensionKey& key) {
    const auto own = tables_.find(key);
    if (own != tables_.end()) return &own->second;
    const bool depends = key.dimension == Dimension::owner ||
                         key.dimension == Dimension::common_name ||
                         key.dimension == Dimension::dns_names || has_variables(key);
    auto& tables = depends ? tables_ : shared_;
    const auto known = tables.find(key);
    if (known != tables.end()) return &known->second;
    ASSIGN_OR_RETURN(std::vector<RequestValue> values, values_of(key, predicates_, base_));
    return &tables.emplace(key, std::move(values)).first->second;
  }

  [[nodiscard]] bool has_variables(const DimensionKey& key) const {
    return std::any_of(predicates_.begin(), predicates_.end(), [&](const auto& predicate) {
      return key_of(*predicate) == key &&
             std::any_of(predicate->patterns.begin(), predicate->patterns.end(),
                         [](const Pattern& pattern) { return pattern.has_variables(); });
    });
  }

  Result<const Bits*> truth(const std::shared_ptr<const Predicate>& predicate) {
    const auto known = truths_.find(predicate.get());
    if (known != truths_.end()) return &known->second;
    ASSIGN_OR_RETURN(const std::vector<RequestValue>* values, table(key_of(*predicate)));
    Bits bits;
    for (const RequestValue& value : *values) {
      bits.push_back(is_true_of(*predicate, value, base_) ? 1 : 0);
    }
    return &truths_.emplace(predicate.get(), std::move(bits)).first->second;
  }

  [[nodiscard]] bool is_given(const Predicate& predicate) const {
    return given_.contains(key_of(predicate)) ||
           (fixed_ != nullptr && is_known(predicate.dimension, *fixed_));
  }

  enum class Truth { yes, no, open };

  /// What is known of a formula by what is given alone: most machines are not those of a rule.
  [[nodiscard]] Truth by_given(const RequestFormula& formula) const {
    if (formula.kind == RequestFormula::Kind::predicate) {
      if (!is_given(*formula.predicate)) return Truth::open;
      return is_true(*formula.predicate, base_) == formula.wanted ? Truth::yes : Truth::no;
    }
    const bool is_all = formula.kind == RequestFormula::Kind::all;
    const Truth decides = is_all ? Truth::no : Truth::yes;
    Truth truth = is_all ? Truth::yes : Truth::no;
    for (const RequestFormula& part : formula.parts) {
      const Truth one = by_given(part);
      if (one == decides) return decides;
      if (one == Truth::open) truth = Truth::open;
    }
    return truth;
  }

  /// False where nothing is left.
  Result<bool> state_that(State& state, const RequestFormula& formula) {
    if (++steps_ > limits::analysis_steps) {
      return fail(ErrorCode::too_large, "there are too many distinct cases of requests to decide");
    }
    const Predicate& predicate = *formula.predicate;
    if (is_given(predicate)) return is_true(predicate, base_) == formula.wanted;
    state.statements.push_back({formula.predicate, formula.wanted});
    if (predicate.dimension == Dimension::name_count) return true;  // known when all are chosen
    ASSIGN_OR_RETURN(const Bits* bits, truth(formula.predicate));
    Left& left =
        state.left.try_emplace(key_of(predicate), Left{Bits(bits->size(), 1), {}}).first->second;
    restrict(left, predicate.quantifier, *bits, formula.wanted);
    return is_list(predicate.dimension) ? is_possible_list(left) : is_possible(left);
  }

  static void restrict(Left& left, Predicate::Quantifier quantifier, const Bits& bits,
                       bool wanted) {
    const bool exists = quantifier == Predicate::Quantifier::some    ? wanted
                        : quantifier == Predicate::Quantifier::every ? !wanted
                                                                     : false;
    Bits chosen;
    for (char bit : bits) chosen.push_back((bit != 0) == wanted ? 1 : 0);
    if (exists) {
      left.some.push_back(std::move(chosen));
      return;
    }
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      if (!chosen[i]) left.alive[i] = 0;
    }
  }

  static bool is_possible_list(const Left& left) { return left.some.empty() || is_possible(left); }

  /// Takes what must be true, and then one of each choice, until a request is found.
  Result<void> go(State state, std::vector<const RequestFormula*> waiting,
                  std::optional<ExampleRequest>& found) {
    std::vector<const RequestFormula*> choices;
    while (!waiting.empty()) {
      const RequestFormula& formula = *waiting.back();
      waiting.pop_back();
      switch (formula.kind) {
        case RequestFormula::Kind::predicate: {
          ASSIGN_OR_RETURN(const bool possible, state_that(state, formula));
          if (!possible) return {};
          break;
        }
        case RequestFormula::Kind::all:
          for (const RequestFormula& part : formula.parts) waiting.push_back(&part);
          break;
        case RequestFormula::Kind::any:
          if (formula.parts.empty()) return {};
          choices.push_back(&formula);
          break;
      }
    }
    return choose(std::move(state), std::move(choices), found);
  }

  /// The parts of a choice that are still possible; none with `settled` where one is true already.
  Result<std::vector<const RequestFormula*>> possible_parts(const State& state,
                                                            const RequestFormula& choice,
                                                            bool& settled) {
    std::vector<const RequestFormula*> parts;
    for (const RequestFormula& part : choice.parts) {
      if (part.kind == RequestFormula::Kind::all && part.parts.empty()) settled = true;
      if (part.kind == RequestFormula::Kind::any && part.parts.empty()) continue;
      if (part.kind == RequestFormula::Kind::predicate) {
        if (is_given(*part.predicate)) {
          if (is_true(*part.predicate, base_) != part.wanted) continue;
          settled = true;
        } else {
          State copy = state;
          ASSIGN_OR_RETURN(const bool possible, state_that(copy, part));
          if (!possible) continue;
          settled = settled || is_settled(state, copy, *part.predicate);
        }
      }
      if (settled) return std::vector<const RequestFormula*>{};
      parts.push_back(&part);
    }
    return parts;
  }

  /// Whether the statement changed nothing: all values that were left are such.
  static bool is_settled(const State& before, const State& after, const Predicate& predicate) {
    if (predicate.dimension == Dimension::name_count) return false;
    const auto old = before.left.find(key_of(predicate));
    const Left& now = after.left.at(key_of(predicate));
    if (old == before.left.end()) {
      return now.some.empty() &&
             std::find(now.alive.begin(), now.alive.end(), 0) == now.alive.end();
    }
    return old->second.alive == now.alive && old->second.some.size() == now.some.size();
  }

  Result<void> choose(State state, std::vector<const RequestFormula*> choices,
                      std::optional<ExampleRequest>& found) {
    std::vector<const RequestFormula*> open, fewest;
    const RequestFormula* next = nullptr;
    for (const RequestFormula* choice : choices) {
      bool settled = false;
      ASSIGN_OR_RETURN(auto parts, possible_parts(state, *choice, settled));
      if (settled) continue;
      if (parts.empty()) return {};
      open.push_back(choice);
      if (next == nullptr || parts.size() < fewest.size()) {
        next = choice;
        fewest = std::move(parts);
      }
    }
    if (next == nullptr) return assemble(state, found);
    std::erase(open, next);
    for (const RequestFormula* part : fewest) {
      std::vector<const RequestFormula*> waiting = open;
      waiting.push_back(part);
      RETURN_IF_ERROR(go(state, std::move(waiting), found));
      if (found) return {};
    }
    return {};
  }

  Result<void> assemble(const State& state, std::optional<ExampleRequest>& found) {
    std::map<DimensionKey, Candidates> candidates;
    for (const auto& [key, left] : state.left) {
      ASSIGN_OR_RETURN(const std::vector<RequestValue>* values, table(key));
      Candidates& here = candidates[key];
      for (std::size_t i = 0; i < values->size(); ++i) {
        if (left.alive[i]) here.values.push_back((*values)[i]);
      }
      for (const Bits& some : left.some) {
        std::vector<RequestValue> set;
        for (std::size_t i = 0; i < values->size(); ++i) {
          if (some[i] && left.alive[i]) set.push_back((*values)[i]);
        }
        here.some.push_back(std::move(set));
      }
    }
    ASSIGN_OR_RETURN(found, assemble_request(base_, fixed_ != nullptr, candidates, state.statements,
                                             predicates_));
    return {};
  }

  ExampleRequest base_;
  const Machine* fixed_;
  const PredicatePointers& predicates_;
  std::set<DimensionKey> given_;
  std::map<DimensionKey, std::vector<RequestValue>>& shared_;
  std::map<DimensionKey, std::vector<RequestValue>> tables_;
  std::map<const Predicate*, Bits> truths_;
  std::size_t& steps_;
};

void collect(const RequestFormula& formula, PredicatePointers& predicates) {
  if (formula.predicate) predicates.push_back(formula.predicate);
  for (const RequestFormula& part : formula.parts) collect(part, predicates);
}

/// The attributes of the machine that have to be given before anything else is.
std::vector<DimensionKey> given_keys(Predicates predicates) {
  std::set<DimensionKey> attributes;
  for (const auto& predicate : predicates) {
    if (predicate->dimension == Dimension::machine_attribute) attributes.insert(key_of(*predicate));
    for (const Pattern& pattern : predicate->patterns) {
      for (std::string& name : inserted_attributes(pattern)) {
        attributes.insert({Dimension::machine_attribute, std::move(name)});
      }
    }
  }
  std::vector<DimensionKey> keys = {{Dimension::machine_name, ""}};
  if (is_inserted({Dimension::spiffe_id, ""}, predicates)) {
    keys.push_back({Dimension::spiffe_id, ""});
  }
  for (const DimensionKey& key : attributes) {
    if (is_inserted(key, predicates)) keys.push_back(key);
  }
  return keys;
}

}  // namespace

RequestSearch::RequestSearch(Operation operation, Time at) : operation_(operation), at_(at) {}

void RequestSearch::require(RequestFormula formula) {
  collect(formula, predicates_);
  formulas_.push_back(std::move(formula));
}

void RequestSearch::fix(const Machine& machine) {
  machine_ = machine;
}

Result<std::optional<ExampleRequest>> RequestSearch::find() {
  ExampleRequest base;
  base.question.operation = operation_;
  base.at = at_;
  base.machine.source = kSource;
  set_value(base, {Dimension::certificate_age, ""}, {.number = 3600});
  std::map<DimensionKey, std::vector<RequestValue>> shared;
  std::size_t steps = 0;
  if (machine_) {
    base.machine = *machine_;
    if (base.machine.source.empty()) base.machine.source = kSource;
    return Solver(base, &*machine_, predicates_, {}, shared, steps).solve(formulas_);
  }

  const std::vector<DimensionKey> keys = given_keys(predicates_);
  std::optional<ExampleRequest> found;
  const std::function<Result<void>(ExampleRequest, std::size_t)> give =
      [&](ExampleRequest request, std::size_t i) -> Result<void> {
    if (i == keys.size()) {
      Solver solver(std::move(request), nullptr, predicates_, {keys.begin(), keys.end()}, shared,
                    steps);
      ASSIGN_OR_RETURN(found, solver.solve(formulas_));
      return {};
    }
    ASSIGN_OR_RETURN(const std::vector<RequestValue> values,
                     inserted_values(keys[i], predicates_, request));
    for (const RequestValue& value : values) {
      ExampleRequest next = request;
      set_value(next, keys[i], value);
      RETURN_IF_ERROR(give(std::move(next), i + 1));
      if (found) return {};
    }
    return {};
  };
  RETURN_IF_ERROR(give(base, 0));
  doubts_ = found ? Doubts() : insertion_doubts(predicates_);
  return found;
}

}  // namespace chancery
