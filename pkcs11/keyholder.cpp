#include "pkcs11/keyholder.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "pkcs11/exit_code.h"

namespace chancery::keyholder {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto orderly_end = 2s;  // C_Finalize; then it is killed

using StartError = tl::unexpected<StartFailure>;
StartError cannot_start(std::string reason) {
  return StartError(StartFailure{std::move(reason), false});
}

std::vector<std::string> arguments_for(const KeyholderOptions& options) {
  return {"serve",
          "--module",
          options.module,
          "--label",
          options.label,
          "--pin-file",
          options.pin_file,
          "--lanes",
          std::to_string(options.lanes),
          "--first-fd",
          "3",
          "--parent",
          std::to_string(::getpid()),
          "--deadline-ms",
          std::to_string(options.deadline.count()),
          "--generation-deadline-ms",
          std::to_string(options.generation_deadline.count())};
}

FileDescriptor connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return {};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), generic, sizeof address) != 0) return {};
  return socket;
}

StartFailure failure_for(int exit_code) {
  for (const ExitCodeRow& row : exit_codes) {
    if (static_cast<int>(row.code) != exit_code) continue;
    return {std::string(row.meaning), row.code == ExitCode::pin_refused};
  }
  return {"the keyholder process ended with status " + std::to_string(exit_code), false};
}

}  // namespace

tl::expected<std::unique_ptr<Keyholder>, StartFailure> Keyholder::start(
    const KeyholderOptions& options) {
  std::unique_ptr<Keyholder> keyholder(new Keyholder);
  const auto opened =
      options.socket_path.empty() ? keyholder->spawn(options) : keyholder->connect(options);
  if (!opened) return StartError(opened.error());
  const auto greeted = keyholder->greet(options);
  if (!greeted) return StartError(greeted.error());
  return keyholder;
}

tl::expected<void, StartFailure> Keyholder::spawn(const KeyholderOptions& options) {
  ChildProgram program{.executable = options.executable,
                       .arguments = arguments_for(options),
                       .inherited = {},
                       .softhsm_config = options.softhsm_config};
  for (unsigned i = 0; i < options.lanes; ++i) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
      return cannot_start(std::string("no sockets for lanes: ") + std::strerror(errno));
    }
    lanes_.emplace_back(FileDescriptor(ends[0]));
    program.inherited.emplace_back(ends[1]);
  }
  auto process = ChildProcess::spawn(std::move(program));
  if (!process) return cannot_start(process.error().message + ": " + process.error().detail);
  process_.emplace(std::move(*process));
  name_ = "keyholder process " + std::to_string(process_->pid());
  return {};
}

tl::expected<void, StartFailure> Keyholder::connect(const KeyholderOptions& options) {
  name_ = "keyholder at " + options.socket_path;
  for (unsigned i = 0; i < options.lanes; ++i) {
    FileDescriptor socket = connect_to(options.socket_path);
    if (!socket.is_open()) {
      return cannot_start("cannot connect to " + name_ + ": " + std::strerror(errno));
    }
    lanes_.emplace_back(std::move(socket));
  }
  return {};
}

tl::expected<void, StartFailure> Keyholder::greet(const KeyholderOptions& options) {
  const auto latest = Clock::now() + options.start_deadline;
  std::deque<Lane> usable;
  std::string problem;
  for (Lane& lane : lanes_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(latest - Clock::now());
    const auto reply = lane.exchange(Request{.op = Op::token_info}, std::max(left, 1ms));
    if (!reply) {
      problem = reply.error().detail;
      continue;
    }
    if (reply->status != Status::ok) return cannot_start(std::string(text_of(reply->payload)));
    auto info = decode_token_info(reply->payload);
    if (!info) return cannot_start(info.error().message);
    token_ = std::move(*info);
    signatures_before_ = signatures_ = reply->signatures;
    usable.push_back(std::move(lane));
  }
  lanes_ = std::move(usable);
  if (lanes_.empty()) return StartError(end().value_or(StartFailure{problem, false}));
  if (token_.label != options.label) return cannot_start("it holds another token");
  return {};
}

std::optional<StartFailure> Keyholder::end() {
  lanes_.clear();
  if (!process_) return std::nullopt;
  const auto exit_code = process_->wait(orderly_end);
  if (!exit_code || *exit_code == static_cast<int>(ExitCode::done)) return std::nullopt;
  return failure_for(*exit_code);
}

Keyholder::~Keyholder() {
  (void)end();
}

void Keyholder::kill() const {
  if (process_) process_->kill();
  for (const Lane& lane : lanes_) lane.shut_down();
}

void Keyholder::note_signatures(std::uint64_t count) {
  std::uint64_t known = signatures_.load(std::memory_order_relaxed);
  while (known < count &&
         !signatures_.compare_exchange_weak(known, count, std::memory_order_relaxed)) {
  }
}

std::uint64_t Keyholder::signatures() const {
  return signatures_.load(std::memory_order_relaxed) - signatures_before_;
}

std::uint64_t Keyholder::unaccounted() const {
  const std::uint64_t made = signatures(), asked = asked_;  // in this order: neither goes back
  return made > asked ? made - asked : 0;
}

}  // namespace chancery::keyholder
