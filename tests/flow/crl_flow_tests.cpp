// From revocations to the lists that are served: shards, deltas, hold and release, restarts.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>

#include "core/crl_publisher.h"
#include "tests/core/audit/log_fixture.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

using enum RevocationReason;
using namespace std::chrono_literals;

struct CrlFixture : FlowFixture {
  CrlFixture() { start(); }

  void start() { crls = std::make_unique<CrlPublisher>(service(), store(), instance().config()); }

  void restart() {
    crls.reset();
    reopen();
    start();
  }

  void configure(const std::string& from, const std::string& to) {
    crls.reset();
    close();
    std::ifstream file(home() / "config.yaml");
    std::string config(std::istreambuf_iterator<char>(file), {});
    BOOST_REQUIRE(config.find(from) != std::string::npos);
    config.replace(config.find(from), from.size(), to);
    std::ofstream(home() / "config.yaml") << config;
    reopen();
    start();
  }

  Serial issue_serial(const std::string& machine = "web-1") {
    return *Serial::parse(issue(machine).serial);
  }

  void revoke(const Serial& serial, RevocationReason reason = superseded) {
    const auto revoked = service().revoke(as("operator"), {serial, reason});
    BOOST_REQUIRE_MESSAGE(revoked, (revoked ? "" : revoked.error().message));
    crls->revoked(revoked->revocation);
  }

  /// Until every list has what is revoked: each rests after it was made.
  void publish() {
    do {
      const auto published = crls->publish_due();
      BOOST_REQUIRE_MESSAGE(published, (published ? "" : published.error().message));
    } while (crls->behind() > 0);
  }

  [[nodiscard]] std::shared_ptr<const PublishedCrl> list(const CrlScope& scope) const {
    auto crl = crls->current(issuing, scope);
    BOOST_REQUIRE(crl);
    return crl;
  }
  [[nodiscard]] bool lists(const CrlScope& scope, const Serial& serial) const {
    const Bytes der = list(scope)->der->all().value();
    return std::search(der.begin(), der.end(), serial.bytes.begin(), serial.bytes.end()) !=
           der.end();
  }
  void grow(unsigned shards) {
    const auto grown = service().grow_crl_shards(as("admin"), {issuing, shards});
    BOOST_REQUIRE_MESSAGE(grown, (grown ? "" : grown.error().message));
  }
  static CrlScope shard_of(const Serial& serial, unsigned shards) {
    return CrlScope::of_shard(shards, serial.shard(shards));
  }

  /// How often the CA was asked to sign one.
  std::size_t signed_lists(const CaName& ca) {
    const auto intents = entries(EntryKind::intent);
    return static_cast<std::size_t>(std::ranges::count_if(intents, [&](const std::string& entry) {
      return entry.find("\"operation\":\"crl.sign\"") != entry.npos &&
             entry.find("\"issuer\":\"" + ca.text() + "\"") != entry.npos;
    }));
  }

  const CaName issuing = CaName::literal("issuing");
  std::unique_ptr<CrlPublisher> crls;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(crl_flow, CrlFixture)

BOOST_AUTO_TEST_CASE(each_certificate_is_on_the_list_it_names_and_on_that_of_all) {
  std::vector<std::pair<Serial, unsigned>> issued;
  const auto issue_some = [&](unsigned shards) {
    for (int i = 0; i < 4; ++i) issued.emplace_back(issue_serial(), shards);
  };
  issue_some(1);
  grow(2);
  issue_some(2);
  grow(5);
  issue_some(5);
  for (const auto& [serial, shards] : issued) {
    const CertificateInfo certificate =
        *parse_certificate(store().certificate(serial).value()->der);
    BOOST_TEST(store().certificate(serial).value()->crl_shards == shards);
    revoke(serial);
  }
  publish();
  BOOST_TEST(list(CrlScope::all())->entries == issued.size());
  std::size_t on_shards = 0;
  for (const unsigned shards : {2U, 5U}) {
    for (unsigned shard = 0; shard < shards; ++shard) {
      on_shards += list(CrlScope::of_shard(shards, shard))->entries;
    }
  }
  BOOST_TEST(on_shards == 8U);
  for (const auto& [serial, shards] : issued) {
    BOOST_TEST(lists(CrlScope::all(), serial));
    BOOST_TEST(lists(shard_of(serial, shards), serial));
  }
  BOOST_TEST(verify().good, summary(verify()));

  // All of it is still so after a restart, also the number of shards.
  const auto before = list(CrlScope::of_shard(5, 0))->number;
  restart();
  BOOST_TEST(list(CrlScope::of_shard(5, 0))->number == before);
  BOOST_TEST(store().certificate(issue_serial()).value()->crl_shards == 5U);
  BOOST_TEST(crls->behind() > 0U);
  publish();
  BOOST_TEST(crls->behind() == 0U);
  BOOST_TEST(list(CrlScope::all())->entries == issued.size());
}

BOOST_AUTO_TEST_CASE(only_what_changed_is_made_anew) {
  grow(4);
  const Serial serial = issue_serial();
  publish();
  std::vector<std::string> before;
  for (unsigned shard = 0; shard < 4; ++shard) {
    before.push_back(list(CrlScope::of_shard(4, shard))->number);
  }
  revoke(serial);
  publish();
  for (unsigned shard = 0; shard < 4; ++shard) {
    BOOST_TEST((list(CrlScope::of_shard(4, shard))->number != before[shard]) ==
               (shard == serial.shard(4)));
  }
}

BOOST_AUTO_TEST_CASE(shards_only_grow_and_only_by_administrators) {
  for (const char* name : {"operator", "auditor", "web-1"}) {
    const auto refused = service().grow_crl_shards(as(name), {issuing, 2});
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::forbidden);
  }
  grow(8);
  for (const unsigned shards : {1U, 4U, 8U, 4097U}) {
    const auto refused = service().grow_crl_shards(as("admin"), {issuing, shards});
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().field == "shards");
  }
  BOOST_TEST(!service().grow_crl_shards(as("admin"), {CaName::literal("none"), 16}).has_value());
}

