#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/secret.h"

namespace chancery {

struct CertificateInfo;  // core/certificate.h

/// The first certificate of a PEM text, which may have the chain behind it.
Result<CertificateInfo> read_certificate(std::string_view pem);
/// The name that people know it by: common name, or else the first alternative name.
std::string name_of(const CertificateInfo& certificate);

/// What the client says of one certificate.
struct CertificateSummary {
  std::string serial;     ///< 40 hexadecimal digits, or shorter where another CA chose it
  std::string name;       ///< common name, or else the first alternative name
  std::string not_after;  ///< RFC 3339
  Bytes spki;
};

/// The first certificate of a PEM text.
Result<CertificateSummary> summarize_certificate(std::string_view pem);

/// A machine's credentials: DIR/cert.pem, DIR/key.pem and DIR/chain.pem (the issuing CA's
/// certificate, then the root's).
struct Identity {
  std::string directory;
  std::string certificate;  ///< PEM
  std::string chain;        ///< PEM
  Secret key;               ///< PEM

  /// Reads all three and checks that key and certificate belong together. Completes a renewal that
  /// a crash cut short. An error names the file and field "--identity".
  static Result<Identity> load(const std::string& directory);

  /// The last certificate of the chain, PEM: what the service's own certificate must lead to.
  [[nodiscard]] std::string trust_anchor() const;
};

/// The files of an identity, in the order in which they are replaced.
const std::vector<std::string>& credential_names();

/// Whether key and certificate belong together and the chain holds a certificate. invalid_request
/// with the file that is wrong.
Result<void> check_pair(const Identity& identity);

/// A certificate as it came from the service, with the key where it was made here.
struct Credentials {
  std::string_view certificate;
  std::string_view chain;
  const Secret* key = nullptr;  ///< null: somebody else has it
};

/// conflict when the directory has a certificate or key already.
Result<void> check_vacant(const std::string& directory);

/// Whether files can be put there, so that no one-time token is spent in vain. internal if not.
Result<void> check_writable(const std::string& directory);

/// Makes or replaces an identity in one step (see replace_files); the key is readable by its owner
/// alone.
Result<void> store_credentials(const std::string& directory, const Credentials& credentials);

}  // namespace chancery
