#include "core/verified_state.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/name_table.h"

namespace chancery {
namespace {

using nlohmann::json;

constexpr std::uint64_t kVersion = 1;
constexpr std::array kSources = {Named<LogSource>{LogSource::service, "service"},
                                 Named<LogSource>{LogSource::database, "database"},
                                 Named<LogSource>{LogSource::tiles, "tiles"}};

Failure malformed(const std::string& member) {
  return invalid("resume", "its member \"" + member + "\" is missing or wrong");
}

Result<json> member(const json& object, const char* name, json::value_t type) {
  const auto found = object.find(name);
  if (found == object.end() || found->type() != type) return malformed(name);
  return *found;
}

Result<std::string> text_of_member(const json& object, const char* name) {
  ASSIGN_OR_RETURN(const json text, member(object, name, json::value_t::string));
  return text.get<std::string>();
}

Result<std::uint64_t> number_of_member(const json& object, const char* name) {
  ASSIGN_OR_RETURN(const json number, member(object, name, json::value_t::number_unsigned));
  return number.get<std::uint64_t>();
}

Result<GrowingTree> read_tree(const json& object) {
  ASSIGN_OR_RETURN(const json tiles, member(object, "tree", json::value_t::array));
  std::vector<Bytes> open_tiles;
  for (const json& tile : tiles) {
    auto hashes = from_base64(tile.is_string() ? tile.get<std::string>() : "?");
    if (!hashes) return malformed("tree");
    open_tiles.push_back(std::move(*hashes));
  }
  auto tree = GrowingTree::from(std::move(open_tiles));
  if (!tree) return malformed("tree");
  return std::move(*tree);
}

/// An array of pairs: an intent's number and text.
Result<void> read_open_intents(const json& object, LogReplay::State& log) {
  ASSIGN_OR_RETURN(const json pairs, member(object, "open_intents", json::value_t::array));
  for (const json& pair : pairs) {
    const bool shape = pair.is_array() && pair.size() == 2 && pair[0].is_number_unsigned() &&
                       pair[1].is_string() && pair[0].get<std::uint64_t>() < log.tree.size();
    if (!shape) return malformed("open_intents");
    const auto& text = pair[1].get_ref<const std::string&>();
    const auto entry = EntryView::parse(text);
    if (!entry || entry->kind() != EntryKind::intent) return malformed("open_intents");
    log.open_intents.emplace(pair[0].get<std::uint64_t>(), text);
  }
  return {};
}

Result<LogReplay::State> read_log(const json& object) {
  LogReplay::State log;
  ASSIGN_OR_RETURN(log.tree, read_tree(object));
  ASSIGN_OR_RETURN(const std::string time, text_of_member(object, "last_time"));
  const auto last_time = from_rfc3339(time);
  if (!last_time) return malformed("last_time");
  log.last_time = *last_time;
  if (object.contains("last_start")) {
    ASSIGN_OR_RETURN(log.last_start, number_of_member(object, "last_start"));
  }
  if (object.contains("removed_below")) {
    ASSIGN_OR_RETURN(log.removed_below, number_of_member(object, "removed_below"));
    ASSIGN_OR_RETURN(log.minimum, number_of_member(object, "minimum"));
  }
  ASSIGN_OR_RETURN(log.intents, number_of_member(object, "intents"));
  RETURN_IF_ERROR(read_open_intents(object, log));
  return log;
}

Result<InventoryCheck::State> read_inventory(const json& object) {
  InventoryCheck::State inventory;
  ASSIGN_OR_RETURN(inventory.certificates, number_of_member(object, "certificates"));
  ASSIGN_OR_RETURN(inventory.revocations, number_of_member(object, "revocations"));
  ASSIGN_OR_RETURN(const json policies, member(object, "policies", json::value_t::array));
  for (const json& policy : policies) {
    if (!policy.is_string()) return malformed("policies");
    inventory.policies.insert(policy.get<std::string>());
  }
  ASSIGN_OR_RETURN(const json crls, member(object, "published_crls", json::value_t::object));
  for (const auto& [issuer, outcome] : crls.items()) {
    if (!outcome.is_number_unsigned()) return malformed("published_crls");
    inventory.published_crls.emplace(issuer, outcome.get<std::uint64_t>());
  }
  ASSIGN_OR_RETURN(const json held, member(object, "held", json::value_t::object));
  for (const auto& [serial, last] : held.items()) {
    if (!Serial::parse(serial) || !last.is_number_unsigned()) return malformed("held");
    inventory.held.emplace(serial, last.get<std::uint64_t>());
  }
  return inventory;
}

}  // namespace

std::string_view name_of(LogSource source) {
  return name_in<LogSource>(kSources, source);
}

std::string to_text(const VerifiedState& state) {
  json tree = json::array();
  for (const Bytes& tile : state.log.tree.open_tiles()) tree.push_back(to_base64(tile));
  json open_intents = json::array();
  for (const auto& [index, text] : state.log.open_intents) open_intents.push_back({index, text});
  json object = {{"v", kVersion},
                 {"source", name_of(state.source)},
                 {"checkpoint", state.note},
                 {"vouched_for", json(state.vouched_for)},
                 {"tree", std::move(tree)},
                 {"last_time", to_rfc3339(state.log.last_time)},
                 {"intents", state.log.intents},
                 {"open_intents", std::move(open_intents)},
                 {"certificates", state.inventory.certificates},
                 {"revocations", state.inventory.revocations},
                 {"policies", json(state.inventory.policies)},
                 {"published_crls", json(state.inventory.published_crls)},
                 {"held", json(state.inventory.held)}};
  if (state.log.last_start) object["last_start"] = *state.log.last_start;
  if (state.log.removed_below > 0) {
    object["removed_below"] = state.log.removed_below;
    object["minimum"] = state.log.minimum;
  }
  return object.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
}

Result<VerifiedState> parse_verified_state(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return invalid("resume", "it is no JSON object");
  ASSIGN_OR_RETURN(const std::uint64_t version, number_of_member(object, "v"));
  if (version != kVersion) return malformed("v");
  VerifiedState state;
  ASSIGN_OR_RETURN(const std::string source, text_of_member(object, "source"));
  const auto known = value_in<LogSource>(kSources, source, "source");
  if (!known) return malformed("source");
  state.source = *known;
  ASSIGN_OR_RETURN(const json vkeys, member(object, "vouched_for", json::value_t::array));
  for (const json& vkey : vkeys) {
    if (!vkey.is_string()) return malformed("vouched_for");
    state.vouched_for.insert(vkey.get<std::string>());
  }
  ASSIGN_OR_RETURN(state.log, read_log(object));
  ASSIGN_OR_RETURN(state.inventory, read_inventory(object));
  ASSIGN_OR_RETURN(state.note, text_of_member(object, "checkpoint"));
  const auto checkpoint = parse_checkpoint(state.note);
  const MerkleFrontier& tree = state.log.tree.frontier();
  if (!checkpoint || checkpoint->size != tree.size() ||
      !std::ranges::equal(checkpoint->root, tree.root())) {
    return malformed("checkpoint");
  }
  return state;
}

}  // namespace chancery
