#include "core/document.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace chancery {
namespace {

Failure cannot_read(const char* why) {
  return fail(ErrorCode::store_unavailable, "cannot read a document from its file", "", why);
}

}  // namespace

std::shared_ptr<const Document> Document::in_memory(Bytes bytes) {
  const std::size_t size = bytes.size();
  return std::shared_ptr<const Document>(new Document(std::move(bytes), FileHandle(), size));
}

Result<std::shared_ptr<const Document>> Document::in_file(FileHandle file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return cannot_read(std::strerror(errno));
  return std::shared_ptr<const Document>(
      new Document({}, std::move(file), static_cast<std::size_t>(status.st_size)));
}

Result<ByteView> Document::read(std::size_t offset, std::size_t most, Bytes& buffer) const {
  most = std::min(most, size_ - std::min(offset, size_));
  if (file_.get() < 0) return ByteView(bytes_).subspan(std::min(offset, size_), most);
  buffer.resize(most);
  for (;;) {
    const ssize_t got = ::pread(file_.get(), buffer.data(), most, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(std::strerror(errno));
    if (got == 0 && most > 0) return cannot_read("it was cut");
    return ByteView(buffer).first(static_cast<std::size_t>(got));
  }
}

Result<Bytes> Document::all() const {
  Bytes whole, buffer;
  whole.reserve(size_);
  while (whole.size() < size_) {
    ASSIGN_OR_RETURN(const ByteView piece, read(whole.size(), 1 << 16, buffer));
    whole.insert(whole.end(), piece.begin(), piece.end());
  }
  return whole;
}

}  // namespace chancery
