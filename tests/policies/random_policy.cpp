#include "random_universe.h"

namespace chancery::random_universe {
namespace {

using enum Operation;

enum class Kind { grant, denial, approval };

Texts machine_patterns(Chance& chance, const NaivePolicy& policy) {
  Texts patterns = chance.some_of(kNamePatterns);
  if (chance.once_in(3)) patterns = chance.some_of(kSpiffePatterns);
  if (chance.once_in(6)) patterns.push_back("sha256:" + std::string(64, 'a'));
  if (chance.once_in(6)) {
    patterns.push_back("dns:" + chance.one_of(Texts{"*.eu", "web-1", "**", "www.eu"}));
  }
  if (chance.once_in(6)) patterns.push_back("attribute:team=shop");
  if (!policy.groups.empty() && chance.once_in(3)) {
    patterns = {"group:" + chance.one_of(policy.groups).name};
  }
  return patterns;
}

NaiveGroup random_group(Chance& chance, std::size_t number) {
  NaiveGroup group;
  group.name = "group-" + std::to_string(number);
  if (chance.once_in(2)) group.machines = machine_patterns(chance, {});
  for (const auto& [name, values] : kAttributes) {
    if (chance.once_in(3)) group.attributes.emplace_back(name, chance.some_of(values));
  }
  if (group.machines.empty() && group.attributes.empty()) group.machines = {"web-*"};
  return group;
}

NaiveApproval random_approval(Chance& chance, const NaivePolicy& policy) {
  NaiveApproval approval;
  approval.from = chance.some_of({"a", "web-1", "admin", "ops", "spiffe://e.org/ns/a"});
  approval.needed = static_cast<int>(approval.from.size());
  if (chance.once_in(3)) approval.from.push_back("role:administrator");
  if (chance.once_in(3)) approval.from.push_back("role:operator");
  if (chance.once_in(3)) {
    approval.from.push_back(policy.groups.empty() ? "**.eu" : "group:" + policy.groups[0].name);
    approval.needed = chance.between(1, 16);
  }
  approval.expires_hours = chance.between(1, 720);
  return approval;
}

std::vector<Operation> random_operations(Chance& chance) {
  using Operations = std::vector<Operation>;
  const std::vector<Operations> themes = {
      {certificate_issue, certificate_renew},
      {certificate_issue},
      {certificate_revoke, certificate_release, certificate_read},
      {key_create},
      {key_sign},
      {key_sign, key_sign_digest},
      {key_read, key_sign},
      {machine_add},
      {crl_sign, ocsp_sign},
  };
  if (!chance.once_in(3)) return chance.one_of(themes);
  Operations chosen;
  for (std::size_t i = 1 + chance.below(3); i > 0; --i) {
    Operation operation = operations()[chance.below(operations().size())];
    if (operation == approval_give) operation = approval_read;  // which no rule may name
    if (std::find(chosen.begin(), chosen.end(), operation) == chosen.end()) {
      chosen.push_back(operation);
    }
  }
  return chosen;
}

/// Gives one rule its conditions.
class Narrowing {
 public:
  Narrowing(Kind kind, NaiveRule& rule, Chance& chance)
      : kind_(kind), rule_(rule), chance_(chance), rarely_(kind == Kind::grant ? 3 : 7) {}

  void add_all() {
    resources();
    circumstances();
    if (speaks({certificate_issue, certificate_renew})) names();
    if (speaks({certificate_issue, certificate_renew, key_create})) {
      rule_.key_types = sometimes(kKeyTypes);
    }
    if (speaks({key_sign, key_sign_digest})) messages();
    if (speaks({key_sign})) content();
  }

