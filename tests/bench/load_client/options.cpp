#include "tests/bench/load_client/options.h"

#include <CLI/CLI.hpp>

namespace chancery::load {

Result<Target> parse_url(const std::string& url) {
  Target target;
  std::size_t begin = 0;
  if (url.starts_with("https://")) {
    target.tls = true;
    begin = 8;
  } else if (url.starts_with("http://")) {
    begin = 7;
  } else {
    return invalid("url", "the URL must begin with http:// or https://");
  }
  const std::size_t slash = std::min(url.find('/', begin), url.size());
  target.authority = url.substr(begin, slash - begin);
  if (slash < url.size()) target.path = url.substr(slash);
  target.port = target.tls ? "443" : "80";

  const std::string& authority = target.authority;
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  if (has_port) target.port = authority.substr(colon + 1);
  target.host = has_port ? authority.substr(0, colon) : authority;
  if (target.host.starts_with('[') && target.host.ends_with(']')) {
    target.host = target.host.substr(1, target.host.size() - 2);
  }
  if (target.host.empty() || target.port.empty()) return invalid("url", "no host in the URL");
  return target;
}

Options read_options(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Keeps a number of HTTP/1.1 keep-alive connections busy, one request at a time on each, and "
      "reports rate and latency. Exits 1 when an answer was missing or had another status than "
      "expected.",
      "chancery-load");
  app.footer(
      "{n} in a path or header becomes the number of the request.\n\n"
      "Example: chancery-load --url https://127.0.0.1:8443 --path /v1/keys/app/sign --method POST "
      "\\\n"
      "  --cert cert.pem --key key.pem --ca root.pem --body body.json --clients 32 --seconds 10\n");
  app.add_option("--url", options.url, "http://HOST:PORT[/PATH] or https://…")->required();
  auto* certificate = app.add_option("--cert", options.certificate, "client certificate (PEM)")
                          ->check(CLI::ExistingFile);
  auto* key = app.add_option("--key", options.key, "its private key")->check(CLI::ExistingFile);
  certificate->needs(key);
  key->needs(certificate);
  auto* ca = app.add_option("--ca", options.ca, "trust anchors for the server's certificate")
                 ->check(CLI::ExistingFile);
  app.add_flag("--insecure", options.insecure, "do not check the server's certificate")
      ->excludes(ca);
  app.add_option("--clients", options.clients, "connections")
      ->check(CLI::Range(1U, 20000U))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "how long (default 10)")
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("--requests", options.requests, "how many at most")->check(CLI::PositiveNumber);
  app.add_option("--warm-up", options.warm_up, "seconds before measuring begins")
      ->check(CLI::Range(0.0, 3600.0));
  app.add_option("--timeout", options.timeout, "seconds for one answer")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--method", options.method)->capture_default_str();
  app.add_option("--path", options.path, "in place of the URL's");
  app.add_option("--header", options.headers, "NAME: VALUE; may be repeated")
      ->allow_extra_args(false);
  auto* body =
      app.add_option("--body", options.body_file, "file to send")->check(CLI::ExistingFile);
  app.add_option("--body-dir", options.body_directory, "directory of files to send in turn")
      ->check(CLI::ExistingDirectory)
      ->excludes(body);
  app.add_option("--expect", options.expected, "accepted statuses, 200,201 (default: any 2xx)")
      ->delimiter(',');
  app.add_flag("--json", options.json, "report as JSON");
  try {
    app.parse(argc, argv);
    auto target = parse_url(options.url);
    if (!target) throw CLI::ValidationError("--url", target.error().message);
    if (target->tls && options.ca.empty() && !options.insecure) {
      throw CLI::ValidationError("--ca", "https needs --ca FILE or --insecure");
    }
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  constexpr double longest = 600;
  if (options.seconds == 0) options.seconds = options.requests > 0 ? longest : 10;
  return options;
}

}  // namespace chancery::load
