#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/bench/load_client/histogram.h"
#include "tests/bench/load_client/options.h"
#include "tests/bench/load_client/response.h"

namespace chancery::load {
namespace {

using Progress = Response::Progress;

struct ResponseCase {
  std::string name;
  std::string bytes;
  Progress expected;
  int status = 200;
  bool keep_alive = true;
  std::string body = {};
};
std::ostream& operator<<(std::ostream& stream, const ResponseCase& row) {
  return stream << row.name;
}

const std::vector<ResponseCase> response_cases = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Progress::complete, 200, true,
     "hi"},
    {"case of names", "HTTP/1.1 201 Created\r\nCONTENT-length:2\r\n\r\nhi", Progress::complete, 201,
     true, "hi"},
    {"empty body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Progress::complete},
    {"no content", "HTTP/1.1 204 No Content\r\n\r\n", Progress::complete, 204},
    {"chunks",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     "2\r\nhi\r\n3;x=y\r\n yo\r\n0\r\nTrailer: 1\r\n\r\n",
     Progress::complete, 200, true, "hi yo"},
    {"informational first",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     Progress::complete},
    {"connection closes", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
     Progress::complete, 200, false},
    {"old protocol", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Progress::complete, 200,
     false},
    {"body unfinished", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", Progress::more, 200, true,
     "hi"},
    {"until close", "HTTP/1.1 200 OK\r\n\r\nhi", Progress::more, 200, false, "hi"},
    {"two responses",
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     Progress::malformed},
    {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", Progress::malformed, 0},
    {"bad length", "HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nhi", Progress::malformed},
    {"bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     Progress::malformed},
    {"chunk too long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n",
     Progress::malformed, 200, true, "h"},
};

void check_state(const ResponseCase& row, const Response& response, Progress progress) {
  BOOST_TEST((progress == row.expected));
  BOOST_TEST(response.status() == row.status);
  if (row.expected == Progress::malformed) return;
  BOOST_TEST(response.keep_alive() == row.keep_alive);
  BOOST_TEST(response.body_start() == row.body);
}

}  // namespace

BOOST_DATA_TEST_CASE(reads_a_response_at_once, boost::unit_test::data::make(response_cases), row) {
  Response response;
  response.begin(false);
  check_state(row, response, response.consume(row.bytes));
}

BOOST_DATA_TEST_CASE(reads_a_response_byte_by_byte, boost::unit_test::data::make(response_cases),
                     row) {
  Response response;
  response.begin(false);
  Progress progress = Progress::more;
  bool ended_early = false;
  for (char byte : row.bytes) {
    ended_early = progress != Progress::more;
    if (ended_early) break;
    progress = response.consume({&byte, 1});
  }
  // A second response can only be noticed when its bytes come with the first one's.
  if (row.name == "two responses") {
    BOOST_TEST((progress == Progress::complete && ended_early));
    return;
  }
  check_state(row, response, progress);
}

BOOST_AUTO_TEST_CASE(answer_to_head_has_no_body) {
  Response response;
  response.begin(true);
  BOOST_TEST(
      (response.consume("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") == Progress::complete));
}

BOOST_AUTO_TEST_CASE(end_of_stream_completes_only_a_body_without_length) {
  Response response;
  response.begin(false);
  BOOST_TEST((response.consume("HTTP/1.1 200 OK\r\n\r\nhi") == Progress::more));
  BOOST_TEST((response.end_of_stream() == Progress::complete));
  response.begin(false);
  BOOST_TEST(
      (response.consume("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi") == Progress::more));
  BOOST_TEST((response.end_of_stream() == Progress::malformed));
}

BOOST_AUTO_TEST_CASE(urls) {
  const auto target = parse_url("https://[::1]:8443/v1/keys?x=1");
  BOOST_REQUIRE(target);
  BOOST_TEST(target->tls);
  BOOST_TEST(target->host == "::1");
  BOOST_TEST(target->port == "8443");
  BOOST_TEST(target->authority == "[::1]:8443");
  BOOST_TEST(target->path == "/v1/keys?x=1");
  BOOST_TEST(parse_url("http://ca.example")->port == "80");
  BOOST_TEST(parse_url("https://[::1]")->host == "::1");
  for (const char* bad : {"ftp://a", "a", "http://", "https://:1"}) {
    BOOST_TEST(parse_url(bad).error().field == "url", bad);
  }
}

BOOST_AUTO_TEST_CASE(quantiles_are_within_a_percent) {
  Histogram histogram;
  for (int i = 1; i <= 100000; ++i) histogram.add(std::chrono::microseconds(i));
  BOOST_TEST(histogram.count() == 100000U);
  BOOST_TEST(histogram.max() == 100000U);
  BOOST_TEST(histogram.mean() == 50000.5);
  for (double fraction : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const auto quantile = static_cast<double>(histogram.quantile(fraction));
    BOOST_TEST(quantile == fraction * 100000, boost::test_tools::tolerance(0.01));
  }
  BOOST_TEST(histogram.quantile(1.0) == 100000U);
  BOOST_TEST(Histogram().quantile(0.5) == 0U);
}

BOOST_AUTO_TEST_CASE(a_duration_beyond_the_last_bucket_is_counted) {
  Histogram histogram;
  histogram.add(std::chrono::hours(24 * 365));
  BOOST_TEST(histogram.count() == 1U);
  BOOST_TEST(histogram.quantile(0.5) > 0U);
}

}  // namespace chancery::load
