#pragma once

#include <string>

#include "core/file_handle.h"

namespace chancery {

/// The folder of an installation while it is made: empty again where that fails.
class NewHome {
 public:
  /// Makes the folder `path`, or takes an empty one (a file system's lost+found does not count),
  /// and keeps other processes from doing the same. conflict with what is there already.
  static Result<NewHome> claim(const std::string& path);
  NewHome(NewHome&& other) noexcept = default;
  NewHome& operator=(NewHome&&) = delete;
  /// Unless keep() was called, removes all that is in the folder, and the folder where it was made.
  ~NewHome();

  /// The installation is complete.
  void keep() { path_.clear(); }

 private:
  NewHome(std::string path, bool made, FileHandle folder)
      : path_(std::move(path)), made_(made), folder_(std::move(folder)) {}
  std::string path_;
  bool made_;
  FileHandle folder_;  // its lock
};

}  // namespace chancery
