#include "cli/identity.h"

#include <unistd.h>

#include <filesystem>

#include "cli/file.h"
#include "cli/private_key.h"
#include "core/certificate.h"
#include "core/limits.h"

namespace chancery {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

/// One PEM block of `pem` that begins at `begin`, or nothing.
std::string_view block_at(std::string_view pem, std::size_t begin) {
  if (begin == std::string_view::npos) return {};
  std::size_t end = pem.find(kEnd, begin);
  if (end == std::string_view::npos) return {};
  return pem.substr(begin, end + kEnd.size() - begin);
}

Result<std::string> read_part(const std::string& directory, const char* name) {
  std::string path = directory + "/" + name;
  auto content = read_file(path, limits::credential_file_bytes);
  if (!content) {
    return invalid("--identity", content.error().message +
                                     "; an identity is a directory with cert.pem, key.pem and "
                                     "chain.pem, as `chancery enroll --out DIR` makes it");
  }
  return content;
}

}  // namespace

Result<CertificateInfo> read_certificate(std::string_view pem) {
  // cert.pem of other tools often has the chain behind the certificate.
  ASSIGN_OR_RETURN(Bytes der, from_pem(block_at(pem, pem.find(kBegin)), "CERTIFICATE"));
  return parse_certificate(der);
}

std::string name_of(const CertificateInfo& certificate) {
  const SubjectAltNames& names = certificate.names;
  if (!certificate.subject.common_name.empty()) return certificate.subject.common_name;
  for (const auto* some : {&names.dns, &names.ip, &names.uri, &names.email}) {
    if (!some->empty()) return some->front();
  }
  return {};
}

Result<CertificateSummary> summarize_certificate(std::string_view pem) {
  ASSIGN_OR_RETURN(CertificateInfo info, read_certificate(pem));
  CertificateSummary summary;
  summary.serial = to_hex(info.serial);
  summary.name = name_of(info);
  summary.not_after = to_rfc3339_seconds(info.not_after);
  summary.spki = std::move(info.spki);
  return summary;
}

const std::vector<std::string>& credential_names() {
  static const std::vector<std::string> names = {"cert.pem", "chain.pem", "key.pem"};
  return names;
}

Result<void> check_pair(const Identity& identity) {
  auto bad = [&](const std::string& reason) {
    return invalid("--identity", identity.directory + "/" + reason);
  };
  auto key = PrivateKey::from_pem(identity.key);
  if (!key) return bad("key.pem: " + key.error().message);
  auto certificate = summarize_certificate(identity.certificate);
  if (!certificate) return bad("cert.pem: " + certificate.error().message);
  if (certificate->spki != key->spki()) return bad("key.pem is not the key of cert.pem");
  if (identity.trust_anchor().empty()) return bad("chain.pem holds no certificate");
  return {};
}

namespace {

Result<Identity> read_identity(const std::string& directory) {
  RETURN_IF_ERROR(finish_replacement(directory, credential_names()));
  Identity identity;
  identity.directory = directory;
  ASSIGN_OR_RETURN(identity.certificate, read_part(directory, "cert.pem"));
  ASSIGN_OR_RETURN(identity.chain, read_part(directory, "chain.pem"));
  auto key = read_secret(directory + "/key.pem");
  if (!key) return invalid("--identity", key.error().message);
  identity.key = std::move(*key);
  RETURN_IF_ERROR(check_pair(identity));
  return identity;
}

}  // namespace

Result<Identity> Identity::load(const std::string& directory) {
  auto identity = read_identity(directory);
  // Another process may have replaced them between two of the files.
  if (!identity) identity = read_identity(directory);
  return identity;
}

std::string Identity::trust_anchor() const {
  return std::string(block_at(chain, chain.rfind(kBegin)));
}

Result<void> check_vacant(const std::string& directory) {
  for (const char* name : {"cert.pem", "key.pem"}) {
    std::string path = directory + "/" + name;
    if (file_exists(path)) {
      return fail(ErrorCode::conflict,
                  path + " exists; choose another --out, or --force to replace it");
    }
  }
  return {};
}

Result<void> check_writable(const std::string& directory) {
  std::filesystem::path path = std::filesystem::absolute(directory);
  while (!file_exists(path.string()) && path.has_relative_path()) path = path.parent_path();
  if (std::filesystem::is_directory(path) && ::access(path.c_str(), W_OK | X_OK) == 0) return {};
  return fail(ErrorCode::internal, "cannot write to " + directory + ": " + path.string() +
                                       " is not a directory that we may write to");
}

Result<void> store_credentials(const std::string& directory, const Credentials& credentials) {
  std::vector<NewFile> files = {{"cert.pem", credentials.certificate, 0644},
                                {"chain.pem", credentials.chain, 0644}};
  if (credentials.key != nullptr) {
    files.push_back({"key.pem", credentials.key->reveal(), 0600});
  }
  return replace_files(directory, files);
}

}  // namespace chancery
