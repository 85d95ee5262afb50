#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace chancery::load {

/// Where requests go, taken apart from a URL.
struct Target {
  bool tls = false;
  std::string host;       ///< a name or an IP address, without brackets
  std::string port;       ///< decimal
  std::string authority;  ///< for the Host header
  std::string path = "/";
};

/// Reads http:// and https:// URLs. invalid_request (field "url") for any other.
Result<Target> parse_url(const std::string& url);

struct Options {
  std::string url;
  std::string certificate, key, ca;  ///< PEM files; the first two empty without a client identity
  bool insecure = false;             ///< the server's certificate is not checked

  unsigned clients = 1;
  double seconds = 0;          ///< 0: as long as --requests needs, at most ten minutes
  std::uint64_t requests = 0;  ///< 0: as many as fit into the time
  double warm_up = 0;          ///< seconds whose answers are checked, but not measured
  double timeout = 30;         ///< seconds for one connection or answer

  std::string method = "GET";
  std::string path;  ///< in place of the URL's
  std::vector<std::string> headers;
  std::string body_file, body_directory;
  std::vector<int> expected;  ///< statuses; empty: any 2xx
  bool json = false;
};

/// Reads the command line. Prints the help or what is wrong and ends the program where due.
Options read_options(int argc, char** argv);

}  // namespace chancery::load
