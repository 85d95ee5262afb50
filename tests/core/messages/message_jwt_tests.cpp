// JWT signing inputs: what is read of good ones, and a table of bad ones.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "core/message_jwt.h"
#include "tests/core/messages/content_text.h"

namespace chancery::test {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;

std::string encode(std::string_view text) {
  return to_base64url(bytes_of(text));
}

std::string read(const std::string& message) {
  return text_of_result(parse_jwt_signing_input(bytes_of(message), from_unix_seconds(kNow)));
}

struct Case {
  const char* name;
  std::string header, payload;
  const char* expected;  ///< what is read; of a refusal, how it begins
};
std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}

const std::string kEs256 = R"({"alg":"ES256"})";

const Case kGood[] = {
    {"nothing said", kEs256, "{}", ""},
    {"everything", R"({"alg":"ES256","typ":"at+jwt","kid":"k1"})",
     R"({"iss":"https://a.example","sub":"web-1","aud":["b","c"],"scope":"read write","exp":1800003600,
         "nbf":1800000000,"iat":1800000000,"jti":"x","deep":{"sub":"not read"}})",
     "type=at+jwt key_id=k1 issuer=https://a.example subject=web-1 audience=b|c scope=read|write "
     "lifetime=3600"},
    {"JWT", R"({"alg":"ES256","typ":"JWT"})", "{}", "type=JWT"},
    {"one audience", kEs256, R"({"aud":"b"})", "audience=b"},
    {"white space in the JSON", " { \"alg\" : \"ES256\" } ", " { } ", ""},
    {"over already", kEs256, R"({"exp":1})", " lifetime=0"},
    // A lifetime does not begin where the token says: whoever asks could choose that.
    {"a beginning later", kEs256, R"({"nbf":1800009000,"iat":1800009000,"exp":1800009001})",
     " lifetime=9001"},
};
BOOST_DATA_TEST_CASE(a_token_is_read, boost::unit_test::data::make(kGood), one) {
  BOOST_TEST(read(encode(one.header) + "." + encode(one.payload)) == one.expected);
}

