// Fills an installation's store to a number of certificates, for scripts/bench: through the audit
// log, each with its intent and its outcome, but without the token. The certificates are copies of
// the operator's with other serials, so their signatures do not verify.
//
//   store_preload --home DIR --count N       while the service is stopped
//   store_preload --home DIR --count N --revoked M --shards K    the newest M of them revoked

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "core/audit_log.h"
#include "core/key_ring.h"

namespace {

using namespace chancery;

constexpr unsigned writers = 256;     // so that commits are as large as under load
constexpr unsigned machines = 10000;  // among whom the certificates are spread

template <class T>
T value_of(Result<T> result, const char* step) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "store_preload: %s: %s %s\n", step, result.error().message.c_str(),
               result.error().detail.c_str());
  std::_Exit(EXIT_FAILURE);
}

class AllowAll : public Policy {
 public:
  [[nodiscard]] const std::string& version() const override { return version_; }

 private:
  [[nodiscard]] Verdict evaluate(const Machine&, const PolicyQuestion&, Time) const override {
    return {.allowed = true, .grant = "preload", .reason = {}};
  }
  std::string version_ = std::string(64, '0');
};

/// A certificate of the installation, copied under other serials.
class Template {
 public:
  Template(const std::string& home, Store& store) {
    std::ifstream file(home + "/identities/operator/cert.pem");
    const std::string pem(std::istreambuf_iterator<char>(file), {});
    der_ = value_of(from_pem(pem, "CERTIFICATE"), "operator's certificate");
    for (const CertificateRecord& row : value_of(store.certificates({}, {}), "certificates")) {
      if (row.der == der_) record_ = row;
    }
    const auto& serial = record_.serial.bytes;
    place_ = std::search(der_.begin(), der_.end(), serial.begin(), serial.end()) - der_.begin();
    CHECK(static_cast<std::size_t>(place_) + serial.size() < der_.size());
  }

  [[nodiscard]] CertificateRecord copy(std::uint64_t number) const {
    CertificateRecord record = record_;
    record.serial = Serial::allocate(to_unix_seconds(now()));
    record.machine = MachineName::literal("m" + std::to_string(number % machines) + ".example");
    record.der = der_with(record.serial);
    record.spki_sha256 = sha256(record.der);
    return record;
  }
  [[nodiscard]] const CertificateRecord& record() const { return record_; }

 private:
  [[nodiscard]] Bytes der_with(const Serial& serial) const {
    Bytes der = der_;
    std::copy(serial.bytes.begin(), serial.bytes.end(), der.begin() + place_);
    return der;
  }
  Bytes der_;
  CertificateRecord record_;
  Bytes::difference_type place_ = 0;
};

void add(AuditLog& log, const Key& key, CertificateRecord record) {
  const RequestContext context{new_request_id(), Machine::self()};
  const Decision decision =
      AllowAll().decide(context.machine, {.operation = Operation::certificate_issue});
  const Bytes certificate_sha256 = sha256(record.der);
  const std::string serial = record.serial.hex();

  AuditEntry intent(EntryKind::intent);
  intent.set("operation", "certificate.issue").set("serial", serial);
  intent.set("profile", record.profile.text()).set("issuer", record.issuer.text());
  const SignatureAlgorithm algorithm = key.algorithms.front();
  Intent open = value_of(
      log.intend(context, decision, std::move(intent), {&key, algorithm, certificate_sha256}),
      "intent");

  AuditEntry outcome(EntryKind::outcome);
  outcome.set("serial", serial).set("certificate_sha256", to_hex(certificate_sha256));
  value_of(log.conclude(context, std::move(open), Conclusion::ok, std::move(outcome),
                        {AddCertificate{std::move(record)}}),
           "outcome");
}

void revoke(AuditLog& log, const CertificateRecord& record) {
  AuditEntry entry(EntryKind::revocation);
  entry.set("serial", record.serial.hex()).set("revocation_reason", "superseded");
  value_of(log.record({new_request_id(), Machine::self()}, std::move(entry),
                      {AddRevocation{{.serial = record.serial,
                                      .issuer = record.issuer,
                                      .reason = RevocationReason::superseded,
                                      .revoked_at = now(),
                                      .by = {},
                                      .not_after = record.not_after,
                                      .crl_shards = record.crl_shards,
                                      .invalidity_date = {},
                                      .incident = {}}}}),
           "revocation");
}

void preload(const std::string& home, std::uint64_t count, std::uint64_t revoked, unsigned shards) {
  auto store = value_of(Store::open(home + "/chancery.db"), "store");
  auto log = value_of(AuditLog::open(*store), "log");
  auto keys = value_of(KeyRing::load(*store), "keys");
  const Template original(home, *store);
  const Key* key = nullptr;
  for (const CaRecord& ca : value_of(store->cas(), "CAs")) {
    if (ca.name == original.record().issuer) key = value_of(keys->find(ca.key), "CA's key");
  }
  CHECK(key != nullptr);

  std::atomic<std::uint64_t> next = value_of(store->certificate_count(), "count");
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < writers; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t number = next++; number < count; number = next++) {
        CertificateRecord record = original.copy(number);
        record.crl_shards = shards;
        add(*log, *key, record);
        if (number + revoked >= count) revoke(*log, record);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  std::string home;
  std::uint64_t count = 0, revoked = 0;
  unsigned shards = 1;
  CLI::App app("Fills a store up to a number of certificates. For benchmarks only.");
  app.add_option("--home", home)->required()->check(CLI::ExistingDirectory);
  app.add_option("--count", count)->required();
  app.add_option("--revoked", revoked, "of those that are added");
  app.add_option("--shards", shards, "of their issuer, which has to have as many");
  CLI11_PARSE(app, argc, argv);
  preload(home, count, revoked, shards);
  return EXIT_SUCCESS;
}
