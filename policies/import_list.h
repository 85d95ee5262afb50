#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/policy_bundle.h"
#include "core/yaml.h"

namespace chancery {

class FieldPath;

/// Which files of a policy its members `imports` name. Paths begin at the policy's directory; a
/// `*`, once in a segment, stands for any characters of it but not for the file that imports.
class ImportList {
 public:
  /// `files`, sorted by name, outlive it.
  explicit ImportList(std::span<const PolicyFile> files) : files_(files) {}

  struct Import {
    std::size_t file;  ///< its place in `files`
    std::size_t item;  ///< the item of the list that names it
  };
  /// The files that one member names, in its order and each once; of a `*` in the order of names.
  /// Refuses a path that names none.
  [[nodiscard]] Result<std::vector<Import>> read(const YamlNode& list, const FieldPath& path,
                                                 std::size_t importer) const;

 private:
  [[nodiscard]] std::vector<std::size_t> named(std::string_view text, std::size_t importer) const;
  [[nodiscard]] Failure unknown(std::string_view text, const FieldPath& path, Place place) const;

  std::span<const PolicyFile> files_;
};

}  // namespace chancery
