#include "policies/template.h"

#include <algorithm>
#include <array>

#include "core/field_path.h"
#include "policies/identity.h"
#include "policies/listing.h"

namespace chancery {
namespace {

constexpr std::array<std::string_view, 4> kTemplateMembers = {"name", "parameters", "grants",
                                                              "denials"};
constexpr std::array<std::string_view, 2> kParameterMembers = {"name", "pattern"};
constexpr std::array<std::string_view, 3> kUseMembers = {"template", "name", "with"};
constexpr std::string_view kOpening = "${";

bool is_parameter_name(std::string_view text) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && text.size() <= limits::name_bytes && is_lower(text.front()) &&
         std::ranges::all_of(
             text, [&](char c) { return is_lower(c) || (c >= '0' && c <= '9') || c == '_'; });
}

Result<std::string> read_template_name(const YamlNode& node, const FieldPath& path) {
  ASSIGN_OR_RETURN(std::string name, read_text(node, path));
  if (const auto good = check_policy_name(name); !good) {
    return path.refuse(node.place, good.error().message);
  }
  return name;
}

/// Calls `literal` and `parameter` with the parts of a text in turn. Whether each `${` has its `}`.
template <class Literal, class Parameter>
Result<bool> split(std::string_view text, const Literal& literal, const Parameter& parameter) {
  for (;;) {
    const std::size_t begin = text.find(kOpening);
    RETURN_IF_ERROR(literal(text.substr(0, begin)));
    if (begin == std::string_view::npos) return true;
    text.remove_prefix(begin + kOpening.size());
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return false;
    RETURN_IF_ERROR(parameter(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
}

/// Looks at each value of a template's rules: what it names is there, and which it names.
class ParameterUse {
 public:
  explicit ParameterUse(const std::vector<std::string_view>& names)
      : names_(names), used_(names.size()) {}

  Result<void> look(const YamlNode& node, const FieldPath& path) {
    if (++nodes_ > limits::policy_template_values) {
      return path.refuse(node.place,
                         "templates have at most " +
                             std::to_string(limits::policy_template_values) + " values in all",
                         ErrorCode::too_large);
    }
    if (node.name.find(kOpening) != std::string::npos) {
      return path.refuse(node.name_place, "parameters may stand in values only");
    }
    if (node.kind == YamlNode::Kind::text) return look_at_text(node, path);
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const YamlNode& child = node.children[i];
      const bool is_list = node.kind == YamlNode::Kind::list;
      RETURN_IF_ERROR(look(child, is_list ? path.item(i) : path.member(child.name)));
    }
    return {};
  }

  [[nodiscard]] const std::vector<bool>& used() const { return used_; }
  std::size_t nodes_ = 0;

 private:
  Result<void> look_at_text(const YamlNode& node, const FieldPath& path) {
    const auto parameter = [&](std::string_view name) -> Result<void> {
      const auto found = std::ranges::find(names_, name);
      if (found == names_.end()) {
        return path.refuse(node.place, "there is no parameter " + quoted(name) +
                                           " of this template" + did_you_mean(name, names_));
      }
      used_[static_cast<std::size_t>(found - names_.begin())] = true;
      return {};
    };
    const auto literal = [](std::string_view) -> Result<void> { return {}; };
    ASSIGN_OR_RETURN(const bool closed, split(node.text, literal, parameter));
    if (closed) return {};
    return path.refuse(node.place, "a ${ has no } behind it");
  }

  const std::vector<std::string_view>& names_;
  std::vector<bool> used_;
};

/// Puts values in the place of parameters, within a bound for a whole policy.
class Expansion {
 public:
  /// Of one use.
  struct Values {
    const std::vector<std::string_view>& names;
    const std::vector<const std::string*>& texts;  // in the order of the names
  };

  Result<void> fill(YamlNode& node, const Values& values, const FieldPath& path) {
    // What a value takes in memory beside its text, so that many empty ones have an end too.
    constexpr std::size_t kNodeBytes = 64;
    RETURN_IF_ERROR(spend(kNodeBytes + node.text.size(), node, path));
    if (node.text.find(kOpening) != std::string::npos) {
      RETURN_IF_ERROR(fill_text(node, values, path));
    }
    for (YamlNode& child : node.children) RETURN_IF_ERROR(fill(child, values, path));
    return {};
  }

 private:
  Result<void> fill_text(YamlNode& node, const Values& values, const FieldPath& path) {
    std::string text;
    const auto literal = [&](std::string_view part) -> Result<void> {
      text += part;
      return {};
    };
    const auto parameter = [&](std::string_view name) -> Result<void> {
      const auto found = std::ranges::find(values.names, name);
      CHECK(found != values.names.end());  // ParameterUse has looked
      const std::string& value =
          *values.texts[static_cast<std::size_t>(found - values.names.begin())];
      text += value;
      return spend(value.size(), node, path);
    };
    ASSIGN_OR_RETURN([[maybe_unused]] const bool closed, split(node.text, literal, parameter));
    node.text = std::move(text);
    return {};
  }

  Result<void> spend(std::size_t bytes, const YamlNode& node, const FieldPath& path) {
    spent_ += bytes;
    if (spent_ <= limits::policy_expansion_bytes) return {};
    return path.refuse(node.place,
                       "the uses of templates make more than " +
                           std::to_string(limits::policy_expansion_bytes >> 20) + " MiB of rules",
                       ErrorCode::too_large);
  }

  std::size_t spent_ = 0;
};

/// Refuses a value that means more than its text where it is put.
Result<void> check_value(std::string_view value, bool pattern, std::string_view file, Place place,
                         const std::string& field) {
  if (value.size() > limits::pattern_bytes) {
    return refuse_at(file, place, field,
                     "must have at most " + std::to_string(limits::pattern_bytes) + " bytes");
  }
  if (value.find('$') != std::string_view::npos) {
    return refuse_at(file, place, field, "must not contain $");
  }
  if (pattern || value.find_first_of("*{}") == std::string_view::npos) return {};
  return refuse_at(file, place, field,
                   "must not contain * { }: the template does not declare this parameter with "
                   "pattern: true");
}

std::string field_of_use(std::size_t index, const std::string& member) {
  return "use[" + std::to_string(index) + "]" + (member.empty() ? "" : "." + member);
}

}  // namespace

Result<void> TemplateSet::read_template(const YamlNode& item, std::string_view file,
                                        std::size_t index) {
  const FieldPath document(file);
  const FieldPath list = document.member("templates");
  const FieldPath path = list.item(index);
  RETURN_IF_ERROR(expect_members(item, path, kTemplateMembers));
  ASSIGN_OR_RETURN(const YamlNode* name_node, required_member(item, path, "name"));
  ASSIGN_OR_RETURN(const std::string name, read_template_name(*name_node, path.member("name")));
  Template made;
  made.file = file;
  made.index = index;
  made.place = name_node->place;
  if (const auto earlier = templates_.find(name); earlier != templates_.end()) {
    return path.member("name").refuse(name_node->place,
                                      "there is a template " + quoted(name) + " already, " +
                                          std::string(earlier->second.file) + ":" +
                                          std::to_string(earlier->second.place.line));
  }
  for (RuleKind kind : {RuleKind::grant, RuleKind::denial}) {
    const YamlNode* rules = find_member(item, list_of(kind));
    if (rules == nullptr) continue;
    RETURN_IF_ERROR(
        expect_list(*rules, path.member(list_of(kind)), limits::policy_template_values));
    (kind == RuleKind::grant ? made.grants : made.denials) = rules->children;
  }
  if (made.grants.empty() && made.denials.empty()) {
    return path.refuse(item.place, "has neither grants nor denials");
  }
  RETURN_IF_ERROR(read_parameters(item, path, made));
  templates_.emplace(name, std::move(made));
  return {};
}

Result<void> TemplateSet::read_parameters(const YamlNode& node, const FieldPath& path,
                                          Template& made) {
  const FieldPath list_path = path.member("parameters");
  const YamlNode* list = find_member(node, "parameters");
  if (list != nullptr) RETURN_IF_ERROR(expect_list(*list, list_path, limits::policy_parameters));
  for (std::size_t i = 0; list != nullptr && i < list->children.size(); ++i) {
    const YamlNode& child = list->children[i];
    const FieldPath item = list_path.item(i);
    Parameter parameter{child.text};
    if (child.kind == YamlNode::Kind::mapping) {
      RETURN_IF_ERROR(expect_members(child, item, kParameterMembers));
      ASSIGN_OR_RETURN(const YamlNode* name, required_member(child, item, "name"));
      parameter.name = name->text;
      const YamlNode* pattern = find_member(child, "pattern");
      if (pattern != nullptr && pattern->text != "true" && pattern->text != "false") {
        return item.member("pattern").refuse(pattern->place, "must be true or false");
      }
      parameter.pattern = pattern != nullptr && pattern->text == "true";
    }
    if (!is_parameter_name(parameter.name)) {
      return item.refuse(child.place, "must be a name of a-z 0-9 _ that begins with a letter");
    }
    if (std::ranges::find(made.parameters, parameter.name, &Parameter::name) !=
        made.parameters.end()) {
      return item.refuse(child.place, quoted(parameter.name) + " is given twice");
    }
    made.parameters.push_back(std::move(parameter));
  }

  std::vector<std::string_view> names;
  for (const Parameter& parameter : made.parameters) names.push_back(parameter.name);
  ParameterUse use(names);
  use.nodes_ = nodes_;
  for (RuleKind kind : {RuleKind::grant, RuleKind::denial}) {
    const YamlNode* rules = find_member(node, list_of(kind));
    if (rules != nullptr) RETURN_IF_ERROR(use.look(*rules, path.member(list_of(kind))));
  }
  nodes_ = use.nodes_;
  const auto unused = std::ranges::find(use.used(), false);
  if (unused == use.used().end()) return {};
  const auto index = static_cast<std::size_t>(unused - use.used().begin());
  return list_path.item(index).refuse(list->children[index].place,
                                      "nothing in the template uses this parameter");
}

Result<void> TemplateSet::read_use(const YamlNode& item, std::string_view file, std::size_t index) {
  const FieldPath document(file);
  const FieldPath list = document.member("use");
  const FieldPath path = list.item(index);
  if (uses_.size() == limits::policy_uses) {
    return path.refuse(
        item.place,
        "a policy has at most " + std::to_string(limits::policy_uses) + " uses of templates",
        ErrorCode::too_large);
  }
  RETURN_IF_ERROR(expect_members(item, path, kUseMembers));
  Use use;
  use.file = file;
  use.index = index;
  use.place = item.place;
  ASSIGN_OR_RETURN(const YamlNode* of, required_member(item, path, "template"));
  ASSIGN_OR_RETURN(use.template_name, read_template_name(*of, path.member("template")));
  use.template_place = of->place;
  ASSIGN_OR_RETURN(const YamlNode* name, required_member(item, path, "name"));
  ASSIGN_OR_RETURN(use.name, read_template_name(*name, path.member("name")));
  if (const YamlNode* with = find_member(item, "with")) {
    const FieldPath with_path = path.member("with");
    if (with->kind != YamlNode::Kind::mapping) {
      return with_path.refuse(with->place, "must be a mapping of parameters to texts");
    }
    for (const YamlNode& child : with->children) {
      ASSIGN_OR_RETURN(std::string value, read_text(child, with_path.member(child.name)));
      use.arguments.push_back({child.name, std::move(value), child.place, child.name_place});
    }
  }
  uses_.push_back(std::move(use));
  return {};
}

Result<const TemplateSet::Template*> TemplateSet::template_of(const Use& use) const {
  const auto found = templates_.find(use.template_name);
  if (found != templates_.end()) return &found->second;
  std::vector<std::string_view> names;
  for (const auto& [name, one] : templates_) names.push_back(name);
  std::ranges::sort(names);
  return refuse_at(
      use.file, use.template_place, field_of_use(use.index, "template"),
      "there is no template " + quoted(use.template_name) + did_you_mean(use.template_name, names));
}

Result<std::vector<const std::string*>> TemplateSet::values_of(const Use& use,
                                                               const Template& of) const {
  std::vector<std::string_view> names;
  for (const Parameter& parameter : of.parameters) names.push_back(parameter.name);
  std::vector<const std::string*> values(names.size());
  for (const Argument& argument : use.arguments) {
    const std::string field = field_of_use(use.index, "with." + argument.name);
    const auto found = std::ranges::find(names, argument.name);
    if (found == names.end()) {
      return refuse_at(use.file, argument.name_place, field,
                       "template " + quoted(use.template_name) + " has no such parameter" +
                           did_you_mean(argument.name, names));
    }
    const auto index = static_cast<std::size_t>(found - names.begin());
    RETURN_IF_ERROR(
        check_value(argument.value, of.parameters[index].pattern, use.file, argument.place, field));
    values[index] = &argument.value;
  }
  const auto missing = std::ranges::find(values, nullptr);
  if (missing == values.end()) return values;
  return refuse_at(use.file, use.place, field_of_use(use.index, ""),
                   "the parameter " +
                       std::string(names[static_cast<std::size_t>(missing - values.begin())]) +
                       " of template " + quoted(use.template_name) + " is missing in with");
}

Result<void> TemplateSet::expand(const TakeRule& take) const {
  Expansion expansion;
  for (const Use& use : uses_) {
    ASSIGN_OR_RETURN(const Template* of, template_of(use));
    ASSIGN_OR_RETURN(const std::vector<const std::string*> values, values_of(use, *of));
    std::vector<std::string_view> names;
    for (const Parameter& parameter : of->parameters) names.push_back(parameter.name);
    const FieldPath document(of->file);
    const FieldPath list = document.member("templates");
    const FieldPath path = list.item(of->index);
    const auto expand_one = [&](RuleKind kind, const YamlNode& rule,
                                const FieldPath& rule_path) -> Result<void> {
      YamlNode filled = rule;
      RETURN_IF_ERROR(expansion.fill(filled, {names, values}, rule_path));
      for (YamlNode& member : filled.children) {
        if (member.name == "name") member.text = use.name + "." + member.text;
      }
      return take(kind, filled, rule_path);
    };
    for (RuleKind kind : {RuleKind::denial, RuleKind::grant}) {
      const FieldPath rules = path.member(list_of(kind));
      const auto& items = kind == RuleKind::grant ? of->grants : of->denials;
      for (std::size_t i = 0; i < items.size(); ++i) {
        auto taken = expand_one(kind, items[i], rules.item(i));
        if (taken) continue;
        taken.error().message +=
            "; this is its use in " + std::string(use.file) + ":" + std::to_string(use.place.line);
        return taken;
      }
    }
  }
  return {};
}

}  // namespace chancery