const Case kBad[] = {
    {"no algorithm", "{}", "{}", "data.header.alg: "},
    {"an algorithm that is no text", R"({"alg":1})", "{}", "data.header.alg: "},
    {"a critical extension", R"({"alg":"ES256","crit":["exp"]})", "{}", "data.header.crit: "},
    {"an unencoded payload", R"({"alg":"ES256","b64":false})", "{}", "data.header.b64: "},
    {"a header of an encrypted token", R"({"alg":"ES256","enc":"A128GCM"})", "{}",
     "data.header.enc: "},
    {"the algorithm twice", R"({"alg":"ES256","alg":"none"})", "{}", "data.header: "},
    {"the algorithm twice, once escaped", R"({"alg":"ES256","\u0061lg":"none"})", "{}",
     "data.header: "},
    {"another spelling of alg", R"({"alg":"ES256","ALG":"none"})", "{}", "data.header: "},
    {"a header that is no object", "[]", "{}", "data.header: "},
    {"a header that is no JSON", "{", "{}", "data.header: "},
    {"text behind the header", R"({"alg":"ES256"}x)", "{}", "data.header: "},
    {"a key id that is no text", R"({"alg":"ES256","kid":7})", "{}", "data.header.kid: "},
    {"a claim twice", kEs256, R"({"sub":"a","sub":"b"})", "data.payload: "},
    {"another spelling of sub", kEs256, R"({"sub":"a","Sub":"b"})", "data.payload: "},
    {"a long s in sub", kEs256, "{\"\u017fub\":\"b\"}", "data.payload: "},
    {"a payload that is no object", kEs256, "\"x\"", "data.payload: "},
    {"a subject that is no text", kEs256, R"({"sub":["a"]})", "data.payload.sub: "},
    {"an empty audience", kEs256, R"({"aud":[]})", "data.payload.aud: "},
    {"a number in the audience", kEs256, R"({"aud":["a",1]})", "data.payload.aud: "},
    {"an object for an audience", kEs256, R"({"aud":{"a":1}})", "data.payload.aud: "},
    {"two spaces in the scope", kEs256, R"({"scope":"a  b"})", "data.payload.scope: "},
    {"an end in text", kEs256, R"({"exp":"1800003600"})", "data.payload.exp: "},
    {"an end with a fraction", kEs256, R"({"exp":1800003600.5})", "data.payload.exp: "},
    {"an end before 1970", kEs256, R"({"exp":-1})", "data.payload.exp: "},
    {"an end beyond 9999", kEs256, R"({"exp":253402300800})", "data.payload.exp: "},
    {"an end at its beginning", kEs256, R"({"nbf":5,"exp":5})", "data.payload.exp: "},
    {"an issue time that is no number", kEs256, R"({"iat":null})", "data.payload.iat: "},
    {"a byte order mark", "\xef\xbb\xbf" + kEs256, "{}", "data.header: "},
    {"a byte order mark in the payload", kEs256, "\xef\xbb\xbf{}", "data.payload: "},
    {"a name that ends at a NUL", kEs256, R"({"sub\u0000x":"b"})", "data.payload: "},
    {"a type in capitals", R"({"alg":"ES256","typ":"AT+JWT"})", "{}", "data.header.typ: "},
    {"JWT in small letters", R"({"alg":"ES256","typ":"jwt"})", "{}", "data.header.typ: "},
    {"a whole media type", R"({"alg":"ES256","typ":"application/at+jwt"})", "{}",
     "data.header.typ: "},
    {"a type that is no text", R"({"alg":"ES256","typ":1})", "{}", "data.header.typ: "},
    {"an end with an exponent", kEs256, R"({"exp":18e8})", "data.payload.exp: "},
    {"an end of minus zero", kEs256, R"({"exp":-0})", "data.payload.exp: "},
    {"a beginning that is no number", kEs256, R"({"nbf":true})", "data.payload.nbf: "},
    {"an issuer that is no text", kEs256, R"({"iss":1})", "data.payload.iss: "},
    {"a comment", kEs256, "{}//", "data.payload: "},
    {"a NUL in the subject", kEs256, R"({"sub":"a\u0000b"})", "data.payload.sub: "},
    {"a subject that turns round", kEs256, R"({"sub":"a\u202eb"})", "data.payload.sub: "},
    {"a subject that is not UTF-8", kEs256, "{\"sub\":\"\xff\"}", "data.payload: "},
    {"deep nesting", kEs256, R"({"a":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]})", "data.payload: "},
};
BOOST_DATA_TEST_CASE(a_bad_token_is_refused, boost::unit_test::data::make(kBad), one) {
  const std::string said = read(encode(one.header) + "." + encode(one.payload));
  BOOST_TEST(said.starts_with(one.expected), said);
}

BOOST_AUTO_TEST_CASE(a_long_value_and_many_values_are_refused) {
  const std::string long_subject = R"({"sub":")" + std::string(2049, 'a') + "\"}";
  BOOST_TEST(read(encode(kEs256) + "." + encode(long_subject)).starts_with("data.payload.sub: "));
  std::string audiences = R"({"aud":["a")";
  for (int i = 0; i < 300; ++i) audiences += ",\"a\"";
  BOOST_TEST(
      read(encode(kEs256) + "." + encode(audiences + "]}")).starts_with("data.payload.aud: "));
}

struct Spelling {
  const char* name;
  std::string text;
  const char* expected;
};
std::ostream& operator<<(std::ostream& out, const Spelling& one) {
  return out << one.name;
}
const Spelling kSpellings[] = {
    {"nothing", "", "data: "},
    {"one part", encode(kEs256), "data: "},
    {"three parts: signed already", encode(kEs256) + "." + encode("{}") + ".AAAA", "data: "},
    {"no header", "." + encode("{}"), "data.header: "},
    {"no payload", encode(kEs256) + ".", "data.payload: "},
    {"padding", encode(kEs256) + "." + encode("{}") + "=", "data.payload: "},
    {"a line end", encode(kEs256) + "." + encode("{}") + "\n", "data.payload: "},
    {"stray bits", encode(kEs256) + ".e31", "data.payload: "},
    {"the other alphabet", encode(kEs256) + ".eyI+Ijo/fQ", "data.payload: "},
};
BOOST_DATA_TEST_CASE(a_token_has_one_spelling, boost::unit_test::data::make(kSpellings), one) {
  const std::string said = read(one.text);
  BOOST_TEST(said.starts_with(one.expected), said);
}

}  // namespace
}  // namespace chancery::test
