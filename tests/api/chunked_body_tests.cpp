#include <boost/test/unit_test.hpp>

#include "api/chunked_body.h"
#include "core/limits.h"

namespace chancery {
namespace {

struct Outcome {
  bool refused = false, done = false;
  std::string body, rest;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << outcome.refused << outcome.done << " " << outcome.body << "|" << outcome.rest;
}

/// Feeds the text in pieces of `size`.
Outcome read(std::string_view text, std::size_t size) {
  ChunkedBody chunks;
  Bytes body;
  Outcome outcome;
  while (!text.empty() && !outcome.done) {
    std::string_view piece = text.substr(0, size);
    text.remove_prefix(piece.size());
    const auto done = chunks.feed(piece, body);
    if (!done) return {true, false, {}, {}};
    outcome.done = *done;
    outcome.rest = piece;
  }
  outcome.rest += text;
  outcome.body = text_of(body);
  return outcome;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chunked_body)

BOOST_AUTO_TEST_CASE(however_it_is_cut) {
  struct Row {
    std::string name, text;
    Outcome outcome;
  };
  const Outcome refused{true, false, {}, {}};
  const std::vector<Row> rows = {
      {"empty", "0\r\n\r\n", {false, true, "", ""}},
      {"two chunks",
       "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
       {false, true, "abc0123456789", ""}},
      {"leading zeros", "003\r\nabc\r\n000\r\n\r\n", {false, true, "abc", ""}},
      {"extension and trailer", "3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n", {false, true, "abc", ""}},
      {"next request", "0\r\n\r\nGET /", {false, true, "", "GET /"}},
      {"not complete", "3\r\nab", {false, false, "ab", ""}},
      {"no final line", "0\r\n", {false, false, "", ""}},
      {"no size", "\r\nabc", refused},
      {"signed", "+3\r\nabc\r\n0\r\n\r\n", refused},
      {"prefixed", "0x3\r\nabc\r\n0\r\n\r\n", refused},
      {"not hexadecimal", "3g\r\nabc\r\n0\r\n\r\n", refused},
      {"bare LF after the size", "3\nabc\r\n0\r\n\r\n", refused},
      {"bare LF after the data", "3\r\nabc\n0\r\n\r\n", refused},
      {"data longer than its size", "3\r\nabcd\r\n0\r\n\r\n", refused},
      {"CR within a line", "3;\ra\r\nabc\r\n0\r\n\r\n", refused},
      {"over the bound", "100001\r\n", refused},
      {"beyond 64 bits", "10000000000000003\r\n", refused},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      for (std::size_t size : {1000, 7, 2, 1}) BOOST_TEST(read(row.text, size) == row.outcome);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_data_is_bounded) {
  const std::string extension = "1;" + std::string(1 << 20, 'x') + "\r\na\r\n0\r\n\r\n";
  BOOST_TEST(read(extension, 4096).refused);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 20000; ++i) trailers += "Name: value\r\n";
  BOOST_TEST(read(trailers, 4096).refused);
}

BOOST_AUTO_TEST_CASE(the_bound_is_on_the_sum) {
  std::string text;
  const std::string chunk = "1000\r\n" + std::string(0x1000, 'x') + "\r\n";
  for (std::size_t i = 0; i < limits::body_bytes / 0x1000; ++i) text += chunk;
  BOOST_TEST(read(text + "0\r\n\r\n", 5000).done);
  BOOST_TEST(read(text + "1\r\nx\r\n0\r\n\r\n", 5000).refused);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
