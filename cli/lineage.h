#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/identity.h"
#include "core/file_handle.h"

namespace chancery {

/// A renewal that has begun: the key and the request for it, kept before anybody is asked.
struct PendingRenewal {
  std::string replaces;         ///< serial number of the certificate that is renewed
  std::string idempotency_key;  ///< makes the service answer again what it answered
  std::string body;             ///< of the request, JSON; the same each time
  Identity identity;  ///< the key; certificate and chain are empty until they were answered
  [[nodiscard]] bool answered() const { return !identity.certificate.empty(); }
};

/// One directory with a certificate and its key, over its renewals:
///
///     DIR/cert.pem, chain.pem, key.pem   links into current/; files until the first renewal here
///     DIR/current, DIR/previous          links to versions/SERIAL
///     DIR/versions/SERIAL/               cert.pem, chain.pem, key.pem; never changed
///     DIR/pending/                       a renewal that has begun
///     DIR/renewal.json                   RenewalState
///     DIR/renewal.lock                   who renews it
///
/// The rename of the link `current` changes all three at once. A program that opens one file before
/// it and another after it still gets one of each; one that opens DIR/current first, and the files
/// in it, never does.
///
/// A renewal can be cut off anywhere (kill, power), and whoever comes next goes on:
///   1 begin()        DIR/pending appears as a whole, or not: nothing was asked.
///   2 the request    is repeated with the kept idempotency key: the service gives the same
///                    certificate again (for a day, then another one).
///   3 keep_answer()  cert.pem is written last; without it, as 2. With it nothing is asked again.
///   4 install()      versions/SERIAL appears as a whole; `previous`, then `current` are renamed.
///                    Before the last of them the old certificate is in force, and 4 is repeated;
///                    after it the new one is, and pending() tells that it is there already.
///   5 finish()       removes versions that nothing leads to, then DIR/pending.
/// The caller keeps in its state, before 4, that the hook is to be run, and after it that it was:
/// cut off in between, it runs again.
class Lineage {
 public:
  /// Takes the lock of `directory`, until the end. conflict when another process has it;
  /// invalid_request (field "--identity") when there is no such directory.
  static Result<Lineage> open(const std::string& directory);

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string state_path() const;

  /// The renewal that has begun, if any. invalid_request or not_found when what is kept of it is
  /// broken: abandon() it.
  Result<std::optional<PendingRenewal>> pending() const;
  Result<void> begin(const PendingRenewal& renewal);
  Result<void> keep_answer(const std::string& certificate, const std::string& chain);
  Result<void> abandon();

  /// Puts the pending renewal, which was answered, in force. conflict when the certificate in the
  /// directory is no more the one that it replaces.
  Result<void> install(const PendingRenewal& renewal);
  /// Removes what is of no use any more after install().
  Result<void> finish();

 private:
  Lineage(std::string directory, FileHandle lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  Result<void> add_version(const std::string& serial, const Identity& identity);
  Result<void> remove_unused_versions();
  [[nodiscard]] Result<void> expect_no_link(const std::string& name) const;
  Result<void> adopt(const std::string& serial, const Identity& identity);
  std::string directory_;
  FileHandle lock_;
};

/// Whether some process has the lock of `directory`.
bool is_being_renewed(const std::string& directory);

}  // namespace chancery
