#include "policies/policy_case.h"

#include <algorithm>
#include <array>

#include "core/field_path.h"
#include "policies/asked_member.h"
#include "policies/listing.h"
#include "policies/text_map.h"

namespace chancery {
namespace {

constexpr std::array<std::string_view, 2> kMembers = {"policy", "cases"};
constexpr std::array<std::string_view, 9> kCaseMembers = {
    "name", "machine", "ask", "at", "expect", "grant", "reason", "approval", "quotas"};
constexpr std::array<std::string_view, 3> kMessageMembers = {"class", "fields", "lifetime"};
constexpr std::string_view kNone = "none";

template <class Subject>
std::vector<std::string_view> names_and(std::span<const AskedMember<Subject>> members,
                                        std::initializer_list<std::string_view> others) {
  std::vector<std::string_view> names;
  for (const AskedMember<Subject>& member : members) names.push_back(member.name);
  names.insert(names.end(), others);
  return names;
}

/// Text that `parse` makes a value of.
template <class Parse>
auto read_parsed(const YamlNode& node, const FieldPath& path, Parse parse)
    -> decltype(parse(std::string_view())) {
  ASSIGN_OR_RETURN(const std::string text, read_text(node, path));
  auto value = parse(std::string_view(text));
  if (!value) return path.refuse(node.place, value.error().message);
  return value;
}

Result<std::string> any_text(std::string_view text) {
  return std::string(text);
}

/// One text, or a list of them.
Result<std::vector<std::string>> read_texts(const YamlNode& node, const FieldPath& path) {
  if (node.kind == YamlNode::Kind::list) return read_list(node, path, any_text);
  ASSIGN_OR_RETURN(std::string text, read_text(node, path));
  return std::vector<std::string>{std::move(text)};
}

/// The members of the table that `node` has.
template <class Subject>
Result<void> read_asked(const YamlNode& node, const FieldPath& path,
                        std::span<const AskedMember<Subject>> members, Subject& subject) {
  for (const AskedMember<Subject>& member : members) {
    const YamlNode* value = find_member(node, member.name);
    if (value == nullptr) continue;
    const FieldPath value_path = path.member(member.name);
    if (value->kind == YamlNode::Kind::list && !member.list) {
      return value_path.refuse(value->place, "must be text");
    }
    ASSIGN_OR_RETURN(const std::vector<std::string> texts, read_texts(*value, value_path));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      auto added = member.add(subject, texts[i]);
      if (added) continue;
      const std::string& message = added.error().message;
      if (value->kind != YamlNode::Kind::list) return value_path.refuse(value->place, message);
      return value_path.item(i).refuse(value->children[i].place, message);
    }
  }
  return {};
}

Result<void> read_attributes(const YamlNode& node, const FieldPath& path, Machine& machine) {
  if (node.kind != YamlNode::Kind::mapping) {
    return path.refuse(node.place, "must be a mapping such as {team: shop}");
  }
  for (const YamlNode& child : node.children) {
    const FieldPath child_path = path.member(child.name);
    ASSIGN_OR_RETURN(const std::string value, read_text(child, child_path));
    if (auto added = add_attribute(machine, child.name, value); !added) {
      return child_path.refuse(child.place, added.error().message);
    }
  }
  return {};
}

Result<Machine> read_machine(const YamlNode& node, const FieldPath& path, Time at) {
  static const auto members =
      names_and(machine_members(), {"attributes", "certificate_age", "enrolling"});
  RETURN_IF_ERROR(expect_members(node, path, members));
  Machine machine;
  machine.fingerprint = kSomeFingerprint;
  RETURN_IF_ERROR(read_asked(node, path, machine_members(), machine));
  if (const YamlNode* attributes = find_member(node, "attributes")) {
    RETURN_IF_ERROR(read_attributes(*attributes, path.member("attributes"), machine));
  }
  if (const YamlNode* age = find_member(node, "certificate_age")) {
    ASSIGN_OR_RETURN(const Seconds since,
                     read_parsed(*age, path.member("certificate_age"), parse_duration));
    machine.certificate_since = at - since;
  }
  if (const YamlNode* enrolling = find_member(node, "enrolling")) {
    if (enrolling->kind != YamlNode::Kind::text || enrolling->text != "true") {
      return path.member("enrolling").refuse(enrolling->place, "must be true, or left out");
    }
    for (const char* other : {"fingerprint", "spiffe", "dns", "certificate_age"}) {
      const YamlNode* given = find_member(node, other);
      if (given == nullptr) continue;
      return path.member(other).refuse(given->place,
                                       "a machine that enrols has no certificate yet");
    }
    machine.fingerprint.clear();
  }
  return machine;
}

Result<MessageContent> read_message(const YamlNode& node, const FieldPath& path) {
  RETURN_IF_ERROR(expect_members(node, path, kMessageMembers));
  MessageContent message;
  const YamlNode* message_class = find_member(node, "class");
  if (message_class == nullptr) return path.refuse(node.place, "the member class is missing");
  ASSIGN_OR_RETURN(message.message_class,
                   read_parsed(*message_class, path.member("class"), parse_message_class));
  if (const YamlNode* lifetime = find_member(node, "lifetime")) {
    ASSIGN_OR_RETURN(message.lifetime,
                     read_parsed(*lifetime, path.member("lifetime"), parse_duration));
  }
  const YamlNode* fields = find_member(node, "fields");
  if (fields == nullptr) return message;
  const FieldPath fields_path = path.member("fields");
  if (fields->kind != YamlNode::Kind::mapping) {
    return fields_path.refuse(fields->place, "must be a mapping such as {issuer: [a]}");
  }
  for (const YamlNode& field : fields->children) {
    const FieldPath field_path = fields_path.member(field.name);
    ASSIGN_OR_RETURN(const auto values, read_texts(field, field_path));
    for (const std::string& value : values) {
      auto added = add_field(message, field.name, value);
      if (!added) return field_path.refuse(field.name_place, added.error().message);
    }
  }
  return message;
}

Result<PolicyQuestion> read_question(const YamlNode& node, const FieldPath& path) {
  static const auto members = names_and(question_members(), {"message"});
  RETURN_IF_ERROR(expect_members(node, path, members));
  if (find_member(node, "operation") == nullptr) {
    return path.refuse(node.place, "the member operation is missing");
  }
  PolicyQuestion question{};
  RETURN_IF_ERROR(read_asked(node, path, question_members(), question));
  if (const YamlNode* message = find_member(node, "message")) {
    ASSIGN_OR_RETURN(question.message, read_message(*message, path.member("message")));
  }
  return question;
}

Result<bool> allowed_or_refused(std::string_view text) {
  if (text == "allowed") return true;
  if (text == "refused") return false;
  return invalid("", "must be allowed or refused");
}

Result<void> read_expected(const YamlNode& node, const FieldPath& path, PolicyCase& expected) {
  ASSIGN_OR_RETURN(expected.allowed, read_parsed(*find_member(node, "expect"),
                                                 path.member("expect"), allowed_or_refused));
  struct Text {
    std::string_view name;
    std::string PolicyCase::*member;
  };
  for (const Text& text : {Text{"grant", &PolicyCase::grant}, Text{"reason", &PolicyCase::reason},
                           Text{"approval", &PolicyCase::approval}}) {
    const YamlNode* value = find_member(node, text.name);
    if (value == nullptr) continue;
    ASSIGN_OR_RETURN(expected.*text.member, read_text(*value, path.member(text.name)));
  }
  const YamlNode* quotas = find_member(node, "quotas");
  if (quotas != nullptr) {
    const bool empty = quotas->kind == YamlNode::Kind::list && quotas->children.empty();
    expected.quotas.emplace();
    if (!empty) {
      ASSIGN_OR_RETURN(expected.quotas, read_texts(*quotas, path.member("quotas")));
    }
  }
  for (const char* name : {"approval", "quotas", "reason"}) {
    const bool of_allowed = name != std::string_view("reason");
    const YamlNode* value = find_member(node, name);
    if (value == nullptr || of_allowed == expected.allowed) continue;
    return path.member(name).refuse(value->place, std::string("only what is ") +
                                                      (of_allowed ? "allowed" : "refused") +
                                                      " has one; this is expected to be " +
                                                      (expected.allowed ? "allowed" : "refused"));
  }
  return {};
}

Result<PolicyCase> read_case(const YamlNode& node, const FieldPath& path, const Profiles& profiles,
                             Time at) {
  RETURN_IF_ERROR(expect_members(node, path, kCaseMembers));
  for (const char* name : {"name", "machine", "ask", "expect"}) {
    if (find_member(node, name) != nullptr) continue;
    return path.refuse(node.place, std::string("the member ") + name + " is missing");
  }
  PolicyCase made;
  made.place = node.place;
  made.at = at;
  ASSIGN_OR_RETURN(made.name, read_text(*find_member(node, "name"), path.member("name")));
  if (const YamlNode* time = find_member(node, "at")) {
    ASSIGN_OR_RETURN(made.at, read_parsed(*time, path.member("at"), from_rfc3339));
  }
  ASSIGN_OR_RETURN(made.machine,
                   read_machine(*find_member(node, "machine"), path.member("machine"), made.at));
  ASSIGN_OR_RETURN(made.question, read_question(*find_member(node, "ask"), path.member("ask")));
  complete(made.question, made.machine, profiles);
  RETURN_IF_ERROR(read_expected(node, path, made));
  return made;
}

std::string answer_of(const Decision& decision) {
  if (decision.allowed()) return "allowed by " + quoted(decision.grant());
  return "refused: " + decision.reason();
}

std::string differing_duties(const PolicyCase& expected, const Duties& duties) {
  const std::string rule = duties.approval ? duties.approval->rule : std::string(kNone);
  if (!expected.approval.empty() && expected.approval != rule) {
    return "expected the approval " + quoted(expected.approval) + ", found " + quoted(rule);
  }
  if (!expected.quotas) return {};
  std::vector<std::string> wanted = *expected.quotas, used;
  for (const QuotaUse& use : duties.quotas) used.push_back(use.quota);
  std::ranges::sort(wanted);
  std::ranges::sort(used);
  if (wanted == used) return {};
  return "expected the quotas " + listing(wanted) + ", found " + listing(used);
}

}  // namespace

