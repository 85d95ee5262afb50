#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/yaml.h"
#include "policies/rule.h"
#include "policies/text_map.h"

namespace chancery {

class FieldPath;

/// Templates of rules, and where they are used. A use stands for the template's grants and denials
/// with each `${parameter}` in their values replaced by text: once, so that no replacement is
/// replaced again; never in the names of members, and never so that a value becomes something else
/// than a text. A template has no loops, conditions or uses of its own.
class TemplateSet {
 public:
  /// An item of `templates`, the one with this index in the list of `file`.
  Result<void> read_template(const YamlNode& item, std::string_view file, std::size_t index);
  /// An item of `use`; its template may come later.
  Result<void> read_use(const YamlNode& item, std::string_view file, std::size_t index);

  using TakeRule =
      std::function<Result<void>(RuleKind, const YamlNode& item, const FieldPath& path)>;
  /// Hands over the rules of each use, in their order. Errors tell where in the template, and which
  /// use it was; too_large beyond limits::policy_expansion_bytes.
  Result<void> expand(const TakeRule& take) const;

 private:
  struct Parameter {
    std::string name;
    bool pattern = false;  ///< values may have wildcards and variables
  };
  struct Template {
    std::string_view file;
    std::size_t index = 0;
    Place place;
    std::vector<Parameter> parameters;
    std::vector<YamlNode> grants, denials;
  };
  struct Argument {
    std::string name, value;
    Place place, name_place;
  };
  struct Use {
    std::string_view file;
    std::size_t index = 0;
    Place place, template_place;
    std::string template_name, name;
    std::vector<Argument> arguments;
  };

  Result<void> read_parameters(const YamlNode& node, const FieldPath& path, Template& made);
  [[nodiscard]] Result<const Template*> template_of(const Use& use) const;
  /// Of each parameter of the template, in its order, the value.
  [[nodiscard]] Result<std::vector<const std::string*>> values_of(const Use& use,
                                                                  const Template& of) const;

  TextMap<Template> templates_;
  std::vector<Use> uses_;
  std::size_t nodes_ = 0;  // of all templates
};

}  // namespace chancery
