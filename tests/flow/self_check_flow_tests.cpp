// The service's look at what it publishes, where somebody changes what it sees.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>

#include "core/self_check.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using enum RevocationReason;

constexpr unsigned kShards = 2;
const std::string kUrl = "http://here";

/// What a reader of the public listener gets, changed where a test says so.
struct SelfCheckFixture : FlowFixture {
  SelfCheckFixture() {
    configure({{"\ncrl:\n", "\ncrl:\n  delta: true\n"}});
    BOOST_REQUIRE(service().grow_crl_shards(as("admin"), {issuing, kShards}).has_value());
    start();
  }

  void configure(const std::vector<std::pair<std::string, std::string>>& edits) {
    close();
    std::ifstream file(home() / "config.yaml");
    std::string text(std::istreambuf_iterator<char>(file), {});
    for (const auto& [from, to] : edits) {
      BOOST_REQUIRE_MESSAGE(text.find(from) != text.npos, from);
      text.replace(text.find(from), from.size(), to);
    }
    std::ofstream(home() / "config.yaml") << text;
    reopen();
  }

  void start() {
    crls = std::make_unique<CrlPublisher>(service(), store(), instance().config());
    ocsp = std::make_unique<OcspResponder>(instance());
    BOOST_REQUIRE(ocsp->renew_due().has_value());
    checkpoints = std::move(*CheckpointPublisher::create(
        instance().log(), store(), token(), instance().keys(), instance().config().log_origin));
    check = std::make_unique<SelfCheck>(
        SelfCheck::Parts{instance(), *checkpoints, *crls, ocsp.get(), stopping, 0s},
        [] { return kUrl; }, [this](const FaceRequest& request) { return fetch(request); },
        [this](const std::string& line) { told.push_back(line); });
    publish();
  }

  void publish() {
    do {
      BOOST_REQUIRE(crls->publish_due().has_value());
    } while (crls->behind() > 0);
    BOOST_REQUIRE(checkpoints->publish().has_value());
  }

  /// Everything durable is published first, as it would be within the lag.
  void look() {
    BOOST_REQUIRE(checkpoints->publish().has_value());
    check->look();
  }

  Bytes body_of(const std::string& path) {
    if (path == "/log/checkpoint") {
      return copy_of(bytes_of((*store().last_signed_checkpoint())->note));
    }
    for (const CertificateAuthority* ca : service().cas()) {
      const std::string& name = ca->record.name.text();
      if (path == "/ca/" + name + ".crt") return ca->record.certificate;
      std::vector<CrlScope> scopes{CrlScope::all(), CrlScope::delta_of_all()};
      for (unsigned i = 0; i < kShards; ++i) scopes.push_back(CrlScope::of_shard(kShards, i));
      for (const CrlScope& scope : scopes) {
        if (path != "/crl/" + scope.path(name)) continue;
        return crls->current(ca->record.name, scope)->der->all().value();
      }
    }
    BOOST_REQUIRE_MESSAGE(path.starts_with("/ocsp/"), path);
    std::string base64;
    for (std::size_t at = 6; at < path.size(); ++at) {
      base64 += path[at] == '%' ? std::string(text_of(*from_hex(path.substr(at + 1, 2))))
                                : std::string(1, path[at]);
      if (path[at] == '%') at += 2;
    }
    return ocsp->answer(*from_base64(base64)).der->all().value();
  }

  Result<FaceAnswer> fetch(const FaceRequest& request) {
    BOOST_REQUIRE(request.url.starts_with(kUrl) && request.body.empty());
    const std::string path = request.url.substr(kUrl.size());
    if (down) return fail(ErrorCode::internal, "there is no answer");
    Bytes body = body_of(path);
    for (const auto& [prefix, change] : changes) {
      if (path.starts_with(prefix)) body = change(body);
    }
    const std::string etag = to_hex(sha256(body));
    if (request.etag == etag) return FaceAnswer{true, etag};
    if (path.starts_with("/crl/")) ++lists_sent;
    RETURN_IF_ERROR(request.sink(body));
    return FaceAnswer{false, etag};
  }