Result<PolicyCases> read_policy_cases(std::string_view text, const Profiles& profiles, Time at,
                                      std::string_view file) {
  const FieldPath document(file);
  const FieldPath cases_path = document.member("cases");
  PolicyCases read;
  TextMap<unsigned> lines;  // of the cases, by name
  const auto take = [&](const YamlNode& item, std::size_t position) -> Result<void> {
    const FieldPath path = cases_path.item(position);
    if (position == limits::policy_cases) {
      return path.refuse(item.place,
                         "a file has at most " + std::to_string(limits::policy_cases) + " cases",
                         ErrorCode::too_large);
    }
    ASSIGN_OR_RETURN(PolicyCase made, read_case(item, path, profiles, at));
    const auto [first, added] = lines.try_emplace(made.name, item.place.line);
    if (!added) {
      return path.member("name").refuse(find_member(item, "name")->place,
                                        "there is a case " + quoted(made.name) +
                                            " already, in line " + std::to_string(first->second));
    }
    read.cases.push_back(std::move(made));
    return {};
  };
  const std::array streams = {YamlStream{"cases", YamlNode::Kind::list, take}};
  ASSIGN_OR_RETURN(const YamlNode root, read_yaml(text, document, streams));
  if (find_member(root, "version") != nullptr || find_member(root, "grants") != nullptr) {
    return document.refuse(root.place,
                           "is a policy; cases stand in a file of their own, with the members "
                           "policy and cases");
  }
  RETURN_IF_ERROR(expect_members(root, document, kMembers));
  if (const YamlNode* policy = find_member(root, "policy")) {
    ASSIGN_OR_RETURN(read.policy, read_text(*policy, document.member("policy")));
  }
  const YamlNode* cases = find_member(root, "cases");
  if (cases == nullptr) return document.refuse(root.place, "the member cases is missing");
  if (cases->kind != YamlNode::Kind::list || read.cases.empty()) {
    return cases_path.refuse(cases->place, "must be a list of at least one case");
  }
  return read;
}

std::string differs(const PolicyCase& expected, const Decision& decision) {
  if (decision.allowed() != expected.allowed) {
    return std::string("expected to be ") + (expected.allowed ? "allowed" : "refused") + ", but " +
           answer_of(decision);
  }
  if (!expected.grant.empty() && decision.grant() != expected.grant) {
    return "expected grant " + quoted(expected.grant) + ", but " + answer_of(decision);
  }
  if (decision.reason().find(expected.reason) == std::string::npos) {
    return "expected the reason to say " + quoted(expected.reason) + ", but " + answer_of(decision);
  }
  static const Duties no_duties;
  if (!decision.allowed()) return {};
  return differing_duties(expected, decision.duties() ? *decision.duties() : no_duties);
}

}  // namespace chancery
