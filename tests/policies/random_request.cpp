#include "random_universe.h"

namespace chancery::random_universe {
namespace {

using enum Operation;
using naive_match::any;

/// A value that `fits`, if there is one; else any.
template <class Value, class Fits>
Value fitting(Chance& chance, const std::vector<Value>& values, Fits fits) {
  const std::size_t first = chance.below(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Value& value = values[(first + i) % values.size()];
    if (fits(value)) return value;
  }
  return values[first];
}

MessageContent random_message(Chance& chance) {
  const auto& [message_class, fields] = chance.one_of(kClasses);
  MessageContent message{message_class, {}};
  for (const std::string& field : fields) {
    if (chance.once_in(3)) continue;
    message.fields.push_back({field, {chance.one_of(values_of_field(field))}});
    if (chance.once_in(3)) {
      message.fields.back().values.push_back(chance.one_of(values_of_field(field)));
    }
  }
  if (!chance.once_in(4)) message.lifetime = std::chrono::seconds(chance.between(1, 4) * 60);
  return message;
}

PolicyQuestion random_question(Chance& chance, const Machine& machine) {
  PolicyQuestion question{};
  question.operation = operations()[chance.below(operations().size())];
  question.issuer = chance.one_of(kIssuers);
  question.profile = chance.one_of(kProfiles);
  question.key = chance.one_of(kKeys);
  question.owner = chance.once_in(2) ? machine.name.text() : chance.one_of(kNames);
  if (chance.once_in(2)) question.names.dns.push_back(chance.one_of(kDns));
  if (chance.once_in(2)) question.names.dns.push_back(machine.name.text());
  if (chance.once_in(4)) question.names.uri.push_back(chance.one_of(kUris));
  if (chance.once_in(6)) question.names.email.push_back(chance.one_of(kEmails));
  if (chance.once_in(6)) question.names.ip.push_back(chance.one_of(kAddresses));
  if (chance.once_in(2)) question.subject.common_name = chance.one_of(kCommonNames);
  if (chance.once_in(4)) question.subject.organization = chance.one_of(kOrganizations);
  if (!chance.once_in(5)) question.key_type = *parse_key_type(chance.one_of(kKeyTypes));
  if (!chance.once_in(5)) question.validity = std::chrono::hours(chance.below(5));
  if (!chance.once_in(5)) {
    question.algorithm = *parse_signature_algorithm(chance.one_of(kAlgorithms));
  }
  for (ExtendedKeyUsage usage : kUsages) {
    if (chance.once_in(3)) question.extended_key_usages.push_back(usage);
  }
  if (!chance.once_in(8)) question.message = random_message(chance);
  return question;
}

/// Brings a request near to a rule: of each thing that the rule is about, it mostly has one that
/// fits, and sometimes what it had.
class Approach {
 public:
  Approach(Chance& chance, const NaivePolicy& policy, const NaiveRule& rule, Request& request)
      : chance_(chance), policy_(policy), rule_(rule), request_(request) {}

  void approach() {
    request_.question.operation = chance_.one_of(rule_.operations);
    who();
    PolicyQuestion& question = request_.question;
    const Machine& machine = request_.machine;
    pick(question.issuer, kIssuers, rule_.issuers);
    pick(question.profile, kProfiles, rule_.profiles);
    if (mostly() && !rule_.keys.empty()) {
      question.key = fitting(chance_, kKeys, [&](const std::string& key) {
        return any(rule_.keys, key, machine, {'.'});
      });
    }
    if (mostly()) {
      question.owner = rule_.owner_list.empty()
                           ? machine.name.text()
                           : fitting(chance_, kNames, [&](const std::string& name) {
                               return any(rule_.owner_list, name, machine, {'.'});
                             });
    }
    pick(request_.machine.source, kAddresses, rule_.sources, [&](const std::string& address) {
      return naive_match::in_ranges(rule_.sources, address);
    });
    names();
    uses();
    content();
  }

 private:
  bool mostly() { return !chance_.once_in(10); }

  template <class Fits>
  void pick(std::string& value, const Texts& values, const Texts& wanted, Fits fits) {
    if (mostly() && !wanted.empty()) value = fitting(chance_, values, fits);
  }
  void pick(std::string& value, const Texts& values, const Texts& wanted) {
    pick(value, values, wanted,
         [&](const std::string& one) { return naive_match::in(wanted, one); });
  }

  /// Tries machines until the rule is for one.
  void who() {
    for (int i = 0; i < 20 && !policy_.is_for(rule_, request_.machine, rule_.operations[0]); ++i) {
      request_.machine = random_machine(chance_, request_.at);
    }
    for (const auto& [name, patterns] : rule_.attributes) {
      for (MachineAttribute& attribute : request_.machine.attributes) {
        const auto& values = fitting(chance_, kAttributes, [&, name = name](const auto& one) {
                               return one.first == name;
                             }).second;
        if (attribute.name != name || !mostly()) continue;
        attribute.value = fitting(chance_, values, [&, list = patterns](const std::string& value) {
          return any(list, value, request_.machine, {'t'});
        });
      }
    }
  }

  template <class Fits>
  void list(Texts& asked, const Texts& values, const Texts& wanted, Fits fits) {
    if (!mostly()) return;
    asked.clear();
    if (wanted.empty() || chance_.once_in(3)) return;
    asked.push_back(fitting(chance_, values, fits));
    if (chance_.once_in(3)) asked.push_back(fitting(chance_, values, fits));
  }

