#include "core/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "core/limits.h"

namespace chancery {
namespace {

using Json = nlohmann::json;

/// Builds a value and stops at what RFC 8259 leaves open: repeated names, unbounded depth.
class StrictReader {
 public:
  bool null() { return value(nullptr); }
  bool boolean(bool v) { return value(v); }
  bool number_integer(std::int64_t v) { return value(v); }
  bool number_unsigned(std::uint64_t v) { return value(v); }
  bool number_float(double v, const std::string&) { return value(v); }
  bool string(std::string& v) { return value(std::move(v)); }
  bool binary(Json::binary_t&) { return stop("binary values are not JSON"); }

  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    if (stack_.back()->contains(name)) {
      field_ = name;
      return stop("the member \"" + name + "\" stands there twice");
    }
    member_ = name;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    return stop("is not JSON: error at byte " + std::to_string(position));
  }

  Result<Json> take(bool complete) {
    if (complete) return std::move(root_);
    return invalid(field_.empty() ? "body" : field_, problem_);
  }

 private:
  bool stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  Json* put(Json v) {
    if (stack_.empty()) {
      root_ = std::move(v);
      return &root_;
    }
    Json& parent = *stack_.back();
    if (parent.is_object()) return &(parent[member_] = std::move(v));
    parent.push_back(std::move(v));
    return &parent.back();
  }

  bool value(Json v) {
    put(std::move(v));
    return true;
  }

  bool open(Json v) {
    if (stack_.size() >= static_cast<std::size_t>(limits::json_depth)) {
      return stop("is nested deeper than " + std::to_string(limits::json_depth) + " levels");
    }
    stack_.push_back(put(std::move(v)));
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Json*> stack_;  // open containers; a parent does not grow while its child is open
  std::string member_, problem_, field_;
};

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text) {
  StrictReader reader;
  // nlohmann's lexer checks UTF-8 and refuses text after the value.
  const bool complete = Json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take(complete);
}

}  // namespace chancery
