#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "cli/problem.h"

namespace chancery {
namespace {

HttpAnswer answer(long status, std::string body,
                  std::string type = "application/problem+json; charset=utf-8") {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  answer.content_type = std::move(type);
  answer.request_id = "req-header";
  return answer;
}

BOOST_AUTO_TEST_SUITE(problem)

BOOST_AUTO_TEST_CASE(codes_of_statuses) {
  struct Case {
    long status;
    ErrorCode code;
  };
  const Case cases[] = {
      {400, ErrorCode::invalid_request},
      {401, ErrorCode::unauthenticated},
      {403, ErrorCode::forbidden},
      {404, ErrorCode::not_found},
      {409, ErrorCode::conflict},
      {413, ErrorCode::too_large},
      {422, ErrorCode::unprocessable},
      {429, ErrorCode::busy},
      {503, ErrorCode::busy},
      {504, ErrorCode::deadline_exceeded},
      {500, ErrorCode::internal},
      {302, ErrorCode::internal},
      {418, ErrorCode::internal},
  };
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.status) {
      BOOST_TEST((problem_of(answer(one.status, "{}")).code == one.code));
    }
  }
}

BOOST_AUTO_TEST_CASE(kinds_that_share_a_status) {
  const auto code = [](long status, const char* kind) {
    return problem_of(answer(status, R"({"type":"urn:chancery:problem:)" + std::string(kind) +
                                         R"(","approval":"apr-1"})"));
  };
  const Error needed = code(403, "approval-needed");
  BOOST_TEST((needed.code == ErrorCode::approval_needed));
  BOOST_TEST(render_problem(needed).find("approval: apr-1") != std::string::npos);
  BOOST_TEST(render_problem(needed).find("--approval ID") != std::string::npos);
  BOOST_TEST((code(429, "quota-exceeded").code == ErrorCode::quota_exceeded));
  BOOST_TEST((code(403, "forbidden").code == ErrorCode::forbidden));
  BOOST_TEST((code(429, "busy").code == ErrorCode::busy));
}

BOOST_AUTO_TEST_CASE(the_document_is_kept) {
  Error error = problem_of(answer(
      403, R"({"title":"T","detail":"D","field":"F","grant":"G","instance":"I","status":200})"));
  BOOST_TEST(error.message == "D");
  BOOST_TEST(error.field == "F");
  auto document = problem_json(error);
  BOOST_TEST(document.at("grant").get<std::string>() == "G");
  BOOST_TEST(document.at("status").get<int>() == 403);  // the answer's own, whatever the body says
  BOOST_TEST(render_problem(error).starts_with(
      "chancery: T: D\n  field: F\n  nearest grant: G\n  request: I\n  next: "));
}

BOOST_AUTO_TEST_CASE(documents_that_are_none) {
  for (const char* body : {"", "[]", "{", "null", R"({"title":7,"detail":[],"field":{}})"}) {
    BOOST_TEST_CONTEXT(body) {
      Error error = problem_of(answer(500, body));
      BOOST_TEST(error.message == "the service answered 500");
      BOOST_TEST(error.field.empty());
      BOOST_TEST(render_problem(error).find("request: req-header") != std::string::npos);
    }
  }
  Error html = problem_of(answer(500, R"({"detail":"D"})", "text/html"));
  BOOST_TEST(html.message == "the service answered 500");
}

BOOST_AUTO_TEST_CASE(failures_of_our_own_have_no_document) {
  Error error{ErrorCode::invalid_request, "no identity", "--identity"};
  BOOST_TEST(render_problem(error) == "chancery: no identity\n  field: --identity");
  BOOST_TEST(problem_json(error).dump() == R"({"detail":"no identity","field":"--identity"})");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
