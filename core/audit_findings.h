#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chancery {

/// What a verification found wrong: all of it counted, the first of it in words.
class AuditFindings {
 public:
  static constexpr std::size_t kKept = 100;  // a log that is wrong throughout would fill the memory

  void add(std::string finding) {
    ++count_;
    if (kept_.size() < kKept) kept_.push_back(std::move(finding));
  }
  void add(std::uint64_t entry, const std::string& finding) {
    add("entry " + std::to_string(entry) + ": " + finding);
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] const std::vector<std::string>& kept() const { return kept_; }

 private:
  std::uint64_t count_ = 0;
  std::vector<std::string> kept_;
};

}  // namespace chancery
