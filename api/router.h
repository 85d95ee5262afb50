#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"

namespace chancery {

/// A body_type that takes a body of any type, also one that names none.
inline constexpr std::string_view any_body = "*/*";

/// One thing that the API does.
struct Route {
  std::string method;     ///< a GET route serves HEAD too
  std::string pattern;    ///< "/v1/keys/{name}/sign", "/crl/{ca}.pem", "/log/tile/{tile...}"
  std::string name;       ///< its operation: unique, in metrics and as OpenAPI's operationId
  std::string body_type;  ///< media type of the body it takes; empty: it takes none
  std::function<HttpResponse(HttpRequest&)> handler;
  std::vector<std::string> query = {};  ///< parameters that may stand behind the path's "?"
};

/// The table of routes.
///
/// A {name} stands for one segment, with literal text before or after it at most, and {name...}, at
/// the end only, for one or more segments. Where several patterns match, the one with the earlier
/// literal segment wins. The handler finds what matched by HttpRequest::path_value().
class Router {
 public:
  /// How one request went; `route` is its index in routes(), or routes().size() without one.
  struct Served {
    std::size_t route;
    int status;
    std::chrono::nanoseconds took;
  };

  /// Aborts on a malformed pattern, a repeated name, or a method and pattern that stand there
  /// twice.
  explicit Router(std::vector<Route> routes);

  [[nodiscard]] std::span<const Route> routes() const { return routes_; }
  /// Called after each answer(), from its thread. Set it before the first one.
  void observe(std::function<void(const Served&)> observer) { observer_ = std::move(observer); }

  /// Runs the route's handler. 404 for an unknown path, 405 with Allow for a wrong method, 415 for
  /// a body of another type than the route's, 400 for a body where there should be none and for a
  /// query parameter that the route does not take. Whether an empty body will do is the handler's
  /// to say.
  HttpResponse answer(HttpRequest& request) const;

 private:
  /// One segment of a pattern.
  struct Piece {
    enum class Kind { literal, affixed, parameter, rest };  // in the order of precedence
    Kind kind;
    std::string before, name, after;
  };
  struct Compiled {
    std::vector<Piece> pieces;
    std::size_t route;
  };

  static std::vector<Piece> compile(std::string_view pattern);
  static bool matches(const Piece& piece, std::string_view segment);
  static bool matches(const Compiled& compiled, const std::vector<std::string>& segments);
  static NamedValues parameters(const Compiled& compiled, const std::vector<std::string>& segments);
  HttpResponse dispatch(HttpRequest& request, std::size_t& served_by) const;
  [[nodiscard]] HttpResponse run(const Route& route, HttpRequest& request) const;

  std::vector<Route> routes_;
  std::vector<Compiled> compiled_;  // in the order of precedence
  std::function<void(const Served&)> observer_;
};

}  // namespace chancery
