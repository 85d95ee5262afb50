#include "tests/core/audit/log_fixture.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <stdexcept>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

/// The value, or an exception that names the error: a fixture cannot go on without it.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message + " | " + result.error().detail);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

Bytes spki_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  CHECK(size > 0);
  Bytes spki(der, der + size);
  OPENSSL_free(der);
  return spki;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "chancery-audit-XXXXXX").string();
  CHECK(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

struct NoteSigner::Key {
  HandlePtr<EVP_PKEY, EVP_PKEY_free> key;
};

NoteSigner::NoteSigner(std::string name, KeyType type)
    : key_(std::make_unique<Key>(Key{HandlePtr<EVP_PKEY, EVP_PKEY_free>(
          type == KeyType::ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                   : EVP_EC_gen("P-256"))})) {
  spki_ = spki_of(key_->key.get());
  verifier_ = std::make_unique<NoteVerifier>(must(NoteVerifier::create(std::move(name), spki_)));
}

NoteSigner::NoteSigner(NoteSigner&&) noexcept = default;
NoteSigner::~NoteSigner() = default;

std::string NoteSigner::line(std::string_view text) const {
  const HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_PKEY* const key = key_->key.get();
  const EVP_MD* const digest = EVP_PKEY_is_a(key, "EC") ? EVP_sha256() : nullptr;
  CHECK(EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) == 1);
  const ByteView input = bytes_of(text);
  Bytes signature(256);
  std::size_t size = signature.size();
  CHECK(EVP_DigestSign(context.get(), signature.data(), &size, input.data(), input.size()) == 1);
  signature.resize(size);
  return verifier_->signature_line(signature);
}

PermissivePolicy::PermissivePolicy() : version_(to_hex(sha256(bytes_of(kText)))) {}

Decision PermissivePolicy::allow() const {
  PolicyQuestion question{};
  question.operation = Operation::key_sign;
  return decide(Machine::self(), question);
}

Policy::Verdict PermissivePolicy::evaluate(const Machine&, const PolicyQuestion&, Time) const {
  return {true, "everything", ""};
}

RequestContext context_of(const std::string& machine, const std::string& request) {
  RequestContext context;
  context.id = request;
  context.machine.name = MachineName::literal(machine);
  context.machine.source = "192.0.2.7";
  return context;
}

CertificateRecord new_certificate(const std::string& machine) {
  CertificateRecord record;
  const Time second = from_unix_seconds(to_unix_seconds(now()));
  record.serial = Serial::allocate(to_unix_seconds(second));
  record.issuer = CaName::literal("issuing");
  record.machine = MachineName::literal(machine);
  record.profile = ProfileName::literal("tls-server");
  record.not_before = second;
  record.not_after = second + Seconds(3600);
  record.spki_sha256 = random_bytes(32);
  record.der = random_bytes(64);
  return record;
}

AuditEntry certificate_intent_entry(const CertificateRecord& certificate) {
  AuditEntry entry(EntryKind::intent);
  entry.set("serial", certificate.serial.hex()).set("issuer", certificate.issuer.text());
  entry.set("profile", certificate.profile.text()).set("owner", certificate.machine.text());
  entry.set("not_before", to_rfc3339_seconds(certificate.not_before));
  entry.set("not_after", to_rfc3339_seconds(certificate.not_after));
  entry.set("spki_sha256", to_hex(certificate.spki_sha256));
  if (certificate.replaces) entry.set("replaces", certificate.replaces->hex());
  return entry;
}

AuditEntry certificate_outcome_entry(const CertificateRecord& certificate) {
  AuditEntry entry(EntryKind::outcome);
  entry.set("serial", certificate.serial.hex());
  entry.set("certificate_sha256", to_hex(sha256(certificate.der)));
  return entry;
}

