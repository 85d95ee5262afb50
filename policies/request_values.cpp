#include "policies/request_values.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/machine_attribute.h"
#include "policies/instants.h"
#include "policies/name_classes.h"

namespace chancery {
namespace {

constexpr std::string_view kFingerprint =
    "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0";
constexpr std::string_view kOther = "another";

std::optional<NameUniverse> universe_of(Dimension dimension) {
  switch (dimension) {
    case Dimension::machine_name:
    case Dimension::owner:
      return NameUniverse::machine_name;
    case Dimension::spiffe_id:
      return NameUniverse::spiffe_id;
    case Dimension::machine_dns:
    case Dimension::dns_names:
      return NameUniverse::dns_name;
    case Dimension::machine_attribute:
      return NameUniverse::attribute_value;
    case Dimension::key:
      return NameUniverse::key;
    case Dimension::common_name:
      return NameUniverse::common_name;
    case Dimension::uris:
      return NameUniverse::uri;
    case Dimension::emails:
      return NameUniverse::email;
    case Dimension::content:
      return NameUniverse::message_value;
    case Dimension::fingerprint:
    case Dimension::source:
    case Dimension::certificate_age:
    case Dimension::time:
    case Dimension::issuer:
    case Dimension::profile:
    case Dimension::country:
    case Dimension::organization:
    case Dimension::organizational_unit:
    case Dimension::ip_addresses:
    case Dimension::name_count:
    case Dimension::key_type:
    case Dimension::validity:
    case Dimension::extended_key_usages:
    case Dimension::algorithm:
    case Dimension::message_class:
    case Dimension::lifetime:
      return std::nullopt;
  }
  CHECK(!"every dimension has names or not");
  return std::nullopt;
}

/// What one predicate compares with: texts as they are, patterns with their variables replaced.
NameSet set_of(const RequestPredicate& predicate, const Machine& machine) {
  NameSet set;
  for (const std::string& text : predicate.texts) set.emplace_back(PatternKind::key, text);
  for (const Pattern& pattern : predicate.patterns) {
    if (auto form = pattern.form(machine)) set.emplace_back(pattern.kind(), *std::move(form));
  }
  return set;
}

std::vector<NameSet> sets_of(const DimensionKey& key, Predicates predicates,
                             const Machine& machine) {
  std::vector<NameSet> sets;
  for (const auto& predicate : predicates) {
    if (key_of(*predicate) == key) sets.push_back(set_of(*predicate, machine));
  }
  return sets;
}

Result<std::vector<RequestValue>> named(NameUniverse universe, std::span<const NameSet> sets,
                                        std::span<const NameInsertion> insertions = {}) {
  ASSIGN_OR_RETURN(const std::vector<NameClass> classes, name_classes(universe, sets, insertions));
  std::vector<RequestValue> values;
  for (const NameClass& one : classes) values.push_back({.text = one.name});
  return values;
}

/// Names that are DNS names and common names: classes by what is said of both.
Result<std::vector<RequestValue>> names_of_both(Predicates predicates, const Machine& machine) {
  std::vector<NameSet> sets = sets_of({Dimension::common_name, ""}, predicates, machine);
  if (sets.empty()) return std::vector<RequestValue>{};
  for (NameSet& set : sets_of({Dimension::dns_names, ""}, predicates, machine)) {
    sets.push_back(std::move(set));
  }
  return named(NameUniverse::dns_name, sets);
}

void append(std::vector<RequestValue>& values, std::vector<RequestValue> more) {
  for (RequestValue& value : more) {
    const bool known = std::any_of(values.begin(), values.end(), [&](const RequestValue& one) {
      return one.text == value.text && one.is_absent == value.is_absent &&
             one.is_dns_name == value.is_dns_name;
    });
    if (!known) values.push_back(std::move(value));
  }
}

Result<std::vector<RequestValue>> name_values(const DimensionKey& key, NameUniverse universe,
                                              Predicates predicates, const ExampleRequest& base) {
  const std::vector<NameSet> sets = sets_of(key, predicates, base.machine);
  std::vector<RequestValue> values;
  const bool is_common = key.dimension == Dimension::common_name;
  if (is_common) values.push_back({.is_absent = true});
  const std::string& own = base.machine.name.text();
  if ((is_common || key.dimension == Dimension::owner) && !own.empty()) {
    values.push_back({.text = own});
  }
  if (is_common || key.dimension == Dimension::dns_names) {
    ASSIGN_OR_RETURN(std::vector<RequestValue> both, names_of_both(predicates, base.machine));
    for (RequestValue& value : both) value.is_dns_name = is_common;
    append(values, std::move(both));
  }
  ASSIGN_OR_RETURN(std::vector<RequestValue> classes, named(universe, sets));
  append(values, std::move(classes));
  const bool may_lack =
      key.dimension == Dimension::spiffe_id || key.dimension == Dimension::machine_name ||
      key.dimension == Dimension::machine_attribute || key.dimension == Dimension::owner;
  if (may_lack) {
    // Without is simplest, but for the name and the owner, which nearly all have.
    const bool first =
        key.dimension == Dimension::spiffe_id || key.dimension == Dimension::machine_attribute;
    values.insert(first ? values.begin() : values.end(), {.is_absent = true});
  }
  return values;
}

/// Texts that are given, and another one.
std::vector<RequestValue> listed_values(const DimensionKey& key, Predicates predicates,
                                        std::string_view other) {
  std::vector<RequestValue> values;
  std::set<std::string> known;
  for (const auto& predicate : predicates) {
    if (key_of(*predicate) != key) continue;
    for (const std::string& text : predicate->texts) {
      if (known.insert(text).second) values.push_back({.text = text});
    }
  }
  std::string fresh(other);
  while (known.contains(fresh)) fresh += 'x';
  values.push_back({.text = fresh});
  return values;
}

std::vector<RequestValue> address_values(const DimensionKey& key, Predicates predicates) {
  std::set<std::string> texts = {"192.0.2.1", "2001:db8::1", "0.0.0.0", "::"};
  for (const auto& predicate : predicates) {
    if (key_of(*predicate) != key) continue;
    for (const Network& network : predicate->networks) {
      texts.insert(text_of(network.first()));
      if (const auto after = network.after()) texts.insert(text_of(*after));
    }
  }
  std::vector<RequestValue> values = {{.text = "192.0.2.1"}, {.text = "2001:db8::1"}};
  for (const std::string& text : texts) values.push_back({.text = text});
  return values;
}

std::vector<RequestValue> duration_values(const DimensionKey& key, Predicates predicates) {
  std::set<std::int64_t> seconds;
  for (const auto& predicate : predicates) {
    if (key_of(*predicate) != key) continue;
    for (Seconds duration : predicate->durations) {
      seconds.insert(duration.count());
      seconds.insert(duration.count() + 1);
    }
  }
  std::vector<RequestValue> values;
  for (std::int64_t one : seconds) values.push_back({.number = one});
  values.push_back({.is_absent = true});
  return values;
}

template <class Rows, class Value>
std::vector<RequestValue> enumerated(const Rows& rows, Value value) {
  std::vector<RequestValue> values;
  for (const auto& row : rows) values.push_back({.number = static_cast<std::int64_t>(value(row))});
  values.push_back({.is_absent = true});
  return values;
}

std::vector<RequestValue> class_values(Operation operation) {
  if (operation == Operation::key_sign_digest) {
    return {{.number = static_cast<std::int64_t>(MessageClass::digest)}};
  }
  constexpr std::array classes = {
      MessageClass::data,        MessageClass::jwt, MessageClass::ssh_certificate,
      MessageClass::certificate, MessageClass::crl, MessageClass::cms_attributes};
  return enumerated(classes, [](MessageClass one) { return one; });
}

std::vector<RequestValue> usage_values() {
  constexpr std::array usages = {
      ExtendedKeyUsage::server_auth,   ExtendedKeyUsage::client_auth,
      ExtendedKeyUsage::code_signing,  ExtendedKeyUsage::email_protection,
      ExtendedKeyUsage::time_stamping, ExtendedKeyUsage::ocsp_signing};
  std::vector<RequestValue> values = enumerated(usages, [](ExtendedKeyUsage one) { return one; });
  values.pop_back();  // no element is absent
  return values;
}

std::vector<RequestValue> time_values(Predicates predicates, const ExampleRequest& base) {
  std::vector<Time> moments;
  std::vector<TimeWindow> windows;
  for (const auto& predicate : predicates) {
    moments.insert(moments.end(), predicate->moments.begin(), predicate->moments.end());
    windows.insert(windows.end(), predicate->windows.begin(), predicate->windows.end());
  }
  std::vector<RequestValue> values;
  for (Time time : instants(base.at, moments, windows)) {
    values.push_back({.number = time.time_since_epoch().count()});
  }
  return values;
}

MessageContent& message_of(ExampleRequest& request) {
  if (!request.question.message) request.question.message.emplace();
  return *request.question.message;
}

void set_content(ExampleRequest& request, const std::string& field, const std::string& text) {
  for (MessageField& known : message_of(request).fields) {
    if (known.name != field) continue;
    known.values.push_back(text);
    return;
  }
  message_of(request).fields.push_back({field, {text}});
}

void set_attribute(Machine& machine, const std::string& name, const RequestValue& value) {
  std::erase_if(machine.attributes, [&](const auto& one) { return one.name == name; });
  if (value.is_absent) return;
  machine.attributes.push_back({name, value.text});
  std::sort(machine.attributes.begin(), machine.attributes.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
}

void set_age(ExampleRequest& request, const RequestValue& value) {
  Machine& machine = request.machine;
  machine.certificate_since.reset();
  if (value.is_absent && value.number == kEnrolling) {
    machine.fingerprint.clear();
    return;
  }
  if (machine.fingerprint.empty()) machine.fingerprint = kFingerprint;
  if (!value.is_absent) machine.certificate_since = request.at - Seconds(value.number);
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

template <class Enum>
std::optional<Enum> enumerator(const RequestValue& value) {
  if (value.is_absent) return std::nullopt;
  return static_cast<Enum>(value.number);
}
std::optional<Seconds> seconds_of(const RequestValue& value) {
  if (value.is_absent) return std::nullopt;
  return Seconds(value.number);
}

/// The elements of a list.
std::vector<RequestValue> elements(const ExampleRequest& request, const DimensionKey& key) {
  std::vector<RequestValue> values;
  const auto take = [&](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) values.push_back({.text = text});
  };
  const PolicyQuestion& question = request.question;
  if (key.dimension == Dimension::machine_dns) take(request.machine.dns_names);
  if (key.dimension == Dimension::dns_names) take(question.names.dns);
  if (key.dimension == Dimension::ip_addresses) take(question.names.ip);
  if (key.dimension == Dimension::uris) take(question.names.uri);
  if (key.dimension == Dimension::emails) take(question.names.email);
  if (key.dimension == Dimension::extended_key_usages) {
    for (ExtendedKeyUsage usage : question.extended_key_usages) {
      values.push_back({.number = static_cast<std::int64_t>(usage)});
    }
  }
  if (key.dimension == Dimension::content && question.message) {
    for (const MessageField& field : question.message->fields) {
      if (field.name == key.field) take(field.values);
    }
  }
  return values;
}

ExampleRequest without_lists(ExampleRequest request) {
  request.machine.dns_names.clear();
  request.question.names = {};
  request.question.extended_key_usages.clear();
  if (request.question.message) request.question.message->fields.clear();
  return request;
}

}  // namespace

void set_value(ExampleRequest& request, const DimensionKey& key, const RequestValue& value) {
  PolicyQuestion& question = request.question;
  switch (key.dimension) {
    case Dimension::machine_name:
      request.machine.name = value.is_absent ? MachineName() : MachineName::literal(value.text);
      return;
    case Dimension::spiffe_id:
      request.machine.spiffe_id = value.text;
      return;
    case Dimension::fingerprint:
      request.machine.fingerprint = value.text;
      return;
    case Dimension::machine_dns:
      request.machine.dns_names.push_back(value.text);
      return;
    case Dimension::machine_attribute:
      set_attribute(request.machine, key.field, value);
      return;
    case Dimension::source:
      request.machine.source = value.text;
      return;
    case Dimension::certificate_age:
      set_age(request, value);
      return;
    case Dimension::time:
      request.at = Time(Time::duration(value.number));
      return;
    case Dimension::issuer:
      question.issuer = value.text;
      return;
    case Dimension::profile:
      question.profile = value.text;
      return;
    case Dimension::key:
      question.key = value.text;
      return;
    case Dimension::owner:
      question.owner = value.text;
      return;
    case Dimension::country:
      question.subject.country = value.text;
      return;
    case Dimension::organization:
      question.subject.organization = value.text;
      return;
    case Dimension::organizational_unit:
      question.subject.organizational_unit = value.text;
      return;
    case Dimension::common_name:
      question.subject.common_name = value.text;
      if (value.is_dns_name) add_once(question.names.dns, value.text);
      return;
    case Dimension::dns_names:
      add_once(question.names.dns, value.text);
      return;
    case Dimension::ip_addresses:
      question.names.ip.push_back(value.text);
      return;
    case Dimension::uris:
      question.names.uri.push_back(value.text);
      return;
    case Dimension::emails:
      question.names.email.push_back(value.text);
      return;
    case Dimension::name_count:
      return;  // follows from the lists
    case Dimension::key_type:
      question.key_type = enumerator<KeyType>(value);
      return;
    case Dimension::validity:
      question.validity = seconds_of(value);
      return;
    case Dimension::extended_key_usages:
      question.extended_key_usages.push_back(static_cast<ExtendedKeyUsage>(value.number));
      return;
    case Dimension::algorithm:
      question.algorithm = enumerator<SignatureAlgorithm>(value);
      return;
    case Dimension::message_class:
      if (value.is_absent) {
        question.message.reset();
      } else {
        message_of(request).message_class = static_cast<MessageClass>(value.number);
      }
      return;
    case Dimension::content:
      set_content(request, key.field, value.text);
      return;
    case Dimension::lifetime:
      message_of(request).lifetime = seconds_of(value);
      return;
  }
  CHECK(!"every dimension has a place in the request");
}

bool is_true(const RequestPredicate& predicate, const ExampleRequest& request) {
  if (predicate.quantifier == RequestPredicate::Quantifier::one) {
    return predicate.holds({request.machine, request.question, request.at});
  }
  const DimensionKey key = key_of(predicate);
  const std::vector<RequestValue> values = elements(request, key);
  const ExampleRequest base = without_lists(request);
  const auto holds = [&](const RequestValue& value) { return is_true_of(predicate, value, base); };
  return predicate.quantifier == RequestPredicate::Quantifier::every
             ? std::all_of(values.begin(), values.end(), holds)
             : std::any_of(values.begin(), values.end(), holds);
}

bool is_true(const RequestFormula& formula, const ExampleRequest& request) {
  if (formula.predicate) return is_true(*formula.predicate, request) == formula.wanted;
  const auto holds = [&](const RequestFormula& part) { return is_true(part, request); };
  return formula.kind == RequestFormula::Kind::all
             ? std::all_of(formula.parts.begin(), formula.parts.end(), holds)
             : std::any_of(formula.parts.begin(), formula.parts.end(), holds);
}

bool is_true_of(const RequestPredicate& predicate, const RequestValue& value, ExampleRequest base) {
  set_value(base, key_of(predicate), value);
  return predicate.holds({base.machine, base.question, base.at});
}

Result<std::vector<RequestValue>> values_of(const DimensionKey& key, Predicates predicates,
                                            const ExampleRequest& base) {
  if (const auto universe = universe_of(key.dimension)) {
    return name_values(key, *universe, predicates, base);
  }
  std::vector<RequestValue> values;
  switch (key.dimension) {
    case Dimension::fingerprint:
      values = listed_values(key, predicates, kFingerprint);
      std::rotate(values.begin(), values.end() - 1, values.end());  // the other one first
      values.push_back({.is_absent = true});
      return values;
    case Dimension::source:
    case Dimension::ip_addresses:
      return address_values(key, predicates);
    case Dimension::certificate_age:
      values = duration_values(key, predicates);
      values.push_back({.number = kEnrolling, .is_absent = true});
      return values;
    case Dimension::validity:
    case Dimension::lifetime:
      return duration_values(key, predicates);
    case Dimension::time:
      return time_values(predicates, base);
    case Dimension::issuer:
    case Dimension::profile:
      return listed_values(key, predicates, kOther);
    case Dimension::organization:
    case Dimension::organizational_unit:
    case Dimension::country:
      values =
          listed_values(key, predicates, key.dimension == Dimension::country ? "ZZ" : "Another");
      values.insert(values.begin(), {.is_absent = true});
      return values;
    case Dimension::key_type:
      return enumerated(key_types(), [](const KeyTypeRow& row) { return row.type; });
    case Dimension::algorithm:
      return enumerated(signature_algorithms(),
                        [](const SignatureAlgorithmRow& row) { return row.algorithm; });
    case Dimension::message_class:
      return class_values(base.question.operation);
    case Dimension::extended_key_usages:
      return usage_values();
    case Dimension::name_count:
      return values;
    case Dimension::machine_name:
    case Dimension::spiffe_id:
    case Dimension::machine_dns:
    case Dimension::machine_attribute:
    case Dimension::key:
    case Dimension::owner:
    case Dimension::common_name:
    case Dimension::dns_names:
    case Dimension::uris:
    case Dimension::emails:
    case Dimension::content:
      break;
  }
  CHECK(!"the others are names");
  return values;
}

}  // namespace chancery
