#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "api/problem.h"

namespace chancery {

BOOST_AUTO_TEST_SUITE(problems_of_the_api)

// problem_kind() is a switch without default, so that a new code without its row does not compile.
// This table is the second opinion about which status it is.
BOOST_AUTO_TEST_CASE(status_of_each_error) {
  const std::vector<std::pair<ErrorCode, int>> rows = {
      {ErrorCode::invalid_request, 400},   {ErrorCode::unauthenticated, 401},
      {ErrorCode::forbidden, 403},         {ErrorCode::not_found, 404},
      {ErrorCode::conflict, 409},          {ErrorCode::unprocessable, 422},
      {ErrorCode::too_large, 413},         {ErrorCode::busy, 429},
      {ErrorCode::token_unavailable, 503}, {ErrorCode::store_unavailable, 503},
      {ErrorCode::deadline_exceeded, 504}, {ErrorCode::internal, 500},
      {ErrorCode::approval_needed, 403},   {ErrorCode::quota_exceeded, 429},
  };
  BOOST_TEST(rows.size() == static_cast<std::size_t>(ErrorCode::internal) + 1);
  for (const auto& [code, status] : rows) {
    const HttpResponse response = problem(Error{code, "m"}, "r");
    BOOST_TEST(response.status == status);
    const bool retry =
        std::any_of(response.headers.begin(), response.headers.end(),
                    [](const auto& header) { return header.first == "Retry-After"; });
    // When a quota has uses again, the endpoint says, or it never has.
    const bool soon = (status == 429 || status == 503) && code != ErrorCode::quota_exceeded;
    BOOST_TEST(retry == soon);
  }
}

BOOST_AUTO_TEST_CASE(each_kind_has_its_own_type) {
  std::set<std::string_view> names;
  for (const ProblemRow& row : problems()) {
    BOOST_TEST(names.insert(row.name).second);
    BOOST_TEST(!row.title.empty());
    BOOST_TEST((row.status >= 400 && row.status <= 599));
  }
}

BOOST_AUTO_TEST_CASE(members_of_the_document) {
  const Error error{ErrorCode::forbidden, "no grant", "issuer", "CKR_SECRET"};
  const HttpResponse response = problem(error, "req-7", {{"grant", "web"}});
  BOOST_TEST(response.content_type == "application/problem+json");
  const auto document = nlohmann::json::parse(response.body);
  const nlohmann::json expected = {
      {"type", "urn:chancery:problem:forbidden"},
      {"title", row(ProblemKind::forbidden).title},
      {"status", 403},
      {"detail", "no grant"},
      {"instance", "urn:chancery:request:req-7"},
      {"field", "issuer"},
      {"grant", "web"},
  };
  BOOST_TEST(document == expected);
}

BOOST_AUTO_TEST_CASE(what_a_client_sent_is_quoted_safely) {
  const HttpResponse response = problem(ProblemKind::invalid_request, "a\"\xff\n", "r");
  const auto document = nlohmann::json::parse(response.body);
  BOOST_TEST(document["detail"] == "a\"\xef\xbf\xbd\n");
  BOOST_TEST(!document.contains("field"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
