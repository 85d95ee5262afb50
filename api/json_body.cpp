#include "api/json_body.h"

#include <nlohmann/json.hpp>

#include "core/json.h"

namespace chancery {

using Json = nlohmann::json;

JsonBody::JsonBody(std::unique_ptr<Json> object, std::string prefix)
    : object_(std::move(object)), prefix_(std::move(prefix)) {}
JsonBody::JsonBody(JsonBody&&) noexcept = default;
JsonBody& JsonBody::operator=(JsonBody&&) noexcept = default;
JsonBody::~JsonBody() = default;

Result<JsonBody> JsonBody::parse(ByteView text) {
  ASSIGN_OR_RETURN(Json document, parse_json(text_of(text)));
  if (!document.is_object()) return invalid("body", "the body must be a JSON object");
  return JsonBody(std::make_unique<Json>(std::move(document)), "");
}

Json* JsonBody::find(std::string_view name) {
  asked_for_.emplace(name);
  const auto member = object_->find(name);
  return member == object_->end() ? nullptr : &*member;
}

Failure JsonBody::wrong(std::string_view name, const char* must) const {
  const std::string field = prefix_ + std::string(name);
  return invalid(field, field + " must be " + must);
}

Failure JsonBody::missing(std::string_view name) const {
  const std::string field = prefix_ + std::string(name);
  return invalid(field, field + " is missing");
}

template <class T>
Result<T> JsonBody::required(std::string_view name, Result<std::optional<T>> value) const {
  if (!value) return Failure(std::move(value.error()));
  if (!*value) return missing(name);
  return std::move(**value);
}

Result<std::string> JsonBody::string(std::string_view name) {
  return required(name, optional_string(name));
}
Result<std::int64_t> JsonBody::integer(std::string_view name, std::int64_t least,
                                       std::int64_t most) {
  return required(name, optional_integer(name, least, most));
}
Result<bool> JsonBody::boolean(std::string_view name) {
  return required(name, optional_boolean(name));
}
Result<Bytes> JsonBody::base64(std::string_view name) {
  return required(name, optional_base64(name));
}
Result<JsonBody> JsonBody::object(std::string_view name) {
  return required(name, optional_object(name));
}

Result<std::optional<std::string>> JsonBody::optional_string(std::string_view name) {
  Json* member = find(name);
  if (member == nullptr) return std::optional<std::string>();
  if (!member->is_string()) return wrong(name, "a string");
  return std::optional(member->get<std::string>());
}

Result<std::optional<std::int64_t>> JsonBody::optional_integer(std::string_view name,
                                                               std::int64_t least,
                                                               std::int64_t most) {
  Json* member = find(name);
  if (member == nullptr) return std::optional<std::int64_t>();
  // Above 2^63 the reader keeps it unsigned, and get() would wrap.
  const bool fits = member->is_number_unsigned()
                        ? member->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX)
                        : member->is_number_integer();
  const std::int64_t value = fits ? member->get<std::int64_t>() : 0;
  if (!fits || value < least || value > most) {
    const std::string must =
        "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    return wrong(name, must.c_str());
  }
  return std::optional(value);
}

Result<std::optional<bool>> JsonBody::optional_boolean(std::string_view name) {
  Json* member = find(name);
  if (member == nullptr) return std::optional<bool>();
  if (!member->is_boolean()) return wrong(name, "true or false");
  return std::optional(member->get<bool>());
}

Result<std::optional<Bytes>> JsonBody::optional_base64(std::string_view name) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, optional_string(name));
  if (!text) return std::optional<Bytes>();
  auto bytes = from_base64(*text);
  if (!bytes) return wrong(name, "base64 (RFC 4648 section 4, with padding)");
  return std::optional(std::move(*bytes));
}

Result<std::optional<JsonBody>> JsonBody::optional_object(std::string_view name) {
  Json* member = find(name);
  if (member == nullptr) return std::optional<JsonBody>();
  if (!member->is_object()) return wrong(name, "an object");
  return std::optional(
      JsonBody(std::make_unique<Json>(std::move(*member)), prefix_ + std::string(name) + "."));
}

Result<std::vector<std::string>> JsonBody::strings(std::string_view name) {
  std::vector<std::string> values;
  Json* member = find(name);
  if (member == nullptr) return values;
  if (!member->is_array()) return wrong(name, "an array of strings");
  for (const Json& element : *member) {
    if (!element.is_string()) return wrong(name, "an array of strings");
    values.push_back(element.get<std::string>());
  }
  return values;
}

Result<std::optional<std::vector<std::pair<std::string, std::string>>>> JsonBody::optional_texts(
    std::string_view name) {
  std::optional<std::vector<std::pair<std::string, std::string>>> texts;
  Json* member = find(name);
  if (member == nullptr) return texts;
  if (!member->is_object()) return wrong(name, "an object of strings");
  texts.emplace();
  for (const auto& [key, value] : member->items()) {
    if (!value.is_string()) return wrong(name, "an object of strings");
    texts->emplace_back(key, value.get<std::string>());
  }
  return texts;
}

std::string JsonBody::text() const {
  return object_->dump();
}

Result<void> JsonBody::finish() const {
  for (const auto& member : object_->items()) {
    if (asked_for_.contains(member.key())) continue;
    const std::string field = prefix_ + member.key();
    return invalid(field, field + " is not a member that is known here");
  }
  return {};
}

}  // namespace chancery
