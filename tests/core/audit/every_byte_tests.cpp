// Whoever changes one byte of the database is found, wherever it is.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "core/audit_verify.h"
#include "core/witness_key.h"
#include "tests/core/audit/pruning_fixture.h"
#include "tests/core/audit/python_verifier.h"
#include "tests/core/audit/stored_values.h"

namespace chancery {
namespace {

/// What nothing in the log vouches for (docs/audit-format.md, "The inventory").
const std::set<std::string> kNotCovered = {"key.created_at",          "machine.added_at",
                                           "enrollment.used_at",      "request.idempotency_key",
                                           "request.request_sha256",  "request.expires_at",
                                           "policy_version.loaded_at"};

/// Where only some changes are wrong, there is a test of its own below.
const std::set<std::string> kPartly = {"recovery.only", "recovery.mark"};

struct EveryByte : PrunedLog {
  EveryByte() {
    const CertificateRecord certificate = issue();
    checkpoint();
    revoke(certificate);
    const CertificateRecord held = issue(), released = issue();
    for (const CertificateRecord& one : {held, released}) {
      revoke(one, RevocationReason::certificate_hold);
    }
    revoke(held, RevocationReason::key_compromise);
    revoke(released, RevocationReason::remove_from_crl);
    cosign(checkpoint());
    close();
  }

  void cosign(const std::string& note) {
    const WitnessKey witness = WitnessKey::generate("w.example").value();
    const std::string text = note.substr(0, note.find("\n\n") + 1);
    BOOST_REQUIRE(store->put_cosignature(
        {log->signed_checkpoint().size, witness.verifier().vkey(), witness.cosign(text, now())}));
  }

  [[nodiscard]] bool found() const {
    const auto copy = Store::open_read_only(database());
    if (!copy) return true;
    const auto report = verify_log(**copy, verifiers());
    return !report || !report->good;
  }

  /// Each byte of the value, or one of so many, changed and put back.
  void check(StoredValues& values, StoredValue value, std::size_t each = kEach) {
    const Bytes good = value.bytes;
    for (std::size_t i = 0; i < good.size(); i += each) {
      Bytes changed = good;
      // A number may be another row's: the first that is not.
      std::uint8_t difference = 1;
      do {
        changed[i] = good[i] ^ difference++;
      } while (difference != 0 && !values.change(value, changed));
      BOOST_TEST_REQUIRE((value.bytes == changed), value.name() << ", byte " << i);
      BOOST_TEST(found(), value.name() << " where " << value.where << ", byte " << i);
      // A process a change is slow: the verifier in Python sees a sample.
      if (++changes % kSample == 0) BOOST_TEST(!python_says_good(*this), value.name());
      BOOST_REQUIRE(values.change(value, good));
    }
  }

  static constexpr std::size_t kSample = 199;
  // Under a sanitizer some bytes have to do.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static constexpr std::size_t kEach = 7;
#else
  static constexpr std::size_t kEach = 1;
#endif
  std::size_t changes = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(every_byte, EveryByte)

BOOST_AUTO_TEST_CASE(of_every_column_of_every_row) {
  BOOST_REQUIRE(!found());
  StoredValues values(database());
  std::set<std::string> seen;
  for (const StoredValue& value : values.all()) {
    seen.insert(value.name());
    if (kNotCovered.contains(value.name()) || kPartly.contains(value.name())) continue;
    check(values, value);
  }
  BOOST_TEST(!found());
  BOOST_TEST(changes > 10'000U / kEach);
  // The lists name what there is.
  BOOST_TEST(std::ranges::includes(seen, kNotCovered));
  BOOST_TEST(std::ranges::includes(seen, kPartly));
}

BOOST_AUTO_TEST_CASE(of_what_is_not_covered_is_not) {
  StoredValues values(database());
  for (StoredValue& value : values.all()) {
    if (!kNotCovered.contains(value.name()) || value.bytes.empty()) continue;
    const Bytes good = value.bytes;
    Bytes changed = good;
    changed.back() ^= 1;
    BOOST_TEST_REQUIRE(values.change(value, changed));
    BOOST_TEST(!found(), value.name() << " is covered: take it off the list");
    BOOST_TEST_REQUIRE(values.change(value, good));
  }
}

BOOST_AUTO_TEST_CASE(of_the_recovery_mark_beyond_an_open_intent) {
  StoredValues values(database());
  for (StoredValue& value : values.all()) {
    if (value.name() != "recovery.mark") continue;
    for (std::size_t byte = 0; byte < 7; ++byte) {
      const Bytes good = value.bytes;
      Bytes changed = good;
      changed[byte] ^= 1;
      BOOST_TEST_REQUIRE(values.change(value, changed));
      BOOST_TEST(found(), "byte " << byte);
      BOOST_TEST_REQUIRE(values.change(value, good));
    }
  }
}

BOOST_AUTO_TEST_CASE(of_a_tile) {
  open();
  while (log->head().size < 256) append();
  close();
  BOOST_REQUIRE(!found());
  StoredValues values(database());
  for (const StoredValue& value : values.all()) {
    if (value.table == "tile") check(values, value);
  }
  BOOST_TEST(changes > 8192U / kEach);
}

/// What is removed is vouched for by its hash, what is kept as before, and the pruning by its
/// entry.
BOOST_AUTO_TEST_CASE(of_a_pruned_log) {
  open();
  for (int i = 0; i < 20; ++i) revoke(add(ended_certificate()));
  fill();
  prune();
  close();
  BOOST_REQUIRE(!found());
  constexpr std::size_t kSome = 23;  // each byte of the same columns is changed above
  StoredValues values(database());
  for (const StoredValue& value : values.all()) {
    if (kNotCovered.contains(value.name()) || kPartly.contains(value.name())) continue;
    if (value.name() == "pruning.done") continue;  // how far the service has come, not what went
    check(values, value, value.table == "pruning" ? 1 : kSome);
  }
  BOOST_TEST(!found());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
