#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"
#include "api/router.h"

namespace chancery {

/// A number that only grows.
class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// How long things took, in buckets from 100 microseconds to 10 seconds.
class Histogram {
 public:
  static constexpr std::array<double, 16> bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                 0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                                 1,      2.5,     5,      10};

  void observe(std::chrono::nanoseconds took);
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] std::uint64_t bucket(std::size_t index) const {
    return buckets_[index].load(std::memory_order_relaxed);
  }
  [[nodiscard]] double sum_seconds() const;

 private:
  std::array<std::atomic<std::uint64_t>, bounds.size() + 1> buckets_{};  // the last: beyond
  std::atomic<std::uint64_t> sum_nanoseconds_{0};
};

/// The service's metrics, in Prometheus' text format 0.0.4. Registering takes a lock, counting does
/// not. The references stay valid as long as this object.
class Metrics {
 public:
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

  /// Aborts when the name is not Prometheus' [a-z_][a-z0-9_]* or is registered as another type.
  Counter& counter(const std::string& name, const std::string& help,
                   const NamedValues& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help,
                       const NamedValues& labels = {});
  /// Reads the value when the metrics are asked for; the function must be quick and thread-safe.
  void gauge(const std::string& name, const std::string& help, const NamedValues& labels,
             std::function<double()> value);
  /// The same for something that is counted elsewhere.
  void counter(const std::string& name, const std::string& help, const NamedValues& labels,
               std::function<double()> value);

  /// Histograms that have seen nothing are left out.
  [[nodiscard]] std::string text() const;

 private:
  struct Series {
    std::string labels;  // as written between the braces
    Counter counter;
    Histogram histogram;
    std::function<double()> value;
  };
  struct Family {
    std::string type, help;
    std::deque<Series> series;
  };
  Series& series(const std::string& name, const std::string& type, const std::string& help,
                 const NamedValues& labels);

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;
};

/// Times requests by route and class of status: chancery_http_request_seconds.
class RequestMetrics {
 public:
  RequestMetrics(Metrics& metrics, std::span<const Route> routes);
  void observe(const Router::Served& served);

 private:
  static constexpr std::size_t classes = 5;  // 1xx to 5xx
  std::vector<Histogram*> histograms_;       // route by route
};

}  // namespace chancery
