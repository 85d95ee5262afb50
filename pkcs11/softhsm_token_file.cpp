#include "pkcs11/softhsm_token_file.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/durable_file.h"

namespace chancery {
namespace {

struct TokenFile {
  std::string path, copy_path;
  std::optional<std::string> content, copy;

  /// Its size does not change once the token has its PINs.
  [[nodiscard]] bool is_whole() const {
    return content && content->size() >= (copy ? copy->size() : 1) &&
           std::ranges::any_of(*content, [](char c) { return c != 0; });
  }
};

Result<std::vector<TokenFile>> token_files(const std::string& folder) {
  std::vector<TokenFile> files;
  std::error_code none;  // without tokens there is nothing to do
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/tokens", none)) {
    TokenFile file;
    file.path = entry.path() / "token.object";
    file.copy_path = folder + "/" + entry.path().filename().string() + ".token.object";
    ASSIGN_OR_RETURN(file.content, read_durable_file(file.path));
    ASSIGN_OR_RETURN(file.copy, read_durable_file(file.copy_path));
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

Result<void> keep_softhsm_token_files(const std::string& folder) {
  ASSIGN_OR_RETURN(const auto files, token_files(folder));
  for (const TokenFile& file : files) {
    if (!file.is_whole() || file.content == file.copy) continue;
    RETURN_IF_ERROR(replace_durable_file(file.copy_path, *file.content));
  }
  return {};
}

Result<std::vector<std::string>> mend_softhsm_token_files(const std::string& folder) {
  ASSIGN_OR_RETURN(const auto files, token_files(folder));
  std::vector<std::string> mended;
  for (const TokenFile& file : files) {
    if (file.is_whole() || !file.copy) continue;
    RETURN_IF_ERROR(replace_durable_file(file.path, *file.copy));
    mended.push_back(file.path);
  }
  return mended;
}

}  // namespace chancery
