#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/audit_log.h"
#include "core/audit_verify.h"
#include "core/limits.h"
#include "core/tile.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

nlohmann::json entry_at(LogHome& home, std::uint64_t index) {
  return nlohmann::json::parse(home.store->entry(index).value());
}

/// A key as the ring holds it.
Key key_of(KeyType type, SignatureAlgorithm algorithm) {
  const NoteSigner signer("x", type);
  return Key{KeyName::literal("release"),
             KeyId::random(),
             KeyPurpose::data,
             {algorithm},
             MachineName::literal("web"),
             now(),
             PublicKey::from_spki(signer.spki()).value()};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(audit_log, LogHome)

BOOST_AUTO_TEST_CASE(entries_carry_their_context) {
  const auto index = log->record(context_of("auditor", "req-7"), AuditEntry(EntryKind::read));
  const auto entry = entry_at(*this, index.value());
  BOOST_TEST(entry["kind"] == "read");
  BOOST_TEST(entry["request"] == "req-7");
  BOOST_TEST(entry["machine"] == "auditor");
  BOOST_TEST(entry["source"] == "192.0.2.7");
}

BOOST_AUTO_TEST_CASE(context_that_the_caller_gave_stays) {
  AuditEntry given(EntryKind::authentication);
  given.set("machine", "given").set("source", "198.51.100.1");
  const auto entry = entry_at(*this, log->record(context_of("auditor"), given).value());
  BOOST_TEST(entry["machine"] == "given");
  BOOST_TEST(entry["source"] == "198.51.100.1");
}

BOOST_AUTO_TEST_CASE(a_machine_without_a_name_is_its_certificate) {
  RequestContext context;
  context.machine.fingerprint = std::string(64, 'a');
  const auto entry = entry_at(*this, log->record(context, AuditEntry(EntryKind::denial)).value());
  BOOST_TEST(entry["machine"] == "sha256:" + std::string(64, 'a'));
  BOOST_TEST(!entry.contains("request"));
  BOOST_TEST(!entry.contains("source"));
}

BOOST_AUTO_TEST_CASE(intents_say_what_will_be_signed) {
  const Key p256 = key_of(KeyType::ec_p256, SignatureAlgorithm::ecdsa_p256_sha256);
  const Key ed25519 = key_of(KeyType::ed25519, SignatureAlgorithm::ed25519);
  const Bytes message = copy_of(bytes_of("hello"));
  const struct {
    const char* name;
    SigningInput input;
    std::string algorithm, digest;
  } rows[] = {
      {"a digest",
       {&p256, SignatureAlgorithm::ecdsa_p256_sha256, Bytes(32, 0xab)},
       "ecdsa-p256-sha256",
       to_hex(Bytes(32, 0xab))},
      {"a message",
       {&ed25519, SignatureAlgorithm::ed25519, message},
       "ed25519",
       to_hex(sha256(message))},
  };
  for (const auto& row : rows) {
    auto intent = log->intend(context_of("web", "req-9"), policy.allow(),
                              AuditEntry(EntryKind::intent), row.input);
    BOOST_TEST_REQUIRE(intent.has_value());
    BOOST_TEST(intent->request_id() == "req-9");
    const auto entry = entry_at(*this, intent->index());
    BOOST_TEST(entry["key"] == "release", row.name);
    BOOST_TEST(entry["algorithm"] == row.algorithm, row.name);
    BOOST_TEST(entry["digest_algorithm"] == "sha256", row.name);
    BOOST_TEST(entry["digest"] == row.digest, row.name);
    BOOST_TEST(entry["grant"] == "everything", row.name);
    BOOST_TEST(entry["policy"] == policy.version(), row.name);

    const Concluded concluded = conclude(std::move(*intent));
    const auto outcome = entry_at(*this, concluded.outcome());
    BOOST_TEST(outcome["intent"] == concluded.intent(), row.name);
    BOOST_TEST(outcome["result"] == "ok", row.name);
  }
}

BOOST_AUTO_TEST_CASE(rows_name_the_entries_that_explain_them) {
  const CertificateRecord certificate = issue();
  BOOST_TEST(entry_at(*this, certificate.intent)["kind"] == "intent");
  BOOST_TEST(entry_at(*this, certificate.outcome)["kind"] == "outcome");
  const Revocation revocation = revoke(certificate);
  const auto entry = entry_at(*this, revocation.entry);
  BOOST_TEST(entry["serial"] == certificate.serial.hex());
  BOOST_TEST(entry["time"] == to_rfc3339(revocation.revoked_at));

  const RequestRecord request{MachineName::literal("web"), "k", Bytes(32), "req-1", 0, std::nullopt,
                              now() + Seconds(60)};
  auto intent = log->intend(context_of("web"), policy.allow(), AuditEntry(EntryKind::intent), {},
                            {ClaimRequest{request, now()}});
  BOOST_TEST(store->request(MachineName::literal("web"), "k").value()->intent == intent->index());
  conclude(std::move(*intent));
}

BOOST_AUTO_TEST_CASE(a_failed_precondition_takes_no_index) {
  const CertificateRecord certificate = issue();
  revoke(certificate);
  const auto size = log->head().size;
  AuditEntry again(EntryKind::revocation);
  again.set("serial", certificate.serial.hex());
  AddRevocation row;
  row.row.serial = certificate.serial;
  const auto refused = log->record(context_of("op"), again, {row});
  BOOST_TEST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error().code == ErrorCode::conflict));
  BOOST_TEST(append() == size);
  BOOST_TEST(log->healthy());
}