  void names() {
    const Machine& machine = request_.machine;
    SubjectAltNames& asked = request_.question.names;
    list(asked.dns, kDns, rule_.dns_names, [&](const std::string& name) {
      return any(rule_.dns_names, name, machine, {'.', true});
    });
    list(asked.uri, kUris, rule_.uris,
         [&](const std::string& name) { return any(rule_.uris, name, machine, {'/'}); });
    list(asked.email, kEmails, rule_.emails, [&](const std::string& name) {
      return naive_match::any_email(rule_.emails, name, machine);
    });
    list(asked.ip, kAddresses, rule_.ip_addresses,
         [&](const std::string& name) { return naive_match::in_ranges(rule_.ip_addresses, name); });
    for (int more = rule_.max_names && chance_.once_in(2) ? *rule_.max_names : 0; more > 0;
         --more) {
      asked.ip.push_back(fitting(chance_, kAddresses, [&](const std::string& name) {
        return naive_match::in_ranges(rule_.ip_addresses, name);
      }));
    }
    Subject& subject = request_.question.subject;
    if (rule_.common_names.empty() && mostly()) subject.common_name.clear();
    pick(subject.common_name, kCommonNames, rule_.common_names,
         [&](const std::string& name) { return any(rule_.common_names, name, machine, {' '}); });
    if (rule_.organizations.empty() && mostly()) subject.organization.clear();
    pick(subject.organization, kOrganizations, rule_.organizations);
  }

  void uses() {
    PolicyQuestion& question = request_.question;
    if (mostly() && !rule_.key_types.empty()) {
      question.key_type = *parse_key_type(chance_.one_of(rule_.key_types));
    }
    if (mostly() && !rule_.algorithms.empty()) {
      question.algorithm = *parse_signature_algorithm(chance_.one_of(rule_.algorithms));
    }
    if (mostly() && !rule_.usages.empty()) {
      const bool against = chance_.once_in(3);
      std::erase_if(question.extended_key_usages, [&](ExtendedKeyUsage usage) {
        return naive_match::in(rule_.usages, name_of(usage)) == against;
      });
    }
    if (rule_.age_hours && !request_.machine.fingerprint.empty() && chance_.once_in(2)) {
      request_.machine.certificate_since = request_.at - std::chrono::hours(*rule_.age_hours) +
                                           std::chrono::seconds(chance_.between(-1, 1));
    }
  }

  void content() {
    auto& message = request_.question.message;
    if (!message) return;
    if (mostly() && !rule_.classes.empty()) {
      for (int i = 0; i < 20 && !naive_match::in(rule_.classes, name_of(message->message_class));
           ++i) {
        message = random_message(chance_);
      }
    }
    for (const auto& [name, patterns] : rule_.content) {
      for (MessageField& field : message->fields) {
        if (field.name != name || !mostly()) continue;
        field.values = {
            fitting(chance_, values_of_field(name), [&, list = patterns](const std::string& value) {
              return any(list, value, request_.machine, {'t'});
            })};
        if (chance_.once_in(3)) {
          field.values.push_back(chance_.one_of(values_of_field(field.name)));
        }
      }
    }
  }

  Chance& chance_;
  const NaivePolicy& policy_;
  const NaiveRule& rule_;
  Request& request_;
};

}  // namespace

Machine random_machine(Chance& chance, Time at) {
  Machine machine;
  const std::string& name = chance.one_of(kNames);
  if (!name.empty()) machine.name = MachineName::literal(name);
  if (chance.once_in(2)) machine.spiffe_id = chance.one_of(kSpiffe);
  machine.fingerprint = chance.one_of(kFingerprints);
  machine.source = chance.one_of(kAddresses);
  while (chance.once_in(3)) machine.dns_names.push_back(chance.one_of(kDns));
  for (const auto& [attribute, values] : kAttributes) {
    if (!chance.once_in(3)) machine.attributes.push_back({attribute, chance.one_of(values)});
  }
  if (!machine.fingerprint.empty() && !chance.once_in(6)) {
    machine.certificate_since = at - std::chrono::seconds(chance.between(-1, 10) * 1800);
  }
  // Machine::self() has its own test.
  if (name == "self" && machine.fingerprint.empty()) machine.fingerprint = std::string(64, 'b');
  return machine;
}

Request random_request(Chance& chance, const NaivePolicy& policy) {
  const Time moment = *from_rfc3339(chance.one_of(kMoments));
  Request request;
  request.at = moment + std::chrono::seconds(chance.between(-240, 240) * 900);
  if (chance.once_in(4)) request.at = moment + std::chrono::seconds(chance.between(-60, 60));
  request.machine = random_machine(chance, request.at);
  request.question = random_question(chance, request.machine);
  std::vector<const NaiveRule*> rules;
  const auto add = [&](const std::vector<NaiveRule>& list) {
    for (const NaiveRule& rule : list) rules.push_back(&rule);
  };
  // Denials and approvals show only where there is a grant too: half of the requests begin at one.
  add(policy.grants);
  if (chance.once_in(2)) add(policy.denials), add(policy.approvals);
  if (!rules.empty() && !chance.once_in(6)) {
    Approach(chance, policy, *chance.one_of(rules), request).approach();
  }
  if (request.question.operation == key_sign_digest && request.question.message) {
    request.question.message = MessageContent{MessageClass::digest, {}};
  }
  return request;
}

}  // namespace chancery::random_universe
