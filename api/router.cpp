#include "api/router.h"

#include <algorithm>
#include <set>

#include "api/problem.h"

namespace chancery {
namespace {

bool has_media_type(const HttpRequest& request, std::string_view wanted) {
  const std::string* header = request.header("Content-Type");
  if (header == nullptr) return false;
  std::string_view type = std::string_view(*header).substr(0, header->find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return equal_ignoring_case(type, wanted);
}

bool fits_method(std::string_view route, std::string_view request) {
  return route == request || (route == "GET" && request == "HEAD");
}

/// Answers of /v1 hold what only their receiver may see; and no browser is to guess types.
void add_security_headers(const HttpRequest& request, HttpResponse& response) {
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  const bool cacheable = request.segments.empty() || request.segments[0] != "v1";
  const bool decided = std::any_of(
      response.headers.begin(), response.headers.end(),
      [](const auto& header) { return equal_ignoring_case(header.first, "Cache-Control"); });
  if (!cacheable && !decided) response.headers.emplace_back("Cache-Control", "no-store");
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  std::set<std::string> names, places;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const Route& route = routes_[i];
    CHECK(route.handler && names.insert(route.name).second);
    CHECK(places.insert(route.method + " " + route.pattern).second);
    compiled_.push_back({compile(route.pattern), i});
  }
  std::stable_sort(compiled_.begin(), compiled_.end(), [](const Compiled& a, const Compiled& b) {
    return std::lexicographical_compare(
        a.pieces.begin(), a.pieces.end(), b.pieces.begin(), b.pieces.end(),
        [](const Piece& x, const Piece& y) { return x.kind < y.kind; });
  });
}

std::vector<Router::Piece> Router::compile(std::string_view pattern) {
  CHECK(pattern.starts_with('/'));
  std::vector<Piece> pieces;
  for (std::size_t begin = 1; begin < pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', begin), pattern.size());
    const std::string_view text = pattern.substr(begin, end - begin);
    begin = end + 1;
    CHECK(!text.empty() && (pieces.empty() || pieces.back().kind != Piece::Kind::rest));
    const std::size_t open = text.find('{');
    if (open == std::string_view::npos) {
      pieces.push_back({Piece::Kind::literal, std::string(text), {}, {}});
      continue;
    }
    const std::size_t close = text.find('}', open);
    CHECK(close != std::string_view::npos && close > open + 1);
    Piece piece{Piece::Kind::parameter, std::string(text.substr(0, open)),
                std::string(text.substr(open + 1, close - open - 1)),
                std::string(text.substr(close + 1))};
    if (!piece.before.empty() || !piece.after.empty()) {
      piece.kind = Piece::Kind::affixed;
    } else if (piece.name.ends_with("...")) {
      piece.kind = Piece::Kind::rest;
      piece.name.resize(piece.name.size() - 3);
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

bool Router::matches(const Piece& piece, std::string_view segment) {
  switch (piece.kind) {
    case Piece::Kind::literal:
      return segment == piece.before;
    case Piece::Kind::affixed:
      return segment.size() > piece.before.size() + piece.after.size() &&
             segment.starts_with(piece.before) && segment.ends_with(piece.after);
    case Piece::Kind::parameter:
    case Piece::Kind::rest:
      return true;
  }
  return false;
}

bool Router::matches(const Compiled& compiled, const std::vector<std::string>& segments) {
  const auto& pieces = compiled.pieces;
  const bool open_ended = !pieces.empty() && pieces.back().kind == Piece::Kind::rest;
  if (open_ended ? segments.size() < pieces.size() : segments.size() != pieces.size()) return false;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!matches(pieces[i], segments[i])) return false;
  }
  return true;
}

NamedValues Router::parameters(const Compiled& compiled, const std::vector<std::string>& segments) {
  NamedValues values;
  for (std::size_t i = 0; i < compiled.pieces.size(); ++i) {
    const Piece& piece = compiled.pieces[i];
    if (piece.kind == Piece::Kind::literal) continue;
    std::string value = segments[i].substr(
        piece.before.size(), segments[i].size() - piece.before.size() - piece.after.size());
    if (piece.kind == Piece::Kind::rest) {
      for (std::size_t k = i + 1; k < segments.size(); ++k) value += "/" + segments[k];
    }
    values.emplace_back(piece.name, std::move(value));
  }
  return values;
}

HttpResponse Router::answer(HttpRequest& request) const {
  const auto begin = std::chrono::steady_clock::now();
  std::size_t served_by = routes_.size();
  auto report = [&](int status) {
    if (observer_) observer_({served_by, status, std::chrono::steady_clock::now() - begin});
  };
  try {
    HttpResponse response = dispatch(request, served_by);
    add_security_headers(request, response);
    report(response.status);
    return response;
  } catch (...) {
    report(row(ProblemKind::internal).status);  // what the server makes of it
    throw;
  }
}

HttpResponse Router::dispatch(HttpRequest& request, std::size_t& served_by) const {
  std::set<std::string> allowed;
  for (const Compiled& compiled : compiled_) {
    if (!matches(compiled, request.segments)) continue;
    const Route& route = routes_[compiled.route];
    if (!fits_method(route.method, request.method)) {
      allowed.insert(route.method);
      continue;
    }
    served_by = compiled.route;
    request.path_parameters = parameters(compiled, request.segments);
    return run(route, request);
  }
  if (allowed.empty()) {
    return problem(ProblemKind::not_found, "there is nothing at this path", request.id);
  }
  if (allowed.contains("GET")) allowed.insert("HEAD");
  std::string list;
  for (const std::string& method : allowed) list += (list.empty() ? "" : ", ") + method;
  HttpResponse response =
      problem(ProblemKind::method_not_allowed, "allowed here: " + list, request.id);
  response.headers.emplace_back("Allow", list);
  return response;
}

HttpResponse Router::run(const Route& route, HttpRequest& request) const {
  for (const auto& [name, value] : request.query) {
    if (std::find(route.query.begin(), route.query.end(), name) != route.query.end()) continue;
    return problem(ProblemKind::invalid_request, "there is no query parameter of this name",
                   request.id, name);
  }
  if (route.body_type.empty() && !request.body.empty()) {
    return problem(ProblemKind::invalid_request, "this takes no body", request.id, "body");
  }
  // Whether a body is needed at all is the handler's to say.
  if (!route.body_type.empty() && route.body_type != any_body && !request.body.empty() &&
      !has_media_type(request, route.body_type)) {
    return problem(ProblemKind::unsupported_media_type,
                   "the Content-Type must be " + route.body_type, request.id);
  }
  return route.handler(request);
}

}  // namespace chancery
