#include <boost/test/unit_test.hpp>

#include "api/http_message.h"
#include "api/request_head.h"

namespace chancery {

BOOST_AUTO_TEST_SUITE(http_message)

BOOST_AUTO_TEST_CASE(what_a_request_says) {
  const std::string head =
      "POST /v1/keys/a%20b/sign?x=1 HTTP/1.1\r\nHost: h\r\nX-Request-Id: my-id\r\n"
      "Content-Type: application/json\r\nX-Twice: 1\r\nX-Twice: 2\r\nX-Empty:\r\n\r\n";
  BOOST_TEST_REQUIRE(check_request_head(head).has_value());
  std::string id;
  const auto request = read_request(head, id);
  BOOST_TEST_REQUIRE(request.has_value());
  BOOST_TEST(request->id == id);
  BOOST_TEST(request->method == "POST");
  BOOST_TEST(request->path == "/v1/keys/a%20b/sign");
  BOOST_TEST((request->segments == std::vector<std::string>{"v1", "keys", "a b", "sign"}));
  BOOST_TEST(*request->query_value("x") == "1");
  BOOST_TEST(request->query_value("y") == nullptr);
  BOOST_TEST(*request->header("content-TYPE") == "application/json");
  BOOST_TEST(*request->header("X-Twice") == "1");
  BOOST_TEST(request->header("X-Empty")->empty());
  BOOST_TEST(request->header("X-Absent") == nullptr);
  BOOST_TEST(request->headers.size() == 6U);
}

// Whoever could choose it could make the log's entries of two requests look like one's.
BOOST_AUTO_TEST_CASE(request_id_is_never_the_clients) {
  std::string first, second;
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine\r\n\r\n";
  BOOST_TEST_REQUIRE(read_request(head, first).has_value());
  BOOST_TEST_REQUIRE(read_request(head, second).has_value());
  BOOST_TEST(first.starts_with("req-"));
  BOOST_TEST(second.starts_with("req-"));
  BOOST_TEST(first != second);
}

BOOST_AUTO_TEST_CASE(bad_target_still_has_an_id) {
  std::string id;
  const auto request =
      read_request("GET /a/../b HTTP/1.1\r\nHost: h\r\nX-Request-Id: q\r\n\r\n", id);
  BOOST_TEST_REQUIRE(!request.has_value());
  BOOST_TEST(request.error().field == "path");
  BOOST_TEST(id.starts_with("req-"));
}

BOOST_AUTO_TEST_CASE(what_a_response_says) {
  HttpResponse response{201, "application/json", {{"Location", "/a\r\nSet-Cookie: b"}}, "{}"};
  const std::string head = write_response_head(response, "req-1", {false, false});
  BOOST_TEST(head.starts_with("HTTP/1.1 201 Created\r\n"));
  BOOST_TEST(head.ends_with("\r\n\r\n"));
  for (const char* line :
       {"Content-Type: application/json", "Content-Length: 2", "Connection: Close",
        "X-Request-Id: req-1", "Location: /a  Set-Cookie: b", "Date: "}) {
    BOOST_TEST_CONTEXT(line) {
      BOOST_TEST(head.find("\r\n" + std::string(line)) != head.npos);
    }
  }
  response.document = Document::in_memory(Bytes(300));
  BOOST_TEST(write_response_head(response, "i", {}).find("Content-Length: 300\r\n") != head.npos);
  response.status = 304;
  BOOST_TEST(write_response_head(response, "i", {}).find("Content-Length") == head.npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
