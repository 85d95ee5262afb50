#include "tests/fault/file_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

namespace chancery {
namespace {

FilePlan plan;
std::atomic<bool> armed{false};
std::atomic<std::uint64_t> calls{0};

bool is_hit(const std::string& path) {
  if (!path.starts_with(plan.folder)) return false;
  const std::uint64_t call = calls.fetch_add(1) + 1;
  return call >= plan.at && call < plan.at + plan.times;
}

bool is_hit(int fd) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  return size > 0 && is_hit(std::string(path.data(), static_cast<std::size_t>(size)));
}

/// What `real` gives, or -1 with errno.
template <class File, class Real>
auto with_faults(File file, Real real) -> decltype(real()) {
  if (!armed.load() || !is_hit(file)) return real();
  switch (plan.fault) {
    case FileFault::delay:
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return real();
    case FileFault::fail:
      break;
    case FileFault::apply_and_fail:
      real();
      break;
    case FileFault::end_process:
      ::_exit(kEndedByFault);
    case FileFault::apply_and_end_process:
      real();
      ::_exit(kEndedByFault);
  }
  errno = plan.error;
  return -1;
}

/// libc's own, which the functions below stand before.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

void arm_file_calls(FilePlan wanted) {
  plan = std::move(wanted);
  calls = 0;
  armed = true;
}

std::uint64_t file_calls() {
  return calls.load();
}

bool disarm_file_calls() {
  armed = false;
  return calls.load() >= plan.at;
}

}  // namespace chancery

extern "C" {

using chancery::next;
using chancery::with_faults;

ssize_t write(int fd, const void* data, size_t size) {
  static const auto real = next<decltype(write)>("write");
  return with_faults(fd, [&] { return real(fd, data, size); });
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static const auto real = next<decltype(pwrite)>("pwrite");
  return with_faults(fd, [&] { return real(fd, data, size, offset); });
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  static const auto real = next<decltype(pwrite64)>("pwrite64");
  return with_faults(fd, [&] { return real(fd, data, size, offset); });
}

int fsync(int fd) {
  static const auto real = next<decltype(fsync)>("fsync");
  return with_faults(fd, [&] { return real(fd); });
}

int fdatasync(int fd) {
  static const auto real = next<decltype(fdatasync)>("fdatasync");
  return with_faults(fd, [&] { return real(fd); });
}

int ftruncate(int fd, off_t size) noexcept {
  static const auto real = next<int(int, off_t)>("ftruncate");
  return with_faults(fd, [&] { return real(fd, size); });
}

int ftruncate64(int fd, off64_t size) noexcept {
  static const auto real = next<int(int, off64_t)>("ftruncate64");
  return with_faults(fd, [&] { return real(fd, size); });
}

// The odd one: its error is its value.
int posix_fallocate(int fd, off_t offset, off_t size) {
  static const auto real = next<decltype(posix_fallocate)>("posix_fallocate");
  const auto with_errno = [&] {
    errno = real(fd, offset, size);
    return errno == 0 ? 0 : -1;
  };
  return with_faults(fd, with_errno) == 0 ? 0 : errno;
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int(const char*, const char*)>("rename");
  return with_faults(std::string(from), [&] { return real(from, to); });
}

}  // extern "C"
