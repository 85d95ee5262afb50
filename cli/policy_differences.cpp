#include "cli/policy_differences.h"

#include <nlohmann/json.hpp>

namespace chancery {
namespace {

using nlohmann::json;

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  return text;
}

std::string head_of(const DiffRegion& region) {
  std::string text;
  switch (region.kind) {
    case DiffRegion::Kind::allowed:
      text = "+ allowed: ";
      break;
    case DiffRegion::Kind::refused:
      text = "- refused: ";
      break;
    case DiffRegion::Kind::duties:
      text = "~ asks otherwise: ";
      break;
  }
  return text + std::string(name_of(region.operation)) + " by " + region.rule + " (" +
         (region.rule_is_new ? "new" : "old") + " line " + std::to_string(region.place.line) + ")";
}

}  // namespace

std::string to_text(const PolicyDiff& difference) {
  std::string text;
  for (const DiffRegion& region : difference.regions) {
    text += head_of(region);
    if (!region.machines.empty()) text += "\n  machines: " + joined(region.machines);
    if (!region.differs.empty()) text += "\n  differs in: " + joined(region.differs);
    text += "\n  such as: " + to_text(region.example) + "\n  before: " + region.before +
            "\n  after: " + region.after + "\n";
  }
  if (difference.regions.empty()) text = "no request is decided otherwise\n";
  for (const std::string& doubt : difference.doubts) {
    text += "there may be more: " + doubt + "\n";
  }
  return text;
}

json to_json(const PolicyDiff& difference) {
  json regions = json::array();
  for (const DiffRegion& region : difference.regions) {
    regions.push_back({{"kind", name_of(region.kind)},
                       {"operation", name_of(region.operation)},
                       {"rule", region.rule},
                       {"rule_is_new", region.rule_is_new},
                       {"line", region.place.line},
                       {"machines", region.machines},
                       {"differs", region.differs},
                       {"example", to_text(region.example)},
                       {"before", region.before},
                       {"after", region.after}});
  }
  return {{"regions", std::move(regions)},
          {"exact", difference.exact()},
          {"doubts", difference.doubts}};
}

}  // namespace chancery
