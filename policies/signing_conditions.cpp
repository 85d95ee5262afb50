#include <array>

#include "core/message_fields.h"
#include "policies/condition_lists.h"
#include "policies/condition_themes.h"

namespace chancery {
namespace {

constexpr OperationSet kMessages = {Operation::key_sign};

// --- Algorithms and digests --------------------------------------------------------------------

Result<void> read_algorithms(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                             RuleTerms& terms) {
  const auto parse = [](std::string_view text) -> Result<SignatureAlgorithm> {
    ASSIGN_OR_RETURN(const SignatureAlgorithmRow found,
                     parse_enumerator(text, signature_algorithms(),
                                      [](const SignatureAlgorithmRow& row) { return row.name; }));
    return found.algorithm;
  };
  ASSIGN_OR_RETURN(terms.algorithms, read_list(node, path, parse));
  return {};
}
Result<void> read_digests(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                          RuleTerms& terms) {
  const auto parse = [](std::string_view text) -> Result<DigestAlgorithm> {
    ASSIGN_OR_RETURN(
        const DigestRow found,
        parse_enumerator(text, digests(), [](const DigestRow& row) { return row.name; }));
    return found.algorithm;
  };
  ASSIGN_OR_RETURN(terms.digests, read_list(node, path, parse));
  return {};
}

template <class Enum>
std::string listing_of(const std::vector<Enum>& values) {
  std::vector<std::string> names;
  for (Enum value : values) names.emplace_back(row(value).name);
  return listing(names);
}

std::string_view algorithm_of(const Asked& asked) {
  return asked.question.algorithm ? row(*asked.question.algorithm).name : std::string_view();
}
bool algorithms_hold(const RuleTerms& terms, const Asked& asked) {
  return lists(terms.algorithms, asked.question.algorithm);
}
std::string explain_algorithms(const RuleTerms& terms, const Asked& asked) {
  return not_in(algorithm_of(asked), listing_of(terms.algorithms));
}
std::string explain_algorithms_met(const RuleTerms& terms, const Asked& asked) {
  return is_in(algorithm_of(asked), listing_of(terms.algorithms));
}

std::optional<DigestAlgorithm> digest_of(const Asked& asked) {
  return asked.question.algorithm ? row(*asked.question.algorithm).digest : std::nullopt;
}
bool digests_hold(const RuleTerms& terms, const Asked& asked) {
  return lists(terms.digests, digest_of(asked));
}
std::string explain_digests(const RuleTerms& terms, const Asked& asked) {
  const auto digest = digest_of(asked);
  if (digest) return not_in(row(*digest).name, listing_of(terms.digests));
  return "the algorithm signs the message itself, without a digest out of " +
         listing_of(terms.digests);
}
std::string explain_digests_met(const RuleTerms& terms, const Asked& asked) {
  return is_in(row(*digest_of(asked)).name, listing_of(terms.digests));
}

// --- What the message is -----------------------------------------------------------------------

constexpr std::array kClasses = {
    MessageClass::data,        MessageClass::jwt, MessageClass::ssh_certificate,
    MessageClass::certificate, MessageClass::crl, MessageClass::cms_attributes,
    MessageClass::digest,
};

Result<void> read_classes(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                          RuleTerms& terms) {
  const auto parse = [](std::string_view text) {
    return parse_enumerator(text, kClasses, [](MessageClass one) { return name_of(one); });
  };
  ASSIGN_OR_RETURN(terms.message_classes, read_list(node, path, parse));
  return {};
}

std::optional<MessageClass> class_of(const Asked& asked) {
  if (asked.question.operation == Operation::key_sign_digest) return MessageClass::digest;
  if (!asked.question.message) return std::nullopt;
  return asked.question.message->message_class;
}
std::string listing_of(const std::vector<MessageClass>& classes) {
  std::vector<std::string> names;
  for (MessageClass one : classes) names.emplace_back(name_of(one));
  return listing(names);
}
std::string_view name_of_class(const Asked& asked) {
  const auto one = class_of(asked);
  return one ? name_of(*one) : std::string_view();
}
bool classes_hold(const RuleTerms& terms, const Asked& asked) {
  return lists(terms.message_classes, class_of(asked));
}
std::string explain_classes(const RuleTerms& terms, const Asked& asked) {
  return not_in(name_of_class(asked), listing_of(terms.message_classes));
}
std::string explain_classes_met(const RuleTerms& terms, const Asked& asked) {
  return is_in(name_of_class(asked), listing_of(terms.message_classes));
}

// --- What it says ------------------------------------------------------------------------------

/// Fields that hold names are compared as names of their kind, the others as text.
PatternKind kind_of_field(std::string_view name) {
  if (name == "dns_name") return PatternKind::dns_name;
  if (name == "uri") return PatternKind::uri;
  if (name == "email") return PatternKind::email;
  if (name == "common_name") return PatternKind::common_name;
  return PatternKind::text;
}

std::vector<std::string_view> field_names() {
  std::vector<std::string_view> names;
  for (const MessageFieldRow& row : message_fields()) {
    if (!lists(names, row.name)) names.push_back(row.name);
  }
  return names;
}

Result<void> read_content(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                          RuleTerms& terms) {
  RETURN_IF_ERROR(expect_members(node, path, field_names()));
  if (node.children.empty()) return path.refuse(node.place, "is empty; leave it out");
  for (const YamlNode& child : node.children) {
    ASSIGN_OR_RETURN(std::vector<Pattern> patterns,
                     read_pattern_list(child, path.member(child.name), kind_of_field(child.name)));
    terms.content.push_back({child.name, std::move(patterns)});
  }
  return {};
}

const MessageField* find_field(const Asked& asked, std::string_view name) {
  if (!asked.question.message) return nullptr;
  for (const MessageField& field : asked.question.message->fields) {
    if (field.name == name && !field.values.empty()) return &field;
  }
  return nullptr;
}

auto match_by(const ContentCondition& condition, const Asked& asked) {
  return [&](const std::string& value) {
    return any_matches(condition.patterns, value, asked.machine);
  };
}

bool field_holds(const ContentCondition& condition, const Asked& asked) {
  const MessageField* field = find_field(asked, condition.field);
  return field != nullptr &&
         std::all_of(field->values.begin(), field->values.end(), match_by(condition, asked));
}
bool content_holds(const RuleTerms& terms, const Asked& asked) {
  return std::all_of(
      terms.content.begin(), terms.content.end(),
      [&](const ContentCondition& condition) { return field_holds(condition, asked); });
}

bool field_meets(const ContentCondition& condition, const Asked& asked) {
  const MessageField* field = find_field(asked, condition.field);
  return field != nullptr &&
         std::any_of(field->values.begin(), field->values.end(), match_by(condition, asked));
}
bool content_meets(const RuleTerms& terms, const Asked& asked) {
  return std::all_of(
      terms.content.begin(), terms.content.end(),
      [&](const ContentCondition& condition) { return field_meets(condition, asked); });
}

/// `text`, unless it may hold the address of a person: these stay out of the log
/// (docs/audit-format.md), where reasons go.
std::string without_addresses(std::string text, const char* instead) {
  return text.find('@') == text.npos ? std::move(text) : instead;
}

std::string explain_content(const RuleTerms& terms, const Asked& asked) {
  for (const ContentCondition& condition : terms.content) {
    if (field_holds(condition, asked)) continue;
    const MessageField* field = find_field(asked, condition.field);
    if (field == nullptr) return "the message has no " + condition.field;
    const auto value =
        std::find_if_not(field->values.begin(), field->values.end(), match_by(condition, asked));
    return condition.field + " " +
           without_addresses(not_in(*value, listing(condition.patterns, asked.machine)),
                             "matches no pattern of the grant");
  }
  return {};
}
std::string explain_content_met(const RuleTerms& terms, const Asked& asked) {
  std::string text;
  for (const ContentCondition& condition : terms.content) {
    const MessageField* field = find_field(asked, condition.field);
    const auto value =
        std::find_if(field->values.begin(), field->values.end(), match_by(condition, asked));
    text += (text.empty() ? "" : ", ") + condition.field + " " +
            without_addresses(is_in(*value, listing(condition.patterns, asked.machine)),
                              "matches a pattern of the rule");
  }
  return text;
}

// --- How long it is good for -------------------------------------------------------------------

bool max_lifetime_holds(const RuleTerms& terms, const Asked& asked) {
  const auto& message = asked.question.message;
  return message && message->lifetime && *message->lifetime <= *terms.max_lifetime;
}
std::string explain_max_lifetime(const RuleTerms& terms, const Asked& asked) {
  const std::string limit = format_duration(*terms.max_lifetime);
  const auto& message = asked.question.message;
  if (!message || !message->lifetime) {
    return "the message says no end, at most " + limit + " is allowed";
  }
  return format_duration(*message->lifetime) + " is longer than " + limit;
}
bool longer_lifetime_meets(const RuleTerms& terms, const Asked& asked) {
  const auto& message = asked.question.message;
  return message && (!message->lifetime || *message->lifetime > *terms.longer_lifetime_than);
}
std::string explain_longer_lifetime(const RuleTerms& terms, const Asked& asked) {
  const auto& lifetime = asked.question.message->lifetime;
  if (!lifetime) return "the message says no end";
  return format_duration(*lifetime) + " is longer than " +
         format_duration(*terms.longer_lifetime_than);
}

constexpr auto kAnything = Silence::anything;

constexpr std::array kRows = {
    ConditionRow{"algorithms", true, kAnything, kSigning, read_algorithms, algorithms_hold,
                 explain_algorithms, algorithms_hold, explain_algorithms_met},
    ConditionRow{"digests", true, kAnything, kSigning, read_digests, digests_hold, explain_digests,
                 digests_hold, explain_digests_met},
    ConditionRow{"message_classes", true, kAnything, kSigning, read_classes, classes_hold,
                 explain_classes, classes_hold, explain_classes_met},
    ConditionRow{"content", true, kAnything, kMessages, read_content, content_holds,
                 explain_content, content_meets, explain_content_met},
    ConditionRow{"max_lifetime", true, kAnything, kMessages,
                 read_any_duration<&RuleTerms::max_lifetime>, max_lifetime_holds,
                 explain_max_lifetime, nullptr, nullptr},
    ConditionRow{"longer_lifetime_than", true, kAnything, kMessages,
                 read_any_duration<&RuleTerms::longer_lifetime_than>, nullptr, nullptr,
                 longer_lifetime_meets, explain_longer_lifetime},
};

}  // namespace

std::span<const ConditionRow> signing_conditions() {
  return kRows;
}

}  // namespace chancery
