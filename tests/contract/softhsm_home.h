#pragma once

#include <filesystem>
#include <string>

#include "pkcs11/keyholder_options.h"

namespace chancery {

/// A SoftHSM installation in a temporary directory with one initialised token, removed when it
/// goes.
class SoftHsmHome {
 public:
  SoftHsmHome();
  SoftHsmHome(const SoftHsmHome&) = delete;
  ~SoftHsmHome();

  static constexpr const char* module = "/usr/lib/softhsm/libsofthsm2.so";
  static constexpr const char* pin = "a pin of tests";

  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_ / name).string();
  }
  [[nodiscard]] std::string executable() const;
  [[nodiscard]] std::string config() const { return path("softhsm2.conf"); }

  /// For a pool of two keyholders with four lanes each on this token.
  [[nodiscard]] KeyholderOptions options() const;

  /// Writes a file with exactly this mode, for example another PIN.
  std::string write(const std::string& name, const std::string& text, unsigned mode = 0600) const;

  /// Runs OpenSC's pkcs11-tool on the token, logged in, and returns what it printed; fails the
  /// test when the tool fails.
  [[nodiscard]] std::string pkcs11_tool(const std::string& arguments) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace chancery