BOOST_AUTO_TEST_CASE(a_hold_ends_or_becomes_final) {
  const Serial refused = issue_serial();
  const auto no = service().revoke(as("operator"), {refused, certificate_hold});
  BOOST_REQUIRE(!no);
  BOOST_TEST(no.error().field == "reason");

  configure("\n  machine:\n", "\n  machine:\n    hold: true\n");
  const Serial released = issue_serial(), ended = issue_serial(), held = issue_serial();
  for (const Serial& serial : {released, ended, held}) {
    revoke(serial, certificate_hold);
    BOOST_TEST(service().is_revoked(serial).value());
  }
  BOOST_TEST(service().revoke(as("operator"), {held, certificate_hold})->already);
  publish();
  BOOST_TEST(list(CrlScope::all())->entries == 3U);

  // Whoever may revoke itself may not release itself.
  const auto own = service().revoke(as("web-1"), {released, remove_from_crl});
  BOOST_REQUIRE(!own);
  BOOST_CHECK(own.error().code == ErrorCode::forbidden);
  revoke(released, remove_from_crl);
  revoke(ended, key_compromise);
  BOOST_TEST(!service().is_revoked(released).value());
  publish();
  BOOST_TEST(!lists(CrlScope::all(), released));
  BOOST_TEST(lists(CrlScope::all(), ended));
  BOOST_TEST(lists(CrlScope::all(), held));

  const auto again = service().revoke(as("operator"), {released, remove_from_crl});
  BOOST_REQUIRE(!again);
  BOOST_CHECK(again.error().code == ErrorCode::conflict);
  const auto undone = service().revoke(as("operator"), {ended, remove_from_crl});
  BOOST_REQUIRE(!undone);
  BOOST_CHECK(undone.error().code == ErrorCode::conflict);
  BOOST_TEST(service().revoke(as("operator"), {ended, certificate_hold})->already);

  revoke(released, certificate_hold);
  revoke(released, key_compromise);
  publish();
  BOOST_TEST(list(CrlScope::all())->entries == 3U);
  const VerifyReport report = verify();
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.revocations == 3U);
}

BOOST_AUTO_TEST_CASE(a_delta_says_what_changed_since_its_base) {
  configure("\ncrl:\n", "\ncrl:\n  delta: true\n");
  const Serial before = issue_serial(), after = issue_serial();
  revoke(before);
  publish();
  const auto base = store().crl(issuing, CrlScope::all()).value().value();
  revoke(after);
  publish();
  const auto delta = store().crl(issuing, CrlScope::delta_of_all()).value().value();
  BOOST_TEST(delta.base_number == base.number);
  BOOST_TEST(lists(CrlScope::delta_of_all(), after));
  BOOST_TEST(!lists(CrlScope::delta_of_all(), before));
  BOOST_TEST(lists(CrlScope::all(), after));
  // One sequence of numbers for both.
  const auto all = store().crl(issuing, CrlScope::all()).value().value();
  BOOST_TEST(delta.number != all.number);
  BOOST_TEST(std::stoull(delta.number) > std::stoull(base.number));
  BOOST_TEST(verify().good, summary(verify()));
}

