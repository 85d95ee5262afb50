// The keyholder as a program: initialising a token, listening for another user's daemon, and what
// it lets others see.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "pkcs11/child_process.h"
#include "pkcs11/exit_code.h"
#include "pkcs11/frame.h"
#include "pkcs11/token_initialisation.h"
#include "tests/pkcs11/keyholder_fixture.h"

namespace chancery {
namespace {

using keyholder::ChildProcess;
using keyholder::ExitCode;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(keyholder_process, KeyholderFixture)

TokenInitialisation new_token(const SoftHsmHome& home, const std::string& label) {
  return {.executable = home.executable(),
          .module = SoftHsmHome::module,
          .label = label,
          .pin_file = home.path("pin"),
          .so_pin_file = home.path("so-pin"),
          .softhsm_config = home.config()};
}

BOOST_AUTO_TEST_CASE(a_token_is_initialised_once) {
  const std::string label(32, 'x');  // as long as labels can be
  BOOST_REQUIRE(init_token(new_token(home, label)));
  options.label = label;
  start();
  BOOST_TEST(pool().status().up);
  const Key key = make_key();
  BOOST_TEST(sign(key, "on the new token").has_value());

  const auto again = init_token(new_token(home, label));
  BOOST_REQUIRE(!again);
  BOOST_TEST((again.error().code == ErrorCode::conflict));
  BOOST_TEST(sign(key, "still there").has_value());
}

BOOST_AUTO_TEST_CASE(a_token_is_not_initialised_without_good_pin_files) {
  auto wanted = new_token(home, "not made");
  wanted.so_pin_file = home.write("open-so-pin", "12345678\n", 0644);
  const auto refused = init_token(wanted);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code == ErrorCode::invalid_request));
  BOOST_TEST(init_token(new_token(home, "not made")).has_value());  // since none was
}

BOOST_AUTO_TEST_CASE(a_module_that_does_not_load_is_an_error) {
  auto wanted = new_token(home, "not made");
  wanted.module = home.path("pin");
  const auto refused = init_token(wanted);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code == ErrorCode::token_unavailable));
}