 private:
  static bool is(Operation operation, std::initializer_list<Operation> list) {
    return std::find(list.begin(), list.end(), operation) != list.end();
  }
  [[nodiscard]] bool any(std::initializer_list<Operation> list) const {
    return std::any_of(rule_.operations.begin(), rule_.operations.end(),
                       [&](Operation operation) { return is(operation, list); });
  }
  /// Whether a condition about `list` may stand in the rule.
  [[nodiscard]] bool speaks(std::initializer_list<Operation> list) const {
    if (grant()) return any(list);
    return std::all_of(rule_.operations.begin(), rule_.operations.end(),
                       [&](Operation operation) { return is(operation, list); });
  }
  [[nodiscard]] bool grant() const { return kind_ == Kind::grant; }
  bool now() { return chance_.once_in(rarely_); }
  Texts sometimes(const Texts& texts) { return chance_.sometimes(rarely_, texts); }

  void resources() {
    if (speaks({certificate_issue, certificate_renew, certificate_revoke, certificate_release,
                certificate_replace, certificate_read, crl_sign, ocsp_sign})) {
      rule_.issuers = sometimes(kIssuers);
    }
    if (speaks({certificate_issue, certificate_renew, certificate_revoke, certificate_release,
                certificate_replace, certificate_read, machine_add})) {
      rule_.profiles = sometimes(kProfiles);
    }
    if (speaks({key_create, key_read, key_sign, key_sign_digest})) {
      rule_.keys = grant() ? chance_.some_of(kKeyPatterns) : sometimes(kKeyPatterns);
    }
    if (!speaks({certificate_issue, certificate_renew, certificate_revoke, certificate_release,
                 certificate_replace, certificate_read, machine_add, machine_read})) {
      return;
    }
    const std::size_t choice = chance_.below(grant() && any({machine_add}) ? 2 : 5);
    if (choice == 0) rule_.owner_word = "any";
    if (choice == 1) rule_.owner_list = chance_.some_of(kOwnerPatterns);
    if (choice == 2) rule_.owner_word = "self";
  }

  void circumstances() {
    rule_.sources = sometimes(kRanges);
    // Otherwise it could take policy.change from everybody, which is refused.
    if (!grant() && any({policy_change})) rule_.sources = chance_.some_of(kRanges);
    if (now()) {
      const auto& [name, values] = chance_.one_of(kAttributes);
      rule_.attributes.emplace_back(name, chance_.some_of(kAttributePatterns));
    }
    if (now()) rule_.age_hours = chance_.between(1, 3);
    if (now()) rule_.hours = windows();
    if (!grant() && now()) rule_.outside_hours = windows();
    if (now()) rule_.valid_from = chance_.one_of(dates_);
    if (now()) rule_.valid_until = chance_.one_of(dates_);
    if (rule_.valid_from && rule_.valid_until && *rule_.valid_from >= *rule_.valid_until) {
      rule_.valid_until.reset();
    }
  }

  void names() {
    if (grant()) {
      rule_.issuers = chance_.some_of(kIssuers);
      rule_.profiles = chance_.some_of(kProfiles);
    }
    rule_.dns_names = grant() ? chance_.some_of(kDnsPatterns) : sometimes(kDnsPatterns);
    rule_.uris = sometimes(kUriPatterns);
    rule_.emails = sometimes(kEmailPatterns);
    rule_.ip_addresses = sometimes(kRanges);
    rule_.common_names = sometimes(kCommonPatterns);
    rule_.organizations = sometimes(kOrganizations);
    if (now()) rule_.validity_hours = chance_.between(1, 3);
    if (now()) rule_.max_names = chance_.between(1, 2);
    if (now()) {
      for (ExtendedKeyUsage usage : kUsages) {
        if (chance_.once_in(2)) rule_.usages.emplace_back(name_of(usage));
      }
    }
  }

  void messages() {
    if (now())
      rule_.algorithms = {"ecdsa-p256-sha256", chance_.one_of(Texts{"ed25519", "rsa-pss-sha384"})};
    if (now()) rule_.digests = {"sha256"};
    if (!now()) return;
    if (any({key_sign_digest})) rule_.classes.emplace_back("digest");
    if (any({key_sign})) {
      const auto& [one, fields] = chance_.one_of(kClasses);
      rule_.classes.emplace_back(name_of(one));
      if (speaks({key_sign}) && chance_.once_in(2))
        rule_.content.emplace_back(fields[0], patterns(fields[0]));
    }
  }