// I3: also where the inventory refuses what the intent brought about.
// A key is blocked by the revocation that says so, and by no other entry.
BOOST_AUTO_TEST_CASE(a_refused_revocation_blocks_no_key) {
  const CertificateRecord certificate = issue(), other = issue();
  revoke(certificate, RevocationReason::superseded);
  BOOST_CHECK_THROW(revoke(certificate, RevocationReason::key_compromise), std::runtime_error);
  append();
  BOOST_TEST(!store->blocked_key(certificate.spki_sha256).value().has_value());
  const Revocation blocking = revoke(other, RevocationReason::key_compromise);
  BOOST_TEST(store->blocked_key(other.spki_sha256).value().value().entry == blocking.entry);
  checkpoint();
  const VerifyReport report = verify_log(*store, verifiers()).value();
  BOOST_TEST(report.good, summary(report));
}

BOOST_AUTO_TEST_CASE(an_intent_whose_effects_are_refused_is_concluded) {
  const CertificateRecord certificate = issue();
  Intent intent = intend(certificate_intent_entry(certificate));
  const auto index = intent.index();
  const auto concluded =
      log->conclude(context_of("web"), std::move(intent), Conclusion::ok,
                    certificate_outcome_entry(certificate), {AddCertificate{certificate}});
  BOOST_TEST_REQUIRE(!concluded.has_value());
  BOOST_TEST((concluded.error().code == ErrorCode::conflict));
  const auto outcome = entry_at(*this, log->head().size - 1);
  BOOST_TEST(outcome["intent"] == index);
  BOOST_TEST(outcome["result"] == "failed");
  BOOST_TEST(verify_log(*store, {})->good);
}

BOOST_AUTO_TEST_CASE(an_entry_that_is_too_long_is_refused) {
  AuditEntry entry(EntryKind::read);
  entry.set("long", std::string(limits::entry_bytes, 'x'));
  BOOST_TEST((log->record(context_of("a"), entry).error().code == ErrorCode::too_large));
  AuditEntry outcome(EntryKind::outcome);
  outcome.set("long", std::string(limits::entry_bytes, 'x'));
  BOOST_TEST((log->conclude(context_of("a"), intend(), Conclusion::ok, outcome).error().code ==
              ErrorCode::too_large));
  BOOST_TEST(verify_log(*store, {})->open_intents == 0U);
}

