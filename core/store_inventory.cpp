#include "core/store.h"
#include "core/store_connections.h"
#include "core/store_rows.h"

namespace chancery {
namespace {

/// Where a page begins: the number of the certificate that the last one ended with.
Result<std::uint64_t> number_of(sqlite::Connection& connection, const std::string& after) {
  if (after.empty()) return 0;
  ASSIGN_OR_RETURN(const Serial serial, Serial::parse(after));
  ASSIGN_OR_RETURN(
      const std::uint64_t number,
      read_number(connection, "SELECT number FROM certificate WHERE serial = ?", serial.bytes));
  if (number == 0) return invalid("after", "there is no certificate with this serial");
  return number;
}

Result<Numbered<CertificateRecord>> numbered_certificate(const sqlite::Statement& row) {
  constexpr int kNumber = 15;
  ASSIGN_OR_RETURN(CertificateRecord record, store_rows::certificate(row));
  return Numbered<CertificateRecord>{row.index(kNumber), std::move(record)};
}

Result<Numbered<Revocation>> numbered_revocation(const sqlite::Statement& row) {
  constexpr int kNumber = 11;
  ASSIGN_OR_RETURN(Revocation record, store_rows::revocation(row));
  return Numbered<Revocation>{row.index(kNumber), std::move(record)};
}

}  // namespace

Result<std::optional<CertificateRecord>> Store::certificate(const Serial& serial) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::certificate,
                  "SELECT " CHANCERY_CERTIFICATE_ROW " FROM certificate WHERE serial = ?",
                  serial.bytes);
}

Result<std::vector<CertificateRecord>> Store::certificates(const MachineName& machine,
                                                           const Page& page) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  ASSIGN_OR_RETURN(const std::uint64_t after, number_of(*reader, page.after));
  if (machine.empty()) {
    return read_all(*reader, store_rows::certificate,
                    "SELECT " CHANCERY_CERTIFICATE_ROW
                    " FROM certificate WHERE number > ? ORDER BY number LIMIT ?",
                    after, page.limit);
  }
  return read_all(*reader, store_rows::certificate,
                  "SELECT " CHANCERY_CERTIFICATE_ROW
                  " FROM certificate WHERE machine = ? AND number > ? ORDER BY number LIMIT ?",
                  machine.text(), after, page.limit);
}

Result<std::uint64_t> Store::certificate_count() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader, "SELECT coalesce(max(number), 0) FROM certificate");
}

Result<std::vector<Numbered<CertificateRecord>>> Store::certificates_by_number(std::uint64_t first,
                                                                               std::size_t count) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, numbered_certificate,
                  "SELECT " CHANCERY_CERTIFICATE_ROW
                  ", number FROM certificate WHERE number >= ? ORDER BY number LIMIT ?",
                  first, count);
}

Result<std::optional<Serial>> Store::replacement_of(const Serial& serial) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::serial,
                  "SELECT serial FROM certificate WHERE replaces = ? AND state = 'issued'"
                  " ORDER BY number LIMIT 1",
                  serial.bytes);
}

Result<std::optional<RenewalRequestRecord>> Store::renewal_request(const Serial& serial) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::renewal_request,
                  "SELECT " CHANCERY_RENEWAL_REQUEST_COLUMNS
                  " FROM renewal_request WHERE serial = ?",
                  serial.bytes);
}

Result<std::vector<RenewalRequestRecord>> Store::renewal_requests(bool pending, const Page& page) {
  Bytes after;
  if (!page.after.empty()) {
    ASSIGN_OR_RETURN(const Serial serial, Serial::parse(page.after));
    after = copy_of(serial.bytes);
  }
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  if (pending) {
    return read_all(*reader, store_rows::renewal_request,
                    "SELECT " CHANCERY_RENEWAL_REQUEST_COLUMNS
                    " FROM renewal_request INDEXED BY renewal_request_pending"
                    " WHERE serial > ? AND replaced_by IS NULL ORDER BY serial LIMIT ?",
                    after, page.limit);
  }
  return read_all(*reader, store_rows::renewal_request,
                  "SELECT " CHANCERY_RENEWAL_REQUEST_COLUMNS
                  " FROM renewal_request WHERE serial > ? ORDER BY serial LIMIT ?",
                  after, page.limit);
}

