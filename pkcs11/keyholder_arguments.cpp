#include "pkcs11/keyholder_arguments.h"

#include <getopt.h>

#include <charconv>
#include <cstring>
#include <limits>

namespace chancery::keyholder {
namespace {

using namespace std::chrono_literals;

enum Option : int {
  module_option = 1,
  label_option,
  pin_file_option,
  so_pin_file_option,
  listen_option,
  peer_uid_option,
  lanes_option,
  first_fd_option,
  parent_option,
  deadline_option,
  generation_deadline_option,
  help_option,
};

constexpr option options[] = {
    {"module", required_argument, nullptr, module_option},
    {"label", required_argument, nullptr, label_option},
    {"pin-file", required_argument, nullptr, pin_file_option},
    {"so-pin-file", required_argument, nullptr, so_pin_file_option},
    {"listen", required_argument, nullptr, listen_option},
    {"peer-uid", required_argument, nullptr, peer_uid_option},
    {"lanes", required_argument, nullptr, lanes_option},
    {"first-fd", required_argument, nullptr, first_fd_option},
    {"parent", required_argument, nullptr, parent_option},
    {"deadline-ms", required_argument, nullptr, deadline_option},
    {"generation-deadline-ms", required_argument, nullptr, generation_deadline_option},
    {"help", no_argument, nullptr, help_option},
    {nullptr, 0, nullptr, 0},
};

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
  ASSIGN_OR_RETURN(const long value, parse_number<long>(text, 1, 3'600'000));
  return std::chrono::milliseconds(value);
}

Result<void> set(Arguments& arguments, int option) {
  constexpr int most_int = std::numeric_limits<int>::max();
  switch (option) {
    case module_option:
      arguments.module = optarg;
      return {};
    case label_option:
      arguments.label = optarg;
      return {};
    case pin_file_option:
      arguments.pin_file = optarg;
      return {};
    case so_pin_file_option:
      arguments.so_pin_file = optarg;
      return {};
    case listen_option:
      arguments.mode = Arguments::Mode::listen;
      arguments.socket_path = optarg;
      return {};
    case peer_uid_option: {
      ASSIGN_OR_RETURN(arguments.peer_uid, parse_number<long>(optarg, 0, UINT32_MAX - 1L));
      return {};
    }
    case lanes_option: {
      ASSIGN_OR_RETURN(arguments.lanes, parse_number<unsigned>(optarg, 1, limits::lanes_at_most));
      return {};
    }
    case first_fd_option: {
      ASSIGN_OR_RETURN(arguments.first_fd, parse_number<int>(optarg, 3, 1 << 20));
      return {};
    }
    case parent_option: {
      ASSIGN_OR_RETURN(arguments.parent, parse_number<int>(optarg, 1, most_int));
      return {};
    }
    case deadline_option: {
      ASSIGN_OR_RETURN(arguments.deadline, parse_milliseconds(optarg));
      return {};
    }
    case generation_deadline_option: {
      ASSIGN_OR_RETURN(arguments.generation_deadline, parse_milliseconds(optarg));
      return {};
    }
    case help_option:
      arguments.mode = Arguments::Mode::help;
      return {};
    default:  // getopt's '?'
      return invalid("arguments", "unknown option or a value is missing");
  }
}

Result<void> check_complete(const Arguments& arguments) {
  if (arguments.mode == Arguments::Mode::help) return {};
  if (arguments.module.empty() || arguments.label.empty() || arguments.pin_file.empty()) {
    return invalid("arguments", "--module, --label and --pin-file are needed");
  }
  // CK_TOKEN_INFO's label has 32 bytes, padded with blanks (PKCS#11 v2.40 section 3.2).
  if (arguments.label.size() > 32 || arguments.label.ends_with(' ')) {
    return invalid("arguments", "a token's label has at most 32 bytes and no blank at its end");
  }
  if (arguments.mode == Arguments::Mode::init_token && arguments.so_pin_file.empty()) {
    return invalid("arguments", "init-token needs --so-pin-file");
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
  optind = 2;
  opterr = 0;
  for (int option; (option = ::getopt_long(count, values, "", options, nullptr)) != -1;) {
    RETURN_IF_ERROR(set(arguments, option));
  }
  if (optind != count)
    return invalid("arguments", "what is '" + std::string(values[optind]) + "'?");
  RETURN_IF_ERROR(check_complete(arguments));
  return arguments;
}

}  // namespace chancery::keyholder
