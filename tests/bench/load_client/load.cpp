#include "tests/bench/load_client/load.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <vector>

#include "tests/bench/load_client/client.h"
#include "tests/bench/load_client/requests.h"

namespace chancery::load {

namespace {

using namespace std::chrono_literals;
using Duration = Clock::duration;

constexpr Duration pause_after_failure = 100ms;  // so that a dead server is not hammered
constexpr Duration housekeeping = 50ms;          // how often deadlines are looked at

Duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}
double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Run {
 public:
  Run(const Options& options, const Endpoint& endpoint, Requests requests)
      : options_(options), requests_(std::move(requests)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    CHECK(epoll_ >= 0);
    for (unsigned i = 0; i < options.clients; ++i) slots_.emplace_back(endpoint);
  }
  ~Run() { ::close(epoll_); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Report go() {
    connect_all();
    start();
    while (!finished()) wait();
    report_.seconds = to_seconds(last_answer_ - measured_from_);
    report_.cpu_seconds = cpu_at_end_ - cpu_at_start_;
    return std::move(report_);
  }

 private:
  struct Slot {
    explicit Slot(const Endpoint& endpoint) : client(endpoint) {}
    Client client;
    std::uint32_t watched = 0;               // epoll events; 0: not registered
    std::optional<Clock::time_point> retry;  // when to connect again
  };

  // Until every client is connected or has failed; the handshakes are not part of the measurement.
  void connect_all() {
    for (Slot& slot : slots_) connect(slot);
    while (std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
      return slot.client.state() == Client::State::connecting;
    })) {
      wait();
    }
  }

  void start() {
    now_ = Clock::now();
    started_ = true;
    measured_from_ = now_ + from_seconds(options_.warm_up);
    warm_ = options_.warm_up == 0;
    last_answer_ = measured_from_;
    stop_at_ = measured_from_ + from_seconds(options_.seconds);
    cpu_at_start_ = cpu_at_end_ = cpu_seconds();
    for (Slot& slot : slots_) {
      if (slot.client.state() == Client::State::ready) send(slot);
    }
  }

  [[nodiscard]] bool may_send() const {
    return started_ && now_ < stop_at_ && (options_.requests == 0 || sent_ < options_.requests);
  }

  bool finished() {
    if (may_send()) return false;
    return std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
      return slot.client.state() == Client::State::busy;
    });
  }

  void wait() {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(housekeeping);
    const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()),
                                 static_cast<int>(milliseconds.count()));
    now_ = Clock::now();
    for (int i = 0; i < count; ++i) {
      Slot& slot = *static_cast<Slot*>(events_[static_cast<std::size_t>(i)].data.ptr);
      handle(slot, slot.client.advance());
    }
    if (now_ >= next_housekeeping_) look_at_deadlines();
  }

  void look_at_deadlines() {
    next_housekeeping_ = now_ + housekeeping;
    if (!warm_ && started_ && now_ >= measured_from_) {
      warm_ = true;
      cpu_at_start_ = cpu_seconds();
    }
    for (Slot& slot : slots_) {
      const auto state = slot.client.state();
      const bool waits = state == Client::State::connecting || state == Client::State::busy;
      if (waits && now_ - slot.client.began() > from_seconds(options_.timeout)) {
        slot.client.close();
        handle_failure(slot, "time-out");
      } else if (slot.retry && now_ >= *slot.retry && may_send()) {
        connect(slot);
      }
    }
  }

  void connect(Slot& slot) {
    slot.retry.reset();
    handle(slot, slot.client.connect(Clock::now()));
  }

  void send(Slot& slot) {
    ++sent_;
    handle(slot, slot.client.send(requests_.next(), requests_.head(), Clock::now()));
  }

  void handle(Slot& slot, Client::Event event) {
    switch (event) {
      case Client::Event::nothing:
        break;
      case Client::Event::connected:
        if (may_send()) return send(slot);
        break;
      case Client::Event::answered:
        return handle_answer(slot);
      case Client::Event::failed:
        return handle_failure(slot, slot.client.problem());
    }
    watch(slot);
  }

  void handle_answer(Slot& slot) {
    const auto now = Clock::now();
    const Response& response = slot.client.response();
    count_answer(response, now, slot.client.began());
    if (!response.keep_alive()) {
      slot.client.close();
      slot.watched = 0;
      if (may_send()) connect(slot);
      return;
    }
    if (may_send()) return send(slot);
    watch(slot);
  }

  void count_answer(const Response& response, Clock::time_point now, Clock::time_point began) {
    const auto& expected = options_.expected;
    const int status = response.status();
    const bool good = expected.empty()
                          ? status / 100 == 2
                          : std::find(expected.begin(), expected.end(), status) != expected.end();
    if (!good && report_.unexpected++ == 0) {
      report_.first_unexpected = std::to_string(status) + " " + response.body_start();
    }
    if (began < measured_from_) return;
    ++report_.statuses[status];
    report_.latency.add(std::chrono::duration_cast<std::chrono::microseconds>(now - began));
    last_answer_ = now;
    if (!may_send()) cpu_at_end_ = cpu_seconds();
  }

  void handle_failure(Slot& slot, const std::string& problem) {
    slot.watched = 0;  // closing the descriptor took it out of the epoll set
    ++report_.errors[problem];
    slot.retry = Clock::now() + pause_after_failure;
  }

  void watch(Slot& slot) {
    const std::uint32_t wanted = EPOLLIN | (slot.client.wants_write() ? EPOLLOUT : 0U);
    if (slot.watched == wanted) return;
    epoll_event event{};
    event.events = wanted;
    event.data.ptr = &slot;
    const int operation = slot.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    CHECK(epoll_ctl(epoll_, operation, slot.client.descriptor(), &event) == 0);
    slot.watched = wanted;
  }

  const Options& options_;
  Requests requests_;
  int epoll_;
  std::deque<Slot> slots_;  // their addresses are in the epoll set
  std::array<epoll_event, 256> events_{};
  Report report_;

  bool started_ = false, warm_ = false;
  std::uint64_t sent_ = 0;
  Clock::time_point now_, measured_from_, stop_at_, last_answer_, next_housekeeping_;
  double cpu_at_start_ = 0, cpu_at_end_ = 0;
};

}  // namespace

Result<Report> run_load(const Options& options) {
  ASSIGN_OR_RETURN(const Target target, parse_url(options.url));
  ASSIGN_OR_RETURN(const Endpoint endpoint, Endpoint::create(target, options));
  ASSIGN_OR_RETURN(Requests requests, Requests::create(target, options));
  return Run(options, endpoint, std::move(requests)).go();
}

}  // namespace chancery::load
