#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace chancery {

/// Runs `work` on a thread of its own: at once, then each `interval`, and soon after a wake().
/// `work` never runs twice at the same time. The destructor lets it finish and stops.
class Ticker {
 public:
  Ticker(std::chrono::milliseconds interval, std::function<void()> work);
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  void wake();

 private:
  void run();

  const std::chrono::milliseconds interval_;
  const std::function<void()> work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false, stopping_ = false;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace chancery
