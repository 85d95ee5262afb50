#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "pkcs11/hardening.h"
#include "pkcs11/keyholder_arguments.h"
#include "pkcs11/lane_service.h"
#include "pkcs11/listener.h"
#include "pkcs11/module.h"
#include "pkcs11/pin_file.h"

namespace chancery::keyholder {
namespace {

using namespace std::chrono_literals;

constexpr auto watch_interval = 1s;  // how late a call over its deadline may be noticed

Secret read_pin_or_end(const std::string& path) {
  auto pin = read_pin_file(path);
  if (!pin) end_process(ExitCode::pin_file, pin.error().message);
  return std::move(*pin);
}

std::unique_ptr<Module> load_or_end(const std::string& path) {
  auto module = Module::load(path);
  if (!module) end_process(ExitCode::module, module.error());
  return std::move(*module);
}

ExitCode exit_code_for(const SlotError& error) {
  switch (error.kind) {
    case SlotError::Kind::none_or_several:
      return ExitCode::no_token;
    case SlotError::Kind::exists:
      return ExitCode::token_exists;
    case SlotError::Kind::no_free_slot:
      return ExitCode::no_slot;
    case SlotError::Kind::failed:
      break;
  }
  return ExitCode::token_failed;
}

/// The PIN is in memory from here to the end of this function.
std::unique_ptr<LoggedInToken> log_in_or_end(const Module& module, const Arguments& arguments) {
  const auto slot = module.find_token(arguments.label);
  if (!slot) end_process(exit_code_for(slot.error()), slot.error().text);
  const Secret pin = read_pin_or_end(arguments.pin_file);
  keep_out_of_swap(pin);
  auto token = LoggedInToken::log_in(module.functions(), *slot, pin);
  if (token) return std::move(*token);
  const bool stop = action_for(token.error().return_value) == Action::stop;
  end_process(stop ? ExitCode::pin_refused : ExitCode::token_failed, token.error().text);
}

[[noreturn]] void init_token(const Arguments& arguments) {
  const Secret so_pin = read_pin_or_end(arguments.so_pin_file);
  const Secret pin = read_pin_or_end(arguments.pin_file);
  const auto module = load_or_end(arguments.module);
  const auto done = module->init_token(arguments.label, so_pin, pin);
  module->finalize();
  if (!done) end_process(exit_code_for(done.error()), done.error().text);
  end_process(ExitCode::done, "");
}

/// Serves the inherited sockets until their other ends are closed, which is how it is told to end.
[[noreturn]] void serve_inherited(const Arguments& arguments) {
  if (::getppid() != arguments.parent) end_process(ExitCode::done, "the parent has ended");
  close_descriptors_from(arguments.first_fd + static_cast<int>(arguments.lanes));
  // A signal to the whole service must not take the token away from requests under way.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_IGN);

  const auto module = load_or_end(arguments.module);
  const auto token = log_in_or_end(*module, arguments);
  // A kill follows the parent's end only from here on: SoftHSM rewrites the token's own file in the
  // login, and a kill in the middle of that leaves the file empty and the token lost.
  if (!die_with_parent(arguments.parent)) end_process(ExitCode::done, "the parent has ended");
  LaneService lanes(*token, {arguments.deadline, arguments.generation_deadline});
  for (unsigned i = 0; i < arguments.lanes; ++i) {
    lanes.add(FileDescriptor(arguments.first_fd + static_cast<int>(i)));
  }
  while (!lanes.wait_until_empty(watch_interval)) lanes.end_if_overdue();
  module->finalize();
  end_process(ExitCode::done, "");
}

/// Serves whoever may connect, until it is killed.
[[noreturn]] void serve_listening(const Arguments& arguments) {
  const auto module = load_or_end(arguments.module);
  const auto token = log_in_or_end(*module, arguments);
  const uid_t peer = arguments.peer_uid < 0 ? ::geteuid() : static_cast<uid_t>(arguments.peer_uid);
  const auto listener = Listener::open(arguments.socket_path, peer);
  if (!listener) end_process(ExitCode::usage, listener.error().message);
  LaneService lanes(*token, {arguments.deadline, arguments.generation_deadline});
  for (;;) {
    FileDescriptor connection =
        listener->accept(static_cast<int>(std::chrono::milliseconds(watch_interval).count()));
    // Beyond the bound a connection is closed at once, and the peer does with fewer lanes.
    if (connection.is_open() && lanes.size() < arguments.lanes) lanes.add(std::move(connection));
    lanes.end_if_overdue();
  }
}

int run(int count, char** values) {
  harden_process();
  const auto arguments = parse_arguments(count, values);
  if (!arguments) {
    std::fprintf(stderr, "chancery-keyholder: %s\n%s", arguments.error().message.c_str(),
                 usage_text);
    return static_cast<int>(ExitCode::usage);
  }
  switch (arguments->mode) {
    case Arguments::Mode::serve:
      serve_inherited(*arguments);
    case Arguments::Mode::listen:
      serve_listening(*arguments);
    case Arguments::Mode::init_token:
      init_token(*arguments);
    case Arguments::Mode::help:
      break;
  }
  std::fputs(usage_text, stdout);
  return 0;
}

}  // namespace
}  // namespace chancery::keyholder

int main(int count, char** values) {
  return chancery::keyholder::run(count, values);
}
