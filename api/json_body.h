#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes.h"

namespace chancery {

/// A JSON object of a request, read member by member. Every error is invalid_request with the
/// member's path as its field, such as "subject.common_name". A null is not the same as absent: it
/// is a value of the wrong type.
class JsonBody {
 public:
  /// Strict, see parse_json(); anything but an object is invalid_request (field "body").
  static Result<JsonBody> parse(ByteView text);
  JsonBody(JsonBody&&) noexcept;
  JsonBody& operator=(JsonBody&&) noexcept;
  ~JsonBody();

  // Required members.
  Result<std::string> string(std::string_view name);
  /// Not a fraction, not a float that happens to be whole.
  Result<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  Result<bool> boolean(std::string_view name);
  /// Standard base64 with padding, canonical.
  Result<Bytes> base64(std::string_view name);
  Result<JsonBody> object(std::string_view name);

  // Members that may be absent.
  Result<std::optional<std::string>> optional_string(std::string_view name);
  Result<std::optional<std::int64_t>> optional_integer(std::string_view name, std::int64_t least,
                                                       std::int64_t most);
  Result<std::optional<bool>> optional_boolean(std::string_view name);
  Result<std::optional<Bytes>> optional_base64(std::string_view name);
  Result<std::optional<JsonBody>> optional_object(std::string_view name);
  /// An array of strings; empty where absent.
  Result<std::vector<std::string>> strings(std::string_view name);

  /// An object whose members are all strings, as names and values in the order of the names.
  Result<std::optional<std::vector<std::pair<std::string, std::string>>>> optional_texts(
      std::string_view name);

  /// The whole object as JSON, for who reads it otherwise.
  [[nodiscard]] std::string text() const;

  /// Call when everything is read: a member that nobody asked for is invalid_request and named.
  [[nodiscard]] Result<void> finish() const;

 private:
  JsonBody(std::unique_ptr<nlohmann::json> object, std::string prefix);
  /// The member, or null where absent; marks it as asked for.
  nlohmann::json* find(std::string_view name);
  [[nodiscard]] Failure wrong(std::string_view name, const char* must) const;
  [[nodiscard]] Failure missing(std::string_view name) const;
  template <class T>
  Result<T> required(std::string_view name, Result<std::optional<T>> value) const;

  std::unique_ptr<nlohmann::json> object_;
  std::string prefix_;  // "subject." in a nested object
  std::set<std::string, std::less<>> asked_for_;
};

}  // namespace chancery
