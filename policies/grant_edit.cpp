#include "policies/grant_edit.h"

#include <algorithm>
#include <array>

#include "core/machine_attribute.h"
#include "policies/listing.h"

namespace chancery {
namespace {

using Texts = std::vector<std::string>;
using Edit = std::optional<std::string>;

std::string list_text(const Texts& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  return text;
}

Edit add(const std::string& what, const std::string& to) {
  return "add " + quoted(what) + " to " + to;
}

/// A pattern that covers `value`, and nothing else but where it is a wildcard name, which speaks
/// for others; nothing where it has characters with another meaning.
std::optional<Pattern> exactly(PatternKind kind, const std::string& value) {
  const bool is_wildcard = kind == PatternKind::dns_name && value.starts_with("*.");
  if (value.find_first_of("*{}", is_wildcard ? 1 : 0) != value.npos) return std::nullopt;
  auto pattern = Pattern::parse(kind, value);
  if (!pattern) return std::nullopt;
  return *std::move(pattern);
}

bool is_covered(const std::vector<Pattern>& patterns, const std::string& value,
                const Machine& machine) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const Pattern& pattern) { return pattern.matches(value, machine); });
}

/// Adds what is not covered.
Edit add_names(std::vector<Pattern>& patterns, PatternKind kind, const Texts& names,
               const Machine& machine, const std::string& member) {
  Texts added;
  for (const std::string& name : names) {
    if (is_covered(patterns, name, machine)) continue;
    std::optional<Pattern> exact = exactly(kind, name);
    if (!exact) return std::nullopt;
    patterns.push_back(*std::move(exact));
    added.push_back(quoted(name));
  }
  if (added.empty()) return std::nullopt;
  return "add " + list_text(added) + " to " + member;
}

Edit add_addresses(std::vector<Network>& networks, const Texts& addresses,
                   const std::string& member) {
  Texts added;
  for (const std::string& text : addresses) {
    const auto address = Address::parse(text);
    const bool covered = address && std::any_of(networks.begin(), networks.end(),
                                                [&](auto& one) { return one.contains(*address); });
    if (covered) continue;
    auto network = Network::parse(text);
    if (!network) return std::nullopt;
    networks.push_back(*std::move(network));
    added.push_back(quoted(text));
  }
  if (added.empty()) return std::nullopt;
  return "add " + list_text(added) + " to " + member;
}

template <auto List, auto Value>
Edit add_text(const Asked& asked, RuleTerms& terms, const std::string& member) {
  const std::string& value = asked.question.*Value;
  if (value.empty()) return std::nullopt;
  (terms.*List).push_back(value);
  return add(value, member);
}

Edit edit_keys(const Asked& asked, RuleTerms& terms, const std::string& member) {
  return add_names(terms.keys, PatternKind::key, {asked.question.key}, asked.machine, member);
}

Edit edit_owner(const Asked& asked, RuleTerms& terms, const std::string& member) {
  const std::string& owner = asked.question.owner;
  auto pattern = exactly(PatternKind::machine_name, owner);
  if (!pattern) return std::nullopt;
  const bool has_list = terms.owner.kind == OwnerCondition::Kind::patterns;
  terms.owner.kind = OwnerCondition::Kind::patterns;
  terms.owner.patterns.push_back(*std::move(pattern));
  if (has_list) return add(owner, member);
  auto own = Pattern::parse(PatternKind::machine_name, "{machine.name}");
  terms.owner.patterns.push_back(*std::move(own));
  return "set " + member + " to [\"{machine.name}\", " + quoted(owner) + "]";
}

Edit edit_source(const Asked& asked, RuleTerms& terms, const std::string& member) {
  return add_addresses(terms.sources, {asked.machine.source}, member);
}

Edit edit_attributes(const Asked& asked, RuleTerms& terms, const std::string& member) {
  Texts edits;
  for (AttributeCondition& condition : terms.attributes) {
    const std::string* value = find_attribute(asked.machine, condition.name);
    if (value == nullptr) return std::nullopt;
    if (is_covered(condition.patterns, *value, asked.machine)) continue;
    const Edit edit = add_names(condition.patterns, PatternKind::text, {*value}, asked.machine,
                                member + "." + condition.name);
    if (!edit) return std::nullopt;
    edits.push_back(*edit);
  }
  return list_text(edits);
}

Edit edit_content(const Asked& asked, RuleTerms& terms, const std::string& member) {
  if (!asked.question.message) return std::nullopt;
  Texts edits;
  for (ContentCondition& condition : terms.content) {
    const auto& fields = asked.question.message->fields;
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const MessageField& one) {
      return one.name == condition.field;
    });
    if (field == fields.end() || condition.patterns.empty()) return std::nullopt;
    const Edit edit = add_names(condition.patterns, condition.patterns.front().kind(),
                                field->values, asked.machine, member + "." + condition.field);
    if (edit) edits.push_back(*edit);
  }
  if (edits.empty()) return std::nullopt;
  return list_text(edits);
}