LogHome::LogHome() : ed25519_(kOrigin, KeyType::ed25519), ecdsa_(kOrigin, KeyType::ec_p256) {
  open();
  AuditEntry start(EntryKind::start);
  start.set("version", "test").set("policy", policy.version());
  must(log->record(context_of("self"), start,
                   {AddPolicyVersion{{policy.version(), PermissivePolicy::kText, now()}}}));
}

void LogHome::open() {
  close();
  store = must(Store::open(database()));
  log = must(AuditLog::open(*store, checkpoint_file()));
}

void LogHome::close() {
  log.reset();
  store.reset();
}

std::vector<NoteVerifier> LogHome::verifiers() const {
  std::vector<NoteVerifier> verifiers;
  for (const NoteSigner* signer : {&ed25519_, &ecdsa_}) {
    verifiers.push_back(must(NoteVerifier::create(kOrigin, signer->spki())));
  }
  return verifiers;
}

std::uint64_t LogHome::append() {
  return must(log->record(context_of("auditor"), AuditEntry(EntryKind::read)));
}

Intent LogHome::intend(AuditEntry entry) {
  return must(log->intend(context_of("web"), policy.allow(), std::move(entry), SigningInput{}));
}

Concluded LogHome::conclude(Intent intent, Conclusion conclusion) {
  return must(log->conclude(context_of("web"), std::move(intent), conclusion,
                            AuditEntry(EntryKind::outcome)));
}

CertificateRecord LogHome::issue(const std::string& machine) {
  const CertificateRecord certificate = new_certificate(machine);
  Intent intent = intend(certificate_intent_entry(certificate));
  must(log->conclude(context_of("web"), std::move(intent), Conclusion::ok,
                     certificate_outcome_entry(certificate), {AddCertificate{certificate}}));
  return must(store->certificate(certificate.serial)).value();
}

Revocation LogHome::revoke(const CertificateRecord& certificate, RevocationReason reason,
                           const std::string& incident) {
  AuditEntry entry(EntryKind::revocation);
  entry.set("serial", certificate.serial.hex());
  entry.set("revocation_reason", name_of(reason));
  entry.set("incident", incident);
  const Revocation row{.serial = certificate.serial,
                       .issuer = certificate.issuer,
                       .reason = reason,
                       .revoked_at = now(),
                       .by = MachineName::literal("operator"),
                       .not_after = certificate.not_after,
                       .crl_shards = certificate.crl_shards,
                       .invalidity_date = {},
                       .incident = incident};
  must(log->record(context_of("operator"), entry, {AddRevocation{row}}));
  return must(store->revocation(certificate.serial)).value();
}

std::string LogHome::checkpoint() {
  const auto text = must(log->prepare_checkpoint(kOrigin));
  CHECK(text);
  const std::string note = sign(text->text());
  must(log->publish_checkpoint(*text, note));
  return note;
}

std::string LogHome::sign(const std::string& text) const {
  return assemble_note(text, {ed25519_.line(text), ecdsa_.line(text)});
}

std::string run_sql(const std::string& database, const std::string& sql) {
  sqlite3* handle = nullptr;
  CHECK(sqlite3_open(database.c_str(), &handle) == SQLITE_OK);
  char* problem = nullptr;
  const int code = sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &problem);
  std::string reason = problem ? problem : "";
  sqlite3_free(problem);
  sqlite3_close(handle);
  return code == SQLITE_OK ? "" : reason + " in " + sql;
}

void tamper(const std::string& database, const std::string& sql) {
  std::string script = "PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON;";
  for (const char* table : {"entry", "tile", "checkpoint", "cosignature", "certificate",
                            "revocation", "log_keys", "renewal_request", "incident", "blocked_key",
                            "pruning", "approval", "approval_signature"}) {
    script += "DROP TRIGGER IF EXISTS " + std::string(table) + "_update;";
    script += "DROP TRIGGER IF EXISTS " + std::string(table) + "_delete;";
  }
  const std::string problem = run_sql(database, script + sql);
  if (!problem.empty()) throw std::runtime_error(problem);
}

}  // namespace chancery