  FaceState state(const std::string& face, const std::string& ca = "issuing") const {
    for (FaceState& one : check->states()) {
      if (one.face == face && one.ca == ca) return std::move(one);
    }
    BOOST_FAIL(face);
    return {};
  }
  /// Faces that are not good, with why.
  std::string problems() const {
    std::string text;
    for (const FaceState& one : check->states()) {
      if (!one.good) text += one.face + " of " + one.ca + ": " + one.problem + "\n";
    }
    return text;
  }

  Serial issue_serial() { return *Serial::parse(issue("web-1").serial); }
  void revoke(const Serial& serial, RevocationReason reason = superseded) {
    const auto revoked = service().revoke(as("operator"), {serial, reason});
    BOOST_REQUIRE_MESSAGE(revoked, (revoked ? "" : revoked.error().message));
    crls->revoked(revoked->revocation);
  }

  static Bytes flip(Bytes body) {
    body.back() ^= 1;
    return body;
  }

  const CaName issuing = CaName::literal("issuing");
  std::unique_ptr<CrlPublisher> crls;
  std::unique_ptr<OcspResponder> ocsp;
  std::unique_ptr<CheckpointPublisher> checkpoints;
  std::unique_ptr<SelfCheck> check;
  std::map<std::string, std::function<Bytes(const Bytes&)>> changes;
  std::vector<std::string> told;
  std::atomic<bool> stopping = false;
  bool down = false;
  int lists_sent = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(self_check_flow, SelfCheckFixture)

BOOST_AUTO_TEST_CASE(what_is_published_looks_as_it_should) {
  revoke(issue_serial());
  issue_serial();
  publish();
  BOOST_TEST(!state("crl").checked_at.has_value());
  for (int i = 0; i < 4; ++i) look();
  BOOST_TEST(problems() == "");
  for (const FaceState& one : check->states()) {
    const bool not_there = one.face == "shard" && one.ca == "root";
    BOOST_TEST(one.checked_at.has_value() == !not_there, one.face << " of " << one.ca);
    BOOST_TEST(one.as_of.has_value() == !not_there, one.face << " of " << one.ca);
  }
  BOOST_TEST(entries(EntryKind::alarm).empty());
  BOOST_TEST(told.empty());
}

BOOST_AUTO_TEST_CASE(looking_again_reads_no_list_and_adds_no_entry) {
  revoke(issue_serial());
  issue_serial();
  publish();
  for (int i = 0; i < 4; ++i) look();
  const int sent = lists_sent;
  const std::uint64_t size = instance().log().head().size;
  for (int i = 0; i < 10; ++i) look();
  BOOST_TEST(lists_sent == sent);
  BOOST_TEST(instance().log().head().size == size);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_face_that_turns_is_one_entry_and_one_line_each_time) {
  revoke(issue_serial());
  publish();
  look();
  const std::pair<std::string, std::string> faces[] = {
      {"/crl/issuing.crl", "crl"},        {"/crl/issuing/delta.crl", "delta"}, {"/ocsp/", "ocsp"},
      {"/ca/issuing.crt", "certificate"}, {"/log/checkpoint", "checkpoint"},
  };
  for (const auto& [path, face] : faces) {
    told.clear();
    const std::string ca = face == "checkpoint" ? "" : "issuing";
    const std::size_t before = entries(EntryKind::alarm).size();
    changes = {{path, [](const Bytes& body) {
                  Bytes changed = body;
                  // In the middle, so that in a note it is no newline.
                  changed[changed.size() / 2] ^= 1;
                  return changed;
                }}};
    for (int i = 0; i < 3; ++i) look();
    BOOST_TEST(!state(face, ca).good, face);
    BOOST_TEST(!state(face, ca).problem.empty());
    const std::size_t raised = face == "ocsp" ? 2 : 1;  // of both CAs
    BOOST_TEST(entries(EntryKind::alarm).size() == before + raised, face);
    BOOST_TEST(told.size() == raised, face);
    changes.clear();
    for (int i = 0; i < 3; ++i) look();
    BOOST_TEST(problems() == "");
    BOOST_TEST(entries(EntryKind::alarm).size() == before + 2 * raised, face);
    const std::string last = entries(EntryKind::alarm).back();
    BOOST_TEST(last.find("\"event\":\"cleared\",\"face\":\"" + face) != last.npos, last);
  }
  BOOST_TEST(verify().good, summary(verify()));
}

BOOST_AUTO_TEST_CASE(a_revocation_that_a_list_withholds_is_found) {
  const Serial serial = issue_serial();
  publish();
  look();
  const Bytes old = body_of("/crl/issuing.crl");
  revoke(serial);
  publish();
  changes = {{"/crl/issuing.crl", [&](const Bytes&) { return old; }}};
  look();
  BOOST_TEST(state("crl").problem.find(serial.hex() + ", revoked at ") != std::string::npos,
             problems());
  BOOST_TEST(state("crl", "root").good);
  changes.clear();
  look();
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(ocsp_that_does_not_know_a_revocation_is_found) {
  const Serial serial = issue_serial();
  publish();
  const FaceIssuer issuer = *FaceIssuer::from(service().ca(issuing).value()->record.certificate);
  const Bytes good = ocsp->answer(encode_ocsp_request(issuer, serial, {})).der->all().value();
  revoke(serial);
  publish();
  look();
  BOOST_TEST(problems() == "");
  changes = {{"/ocsp/", [&](const Bytes&) { return good; }}};
  look();
  BOOST_TEST(state("ocsp").problem ==
             "certificate " + serial.hex() + " is revoked, and OCSP does not say so");
}

BOOST_AUTO_TEST_CASE(numbers_and_sizes_do_not_go_back) {
  publish();
  look();
  const Bytes old = body_of("/crl/issuing.crl");
  const Bytes old_checkpoint = body_of("/log/checkpoint");
  revoke(issue_serial());
  publish();
  look();
  BOOST_TEST(problems() == "");
  changes = {{"/crl/issuing.crl", [&](const Bytes&) { return old; }},
             {"/log/checkpoint", [&](const Bytes&) { return old_checkpoint; }}};
  look();
  BOOST_TEST(state("crl").problem.starts_with("its number went back from "), problems());
  BOOST_TEST(state("checkpoint", "").problem.starts_with("its size went back from "), problems());
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_stands_still_is_found) {
  look();
  const Bytes old = body_of("/log/checkpoint");
  issue_serial();
  changes = {{"/log/checkpoint", [&](const Bytes&) { return old; }}};
  look();
  BOOST_TEST(state("checkpoint", "").problem.starts_with("it does not cover entry "), problems());
}

BOOST_AUTO_TEST_CASE(a_shards_list_stays_bad_until_it_is_looked_at_again) {
  publish();
  for (unsigned i = 0; i < kShards; ++i) look();
  BOOST_TEST(problems() == "");
  changes = {{"/crl/issuing/2/1.crl", flip}};
  for (unsigned i = 0; i < kShards; ++i) look();
  BOOST_TEST(state("shard").problem == "2/1: its signature does not verify");
  look();  // the other one, which is good
  BOOST_TEST(!state("shard").good);
  changes = {
      {"/crl/issuing/2/1.crl", [&](const Bytes&) { return body_of("/crl/issuing/2/0.crl"); }}};
  for (unsigned i = 0; i < kShards; ++i) look();
  BOOST_TEST(state("shard").problem == "2/1: its issuing distribution point names another list");
  changes.clear();
  for (unsigned i = 0; i < kShards; ++i) look();
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_shard_of_the_newest_revocation_is_looked_at_first) {
  publish();
  for (int i = 0; i < 3; ++i) look();
  for (int i = 0; i < 4; ++i) {
    const Serial serial = issue_serial();
    const std::string path = "/crl/issuing/2/" + std::to_string(serial.shard(kShards)) + ".crl";
    const Bytes old = body_of(path);
    revoke(serial);
    publish();
    changes = {{path, [&](const Bytes&) { return old; }}};
    look();
    BOOST_TEST(state("shard").problem.find(serial.hex()) != std::string::npos, problems());
    changes.clear();
    for (unsigned shard = 0; shard < kShards; ++shard) look();
    BOOST_TEST(state("shard").good, problems());
  }
}

BOOST_AUTO_TEST_CASE(a_list_that_is_not_made_anew_is_found_before_it_ends) {
  check.reset();
  checkpoints.reset();
  ocsp.reset();
  crls.reset();
  configure({{"lifetime: 24h", "lifetime: 10s"}, {"refresh: 12h", "refresh: 2s"}});
  start();
  look();
  BOOST_TEST(problems() == "");
  // Nobody makes the next one; more than half of the 8 seconds passes.
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (state("crl").good && std::chrono::steady_clock::now() < deadline) look();
  BOOST_TEST(state("crl").problem.find("should have been made anew") != std::string::npos,
             problems());
  while (state("crl").problem.find("it ended at") == std::string::npos &&
         std::chrono::steady_clock::now() < deadline) {
    look();
  }
  BOOST_TEST(state("crl").problem.starts_with("it ended at "), problems());
  publish();
  look();
  BOOST_TEST(state("crl").good, problems());
}

BOOST_AUTO_TEST_CASE(what_is_released_or_revoked_after_it_was_chosen_is_no_alarm) {
  const Serial first = issue_serial();
  publish();
  look();
  // Whatever good certificate was chosen.
  const auto rows = store().certificates_by_number(1, 256).value();
  for (const auto& [number, row] : rows) {
    if (row.issuer == issuing && row.machine.text() == "web-1") revoke(row.serial);
  }
  publish();
  look();
  BOOST_TEST(problems() == "");
  BOOST_TEST((store().revocation(first).value()->reason == superseded));
}

BOOST_AUTO_TEST_CASE(a_listener_that_does_not_answer_is_found_and_recorded_once) {
  look();
  down = true;
  for (int i = 0; i < 3; ++i) look();
  BOOST_TEST(state("crl").problem == "there is no answer");
  BOOST_TEST(!state("checkpoint", "").good);
  const std::size_t raised = entries(EntryKind::alarm).size();
  BOOST_TEST(raised == told.size());
  down = false;
  for (unsigned i = 0; i < 2 * kShards; ++i) look();
  BOOST_TEST(problems() == "");
  BOOST_TEST(entries(EntryKind::alarm).size() == 2 * raised);
}

BOOST_AUTO_TEST_CASE(what_a_stop_cuts_off_is_no_alarm) {
  look();
  down = stopping = true;
  look();
  BOOST_TEST(problems() == "");
  BOOST_TEST(entries(EntryKind::alarm).empty());
}

// Of a CA that has ended nothing is expected, and the others' faces are looked at all the same.
BOOST_AUTO_TEST_CASE(a_ca_that_has_ended_is_passed_over) {
  check.reset();
  checkpoints.reset();
  ocsp.reset();
  crls.reset();
  configure({{"\nprofiles:\n", "\nprofiles:\n" + short_ca_profile(Seconds(1))}});
  const CertificateAuthority& made = create_short_ca();
  while (now() < made.issuer.not_after()) std::this_thread::sleep_for(10ms);
  start();
  issue_serial();
  look();
  BOOST_TEST(problems() == "");
  BOOST_TEST(!state("crl", "short").checked_at.has_value());
  for (const char* face : {"certificate", "crl", "ocsp"}) {
    BOOST_TEST(state(face).checked_at.has_value(), face);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
