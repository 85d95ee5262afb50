#include "api/http.h"

#include <algorithm>

namespace chancery {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

const std::string* find_value(const NamedValues& values, std::string_view name) {
  auto found = std::find_if(values.begin(), values.end(),
                            [&](const auto& entry) { return entry.first == name; });
  return found == values.end() ? nullptr : &found->second;
}

}  // namespace

const std::string* HttpRequest::header(std::string_view name) const {
  auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& entry) {
    return equal_ignoring_case(entry.first, name);
  });
  return found == headers.end() ? nullptr : &found->second;
}

const std::string* HttpRequest::query_value(std::string_view name) const {
  return find_value(query, name);
}

const std::string& HttpRequest::path_value(std::string_view name) const {
  const std::string* value = find_value(path_parameters, name);
  CHECK(value != nullptr);
  return *value;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace chancery