BOOST_AUTO_TEST_CASE(many_threads_make_one_log) {
  constexpr unsigned kThreads = 16, kEach = 60;
  std::vector<std::thread> threads;
  std::atomic<unsigned> good{0};
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (unsigned k = 0; k < kEach; ++k) {
        auto intent = log->intend(context_of("web"), policy.allow(), AuditEntry(EntryKind::intent),
                                  SigningInput{});
        if (!intent) continue;
        const std::uint64_t index = intent->index();
        auto concluded = log->conclude(context_of("web"), std::move(*intent), Conclusion::ok,
                                       AuditEntry(EntryKind::outcome));
        // What was answered can be read at once, and is the record of this thread.
        if (concluded && entry_at(*this, concluded->outcome())["intent"] == index) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(good == kThreads * kEach);
  BOOST_TEST(log->head().size == 1 + 2 * kThreads * kEach);
  const auto counters = log->counters();
  BOOST_TEST(counters.entries == 1 + 2 * kThreads * kEach);
  BOOST_TEST(counters.commits < counters.entries);
  BOOST_TEST(counters.waiting == 0U);
  checkpoint();
  const auto report = verify_log(*store, verifiers()).value();
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.root == log->head().root);
}

BOOST_AUTO_TEST_CASE(a_log_goes_on_where_it_was_closed) {
  for (int i = 0; i < 300; ++i) append();
  const auto head = log->head();
  open();
  BOOST_TEST(log->head().size == head.size);
  BOOST_TEST(log->head().root == head.root);
  for (int i = 0; i < 300; ++i) append();
  checkpoint();
  BOOST_TEST(verify_log(*store, verifiers())->good);
}

BOOST_AUTO_TEST_CASE(time_does_not_go_back_over_a_restart) {
  append();
  close();
  // The last entry was written by a clock that ran ahead.
  const std::string ahead = "2999-01-01T00:00:00.000000Z";
  tamper(database(), "UPDATE entry SET text = replace(text, json_extract(text, '$.time'), '" +
                         ahead + "') WHERE number = 1");
  open();
  BOOST_TEST(entry_at(*this, append())["time"] == ahead);
}

BOOST_AUTO_TEST_CASE(checkpoints_are_written_down_signed_and_published) {
  BOOST_TEST(log->published_checkpoint() == "");
  const auto text = log->prepare_checkpoint(kOrigin).value().value();
  const auto written = store->last_checkpoint().value().value();
  BOOST_TEST(written.size == log->head().size);
  BOOST_TEST(written.root == log->head().root);
  BOOST_TEST(written.note == "");
  BOOST_TEST(text.text() == checkpoint_text({kOrigin, written.size, written.root}));
  BOOST_TEST(!store->last_signed_checkpoint().value());

  const std::string note = sign(text.text());
  BOOST_TEST(!log->publish_checkpoint(text, sign("other\n1\n" + to_base64(Bytes(32)) + "\n")));
  BOOST_TEST_REQUIRE(log->publish_checkpoint(text, note).has_value());
  BOOST_TEST(log->published_checkpoint() == note);
  BOOST_TEST(store->last_signed_checkpoint().value()->note == note);
  std::ifstream file(checkpoint_file());
  BOOST_TEST(std::string(std::istreambuf_iterator<char>(file), {}) == note);

  BOOST_TEST(!log->prepare_checkpoint(kOrigin).value(), "nothing new, nothing to sign");
  BOOST_TEST((log->publish_checkpoint(text, note).error().code == ErrorCode::conflict));
  append();
  BOOST_TEST(checkpoint() != note);
  open();
  BOOST_TEST(log->published_checkpoint() == store->last_signed_checkpoint().value()->note);
}

// A crash between writing a checkpoint down and its signature.
BOOST_AUTO_TEST_CASE(an_unsigned_checkpoint_is_superseded) {
  const auto first = log->prepare_checkpoint(kOrigin).value().value();
  open();
  const auto again = log->prepare_checkpoint(kOrigin).value().value();
  BOOST_TEST(again.text() == first.text());
  append();
  open();
  checkpoint();
  const auto report = verify_log(*store, verifiers()).value();
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.checkpoints == 1U);
}

// A crash between the note's commit and its file.
BOOST_AUTO_TEST_CASE(a_note_that_missed_its_file_is_published_at_the_next_start) {
  checkpoint();
  append();
  const std::string note = checkpoint();
  close();
  std::filesystem::remove(checkpoint_file());
  open();
  BOOST_TEST(log->published_checkpoint() == note);
  BOOST_TEST(std::filesystem::exists(checkpoint_file()));
}

