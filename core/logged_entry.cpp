#include "core/logged_entry.h"

#include <nlohmann/json.hpp>

#include "core/audit_entry.h"

namespace chancery {

Result<nlohmann::json> logged_entry(Store& store, std::uint64_t index) {
  auto text = store.entry(index);
  if (!text && text.error().code != ErrorCode::not_found) return Failure(std::move(text.error()));
  auto entry = nlohmann::json::parse(text ? *text : "", nullptr, false);
  return entry.is_object() ? std::move(entry) : nlohmann::json::object();
}

Result<nlohmann::json> logged_entry(Store& store, const nlohmann::json& entry, const char* name) {
  const auto index = entry.find(name);
  if (index == entry.end() || !index->is_number_unsigned()) return nlohmann::json::object();
  return logged_entry(store, index->get<std::uint64_t>());
}

std::string text_member(const nlohmann::json& entry, const char* name) {
  const auto found = entry.find(name);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<std::uint64_t> number_member(const nlohmann::json& entry, const char* name) {
  const auto found = entry.find(name);
  if (found == entry.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

namespace {

std::string unless_fingerprint(std::string machine) {
  return machine.starts_with("sha256:") ? "" : std::move(machine);
}

}  // namespace

std::string machine_of(const nlohmann::json& entry) {
  return unless_fingerprint(text_member(entry, "machine"));
}

std::string machine_of(const EntryView& entry) {
  return unless_fingerprint(entry.text("machine"));
}

bool is_outcome(const nlohmann::json& entry) {
  return text_member(entry, "kind") == name_of(EntryKind::outcome);
}

bool is_good_outcome(const nlohmann::json& entry) {
  return is_outcome(entry) && text_member(entry, "result") == "ok";
}

}  // namespace chancery