Result<std::optional<Revocation>> Store::revocation(const Serial& serial) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::revocation,
                  "SELECT " CHANCERY_REVOCATION_COLUMNS " FROM revocation WHERE serial = ?",
                  serial.bytes);
}

Result<std::uint64_t> Store::revocation_count() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader, "SELECT coalesce(max(number), 0) FROM revocation");
}

Result<std::vector<Numbered<Revocation>>> Store::revocations_by_number(std::uint64_t first,
                                                                       std::size_t count) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, numbered_revocation,
                  "SELECT " CHANCERY_REVOCATION_COLUMNS
                  ", number FROM revocation WHERE number >= ? ORDER BY number LIMIT ?",
                  first, count);
}

Result<std::optional<KeyRecord>> Store::key(const KeyName& name) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::key,
                  "SELECT " CHANCERY_KEY_COLUMNS " FROM key WHERE name = ?", name.text());
}

Result<std::vector<KeyRecord>> Store::keys(const Page& page) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::key,
                  "SELECT " CHANCERY_KEY_COLUMNS " FROM key WHERE name > ? ORDER BY name LIMIT ?",
                  page.after, page.limit);
}

Result<std::vector<CaRecord>> Store::cas() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::ca, "SELECT " CHANCERY_CA_COLUMNS " FROM ca ORDER BY name");
}

Result<std::optional<MachineRecord>> Store::machine(const MachineName& name) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::machine,
                  "SELECT " CHANCERY_MACHINE_COLUMNS " FROM machine WHERE name = ?", name.text());
}

Result<std::vector<MachineRecord>> Store::machines(const Page& page) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::machine,
                  "SELECT " CHANCERY_MACHINE_COLUMNS
                  " FROM machine WHERE name > ? ORDER BY name LIMIT ?",
                  page.after, page.limit);
}

Result<std::optional<RequestRecord>> Store::request(const MachineName& machine,
                                                    const std::string& idempotency_key) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::request,
                  "SELECT " CHANCERY_REQUEST_COLUMNS
                  " FROM request WHERE machine = ? AND idempotency_key = ?",
                  machine.text(), idempotency_key);
}

Result<std::vector<RequestRecord>> Store::requests(const RequestRecord& after, std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::request,
                  "SELECT " CHANCERY_REQUEST_COLUMNS
                  " FROM request WHERE (machine, idempotency_key) > (?, ?)"
                  " ORDER BY machine, idempotency_key LIMIT ?",
                  after.machine.text(), after.idempotency_key, limit);
}

Result<std::vector<EnrollmentRecord>> Store::enrollments(ByteView after_token_sha256,
                                                         std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::enrollment,
                  "SELECT " CHANCERY_ENROLLMENT_COLUMNS
                  " FROM enrollment WHERE token_sha256 > ? ORDER BY token_sha256 LIMIT ?",
                  after_token_sha256, limit);
}

Result<std::optional<EnrollmentRecord>> Store::enrollment(ByteView token_sha256) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::enrollment,
                  "SELECT " CHANCERY_ENROLLMENT_COLUMNS " FROM enrollment WHERE token_sha256 = ?",
                  token_sha256);
}

Result<std::optional<PolicyVersionRecord>> Store::policy_version(const std::string& version) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::policy_version,
                  "SELECT version, text, loaded_at FROM policy_version WHERE version = ?", version);
}

Result<std::vector<PolicyVersionRecord>> Store::policy_versions(std::size_t at_most) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::policy_version,
                  "SELECT version, '', loaded_at FROM policy_version"
                  " ORDER BY loaded_at DESC, number DESC LIMIT ?",
                  static_cast<std::int64_t>(at_most));
}

}  // namespace chancery