BOOST_AUTO_TEST_CASE(an_invalidity_date_is_recorded_and_published) {
  const Serial serial = issue_serial();
  const auto record = store().certificate(serial).value().value();
  RevokeCertificate request{serial, key_compromise, now() + Seconds(60)};
  const auto future = service().revoke(as("operator"), request);
  BOOST_REQUIRE(!future);
  BOOST_TEST(future.error().field == "invalidity_date");
  request.invalidity_date = record.not_before - Seconds(1);
  BOOST_TEST(!service().revoke(as("operator"), request).has_value());
  request.invalidity_date = record.not_before;
  const auto revoked = service().revoke(as("operator"), request);
  BOOST_REQUIRE(revoked);
  crls->revoked(revoked->revocation);
  publish();
  BOOST_TEST((store().revocation(serial).value()->invalidity_date == record.not_before));
  BOOST_TEST(to_hex(list(CrlScope::all())->der->all().value()).find("0603551d18") !=
             std::string::npos);
  BOOST_TEST(verify().good, summary(verify()));
}

// Rows that went away would be certificates that are good again.
BOOST_AUTO_TEST_CASE(a_list_that_lost_an_entry_is_not_published) {
  const Serial serial = issue_serial(), other = issue_serial();
  revoke(serial);
  revoke(other);
  publish();
  const auto before = list(CrlScope::all());
  crls.reset();
  close();
  tamper(home() / "chancery.db", "DELETE FROM revocation WHERE serial = x'" + serial.hex() + "'");
  reopen();
  start();
  // Before the token is asked, with one entry, and not again at once.
  const std::size_t asked = signed_lists(issuing), failures = entries(EntryKind::failure).size();
  for (int i = 0; i < 3; ++i) BOOST_TEST(crls->publish_due().has_value() == (i > 0));
  BOOST_TEST(signed_lists(issuing) == asked);
  BOOST_TEST(entries(EntryKind::failure).size() == failures + 1);
  BOOST_TEST(crls->problem().find("1 revoked certificates of the last list") != std::string::npos,
             crls->problem());
  BOOST_TEST(list(CrlScope::all())->number == before->number);
  BOOST_TEST(crls->behind() == 1U);
  BOOST_TEST(!verify().good);
  // What an administrator does where no copy of the database has the row.
  revoke(serial);
  start();
  publish();
  BOOST_TEST(lists(CrlScope::all(), serial));
  BOOST_TEST(lists(CrlScope::all(), other));
  BOOST_TEST(crls->problem() == "");
}

BOOST_AUTO_TEST_CASE(a_ca_that_has_ended_gets_no_lists_any_more) {
  configure("\nprofiles:\n", "\nprofiles:\n" + short_ca_profile(Seconds(2)));
  const CaName name = CaName::literal("short");
  const CertificateAuthority& made = create_short_ca();
  publish();
  while (now() < made.issuer.not_after()) std::this_thread::sleep_for(10ms);
  const std::size_t asked = signed_lists(name), failures = entries(EntryKind::failure).size();
  start();
  publish();  // the others'
  BOOST_TEST(signed_lists(name) == asked);
  BOOST_TEST(entries(EntryKind::failure).size() == failures);
  BOOST_TEST(crls->ended() == 1U);
  BOOST_TEST(crls->problem() == "");
  BOOST_TEST((*crls->first_end() > now()));
  BOOST_TEST(verify().good, summary(verify()));
  // What is revoked of it waits for no list, and is no reason for an alarm.
  const Revocation late{.serial = Serial::allocate(1'800'000'000),
                        .issuer = name,
                        .reason = superseded,
                        .revoked_at = now(),
                        .by = MachineName::literal("admin"),
                        .not_after = now() + 1h,
                        .crl_shards = 1,
                        .invalidity_date = {},
                        .incident = {}};
  BOOST_REQUIRE(instance().log().record(as("admin").context, AuditEntry(EntryKind::revocation),
                                        {AddRevocation{late}}));
  crls->revoked(late);
  publish();
  BOOST_TEST(crls->behind() == 0U);
  BOOST_TEST(!crls->first_unpublished()->has_value());
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_ours_is_not_served) {
  publish();
  const auto path = home() / "crl" / "issuing.crl";
  for (const bool whole : {true, false}) {
    std::ifstream file(path, std::ios::binary);
    std::string der(std::istreambuf_iterator<char>(file), {});
    if (whole) {
      der.back() ^= 1;
    } else {
      der.resize(der.size() / 2);
    }
    std::ofstream(path, std::ios::binary) << der;
    start();
    BOOST_TEST(!crls->current(issuing, CrlScope::all()));
    publish();
    BOOST_TEST(list(CrlScope::all())->entries == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
