#include "tests/bench/load_client/requests.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace chancery::load {

namespace {

constexpr std::string_view placeholder = "{n}";

Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return invalid("body", path.string() + " cannot be read");
  return text;
}

Result<std::vector<std::string>> read_bodies(const Options& options) {
  std::vector<std::filesystem::path> files;
  if (!options.body_file.empty()) files.emplace_back(options.body_file);
  if (!options.body_directory.empty()) {
    for (const auto& entry : std::filesystem::directory_iterator(options.body_directory)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) return invalid("body-dir", options.body_directory + " holds no files");
  }
  std::vector<std::string> bodies;
  for (const auto& file : files) {
    ASSIGN_OR_RETURN(bodies.emplace_back(), read_file(file));
  }
  if (bodies.empty()) bodies.emplace_back();
  return bodies;
}

std::string head_of(const Target& target, const Options& options) {
  std::string head = options.method + " " + (options.path.empty() ? target.path : options.path) +
                     " HTTP/1.1\r\nHost: " + target.authority + "\r\n";
  for (const std::string& header : options.headers) head += header + "\r\n";
  return head;
}

}  // namespace

Result<Requests> Requests::create(const Target& target, const Options& options) {
  Requests requests;
  requests.head_ = options.method == "HEAD";
  const std::string head = head_of(target, options);
  requests.has_number_ = head.find(placeholder) != std::string::npos;
  ASSIGN_OR_RETURN(const auto bodies, read_bodies(options));
  const bool may_have_body = options.method != "GET" && options.method != "HEAD";
  for (const std::string& body : bodies) {
    std::string text = head;
    if (!body.empty() || may_have_body) {
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    requests.texts_.push_back(text + "\r\n" + body);
  }
  return requests;
}

const std::string& Requests::next() {
  const std::string& text = texts_[count_ % texts_.size()];
  const std::uint64_t number = ++count_;
  if (!has_number_) return text;
  const std::size_t head_end = text.find("\r\n\r\n");
  numbered_.clear();
  std::size_t from = 0;
  for (std::size_t at = text.find(placeholder); at < head_end; at = text.find(placeholder, from)) {
    numbered_.append(text, from, at - from).append(std::to_string(number));
    from = at + placeholder.size();
  }
  return numbered_.append(text, from);
}

}  // namespace chancery::load