/// A keyholder that an administrator has started.
ChildProcess start_listening(const KeyholderFixture& fixture, std::vector<std::string> more) {
  std::vector<std::string> arguments = {"serve",
                                        "--module",
                                        fixture.options.module,
                                        "--label",
                                        fixture.options.label,
                                        "--pin-file",
                                        fixture.options.pin_file,
                                        "--listen",
                                        fixture.home.path("keyholder.sock")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto child = ChildProcess::spawn({.executable = fixture.home.executable(),
                                    .arguments = std::move(arguments),
                                    .inherited = {},
                                    .softhsm_config = fixture.home.config()});
  BOOST_REQUIRE(child);
  return std::move(*child);
}

BOOST_AUTO_TEST_CASE(a_keyholder_can_be_run_by_an_administrator) {
  options.socket_path = home.path("keyholder.sock");
  auto first = std::make_unique<ChildProcess>(start_listening(*this, {"--lanes", "2"}));
  start();
  BOOST_REQUIRE(eventually([&] { return pool().status().up; }));
  BOOST_TEST(pool().status().lanes == 2U);
  const Key key = make_key();
  BOOST_TEST(sign(key, "over the socket").has_value());

  // It ends; another is started in its place, over the socket that was left.
  first.reset();
  BOOST_REQUIRE(eventually([&] { return !pool().status().up; }));
  const auto second = start_listening(*this, {"--lanes", "2"});
  BOOST_REQUIRE(eventually([&] { return pool().status().up; }));
  BOOST_TEST(sign(key, "over the new one").has_value());
  BOOST_TEST(pool().status().restarts == 1U);
}

BOOST_AUTO_TEST_CASE(lanes_beyond_the_keyholders_bound_are_not_there) {
  options.socket_path = home.path("keyholder.sock");
  options.lanes = 5;
  const auto child = start_listening(*this, {"--lanes", "3"});
  start();
  BOOST_REQUIRE(eventually([&] { return pool().status().up; }));
  BOOST_TEST(pool().status().lanes == 3U);
}

BOOST_AUTO_TEST_CASE(another_user_is_not_served) {
  options.socket_path = home.path("keyholder.sock");
  const auto child =
      start_listening(*this, {"--lanes", "2", "--peer-uid", std::to_string(::geteuid() + 1)});
  BOOST_REQUIRE(eventually([&] { return std::filesystem::exists(options.socket_path); }));
  start();
  std::this_thread::sleep_for(200ms);
  BOOST_TEST(!pool().status().up);
  BOOST_TEST(is_running(child.pid()));
}

BOOST_AUTO_TEST_CASE(a_socket_in_use_is_not_taken_over) {
  const auto first = start_listening(*this, {"--lanes", "2"});
  const std::string path = home.path("keyholder.sock");
  BOOST_REQUIRE(eventually([&] { return std::filesystem::exists(path); }));
  auto second = start_listening(*this, {"--lanes", "2"});
  const auto exit_code = second.wait(60s);
  BOOST_REQUIRE(exit_code.has_value());
  BOOST_TEST(*exit_code == static_cast<int>(ExitCode::usage));
}

BOOST_AUTO_TEST_CASE(a_listening_keyholder_ends_by_itself_when_the_module_hangs) {
  options.socket_path = home.path("keyholder.sock");
  auto child = start_listening(*this, {"--lanes", "2", "--deadline-ms", "500"});
  start();
  BOOST_REQUIRE(eventually([&] { return pool().status().up; }));
  const Key key = make_key();
  order("C_Sign.hang", "0");
  BOOST_TEST(!sign(key, "hangs").has_value());
  const auto exit_code = child.wait(60s);
  BOOST_REQUIRE(exit_code.has_value());
  BOOST_TEST(*exit_code == static_cast<int>(ExitCode::hung));
}

BOOST_AUTO_TEST_CASE(the_pin_is_nowhere_to_be_seen) {
  start();
  const std::string process = "/proc/" + std::to_string(processes().at(0)) + "/";
  for (const char* name : {"cmdline", "environ"}) {
    std::ifstream file(process + name, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    BOOST_TEST(text.find(SoftHsmHome::pin) == std::string::npos);
    if (std::strcmp(name, "cmdline") == 0) BOOST_TEST(text.find("serve") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(the_pin_is_wiped_after_the_login) {
  if (::geteuid() != 0) return;  // only root reads the memory of a process that is not dumpable
  start();
  const std::string process = "/proc/" + std::to_string(processes().at(0)) + "/";
  std::ifstream maps(process + "maps");
  std::ifstream memory(process + "mem", std::ios::binary);
  std::size_t copies = 0;
  std::size_t bytes_read = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(" rw") == std::string::npos) continue;
    const std::size_t dash = line.find('-');
    const std::size_t from = std::stoull(line.substr(0, dash), nullptr, 16);
    const std::size_t to = std::stoull(line.substr(dash + 1), nullptr, 16);
    if (to - from > (1UL << 30)) continue;  // a sanitizer's shadow memory
    std::string region(to - from, '\0');
    memory.clear();
    memory.seekg(static_cast<std::streamoff>(from));
    memory.read(region.data(), static_cast<std::streamsize>(region.size()));
    bytes_read += static_cast<std::size_t>(memory.gcount());
    for (std::size_t at = 0; (at = region.find(SoftHsmHome::pin, at)) != std::string::npos; ++at) {
      ++copies;
    }
  }
  BOOST_TEST(bytes_read > 100'000U);
  BOOST_TEST(copies == 0U);
}

BOOST_AUTO_TEST_CASE(only_its_own_descriptors_are_open_in_a_keyholder) {
  std::ifstream unrelated(home.path("pin"));
  const int leaked = ::dup(0);  // without close-on-exec
  start();
  std::size_t sockets = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(processes().at(0)) + "/fd")) {
    const int number = std::stoi(entry.path().filename());
    const std::string target = std::filesystem::read_symlink(entry.path()).string();
    if (number > 2 && target.starts_with("socket:")) ++sockets;
    BOOST_TEST(target != home.path("pin"));
  }
  BOOST_TEST(sockets == options.lanes);
  ::close(leaked);
}

BOOST_AUTO_TEST_CASE(it_gives_no_core_dump_and_is_not_traced) {
  start();
  std::ifstream limits("/proc/" + std::to_string(processes().at(0)) + "/limits");
  bool seen = false;
  for (std::string line; std::getline(limits, line);) {
    if (!line.starts_with("Max core file size")) continue;
    seen = true;
    BOOST_TEST(line.find(" 0 ") != std::string::npos);
  }
  BOOST_TEST(seen);
}

BOOST_AUTO_TEST_CASE(started_without_its_parent_it_ends) {
  auto child = ChildProcess::spawn(
      {.executable = home.executable(),
       .arguments = {"serve", "--module", options.module, "--label", options.label, "--pin-file",
                     options.pin_file, "--parent", "1"},
       .inherited = {},
       .softhsm_config = home.config()});
  BOOST_REQUIRE(child);
  const auto exit_code = child->wait(60s);
  BOOST_REQUIRE(exit_code.has_value());
  BOOST_TEST(*exit_code == static_cast<int>(ExitCode::done));
  BOOST_TEST(calls("C_Login") == 0U);
}

/// A lane of one's own to a keyholder that listens.
FileDescriptor connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  FileDescriptor socket;
  BOOST_REQUIRE(eventually([&] {
    socket = FileDescriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
           0;
  }));
  return socket;
}

/// A packet of requests for the token's description, numbered from 1.
Bytes packet_of(std::uint64_t requests) {
  keyholder::FrameBuffer buffer;
  std::size_t size = 0;
  for (std::uint64_t number = 1; number <= requests; ++number) {
    size += encode(keyholder::Request{.op = keyholder::Op::token_info, .number = number},
                   std::span(buffer).subspan(size));
  }
  return Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
}

BOOST_AUTO_TEST_CASE(what_comes_in_one_packet_is_answered_in_its_order) {
  auto child = start_listening(*this, {"--lanes", "2"});
  const FileDescriptor socket = connect_to(home.path("keyholder.sock"));
  const Bytes packet = packet_of(limits::frames_per_packet);
  BOOST_REQUIRE(::send(socket.get(), packet.data(), packet.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(packet.size()));
  std::uint64_t answered = 0;
  keyholder::FrameBuffer buffer;
  while (answered < limits::frames_per_packet) {
    const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    BOOST_REQUIRE(count > 0);
    for (ByteView rest(buffer.data(), static_cast<std::size_t>(count)); !rest.empty();) {
      const auto frame = keyholder::take_frame(rest);
      BOOST_REQUIRE(frame);
      const auto reply = keyholder::decode_reply(*frame);
      BOOST_REQUIRE(reply);
      BOOST_TEST(reply->number == ++answered);
      BOOST_TEST(keyholder::decode_token_info(reply->payload)->label == options.label);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_signature_that_somebody_else_asked_for_shows) {
  options.socket_path = home.path("keyholder.sock");
  auto child = start_listening(*this, {"--lanes", "4"});
  start();
  BOOST_REQUIRE(eventually([&] { return pool().status().up; }));
  const Key key = make_key();
  BOOST_REQUIRE(sign(key, "ours"));
  BOOST_TEST(pool().status().unaccounted == 0U);

  const FileDescriptor socket = connect_to(options.socket_path);
  keyholder::FrameBuffer buffer;
  const Bytes digest = sha256(bytes_of("theirs"));
  const std::size_t size = encode(keyholder::Request{.op = keyholder::Op::sign,
                                                     .number = 1,
                                                     .key = key.id,
                                                     .algorithm = key.algorithms.front(),
                                                     .payload = digest},
                                  buffer);
  BOOST_REQUIRE(::send(socket.get(), buffer.data(), size, MSG_NOSIGNAL) > 0);
  BOOST_REQUIRE(::recv(socket.get(), buffer.data(), buffer.size(), 0) > 0);

  BOOST_REQUIRE(sign(key, "ours again"));
  BOOST_TEST(pool().status().unaccounted == 1U);
  BOOST_TEST(pool().status().signatures == 4U);  // with the new key's trial
}

BOOST_AUTO_TEST_CASE(a_bad_packet_closes_the_lane) {
  auto child = start_listening(*this, {"--lanes", "8"});
  Bytes second_cut_short = packet_of(2);
  second_cut_short.pop_back();
  struct Row {
    const char* name;
    Bytes packet;
  };
  const std::vector<Row> rows = {
      {"no frame at all", copy_of(bytes_of("nonsense"))},
      {"the second is cut short", second_cut_short},
      {"one too many", packet_of(limits::frames_per_packet + 1)},
      {"longer than a packet", Bytes(limits::frame_bytes + 1)},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const FileDescriptor socket = connect_to(home.path("keyholder.sock"));
      BOOST_REQUIRE(::send(socket.get(), row.packet.data(), row.packet.size(), MSG_NOSIGNAL) ==
                    static_cast<ssize_t>(row.packet.size()));
      char answer[8];
      BOOST_TEST(::recv(socket.get(), answer, sizeof answer, 0) == 0);
    }
  }
  BOOST_TEST(is_running(child.pid()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