template <auto List, PatternKind kind, auto Names>
Edit edit_names(const Asked& asked, RuleTerms& terms, const std::string& member) {
  return add_names(terms.*List, kind, asked.question.names.*Names, asked.machine, member);
}

/// People's addresses stay out of what is shown.
Edit edit_emails(const Asked& asked, RuleTerms& terms, const std::string& member) {
  if (!add_names(terms.emails, PatternKind::email, asked.question.names.email, asked.machine,
                 member)) {
    return std::nullopt;
  }
  return "add the e-mail addresses to " + member;
}

Edit edit_ip_addresses(const Asked& asked, RuleTerms& terms, const std::string& member) {
  return add_addresses(terms.ip_addresses, asked.question.names.ip, member);
}

Edit edit_common_names(const Asked& asked, RuleTerms& terms, const std::string& member) {
  return add_names(terms.common_names, PatternKind::common_name,
                   {asked.question.subject.common_name}, asked.machine, member);
}

Edit edit_subject(const Asked& asked, RuleTerms& terms, const std::string& member) {
  struct Part {
    std::string_view name;
    std::string Subject::*asked;
    Texts RuleTerms::*list;
  };
  constexpr std::array parts = {
      Part{"country", &Subject::country, &RuleTerms::countries},
      Part{"organization", &Subject::organization, &RuleTerms::organizations},
      Part{"organizational_unit", &Subject::organizational_unit, &RuleTerms::organizational_units},
  };
  Texts edits;
  for (const Part& part : parts) {
    const std::string& value = asked.question.subject.*part.asked;
    Texts& list = terms.*part.list;
    if (value.empty() || std::find(list.begin(), list.end(), value) != list.end()) continue;
    list.push_back(value);
    edits.push_back(*add(value, member + "." + std::string(part.name)));
  }
  return list_text(edits);
}

template <auto Member>
Edit raise_to(const std::optional<Seconds>& asked, RuleTerms& terms, const std::string& member) {
  if (!asked) return std::nullopt;
  terms.*Member = *asked;
  return "raise " + member + " to " + format_duration(*asked);
}

Edit edit_max_validity(const Asked& asked, RuleTerms& terms, const std::string& member) {
  return raise_to<&RuleTerms::max_validity>(asked.question.validity, terms, member);
}
Edit edit_max_lifetime(const Asked& asked, RuleTerms& terms, const std::string& member) {
  const auto& message = asked.question.message;
  return raise_to<&RuleTerms::max_lifetime>(message ? message->lifetime : std::nullopt, terms,
                                            member);
}
Edit edit_certificate_age(const Asked& asked, RuleTerms& terms, const std::string& member) {
  if (!asked.machine.certificate_since) return std::nullopt;
  const auto age = std::chrono::ceil<Seconds>(asked.at - *asked.machine.certificate_since);
  return raise_to<&RuleTerms::certificate_age>(age, terms, member);
}
Edit edit_max_names(const Asked& asked, RuleTerms& terms, const std::string& member) {
  terms.max_names = asked.question.names.size();
  return "raise " + member + " to " + std::to_string(*terms.max_names);
}

Edit edit_key_types(const Asked& asked, RuleTerms& terms, const std::string& member) {
  if (!asked.question.key_type) return std::nullopt;
  terms.key_types.push_back(*asked.question.key_type);
  return add(std::string(row(*asked.question.key_type).name), member);
}
Edit edit_algorithms(const Asked& asked, RuleTerms& terms, const std::string& member) {
  if (!asked.question.algorithm) return std::nullopt;
  terms.algorithms.push_back(*asked.question.algorithm);
  return add(std::string(row(*asked.question.algorithm).name), member);
}
Edit edit_digests(const Asked& asked, RuleTerms& terms, const std::string& member) {
  if (!asked.question.algorithm) return std::nullopt;
  const auto digest = row(*asked.question.algorithm).digest;
  if (!digest) return std::nullopt;
  terms.digests.push_back(*digest);
  return add(std::string(row(*digest).name), member);
}
Edit edit_message_classes(const Asked& asked, RuleTerms& terms, const std::string& member) {
  const bool is_digest = asked.question.operation == Operation::key_sign_digest;
  if (!asked.question.message && !is_digest) return std::nullopt;
  const MessageClass one = is_digest ? MessageClass::digest : asked.question.message->message_class;
  terms.message_classes.push_back(one);
  return add(std::string(name_of(one)), member);
}
Edit edit_usages(const Asked& asked, RuleTerms& terms, const std::string& member) {
  Texts added;
  for (ExtendedKeyUsage usage : asked.question.extended_key_usages) {
    auto& list = terms.extended_key_usages;
    if (std::find(list.begin(), list.end(), usage) != list.end()) continue;
    list.push_back(usage);
    added.push_back(quoted(name_of(usage)));
  }
  if (added.empty()) return std::nullopt;
  return "add " + list_text(added) + " to " + member;
}

