#include <boost/test/unit_test.hpp>

#include "api/request_head.h"
#include "core/limits.h"

namespace chancery {
namespace {

std::string repeat(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_head)

BOOST_AUTO_TEST_CASE(what_decides_about_body_and_connection) {
  using Body = RequestHead::Body;
  struct Row {
    std::string name, head;
    Body body;
    std::uint64_t length;
    bool expects_continue, keep_alive;
  };
  const std::vector<Row> rows = {
      {"plain", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", Body::none, 0, false, true},
      {"close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", Body::none, 0, false,
       false},
      {"close in a list", "GET / HTTP/1.1\r\nHost: h\r\nConnection: te , close\r\n\r\n", Body::none,
       0, false, false},
      {"1.0", "GET / HTTP/1.0\r\n\r\n", Body::none, 0, false, false},
      {"1.0 kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", Body::none, 0, false, true},
      {"length", "POST / HTTP/1.1\r\nhost:h\r\ncontent-length:\t12 \r\n\r\n", Body::sized, 12,
       false, true},
      {"no length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", Body::none, 0, false,
       true},
      {"chunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n", Body::chunked,
       0, false, true},
      {"expects", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n",
       Body::sized, 1, true, true},
      {"expects, but nothing follows", "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
       Body::none, 0, false, true},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto head = check_request_head(row.head);
      BOOST_TEST_REQUIRE(head.has_value());
      BOOST_TEST((head->body == row.body));
      BOOST_TEST(head->content_length == row.length);
      BOOST_TEST(head->expects_continue == row.expects_continue);
      BOOST_TEST(head->keep_alive == row.keep_alive);
    }
  }
}

BOOST_AUTO_TEST_CASE(refused) {
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  using enum ProblemKind;
  struct Row {
    std::string name, head;
    ProblemKind kind;
  };
  const std::vector<Row> rows = {
      {"nothing", "", invalid_request},
      {"only the empty line", "\r\n", invalid_request},
      {"no empty line", get, invalid_request},
      {"cut off in a line", get + "Accept: x", invalid_request},
      {"goes on", get + "\r\nX: y\r\n\r\n", invalid_request},
      {"bare LF", "GET / HTTP/1.1\nHost: h\n\n", invalid_request},
      {"LF in a value", get + "X: a\nY: b\r\n\r\n", invalid_request},
      {"CR in a value", get + "X: a\rb\r\n\r\n", invalid_request},
      {"NUL in a value", get + std::string("X: a\0b\r\n\r\n", 10), invalid_request},
      {"not ASCII", get + "X: \xc3\xa9\r\n\r\n", invalid_request},
      {"encoded word", get + "X: =?utf-8?B?AA==?=\r\n\r\n", invalid_request},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", invalid_request},
      {"leading space", " GET / HTTP/1.1\r\nHost: h\r\n\r\n", invalid_request},
      {"no version", "GET /\r\nHost: h\r\n\r\n", invalid_request},
      {"version 0.9", "GET / HTTP/0.9\r\n\r\n", version_not_supported},
      {"version 2", "PRI * HTTP/2.0\r\n\r\n", version_not_supported},
      {"another protocol", "GET / ICY/1.1\r\n\r\n", invalid_request},
      {"method with a bracket", "GE(T / HTTP/1.1\r\nHost: h\r\n\r\n", invalid_request},
      {"long method", repeat("A", 17) + " / HTTP/1.1\r\nHost: h\r\n\r\n", invalid_request},
      {"long target", "GET /" + repeat("a", limits::path_bytes) + " HTTP/1.1\r\nHost: h\r\n\r\n",
       uri_too_long},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", invalid_request},
      {"two Hosts", get + "Host: h\r\n\r\n", invalid_request},
      {"no colon", get + "X\r\n\r\n", invalid_request},
      {"no name", get + ": x\r\n\r\n", invalid_request},
      {"space before the colon", post + "Transfer-Encoding : chunked\r\n\r\n", invalid_request},
      {"folded", get + "X: a\r\n b\r\n\r\n", invalid_request},
      {"folded at once", get + " X: a\r\n\r\n", invalid_request},
      {"many headers", get + repeat("X: y\r\n", limits::header_count) + "\r\n", headers_too_large},
      {"long value", get + "X: " + repeat("y", 8193) + "\r\n\r\n", headers_too_large},
      {"long name", get + repeat("X", 257) + ": y\r\n\r\n", headers_too_large},
      {"length and chunked", post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       invalid_request},
      {"two lengths", post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", invalid_request},
      {"list of lengths", post + "Content-Length: 1, 1\r\n\r\n", invalid_request},
      {"plus", post + "Content-Length: +1\r\n\r\n", invalid_request},
      {"minus", post + "Content-Length: -1\r\n\r\n", invalid_request},
      {"hexadecimal", post + "Content-Length: 0x1\r\n\r\n", invalid_request},
      {"empty length", post + "Content-Length:\r\n\r\n", invalid_request},
      {"over the bound", post + "Content-Length: 1048577\r\n\r\n", too_large},
      {"beyond 64 bits", post + "Content-Length: 99999999999999999999\r\n\r\n", too_large},
      {"gzip", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", not_implemented},
      {"twice chunked", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       invalid_request},
      {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", invalid_request},
      {"expects something else", post + "Expect: 200-ok\r\n\r\n", expectation_failed},
      {"two idempotency keys", post + "Idempotency-Key: a\r\nidempotency-key: b\r\n\r\n",
       invalid_request},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto head = check_request_head(row.head);
      BOOST_TEST_REQUIRE(!head.has_value());
      BOOST_TEST(chancery::row(head.error().kind).status == chancery::row(row.kind).status);
      BOOST_TEST((head.error().kind == row.kind));
      BOOST_TEST(!head.error().detail.empty());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
