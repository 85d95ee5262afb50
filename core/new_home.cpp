#include "core/new_home.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace chancery {
namespace {

namespace fs = std::filesystem;

Failure io_error(const std::string& what) {
  return fail(ErrorCode::store_unavailable, what + ": " + std::strerror(errno));
}

bool is_ours(const fs::path& entry) {
  return entry.filename() != "lost+found";
}

Result<void> expect_empty(const std::string& path) {
  std::error_code error;
  if (fs::exists(path + "/config.yaml", error)) {
    return fail(ErrorCode::conflict, path + " holds an installation already", "home");
  }
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_ours(entry->path())) continue;
    return fail(ErrorCode::conflict,
                path + " is not empty: it has " + entry->path().filename().string() +
                    "; an installation is made in a folder of its own",
                "home");
  }
  if (error) {
    return fail(ErrorCode::store_unavailable, "cannot list " + path + ": " + error.message());
  }
  return {};
}

}  // namespace

Result<NewHome> NewHome::claim(const std::string& path) {
  const bool made = ::mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return io_error("cannot make " + path);
  FileHandle folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return io_error("cannot open " + path);
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::conflict, "another process is making an installation in " + path,
                "home");
  }
  RETURN_IF_ERROR(expect_empty(path));
  return NewHome(path, made, std::move(folder));
}

NewHome::~NewHome() {
  if (path_.empty()) return;
  std::error_code error;  // what stays is named by the next claim()
  for (fs::directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (is_ours(entry->path())) fs::remove_all(entry->path(), ignored);
  }
  if (made_) fs::remove(path_, error);
}

}  // namespace chancery
