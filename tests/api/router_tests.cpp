#include <boost/test/unit_test.hpp>

#include "api/router.h"
#include "api/target.h"

namespace chancery {
namespace {

/// Answers with the route's name and what its names matched.
Route route(std::string method, std::string pattern, std::string name, std::string body_type = "") {
  auto handler = [name](HttpRequest& request) {
    HttpResponse response{200, "text/plain", {}, name};
    for (const auto& [key, value] : request.path_parameters)
      response.body += " " + key + "=" + value;
    return response;
  };
  return {std::move(method), std::move(pattern), name, std::move(body_type), handler};
}

Route listing() {
  Route made = route("GET", "/v1/keys", "listKeys");
  made.query = {"limit"};
  return made;
}

Router example() {
  return Router({
      route("GET", "/", "root"),
      listing(),
      route("POST", "/v1/keys", "createKey", "application/json"),
      route("GET", "/v1/keys/{name}", "showKey"),
      route("GET", "/v1/keys/special", "special"),
      route("POST", "/v1/keys/{name}/sign", "sign", "application/json"),
      route("GET", "/crl/{ca}.crl", "crl"),
      route("GET", "/crl/{ca}.pem", "crlPem"),
      route("GET", "/log/tile/{tile...}", "tile"),
      route("GET", "/log/tile/entries/{tile...}", "entries"),
      route("GET", "/fails", "fails"),
  });
}

HttpRequest request(std::string method, const std::string& target) {
  HttpRequest request;
  request.id = "r";
  request.method = std::move(method);
  const auto parsed = parse_target(target);
  BOOST_TEST_REQUIRE(parsed.has_value());
  request.path = parsed->path;
  request.segments = parsed->segments;
  request.query = parsed->query;
  return request;
}

const std::string* header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(router)

BOOST_AUTO_TEST_CASE(which_route) {
  const Router router = example();
  struct Row {
    std::string method, target;
    int status;
    std::string body;
  };
  const std::vector<Row> rows = {
      {"GET", "/", 200, "root"},
      {"HEAD", "/", 200, "root"},
      {"GET", "/v1/keys", 200, "listKeys"},
      {"GET", "/v1/keys/special", 200, "special"},
      {"GET", "/v1/keys?limit=2", 200, "listKeys"},
      {"GET", "/v1/keys?limit=2&limits=3", 400, ""},
      {"GET", "/v1/keys/other?limit=2", 400, ""},
      {"POST", "/v1/keys?limit=2", 400, ""},
      {"GET", "/v1/keys/other", 200, "showKey name=other"},
      {"GET", "/v1/keys/a%20b", 200, "showKey name=a b"},
      {"GET", "/crl/issuing.crl", 200, "crl ca=issuing"},
      {"GET", "/crl/issuing-3.pem", 200, "crlPem ca=issuing-3"},
      {"GET", "/log/tile/0/x001/067", 200, "tile tile=0/x001/067"},
      {"GET", "/log/tile/entries/000", 200, "entries tile=000"},
      {"GET", "/crl/.crl", 404, ""},
      {"GET", "/crl/issuing.der", 404, ""},
      {"GET", "/log/tile", 404, ""},
      {"GET", "/v1", 404, ""},
      {"GET", "/V1/keys", 404, ""},
      {"GET", "/v1/keys/a/b", 404, ""},
      {"POST", "/", 405, ""},
      {"get", "/", 405, ""},
      {"DELETE", "/v1/keys/a", 405, ""},
      {"POST", "/v1/keys/a/sign", 200, "sign name=a"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.method << " " << row.target) {
      HttpRequest asked = request(row.method, row.target);
      const HttpResponse response = router.answer(asked);
      BOOST_TEST(response.status == row.status);
      if (row.status == 200) BOOST_TEST(response.body == row.body);
    }
  }
}

BOOST_AUTO_TEST_CASE(allowed_methods_are_listed) {
  const Router router = example();
  HttpRequest asked = request("DELETE", "/v1/keys");
  const HttpResponse response = router.answer(asked);
  BOOST_TEST_REQUIRE(header(response, "Allow") != nullptr);
  BOOST_TEST(*header(response, "Allow") == "GET, HEAD, POST");
}

BOOST_AUTO_TEST_CASE(body_types) {
  const Router router = example();
  struct Row {
    std::string type;
    int status;
  };
  for (const Row& row : std::vector<Row>{{"application/json", 200},
                                         {"Application/JSON; charset=utf-8", 200},
                                         {"application/json ;x", 200},
                                         {"application/jsonx", 415},
                                         {"text/plain", 415},
                                         {"", 415}}) {
    BOOST_TEST_CONTEXT(row.type) {
      HttpRequest asked = request("POST", "/v1/keys");
      asked.headers = {{"content-type", row.type}};
      asked.body = copy_of(bytes_of("{}"));
      BOOST_TEST(router.answer(asked).status == row.status);
    }
  }
  // Without a body there is nothing to have a type.
  HttpRequest without_body = request("POST", "/v1/keys");
  BOOST_TEST(router.answer(without_body).status == 200);
  HttpRequest with_body = request("GET", "/v1/keys");
  with_body.body = {1};
  BOOST_TEST(router.answer(with_body).status == 400);
}

BOOST_AUTO_TEST_CASE(answers_of_v1_are_not_kept) {
  const Router router = example();
  HttpRequest inside = request("GET", "/v1/keys"), outside = request("GET", "/crl/a.crl");
  const HttpResponse kept_back = router.answer(inside), kept = router.answer(outside);
  BOOST_TEST_REQUIRE(header(kept_back, "Cache-Control") != nullptr);
  BOOST_TEST(*header(kept_back, "Cache-Control") == "no-store");
  BOOST_TEST(header(kept, "Cache-Control") == nullptr);
  BOOST_TEST(*header(kept, "X-Content-Type-Options") == "nosniff");
}

BOOST_AUTO_TEST_CASE(everything_is_observed) {
  Router router({route("GET", "/a", "a"),
                 {"GET", "/b", "b", "", [](HttpRequest&) -> HttpResponse { throw 1; }}});
  std::vector<std::pair<std::size_t, int>> seen;
  router.observe(
      [&](const Router::Served& served) { seen.emplace_back(served.route, served.status); });
  HttpRequest a = request("GET", "/a"), b = request("GET", "/b"), c = request("GET", "/c");
  router.answer(a);
  BOOST_CHECK_THROW(router.answer(b), int);
  router.answer(c);
  const std::vector<std::pair<std::size_t, int>> expected = {{0, 200}, {1, 500}, {2, 404}};
  BOOST_TEST((seen == expected));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
