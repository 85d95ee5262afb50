#pragma once

#include <memory>

#include "core/bytes.h"
#include "core/file_handle.h"

namespace chancery {

/// Bytes that are handed out, whole or piece by piece: in memory or, where they are many, in a
/// file.
class Document {
 public:
  static std::shared_ptr<const Document> in_memory(Bytes bytes);
  /// What the open file holds now. Another one in its place, or none, changes nothing here.
  /// store_unavailable.
  static Result<std::shared_ptr<const Document>> in_file(FileHandle file);

  [[nodiscard]] std::size_t size() const { return size_; }
  /// From `offset` on, at most `most` bytes and at least one where there are any: a view of memory
  /// of its own, or of `buffer`. store_unavailable where the file cannot be read, or was cut.
  Result<ByteView> read(std::size_t offset, std::size_t most, Bytes& buffer) const;
  [[nodiscard]] Result<Bytes> all() const;

 private:
  Document(Bytes bytes, FileHandle file, std::size_t size)
      : bytes_(std::move(bytes)), file_(std::move(file)), size_(size) {}
  const Bytes bytes_;
  const FileHandle file_;  // none: in memory
  const std::size_t size_;
};

}  // namespace chancery
