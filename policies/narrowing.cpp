#include "policies/narrowing.h"

#include <algorithm>
#include <functional>
#include <set>

#include "policies/listing.h"
#include "policies/rule_text.h"

namespace chancery {
namespace {

constexpr std::size_t kSpelled = 8;  // values that a wildcard may be replaced with

using Uses = std::span<const ExampleRequest>;
using Texts = std::vector<std::string>;

std::string list_text(const std::set<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + quoted(value);
  return text;
}

class Narrower {
 public:
  Narrower(const Rule& grant, Uses uses) : terms_(*grant.terms), grant_(grant), uses_(uses) {}

  std::vector<Narrowing> run() {
    narrow_operations();
    narrow_machines();
    texts("issuers", terms_.issuers, [](const auto& use) { return Texts{use.question.issuer}; });
    texts("profiles", terms_.profiles, [](const auto& use) { return Texts{use.question.profile}; });
    patterns("keys", terms_.keys, [](const auto& use) { return Texts{use.question.key}; });
    patterns("when.dns_names", terms_.dns_names,
             [](const auto& use) { return use.question.names.dns; });
    patterns("when.uris", terms_.uris, [](const auto& use) { return use.question.names.uri; });
    patterns("when.common_names", terms_.common_names,
             [](const auto& use) { return Texts{use.question.subject.common_name}; });
    if (terms_.owner.kind == OwnerCondition::Kind::patterns) {
      patterns("when.owner", terms_.owner.patterns,
               [](const auto& use) { return Texts{use.question.owner}; });
    }
    networks("when.ip_addresses", terms_.ip_addresses,
             [](const auto& use) { return use.question.names.ip; });
    networks("when.source", terms_.sources,
             [](const auto& use) { return Texts{use.machine.source}; });
    texts("when.key_types", names_of(terms_.key_types), [](const auto& use) {
      const auto& type = use.question.key_type;
      return type ? Texts{std::string(row(*type).name)} : Texts{};
    });
    texts("when.algorithms", names_of(terms_.algorithms), [](const auto& use) {
      const auto& algorithm = use.question.algorithm;
      return algorithm ? Texts{std::string(row(*algorithm).name)} : Texts{};
    });
    longest("when.max_validity", terms_.max_validity,
            [](const auto& use) { return use.question.validity; });
    longest("when.max_lifetime", terms_.max_lifetime, [](const auto& use) {
      return use.question.message ? use.question.message->lifetime : std::nullopt;
    });
    narrow_number();
    return std::move(found_);
  }

 private:
  template <class Enum>
  static Texts names_of(const std::vector<Enum>& values) {
    Texts names;
    for (Enum value : values) names.emplace_back(row(value).name);
    return names;
  }

  void add(const std::string& member, std::string text) {
    found_.push_back({member, std::move(text)});
  }

  template <class Of>
  std::set<std::string> asked(Of of) const {
    std::set<std::string> values;
    for (const ExampleRequest& use : uses_) {
      for (const std::string& value : of(use)) {
        if (!value.empty()) values.insert(value);
      }
    }
    return values;
  }

  void narrow_operations() {
    for (Operation operation : operations()) {
      if (!terms_.operations.has(operation)) continue;
      const bool used = std::any_of(uses_.begin(), uses_.end(), [&](const ExampleRequest& use) {
        return use.question.operation == operation;
      });
      if (!used) add("operations", "remove " + std::string(name_of(operation)));
    }
  }

  void narrow_machines() {
    for (const MachinePattern& machine : grant_.machines) {
      std::set<std::string> names;
      for (const ExampleRequest& use : uses_) {
        for (const std::string& name : names_as(machine, use.machine)) names.insert(name);
      }
      narrow("machines", source_of(machine), machine.wildcards, names,
             machine.kind == IdentityKind::group);
    }
  }

