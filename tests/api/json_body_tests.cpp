#include <boost/test/unit_test.hpp>
#include <functional>
#include <nlohmann/json.hpp>

#include "api/json_body.h"

namespace chancery {
namespace {

JsonBody body_of(std::string_view text) {
  auto body = JsonBody::parse(bytes_of(text));
  BOOST_TEST_REQUIRE(body.has_value());
  return std::move(*body);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(json_body)

BOOST_AUTO_TEST_CASE(members) {
  JsonBody body = body_of(
      R"({"s":"é","i":-3,"b":true,"d":"AQI=","l":["x","y"],"o":{"n":"v"},"big":9223372036854775807})");
  BOOST_TEST(body.string("s").value() == "é");
  BOOST_TEST(body.integer("i", -3, 3).value() == -3);
  BOOST_TEST(body.integer("big", 0, INT64_MAX).value() == INT64_MAX);
  BOOST_TEST(body.boolean("b").value());
  BOOST_TEST((body.base64("d").value() == Bytes{1, 2}));
  BOOST_TEST((body.strings("l").value() == std::vector<std::string>{"x", "y"}));
  JsonBody nested = body.object("o").value();
  BOOST_TEST(nested.string("n").value() == "v");
  BOOST_TEST(nested.finish().has_value());
  BOOST_TEST(!body.optional_string("absent").value().has_value());
  BOOST_TEST(!body.optional_integer("absent", 0, 1).value().has_value());
  BOOST_TEST(!body.optional_boolean("absent").value().has_value());
  BOOST_TEST(!body.optional_base64("absent").value().has_value());
  BOOST_TEST(!body.optional_object("absent").value().has_value());
  BOOST_TEST(body.strings("absent").value().empty());
  BOOST_TEST(body.finish().has_value());
}

BOOST_AUTO_TEST_CASE(wrong_members_are_named) {
  using Read = std::function<std::optional<Error>(JsonBody&)>;
  auto reads = [](auto method, auto... arguments) -> Read {
    return [=](JsonBody& body) -> std::optional<Error> {
      auto value = (body.*method)("m", arguments...);
      if (value) return std::nullopt;
      return value.error();
    };
  };
  const Read string = reads(&JsonBody::string), integer = reads(&JsonBody::integer, 0, 10),
             boolean = reads(&JsonBody::boolean), base64 = reads(&JsonBody::base64),
             object = reads(&JsonBody::object), strings = reads(&JsonBody::strings),
             optional = reads(&JsonBody::optional_string);
  struct Row {
    std::string text;
    Read read;
  };
  const std::vector<Row> rows = {
      {"{}", string},
      {R"({"m":1})", string},
      {R"({"m":null})", string},
      {R"({"m":null})", optional},
      {"{}", integer},
      {R"({"m":"1"})", integer},
      {R"({"m":1.0})", integer},
      {R"({"m":-1})", integer},
      {R"({"m":11})", integer},
      {R"({"m":18446744073709551615})", integer},
      {R"({"m":1e30})", integer},
      {R"({"m":0})", boolean},
      {R"({"m":"AQI"})", base64},
      {R"({"m":"AQ I="})", base64},
      {R"({"m":"AQJ="})", base64},
      {R"({"m":[]})", object},
      {R"({"m":"x"})", strings},
      {R"({"m":["x",1]})", strings},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.text) {
      JsonBody body = body_of(row.text);
      const auto error = row.read(body);
      BOOST_TEST_REQUIRE(error.has_value());
      BOOST_TEST((error->code == ErrorCode::invalid_request));
      BOOST_TEST(error->field == "m");
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_object) {
  for (const char* text : {"", "[]", "1", "\"x\"", "null", "{", "{}x", R"({"a":1,"a":2})", "{a:1}",
                           "{\"a\":\"\xff\"}", "{\"a\":1,}"}) {
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST(!JsonBody::parse(bytes_of(text)).has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(unknown_members) {
  JsonBody body = body_of(R"({"known":"x","subject":{"common_name":"c","oops":1}})");
  BOOST_TEST(body.string("known").has_value());
  BOOST_TEST(body.finish().error().field == "subject");
  JsonBody subject = body.object("subject").value();
  BOOST_TEST(body.finish().has_value());
  BOOST_TEST(subject.string("common_name").has_value());
  BOOST_TEST(subject.finish().error().field == "subject.oops");
  BOOST_TEST(subject.string("absent").error().field == "subject.absent");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
