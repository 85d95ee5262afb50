#include "core/policy_bundle.h"

#include <algorithm>
#include <charconv>

#include "core/algorithm.h"
#include "core/limits.h"

namespace chancery {
namespace {

constexpr std::string_view kMark = "#%file ";
constexpr std::string_view kEnding = ".yaml";

bool is_segment(std::string_view segment) {
  return !segment.empty() && segment.front() != '.' &&
         std::all_of(segment.begin(), segment.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

Failure not_a_bundle(const std::string& why) {
  return invalid("", "the policy is no bundle of files: " + why);
}

Failure too_long() {
  return fail(ErrorCode::too_large,
              "a policy has at most " + std::to_string(limits::policy_bytes) + " bytes");
}

/// What both ways hold: `files` are sorted.
Result<void> check_files(const std::vector<PolicyFile>& files) {
  if (files.size() > limits::policy_files) {
    return fail(ErrorCode::too_large,
                "a policy has at most " + std::to_string(limits::policy_files) + " files");
  }
  bool main = false;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string& name = files[i].name;
    if (!is_policy_file_name(name)) {
      return invalid("", "a file of a policy cannot be called \"" + name.substr(0, 200) +
                             "\"; write A-Z a-z 0-9 . _ - in each part and .yaml at the end");
    }
    if (i > 0 && files[i - 1].name >= name)
      return invalid("", "the file " + name + " is there twice");
    main = main || name == kMainPolicyFile;
  }
  if (!main) return invalid("", "the policy has no file " + std::string(kMainPolicyFile));
  return {};
}

/// Reads "NAME BYTES" of a header line.
Result<PolicyFile> parse_header(std::string_view line, std::size_t& size) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return not_a_bundle("a header has no size");
  const std::string_view digits = line.substr(space + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  const bool canonical = error == std::errc() && end == digits.data() + digits.size() &&
                         std::to_string(size) == digits;
  if (!canonical) return not_a_bundle("a header has a size that is no number");
  return PolicyFile{std::string(line.substr(0, space)), {}};
}

}  // namespace

std::string policy_version_of(std::string_view bundle) {
  return to_hex(sha256(bytes_of(bundle)));
}

bool is_policy_version(std::string_view text) {
  constexpr std::size_t digits = 64;
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_policy_file_name(std::string_view name) {
  if (name.size() > limits::policy_file_name_bytes || !name.ends_with(kEnding)) return false;
  for (;;) {
    const std::size_t slash = name.find('/');
    if (slash == std::string_view::npos) break;
    if (!is_segment(name.substr(0, slash))) return false;
    name.remove_prefix(slash + 1);
  }
  return is_segment(name) && name.size() > kEnding.size();
}

Result<std::string> format_policy_bundle(std::vector<PolicyFile> files) {
  std::sort(files.begin(), files.end(),
            [](const PolicyFile& a, const PolicyFile& b) { return a.name < b.name; });
  RETURN_IF_ERROR(check_files(files));
  if (files.size() == 1) {
    if (files[0].text.starts_with(kMark)) {
      return invalid("", std::string(kMainPolicyFile) + ":1:1: begins with \"" +
                             std::string(kMark) +
                             "\", as only a policy of several files does; write another comment");
    }
    if (files[0].text.size() > limits::policy_bytes) return too_long();
    return std::string(files[0].text);
  }
  std::string bundle;
  for (const PolicyFile& file : files) {
    if (file.text.size() > limits::policy_bytes) return too_long();
    bundle += kMark;
    bundle += file.name + " " + std::to_string(file.text.size()) + "\n";
    bundle += file.text;
    bundle += '\n';
    if (bundle.size() > limits::policy_bytes) return too_long();
  }
  return bundle;
}

Result<std::vector<PolicyFile>> parse_policy_bundle(std::string_view bundle) {
  if (bundle.size() > limits::policy_bytes) {
    return fail(ErrorCode::too_large,
                "is longer than " + std::to_string(limits::policy_bytes) + " bytes");
  }
  if (!bundle.starts_with(kMark)) {
    return std::vector<PolicyFile>{{std::string(kMainPolicyFile), bundle}};
  }
  std::vector<PolicyFile> files;
  while (!bundle.empty()) {
    // Not more than is looked at: the files behind it are checked together.
    if (files.size() > limits::policy_files) break;
    const std::size_t end = bundle.find('\n');
    if (!bundle.starts_with(kMark) || end == std::string_view::npos) {
      return not_a_bundle("a file does not end where its header says");
    }
    std::size_t size = 0;
    ASSIGN_OR_RETURN(PolicyFile file,
                     parse_header(bundle.substr(kMark.size(), end - kMark.size()), size));
    bundle.remove_prefix(end + 1);
    if (size >= bundle.size() || bundle[size] != '\n') {
      return not_a_bundle("the file " + file.name.substr(0, 200) +
                          " does not end where its header says");
    }
    file.text = bundle.substr(0, size);
    bundle.remove_prefix(size + 1);
    files.push_back(std::move(file));
  }
  RETURN_IF_ERROR(check_files(files));
  if (files.size() == 1) return not_a_bundle("it has a single file, and then is that file's text");
  return files;
}

}  // namespace chancery