  /// What the pattern covers of a machine; of attributes and groups nothing is known here.
  static Texts names_as(const MachinePattern& pattern, const Machine& machine) {
    Texts names, covered;
    PatternKind kind = PatternKind::machine_name;
    switch (pattern.kind) {
      case IdentityKind::name:
        names = {machine.name.text()};
        break;
      case IdentityKind::spiffe:
        names = {machine.spiffe_id};
        kind = PatternKind::uri;
        break;
      case IdentityKind::dns:
        names = machine.dns_names;
        kind = PatternKind::dns_name;
        break;
      case IdentityKind::fingerprint:
        if (machine.fingerprint == pattern.text) return {pattern.text};
        return {};
      case IdentityKind::attribute:
        for (const MachineAttribute& one : machine.attributes) {
          if (one.name + "=" + one.value == pattern.text) return {pattern.text};
        }
        return {};
      case IdentityKind::group:
        return {};
    }
    const auto parsed = Pattern::parse_without_variables(kind, pattern.text);
    for (const std::string& name : names) {
      if (parsed && parsed->matches(name, Machine{})) covered.push_back(name);
    }
    return covered;
  }

  /// One entry of a list, and what of it was used.
  void narrow(const std::string& member, const std::string& entry, bool is_wide,
              const std::set<std::string>& used, bool is_unknown) {
    if (is_unknown) return;
    if (used.empty()) {
      add(member, "remove " + quoted(entry) + ", which was never used");
    } else if (is_wide && used.size() <= kSpelled && !used.contains(entry)) {
      add(member, "replace " + quoted(entry) + " with " + list_text(used));
    }
  }

  template <class Of>
  void texts(const std::string& member, const Texts& list, Of of) {
    const std::set<std::string> used = asked(of);
    for (const std::string& entry : list) {
      if (!used.contains(entry)) narrow(member, entry, false, {}, false);
    }
  }

  template <class Of>
  void patterns(const std::string& member, const std::vector<Pattern>& list, Of of) {
    for (const Pattern& pattern : list) {
      std::set<std::string> used;
      for (const ExampleRequest& use : uses_) {
        for (const std::string& value : of(use)) {
          if (!value.empty() && pattern.matches(value, use.machine)) used.insert(value);
        }
      }
      narrow(member, pattern.source(), pattern.has_wildcards() && !pattern.has_variables(), used,
             false);
    }
  }

  template <class Of>
  void networks(const std::string& member, const std::vector<Network>& list, Of of) {
    const std::set<std::string> all = asked(of);
    for (const Network& network : list) {
      std::set<std::string> used;
      for (const std::string& text : all) {
        const auto address = Address::parse(text);
        if (address && network.contains(*address)) used.insert(text);
      }
      narrow(member, network.source(), true, used, false);
    }
  }

  template <class Of>
  void longest(const std::string& member, const std::optional<Seconds>& limit, Of of) {
    if (!limit || uses_.empty()) return;
    Seconds most{};
    for (const ExampleRequest& use : uses_) most = std::max(most, of(use).value_or(Seconds{}));
    if (most.count() > 0 && most < *limit) {
      add(member, "lower it to " + format_duration(most) + ", the longest that was asked for");
    }
  }

  void narrow_number() {
    if (!terms_.max_names || uses_.empty()) return;
    std::size_t most = 0;
    for (const ExampleRequest& use : uses_) most = std::max(most, use.question.names.size());
    if (most > 0 && most < *terms_.max_names) {
      add("when.max_names",
          "lower it to " + std::to_string(most) + ", the most that were asked for");
    }
  }

  const RuleTerms& terms_;
  const Rule& grant_;
  Uses uses_;
  std::vector<Narrowing> found_;
};

}  // namespace

std::vector<Narrowing> narrowing(const GrantPolicy& policy, std::string_view name,
                                 std::span<const ExampleRequest> uses) {
  for (const Rule& grant : policy.rules().grants) {
    if (grant.name == name) return Narrower(grant, uses).run();
  }
  return {};
}

}  // namespace chancery
