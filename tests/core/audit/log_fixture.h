#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/audit_log.h"
#include "core/signed_note.h"

struct sqlite3;

namespace chancery {

/// A folder of its own, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A key in software that signs notes.
class NoteSigner {
 public:
  NoteSigner(std::string name, KeyType type);
  NoteSigner(NoteSigner&&) noexcept;
  ~NoteSigner();
  [[nodiscard]] const NoteVerifier& verifier() const { return *verifier_; }
  [[nodiscard]] const Bytes& spki() const { return spki_; }
  [[nodiscard]] std::string line(std::string_view text) const;

 private:
  struct Key;
  std::unique_ptr<Key> key_;
  Bytes spki_;
  std::unique_ptr<NoteVerifier> verifier_;
};

/// Allows everything, so that there is a Decision; its version is that of its own text.
class PermissivePolicy : public Policy {
 public:
  static constexpr const char* kText = "grants: everything\n";
  PermissivePolicy();
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] Decision allow() const;

 private:
  [[nodiscard]] Verdict evaluate(const Machine&, const PolicyQuestion&, Time) const override;
  std::string version_;
};

RequestContext context_of(const std::string& machine, const std::string& request = "req-1");
/// A certificate as its intent describes it, with a serial of its own; `der` is not a certificate.
CertificateRecord new_certificate(const std::string& machine = "web");
/// The intent's members of a certificate.
AuditEntry certificate_intent_entry(const CertificateRecord& certificate);
/// The outcome's, where it was issued.
AuditEntry certificate_outcome_entry(const CertificateRecord& certificate);

/// A log in a folder, with keys for its checkpoints.
class LogHome {
 public:
  static constexpr const char* kOrigin = "log.example/audit";

  LogHome();
  /// Opens (or opens again) store and log; throws what Boost.Test shows when that fails.
  void open();
  void close();
  [[nodiscard]] std::string database() const { return folder_.file("chancery.db"); }
  [[nodiscard]] std::string checkpoint_file() const { return folder_.file("last-checkpoint"); }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }
  [[nodiscard]] std::vector<NoteVerifier> verifiers() const;

  /// An entry of the kind "read".
  std::uint64_t append();
  Intent intend(AuditEntry entry = AuditEntry(EntryKind::intent));
  Concluded conclude(Intent intent, Conclusion conclusion = Conclusion::ok);
  /// Intent, outcome and inventory row; the row as it is stored.
  CertificateRecord issue(const std::string& machine = "web");
  Revocation revoke(const CertificateRecord& certificate,
                    RevocationReason reason = RevocationReason::superseded,
                    const std::string& incident = {});
  /// Signs with both keys and publishes; the note.
  std::string checkpoint();
  [[nodiscard]] std::string sign(const std::string& text) const;

  std::unique_ptr<Store> store;
  std::unique_ptr<AuditLog> log;
  PermissivePolicy policy;

 private:
  TemporaryFolder folder_;
  NoteSigner ed25519_, ecdsa_;
};

/// Runs SQL on a closed database; what SQLite says against it, or nothing.
std::string run_sql(const std::string& database, const std::string& sql);
/// Changes a closed database behind the store's back: without triggers and checks.
void tamper(const std::string& database, const std::string& sql);

}  // namespace chancery
