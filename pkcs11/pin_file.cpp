#include "pkcs11/pin_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "pkcs11/file_descriptor.h"

namespace chancery::keyholder {
namespace {

constexpr std::size_t pin_bytes = 255;  // more than any token takes

Failure bad_pin_file(const std::string& path, const std::string& why) {
  return invalid("pin_file", "PIN file " + path + ": " + why);
}

Result<void> check_access(const std::string& path, int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return bad_pin_file(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return bad_pin_file(path, "is not a regular file");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return bad_pin_file(path, "is open to group or others; chmod 600 it");
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return bad_pin_file(path, "belongs to another user");
  }
  return {};
}

/// A buffer that never leaves the PIN behind.
struct PinBuffer {
  std::array<char, pin_bytes + 2> bytes{};  // a newline, and one more to see that it is too long
  ~PinBuffer() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

}  // namespace

Result<Secret> read_pin_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.is_open()) return bad_pin_file(path, std::strerror(errno));
  RETURN_IF_ERROR(check_access(path, file.get()));

  PinBuffer buffer;
  const ssize_t count = ::read(file.get(), buffer.bytes.data(), buffer.bytes.size());
  if (count < 0) return bad_pin_file(path, std::strerror(errno));
  std::string_view text(buffer.bytes.data(), static_cast<std::size_t>(count));
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return bad_pin_file(path, "is empty");
  if (text.size() > pin_bytes) return bad_pin_file(path, "is too long for a PIN");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      return bad_pin_file(path, "has more than one line, or control characters");
    }
  }
  // On the heap, whatever its length: moving a string that lives inside its object leaves a copy.
  std::string pin;
  pin.reserve(pin_bytes);
  pin.assign(text);
  return Secret(std::move(pin));
}

void keep_out_of_swap(const Secret& secret) {
  (void)::mlock(secret.reveal().data(), secret.reveal().size());
}

}  // namespace chancery::keyholder