  void content() {
    if (now() && rule_.classes.empty()) {
      const auto& [one, fields] = chance_.one_of(kClasses);
      const std::string& field = chance_.one_of(fields);
      rule_.content.emplace_back(field, patterns(field));
    }
    if (now()) rule_.lifetime_minutes = chance_.between(1, 3);
  }
  Texts patterns(const std::string& field) { return chance_.some_of(patterns_of_field(field)); }

  std::vector<naive_match::Hours> windows() {
    std::vector<naive_match::Hours> all(1 + chance_.below(2));
    for (naive_match::Hours& window : all) {
      for (const char* day : {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}) {
        if (chance_.once_in(2)) window.days.emplace_back(day);
      }
      window.from = chance_.between(0, 47) * 30;
      window.to = chance_.between(0, 48) * 30;
      window.zone = chance_.one_of(Texts{"", "Europe/Zurich", "Asia/Kolkata"});
    }
    return all;
  }

  Kind kind_;
  NaiveRule& rule_;
  Chance& chance_;
  std::size_t rarely_;
  const Texts dates_ = {"2026-03-29T01:00:00Z", "2026-06-17T12:00:00Z", "2026-10-25T01:00:00Z",
                        "2026-06-17T11:59:30Z"};
};

NaiveRule random_rule(Kind kind, Chance& chance, const NaivePolicy& policy, std::size_t number) {
  NaiveRule rule;
  const char letter = kind == Kind::grant ? 'g' : kind == Kind::denial ? 'd' : 'a';
  rule.name = letter + std::to_string(number);
  if (kind == Kind::grant || !chance.once_in(4)) rule.machines = machine_patterns(chance, policy);
  rule.operations = random_operations(chance);
  Narrowing(kind, rule, chance).add_all();
  if (kind == Kind::denial) return rule;
  if (kind == Kind::approval || chance.once_in(4)) rule.approval = random_approval(chance, policy);
  if (kind == Kind::approval) return rule;
  while (chance.once_in(3) && rule.quotas.size() < 8) {
    rule.quotas.push_back({chance.between(1, 1000),
                           chance.one_of(Texts{"minute", "hour", "day", "ever"}),
                           chance.once_in(2)});
  }
  if (rule.approval && rule.approval->needed >= 2 && chance.once_in(2)) {
    rule.break_glass_hours = chance.between(1, 24);
  }
  return rule;
}

}  // namespace

NaivePolicy random_policy(Chance& chance) {
  NaivePolicy policy;
  const auto add = [&](const char* role, const std::string& identity, Texts scope = {}) {
    if (chance.once_in(2)) policy.roles.push_back({role, identity, std::move(scope)});
  };
  add("administrator", "admin");
  add("administrator", "spiffe://e.org/root");
  add("operator", "ops");
  add("operator", "ops-eu", {"*.eu", "a"});
  add("operator", "spiffe://e.org/ns/a", {"**.b.eu"});
  add("operator", "sha256:" + std::string(64, 'b'), {"web-*"});
  add("auditor", "audit");
  add("auditor", "spiffe://e.org/audit");
  const auto fill = [&](Kind kind, std::vector<NaiveRule>& rules, std::size_t below) {
    for (std::size_t count = chance.below(below); rules.size() < count;) {
      rules.push_back(random_rule(kind, chance, policy, rules.size()));
    }
  };
  for (std::size_t count = chance.below(4); policy.groups.size() < count;) {
    policy.groups.push_back(random_group(chance, policy.groups.size()));
  }
  fill(Kind::grant, policy.grants, 12);
  fill(Kind::denial, policy.denials, 7);
  fill(Kind::approval, policy.approvals, 4);
  return policy;
}

}  // namespace chancery::random_universe
