#include "cli/lineage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/file.h"
#include "core/json.h"
#include "core/limits.h"

namespace chancery {
namespace {

using nlohmann::json;

constexpr mode_t kPrivate = 0700;
constexpr mode_t kPublic = 0755;  // servers of other users read certificates

std::string version_name(const std::string& serial) {
  return "versions/" + serial;
}

/// An open file description's lock: it goes with its handle, and can be asked for without being
/// taken.
struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// As it was for whom it was, but never for everybody.
mode_t key_mode(const std::string& before) {
  struct stat status {};
  if (::stat(before.c_str(), &status) != 0) return 0600;
  return 0600 | (status.st_mode & 0040);
}

Result<json> read_request(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, read_file(path, limits::credential_file_bytes));
  auto object = parse_json(text);
  if (!object || !object->is_object() || object->size() != 3 || !object->contains("body") ||
      !object->at("body").is_object()) {
    return invalid("pending", path + " is not what was written there");
  }
  for (const char* member : {"replaces", "idempotency_key"}) {
    if (object->contains(member) && object->at(member).is_string()) continue;
    return invalid("pending", path + " has no " + member);
  }
  return object;
}

}  // namespace

Result<Lineage> Lineage::open(const std::string& given) {
  std::error_code error;
  const std::string directory = std::filesystem::canonical(given, error).string();
  if (error || !std::filesystem::is_directory(directory)) {
    return invalid("--identity", given + " is not a directory with a certificate in it");
  }
  const std::string path = directory + "/renewal.lock";
  FileHandle handle(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (handle.get() < 0) {
    return fail(ErrorCode::internal, "cannot write " + path + ": " + std::strerror(errno));
  }
  struct flock lock = whole_file();
  if (::fcntl(handle.get(), F_OFD_SETLK, &lock) != 0) {
    return fail(ErrorCode::conflict,
                directory + " is being renewed by another process, which has " + path + " locked");
  }
  // What crashes left, with keys in it.
  for (const char* rest : {"/pending.new", "/pending.old"}) {
    RETURN_IF_ERROR(remove_directory(directory + rest));
  }
  return Lineage(directory, std::move(handle));
}

std::string Lineage::state_path() const {
  return path("renewal.json");
}

Result<std::optional<PendingRenewal>> Lineage::pending() const {
  if (!file_exists(path("pending"))) return std::optional<PendingRenewal>();
  PendingRenewal renewal;
  ASSIGN_OR_RETURN(const json request, read_request(path("pending/request.json")));
  renewal.replaces = request.at("replaces").get<std::string>();
  renewal.idempotency_key = request.at("idempotency_key").get<std::string>();
  renewal.body = request.at("body").dump();
  renewal.identity.directory = path("pending");
  ASSIGN_OR_RETURN(renewal.identity.key, read_secret(path("pending/key.pem")));
  if (file_exists(path("pending/cert.pem"))) {
    constexpr std::size_t limit = limits::credential_file_bytes;
    ASSIGN_OR_RETURN(renewal.identity.chain, read_file(path("pending/chain.pem"), limit));
    ASSIGN_OR_RETURN(renewal.identity.certificate, read_file(path("pending/cert.pem"), limit));
  }
  return std::optional<PendingRenewal>(std::move(renewal));
}

Result<void> Lineage::begin(const PendingRenewal& renewal) {
  const json request = {{"replaces", renewal.replaces},
                        {"idempotency_key", renewal.idempotency_key},
                        {"body", json::parse(renewal.body)}};
  return make_directory(
      path("pending"),
      {{"key.pem", renewal.identity.key.reveal(), 0600}, {"request.json", request.dump(), 0600}},
      kPrivate);
}

Result<void> Lineage::keep_answer(const std::string& certificate, const std::string& chain) {
  RETURN_IF_ERROR(replace_file(path("pending/chain.pem"), chain, 0644));
  return replace_file(path("pending/cert.pem"), certificate, 0644);
}

Result<void> Lineage::abandon() {
  return remove_directory(path("pending"));
}

Result<void> Lineage::add_version(const std::string& serial, const Identity& identity) {
  RETURN_IF_ERROR(expect_no_link("versions"));
  std::error_code error;
  std::filesystem::create_directory(path("versions"), error);
  if (error) return fail(ErrorCode::internal, "cannot make versions: " + error.message());
  const std::string version = path(version_name(serial));
  const bool in_force = link_target(path("current")) == version_name(serial);
  if (in_force && file_exists(version)) return {};
  // Left by a crash, or by somebody who put an older one back by hand.
  RETURN_IF_ERROR(remove_directory(version));
  const std::string old_key = path("key.pem"), old_certificate = path("cert.pem");
  return make_directory(version,
                        {{"cert.pem", identity.certificate, 0644, old_certificate},
                         {"chain.pem", identity.chain, 0644, old_certificate},
                         {"key.pem", identity.key.reveal(), key_mode(old_key), old_key}},
                        kPublic);
}

/// Files become links to what holds the same, so that it does not matter how far this got.
Result<void> Lineage::adopt(const std::string& serial, const Identity& identity) {
  const auto& names = credential_names();
  const bool linked = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return link_target(path(name)) == "current/" + name;
  });
  if (linked) return {};
  RETURN_IF_ERROR(add_version(serial, identity));
  RETURN_IF_ERROR(replace_link(path("current"), version_name(serial)));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(replace_link(path(name), "current/" + name));
  }
  return {};
}

