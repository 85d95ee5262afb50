#include <boost/test/unit_test.hpp>

#include "core/face.h"
#include "core/limits.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

using enum RevocationReason;
using Status = FaceView::Status;
using Verdict = FaceView::Verdict;
using std::chrono::seconds;

const Time kAt = *from_rfc3339("2026-11-22T12:00:00Z");
const Time kEnd = kAt + std::chrono::hours(24);

struct ViewRow {
  Status status;
  int as_of = 0;               ///< seconds after kAt
  std::optional<int> since{};  ///< the same
  RevocationReason reason = superseded;
  std::optional<int> next_update = 3600;
};

FaceView view_of(const std::string& face, const ViewRow& row) {
  FaceView view;
  view.face = face;
  view.status = row.status;
  view.as_of = kAt + seconds(row.as_of);
  if (row.since) view.since = kAt + seconds(*row.since);
  if (row.next_update) view.next_update = kAt + seconds(*row.next_update);
  view.reason = row.reason;
  return view;
}

struct Row {
  const char* name;
  std::optional<ViewRow> inventory;
  std::vector<ViewRow> faces;
  std::vector<Verdict> verdicts;  ///< of the faces
  Status status;
  Verdict all;
};

const Row kRows[] = {
    {"good everywhere",
     ViewRow{Status::good},
     {{Status::not_listed}, {Status::good}},
     {Verdict::agrees, Verdict::agrees},
     Status::good,
     Verdict::agrees},
    {"revoked everywhere",
     ViewRow{Status::revoked, 0, -100},
     {{Status::revoked, -50, -100}, {Status::revoked, 0, -100}},
     {Verdict::agrees, Verdict::agrees},
     Status::revoked,
     Verdict::agrees},
    {"a list of before the revocation",
     ViewRow{Status::revoked, 0, -10},
     {{Status::not_listed, -20}, {Status::revoked, 0, -10}},
     {Verdict::behind, Verdict::agrees},
     Status::revoked,
     Verdict::behind},
    {"a list of the same second",
     ViewRow{Status::revoked, 0, -10},
     {{Status::not_listed, -10}},
     {Verdict::behind},
     Status::revoked,
     Verdict::behind},
    {"a list that was made after it and does not have it",
     ViewRow{Status::revoked, 0, -10},
     {{Status::not_listed, -9}},
     {Verdict::disagrees},
     Status::revoked,
     Verdict::disagrees},
    {"a list that never learns it",
     ViewRow{Status::revoked, 0, -61},
     {{Status::not_listed, -100}},
     {Verdict::disagrees},
     Status::revoked,
     Verdict::disagrees},
    {"another reason",
     ViewRow{Status::revoked, 0, -100, key_compromise},
     {{Status::revoked, 0, -100, superseded}},
     {Verdict::disagrees},
     Status::revoked,
     Verdict::disagrees},
    {"another time",
     ViewRow{Status::revoked, 0, -100},
     {{Status::revoked, 0, -101}},
     {Verdict::disagrees},
     Status::revoked,
     Verdict::disagrees},
    {"a hold that became final is behind",
     ViewRow{Status::revoked, 0, -5},
     {{Status::held, -30, -40, certificate_hold}},
     {Verdict::behind},
     Status::revoked,
     Verdict::behind},
    {"a hold that was released",
     ViewRow{Status::good, 0, -5},
     {{Status::held, -30, -40, certificate_hold}, {Status::good}},
     {Verdict::behind, Verdict::agrees},
     Status::good,
     Verdict::behind},
    {"a hold that was released long ago",
     ViewRow{Status::good, 0, -500},
     {{Status::held, -600, -900, certificate_hold}},
     {Verdict::disagrees},
     Status::good,
     Verdict::disagrees},
    {"revoked and nobody knows why",
     ViewRow{Status::good},
     {{Status::revoked, 0, -5}},
     {Verdict::disagrees},
     Status::good,
     Verdict::disagrees},
    {"stale, whatever it says",
     ViewRow{Status::good},
     {{Status::not_listed, -100, {}, superseded, -1}},
     {Verdict::stale},
     Status::good,
     Verdict::stale},
    {"a certificate that there is not",
     ViewRow{Status::unknown},
     {{Status::not_listed}, {Status::unknown}},
     {Verdict::agrees, Verdict::agrees},
     Status::unknown,
     Verdict::agrees},
    {"good by OCSP and unknown here",
     ViewRow{Status::unknown},
     {{Status::good}},
     {Verdict::disagrees},
     Status::unknown,
     Verdict::disagrees},
    {"without the inventory, one that says revoked is right",
     std::nullopt,
     {{Status::not_listed, 0}, {Status::revoked, -20, -30}},
     {Verdict::disagrees, Verdict::agrees},
     Status::revoked,
     Verdict::disagrees},
    {"without the inventory, a list that was made before",
     std::nullopt,
     {{Status::not_listed, -40}, {Status::revoked, -20, -30}},
     {Verdict::behind, Verdict::agrees},
     Status::revoked,
     Verdict::behind},
    {"without the inventory, the newest about a hold",
     std::nullopt,
     {{Status::held, -40, -50, certificate_hold}, {Status::good, -1}},
     {Verdict::behind, Verdict::agrees},
     Status::good,
     Verdict::behind},
    {"without the inventory, good and not listed",
     std::nullopt,
     {{Status::not_listed, 0}, {Status::good, -5}},
     {Verdict::agrees, Verdict::agrees},
     Status::not_listed,
     Verdict::agrees},
    {"nothing can be said",
     std::nullopt,
     {{Status::unavailable}},
     {Verdict::unavailable},
     Status::unavailable,
     Verdict::unavailable},
    {"the inventory cannot be asked",
     ViewRow{Status::unavailable},
     {{Status::good}, {Status::not_listed}},
     {Verdict::agrees, Verdict::agrees},
     Status::good,
     Verdict::unavailable},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(face)

BOOST_AUTO_TEST_CASE(faces_are_judged) {
  for (const Row& row : kRows) {
    std::vector<FaceView> views;
    for (const ViewRow& face : row.faces) views.push_back(view_of("face", face));
    if (row.inventory) views.push_back(view_of("inventory", *row.inventory));
    const FaceJudgement judgement = judge(views, kEnd, kAt);
    for (std::size_t i = 0; i < row.verdicts.size(); ++i) {
      BOOST_TEST(name_of(views[i].verdict) == name_of(row.verdicts[i]), row.name << ", face " << i);
    }
    BOOST_TEST(name_of(judgement.status) == name_of(row.status), row.name);
    BOOST_TEST(name_of(judgement.verdict) == name_of(row.all), row.name);
  }
}

BOOST_AUTO_TEST_CASE(an_entry_may_leave_its_list_after_the_certificates_end) {
  const Time end = kAt - seconds(1000);
  const ViewRow revoked{Status::revoked, 0, -2000};
  for (const auto& [as_of, verdict] :
       {std::pair{-1000, Verdict::agrees}, {-1001, Verdict::disagrees}}) {
    std::vector<FaceView> views{view_of("inventory", revoked),
                                view_of("crl", {Status::not_listed, as_of})};
    judge(views, end, kAt);
    BOOST_TEST(name_of(views[1].verdict) == name_of(verdict), as_of);
  }
}

BOOST_AUTO_TEST_CASE(a_certificate_says_where_its_faces_are) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  const SoftwareCa issuing = SoftwareCa::intermediate(root, "issuing", KeyType::ec_p256);
  const Profile profile = server_profile();
  CertificateDraft draft =
      server_draft(profile, SoftwareKey::shared(KeyType::ec_p384).public_key());
  draft.crl_shards = 1000;
  const auto ocsp = Issuer::create(CaName::literal("issuing"), issuing.certificate,
                                   "http://ca.example.com:81", true);
  const auto tbs = rehearse(*ocsp, draft);
  BOOST_REQUIRE(tbs.has_value());
  const Bytes der =
      assemble_signed(*tbs, ocsp->algorithm(), issuing.key.sign(ocsp->algorithm(), *tbs));
  const auto places = CertificatePlaces::of(der);
  BOOST_REQUIRE(places.has_value());
  BOOST_TEST((places->serial == draft.serial && places->not_after == draft.not_after));
  BOOST_TEST(places->crl_url == "http://ca.example.com:81/crl/issuing/1000/" +
                                    std::to_string(draft.serial.shard(1000)) + ".crl");
  BOOST_TEST(places->issuer_url == "http://ca.example.com:81/ca/issuing.crt");
  BOOST_TEST(places->ocsp_url == "http://ca.example.com:81/ocsp");
  BOOST_TEST(issuer_of(der, issuing.certificate).has_value());
  BOOST_TEST(!issuer_of(der, root.certificate).has_value());
  BOOST_TEST(!issuer_of(der, der).has_value());
  BOOST_TEST(!CertificatePlaces::of(bytes_of("no certificate")).has_value());
  // A root names nothing.
  const auto nowhere = CertificatePlaces::of(root.certificate);
  BOOST_REQUIRE(nowhere.has_value());
  BOOST_TEST((nowhere->crl_url.empty() && nowhere->issuer_url.empty()));
}

