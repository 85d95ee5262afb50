#include "pkcs11/keyholder_arguments.h"

#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

namespace chancery::keyholder {
namespace {

template <class Number>
Result<Number> parse_number(const char* text, Number least, Number most) {
  Number value{};
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || stop != end || value < least || value > most) {
    return invalid("arguments", std::string(text) + " is not a number from " +
                                    std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

Result<std::chrono::milliseconds> parse_milliseconds(const char* text) {
  constexpr std::chrono::milliseconds most = limits::token_call_deadline_at_most;
  ASSIGN_OR_RETURN(const long value, parse_number<long>(text, 1, most.count()));
  return std::chrono::milliseconds(value);
}

Result<void> set(Arguments& arguments, std::string_view option, const char* value) {
  const std::pair<std::string_view, std::string*> texts[] = {
      {"--module", &arguments.module},      {"--label", &arguments.label},
      {"--pin-file", &arguments.pin_file},  {"--so-pin-file", &arguments.so_pin_file},
      {"--listen", &arguments.socket_path},
  };
  for (const auto& [name, target] : texts) {
    if (name != option) continue;
    *target = value;
    return {};
  }
  constexpr int most_int = std::numeric_limits<int>::max();
  if (option == "--peer-uid") {
    ASSIGN_OR_RETURN(arguments.peer_uid, parse_number<long>(value, 0, UINT32_MAX - 1L));
  } else if (option == "--lanes") {
    ASSIGN_OR_RETURN(arguments.lanes, parse_number<unsigned>(value, 1, limits::lanes_at_most));
  } else if (option == "--first-fd") {
    ASSIGN_OR_RETURN(arguments.first_fd, parse_number<int>(value, 3, 1 << 20));
  } else if (option == "--parent") {
    ASSIGN_OR_RETURN(arguments.parent, parse_number<int>(value, 1, most_int));
  } else if (option == "--deadline-ms") {
    ASSIGN_OR_RETURN(arguments.deadline, parse_milliseconds(value));
  } else if (option == "--generation-deadline-ms") {
    ASSIGN_OR_RETURN(arguments.generation_deadline, parse_milliseconds(value));
  } else {
    return invalid("arguments", "there is no option " + std::string(option));
  }
  return {};
}

Result<void> check_complete(const Arguments& arguments) {
  if (arguments.mode == Arguments::Mode::help) return {};
  if (arguments.module.empty() || arguments.label.empty() || arguments.pin_file.empty()) {
    return invalid("arguments", "--module, --label and --pin-file are needed");
  }
  // CK_TOKEN_INFO's label has 32 bytes, padded with blanks (PKCS#11 v2.40 section 3.2).
  if (arguments.label.size() > limits::token_label_bytes || arguments.label.ends_with(' ')) {
    return invalid("arguments", "a token's label has at most 32 bytes and no blank at its end");
  }
  if (arguments.mode == Arguments::Mode::init_token && arguments.so_pin_file.empty()) {
    return invalid("arguments", "init-token needs --so-pin-file");
  }
  if (arguments.mode == Arguments::Mode::init_token && !arguments.socket_path.empty()) {
    return invalid("arguments", "init-token does not listen");
  }
  if (arguments.mode == Arguments::Mode::serve && arguments.parent == 0) {
    return invalid("arguments",
                   "serve needs --listen, or --parent from the process that starts it");
  }
  return {};
}

}  // namespace

const char* const usage_text =
    "usage: chancery-keyholder serve --module FILE --label TOKEN --pin-file FILE\n"
    "                                --listen SOCKET [--peer-uid UID] [--lanes N]\n"
    "                                [--deadline-ms N] [--generation-deadline-ms N]\n"
    "       chancery-keyholder init-token --module FILE --label TOKEN --pin-file FILE\n"
    "                                --so-pin-file FILE\n"
    "\n"
    "Holds the PKCS#11 token of Chancery: loads the module, logs in and signs for chanceryd.\n"
    "chanceryd starts it by itself, with --lanes N --first-fd N --parent PID for sockets that it\n"
    "inherits; with --listen it can run as another user. PIN files must have mode 0600.\n";

Result<Arguments> parse_arguments(int count, char** values) {
  Arguments arguments;
  if (count < 2) return invalid("arguments", "serve or init-token?");
  const std::string_view command = values[1];
  if (command == "--help") return arguments;
  if (command == "serve") {
    arguments.mode = Arguments::Mode::serve;
  } else if (command == "init-token") {
    arguments.mode = Arguments::Mode::init_token;
  } else {
    return invalid("arguments", "serve or init-token?");
  }
  // Options in full only, unlike getopt_long's: "--pin 1234" must not pass for "--pin-file".
  for (int i = 2; i < count; i += 2) {
    if (i + 1 == count) return invalid("arguments", std::string(values[i]) + " needs a value");
    RETURN_IF_ERROR(set(arguments, values[i], values[i + 1]));
  }
  if (arguments.mode == Arguments::Mode::serve && !arguments.socket_path.empty()) {
    arguments.mode = Arguments::Mode::listen;
  }
  RETURN_IF_ERROR(check_complete(arguments));
  return arguments;
}

}  // namespace chancery::keyholder