Result<void> Lineage::install(const PendingRenewal& renewal) {
  ASSIGN_OR_RETURN(const CertificateSummary fresh,
                   summarize_certificate(renewal.identity.certificate));
  // `chancery renew` by hand, or an enrolment, must not come in between.
  ASSIGN_OR_RETURN(const FileHandle lock, lock_directory_files(directory_));
  if (replacement_pending(directory_, credential_names())) {
    return fail(ErrorCode::busy, "the files of " + directory_ + " are being replaced");
  }
  ASSIGN_OR_RETURN(const Identity old, Identity::load(directory_));
  ASSIGN_OR_RETURN(const CertificateSummary before, summarize_certificate(old.certificate));
  if (before.serial != renewal.replaces) {
    return fail(ErrorCode::conflict, "somebody else has replaced the certificate meanwhile");
  }
  RETURN_IF_ERROR(adopt(before.serial, old));
  RETURN_IF_ERROR(add_version(fresh.serial, renewal.identity));
  RETURN_IF_ERROR(replace_link(path("previous"), link_target(path("current"))));
  // Crash point: the old certificate is in force.
  return replace_link(path("current"), version_name(fresh.serial));
  // Crash point: the new one is.
}

/// What is pending goes last: while it is there, this is done again.
Result<void> Lineage::finish() {
  RETURN_IF_ERROR(remove_unused_versions());
  return abandon();
}

/// A link would lead to files that are somebody else's.
Result<void> Lineage::expect_no_link(const std::string& name) const {
  std::error_code ignored;
  if (!std::filesystem::is_symlink(path(name), ignored)) return {};
  return fail(ErrorCode::conflict, path(name) + " is a link, where a directory belongs");
}

Result<void> Lineage::remove_unused_versions() {
  RETURN_IF_ERROR(expect_no_link("versions"));
  const std::string current = link_target(path("current"));
  const std::string previous = link_target(path("previous"));
  std::vector<std::string> unused;
  std::error_code error;
  std::filesystem::directory_iterator versions(path("versions"), error);
  if (error == std::errc::no_such_file_or_directory) return {};
  if (error) return fail(ErrorCode::internal, "cannot read versions: " + error.message());
  for (const auto& version : versions) {
    const std::string name = version_name(version.path().filename().string());
    if (name != current && name != previous) unused.push_back(name);
  }
  for (const std::string& name : unused) RETURN_IF_ERROR(remove_directory(path(name)));
  return {};
}

bool is_being_renewed(const std::string& directory) {
  const FileHandle handle(
      ::open((directory + "/renewal.lock").c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (handle.get() < 0) return false;
  struct flock lock = whole_file();
  return ::fcntl(handle.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace chancery