BOOST_AUTO_TEST_CASE(a_kept_answer_is_asked_for_in_the_path) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  const auto issuer = FaceIssuer::from(root.certificate);
  BOOST_REQUIRE(issuer.has_value());
  for (int i = 0; i < 50; ++i) {
    const Serial serial = Serial::allocate(to_unix_seconds(kAt));
    FaceRequest seen;
    const FaceFetch fetch = [&seen](const FaceRequest& request) -> Result<FaceAnswer> {
      seen = request;
      return fail(ErrorCode::internal, "not today");
    };
    const auto reading = fetch_ocsp(fetch, "http://ca/ocsp", *issuer, serial, {});
    BOOST_REQUIRE(!reading.has_value());
    BOOST_TEST(reading.error().message == "not today");
    BOOST_TEST(seen.body.empty());
    const std::string path = seen.url.substr(std::string("http://ca/ocsp/").size());
    BOOST_TEST(path.find_first_of("+/=") == path.npos);
    std::string base64;
    for (std::size_t at = 0; at < path.size(); ++at) {
      if (path[at] != '%') {
        base64 += path[at];
        continue;
      }
      base64 += text_of(*from_hex(path.substr(at + 1, 2)));
      at += 2;
    }
    const auto der = from_base64(base64);
    BOOST_REQUIRE(der.has_value());
    BOOST_TEST((*der == encode_ocsp_request(*issuer, serial, {})));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