// I4: between any two checkpoints there is a proof of consistency.
BOOST_AUTO_TEST_CASE(published_checkpoints_are_consistent) {
  std::vector<Checkpoint> published;
  for (int i = 0; i < 12; ++i) {
    for (int k = 0; k < 1 + i * 7; ++k) append();
    published.push_back(parse_checkpoint(checkpoint()).value());
  }
  auto hash = [](const Bytes& root) {
    Hash value{};
    std::copy(root.begin(), root.end(), value.begin());
    return value;
  };
  for (std::size_t i = 0; i < published.size(); ++i) {
    for (std::size_t k = i; k < published.size(); ++k) {
      const auto proof = consistency_proof(*store, published[i].size, published[k].size).value();
      BOOST_TEST(verify_consistency(published[i].size, hash(published[i].root), published[k].size,
                                    hash(published[k].root), proof));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_database_that_was_set_back_is_noticed) {
  append();
  close();
  const auto backup = folder().file("backup.db");
  std::filesystem::copy(database(), backup);
  open();
  for (int i = 0; i < 5; ++i) append();
  checkpoint();
  close();

  auto start = [&]() -> Result<std::uint64_t> {
    ASSIGN_OR_RETURN(const auto reopened, Store::open(database()));
    ASSIGN_OR_RETURN(const auto audit_log, AuditLog::open(*reopened, checkpoint_file()));
    return audit_log->head().size;
  };
  BOOST_TEST(start().value() == 7U);

  // I5: shorter than the checkpoint that is kept apart.
  std::filesystem::copy(backup, database(), std::filesystem::copy_options::overwrite_existing);
  const auto shorter = start();
  BOOST_TEST_REQUIRE(!shorter.has_value());
  BOOST_TEST((shorter.error().code == ErrorCode::internal));
  BOOST_TEST(shorter.error().message.find("shorter") != std::string::npos);

  // I4: as long again, but with other entries.
  const auto checkpoint_copy = folder().file("kept");
  std::filesystem::rename(checkpoint_file(), checkpoint_copy);
  open();
  for (int i = 0; i < 8; ++i) append();
  close();
  std::filesystem::rename(checkpoint_copy, checkpoint_file());
  const auto other = start();
  BOOST_TEST_REQUIRE(!other.has_value());
  BOOST_TEST(other.error().message.find("other entries") != std::string::npos);

  std::ofstream(checkpoint_file()) << "nonsense";
  BOOST_TEST(start().error().message.find("does not hold a checkpoint") != std::string::npos);
  std::filesystem::remove(checkpoint_file());
  BOOST_TEST(start().value() == 10U, "a missing file is the administrator's consent");
}

BOOST_AUTO_TEST_CASE(a_log_shorter_than_its_own_checkpoint_does_not_open) {
  append();
  checkpoint();
  close();
  tamper(database(), "DELETE FROM entry WHERE number = 1");
  std::filesystem::remove(checkpoint_file());
  const auto reopened = Store::open(database()).value();
  BOOST_TEST((AuditLog::open(*reopened, "").error().code == ErrorCode::internal));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_cannot_be_kept_apart_holds_the_log_until_it_is) {
  const auto text = log->prepare_checkpoint(kOrigin).value().value();
  std::filesystem::create_directory(checkpoint_file());
  const auto published = log->publish_checkpoint(text, sign(text.text()));
  BOOST_TEST_REQUIRE(!published.has_value());
  BOOST_TEST((published.error().code == ErrorCode::store_unavailable));
  BOOST_TEST(log->published_checkpoint() == "");
  BOOST_TEST(!log->healthy());
  BOOST_TEST(log->problem() != "");
  const auto refused = log->record(context_of("a"), AuditEntry(EntryKind::read));
  BOOST_TEST((refused.error().code == ErrorCode::store_unavailable));
  BOOST_TEST(log->reason() == "a checkpoint could not be kept");
  BOOST_TEST(!log->ended());

  std::filesystem::remove(checkpoint_file());
  BOOST_TEST(!log->prepare_checkpoint(kOrigin).value(), "it is the newest");
  BOOST_TEST(log->healthy());
  BOOST_TEST(log->reason() == "");
  BOOST_TEST(std::filesystem::exists(checkpoint_file()));
  BOOST_TEST(log->published_checkpoint() != "");
  append();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