struct EditRow {
  std::string_view condition;
  Edit (*edit)(const Asked&, RuleTerms&, const std::string& member);
};

constexpr std::array kEdits = {
    EditRow{"issuers", add_text<&RuleTerms::issuers, &PolicyQuestion::issuer>},
    EditRow{"profiles", add_text<&RuleTerms::profiles, &PolicyQuestion::profile>},
    EditRow{"keys", edit_keys},
    EditRow{"owner", edit_owner},
    EditRow{"source", edit_source},
    EditRow{"attributes", edit_attributes},
    EditRow{"certificate_age", edit_certificate_age},
    EditRow{"dns_names",
            edit_names<&RuleTerms::dns_names, PatternKind::dns_name, &SubjectAltNames::dns>},
    EditRow{"uris", edit_names<&RuleTerms::uris, PatternKind::uri, &SubjectAltNames::uri>},
    EditRow{"emails", edit_emails},
    EditRow{"ip_addresses", edit_ip_addresses},
    EditRow{"max_names", edit_max_names},
    EditRow{"common_names", edit_common_names},
    EditRow{"subject", edit_subject},
    EditRow{"key_types", edit_key_types},
    EditRow{"extended_key_usages", edit_usages},
    EditRow{"max_validity", edit_max_validity},
    EditRow{"algorithms", edit_algorithms},
    EditRow{"digests", edit_digests},
    EditRow{"message_classes", edit_message_classes},
    EditRow{"content", edit_content},
    EditRow{"max_lifetime", edit_max_lifetime},
};

std::string attributes_text(const Machine& machine) {
  Texts texts;
  for (const MachineAttribute& one : machine.attributes)
    texts.push_back(one.name + "=" + one.value);
  return list_text(texts);
}

struct AskedRow {
  std::string_view condition;
  std::string (*text)(const Asked&);
};

std::string duration_text(const std::optional<Seconds>& duration) {
  return duration ? format_duration(*duration) : "";
}

constexpr std::array kAsked = {
    AskedRow{"issuers", [](const Asked& asked) { return asked.question.issuer; }},
    AskedRow{"profiles", [](const Asked& asked) { return asked.question.profile; }},
    AskedRow{"keys", [](const Asked& asked) { return asked.question.key; }},
    AskedRow{"owner", [](const Asked& asked) { return asked.question.owner; }},
    AskedRow{"source", [](const Asked& asked) { return asked.machine.source; }},
    AskedRow{"attributes", [](const Asked& asked) { return attributes_text(asked.machine); }},
    AskedRow{"hours", [](const Asked& asked) { return to_rfc3339_seconds(asked.at); }},
    AskedRow{"valid_from", [](const Asked& asked) { return to_rfc3339_seconds(asked.at); }},
    AskedRow{"valid_until", [](const Asked& asked) { return to_rfc3339_seconds(asked.at); }},
    AskedRow{"dns_names", [](const Asked& asked) { return list_text(asked.question.names.dns); }},
    AskedRow{"uris", [](const Asked& asked) { return list_text(asked.question.names.uri); }},
    AskedRow{"ip_addresses", [](const Asked& asked) { return list_text(asked.question.names.ip); }},
    AskedRow{"max_names",
             [](const Asked& asked) { return std::to_string(asked.question.names.size()); }},
    AskedRow{"common_names", [](const Asked& asked) { return asked.question.subject.common_name; }},
    AskedRow{"max_validity",
             [](const Asked& asked) { return duration_text(asked.question.validity); }},
    AskedRow{"key_types",
             [](const Asked& asked) {
               const auto& type = asked.question.key_type;
               return std::string(type ? row(*type).name : "");
             }},
    AskedRow{"algorithms",
             [](const Asked& asked) {
               const auto& algorithm = asked.question.algorithm;
               return std::string(algorithm ? row(*algorithm).name : "");
             }},
    AskedRow{"message_classes",
             [](const Asked& asked) {
               const auto& message = asked.question.message;
               return std::string(message ? name_of(message->message_class) : "");
             }},
};

}  // namespace

std::string asked_of(std::string_view name, const Asked& asked) {
  for (const AskedRow& row : kAsked) {
    if (row.condition == name) return row.text(asked);
  }
  return {};
}

std::optional<std::string> widen(const ConditionRow& row, const Asked& asked, RuleTerms& terms) {
  const std::string member = (row.in_when ? "when." : "") + std::string(row.name);
  for (const EditRow& edit : kEdits) {
    if (edit.condition == row.name) return edit.edit(asked, terms, member);
  }
  return std::nullopt;
}

}  // namespace chancery
