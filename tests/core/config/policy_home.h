#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace chancery {

/// A home with the given files, gone with it.
class PolicyHome {
 public:
  PolicyHome() {
    std::string name = (std::filesystem::temp_directory_path() / "chancery-policy.XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~PolicyHome() { std::filesystem::remove_all(path_); }
  PolicyHome(const PolicyHome&) = delete;
  PolicyHome& operator=(const PolicyHome&) = delete;

  PolicyHome& file(const std::string& name, const std::string& text = "x\n") {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return *this;
  }
  PolicyHome& link(const std::string& name, const std::string& target) {
    std::filesystem::create_symlink(target, path_ / name);
    return *this;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// What stands in the home itself.
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_),
                                                  std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace chancery
