#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/identity.h"
#include "cli/service.h"

namespace chancery {

/// Exit status of the program.
enum class ExitCode {
  done = 0,
  failed = 1,  ///< refused, or it did not work
  usage = 2,   ///< the command line is wrong
};

/// Options that every command takes.
struct GlobalOptions {
  std::string url = "https://127.0.0.1:8443";
  std::string identity;         ///< directory, or empty
  std::string ca;               ///< file of trust anchors, or empty: the identity's
  std::string idempotency_key;  ///< empty: random
  std::string approval;         ///< id; empty: none
  bool json = false;
};

/// What a command works with while it runs: the service, opened on first use, and standard output.
class Session {
 public:
  explicit Session(GlobalOptions options) : options_(std::move(options)) {}

  /// The service, with the identity named by --identity.
  Result<Service*> service();
  /// The service as seen by a machine that has no identity yet.
  Result<Service*> service_without_identity();
  Result<const Identity*> identity();
  /// The service with another identity, which must outlive it; the first POST has this idempotency
  /// key.
  Result<std::unique_ptr<Service>> service_of(const Identity& identity,
                                              const std::string& idempotency_key) const;
  /// The directory that --identity names; empty where it was not given.
  [[nodiscard]] const std::string& identity_directory() const { return options_.identity; }

  /// Whether one was named; it may still be unreadable.
  [[nodiscard]] bool has_identity() const { return !options_.identity.empty(); }
  [[nodiscard]] bool json() const { return options_.json; }
  /// With --json the object on one line, otherwise `line`; both on standard output.
  void print(const std::string& line, const nlohmann::json& object) const;

 private:
  Result<std::string> trust_anchors(const Identity* identity) const;
  GlobalOptions options_;
  std::optional<Identity> identity_;
  std::unique_ptr<Service> service_;  // borrows the identity's key, so it goes first
};

/// Writes text that may come from elsewhere: control characters, which a terminal might obey,
/// become
/// "?". Adds the newline at the end where there is none.
void write_text(std::FILE* stream, std::string_view text);

/// On one line.
std::string json_text(const nlohmann::json& value);

}  // namespace chancery
