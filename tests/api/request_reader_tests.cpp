#include <boost/test/unit_test.hpp>

#include "api/request_reader.h"
#include "core/limits.h"

namespace chancery {
namespace {

using State = RequestReader::State;

/// What the reader makes of a text that arrives in pieces of `size`: "HEAD LINE|BODY" each.
std::vector<std::string> read_all(std::string_view text, std::size_t size, State& last) {
  RequestReader reader;
  std::vector<std::string> requests;
  while (!text.empty()) {
    reader.append(text.substr(0, size));
    text.remove_prefix(std::min(size, text.size()));
    while (reader.state() == State::complete) {
      const std::string line(reader.head().substr(0, reader.head().find('\r')));
      const Bytes body = reader.take_body();
      requests.push_back(line + "|" + std::string(text_of(body)));
      reader.next();
    }
  }
  last = reader.state();
  return requests;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_reader)

BOOST_AUTO_TEST_CASE(requests_one_after_the_other_however_they_are_cut) {
  const std::string text =
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n"
      "GET /d HTTP/1.1\r\nHo";
  const std::vector<std::string> expected = {"POST /a HTTP/1.1|abc", "GET /b HTTP/1.1|",
                                             "POST /c HTTP/1.1|xy"};
  for (std::size_t size = 1; size <= text.size(); ++size) {
    BOOST_TEST_CONTEXT("pieces of " << size) {
      State last{};
      BOOST_TEST(read_all(text, size, last) == expected);
      BOOST_TEST((last == State::head));
    }
  }
}

BOOST_AUTO_TEST_CASE(refused_before_the_end_has_arrived) {
  using enum ProblemKind;
  struct Row {
    std::string name, text;
    ProblemKind kind;
  };
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::vector<Row> rows = {
      {"endless request line", "GET /" + std::string(limits::path_bytes + 64, 'a'), uri_too_long},
      {"endless header", get + "X: " + std::string(limits::header_bytes + 2048, 'a'),
       headers_too_large},
      {"bare LF", "GET / HTTP/1.1\n", invalid_request},
      {"LF first", "\n", invalid_request},
      {"two empty lines first", "\r\n\r\n" + get, invalid_request},
      {"large body announced", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n",
       too_large},
      {"bad chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       invalid_request},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      for (std::size_t size : {std::size_t{1}, std::size_t{100}, row.text.size()}) {
        RequestReader reader;
        for (std::size_t at = 0; at < row.text.size(); at += size) {
          reader.append(std::string_view(row.text).substr(at, size));
        }
        BOOST_TEST_REQUIRE((reader.state() == State::refused));
        BOOST_TEST((reader.refusal().kind == row.kind));
        BOOST_TEST(reader.held() == 0U);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(expectation_is_met_once_and_only_while_it_waits) {
  RequestReader reader;
  reader.append("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  BOOST_TEST(reader.take_expectation());
  BOOST_TEST(!reader.take_expectation());
  reader.append("ab");
  BOOST_TEST((reader.state() == State::complete));
  reader.next();
  reader.append("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na");
  BOOST_TEST(!reader.take_expectation());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
