#include "api/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/result.h"

namespace chancery {
namespace {

bool is_metric_name(std::string_view name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9');
  });
}

std::string escape(std::string_view text, bool quotes) {
  std::string escaped;
  for (char c : text) {
    if (c == '\\' || (quotes && c == '"')) escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string label_text(const NamedValues& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    CHECK(is_metric_name(name));
    text += (text.empty() ? "" : ",") + name + "=\"" + escape(value, true) + "\"";
  }
  return text;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  CHECK(error == std::errc());
  return {text.data(), end};
}

/// Never 1e-04: series are the same only where their labels are.
std::string bound_text(double bound) {
  std::array<char, 32> text;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), bound, std::chars_format::fixed);
  CHECK(error == std::errc());
  return {text.data(), end};
}

std::string sample(const std::string& name, const std::string& labels, const std::string& value) {
  return name + (labels.empty() ? "" : "{" + labels + "}") + " " + value + "\n";
}

void write_histogram(std::string& text, const std::string& name, const std::string& labels,
                     const Histogram& histogram) {
  // One reading for all lines: it goes on counting meanwhile.
  std::array<std::uint64_t, Histogram::bounds.size() + 1> buckets;
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] = histogram.bucket(i);
  std::uint64_t below = 0;
  const std::string separator = labels.empty() ? "" : ",";
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    below += buckets[i];
    const std::string bound =
        i < Histogram::bounds.size() ? bound_text(Histogram::bounds[i]) : std::string("+Inf");
    text += sample(name + "_bucket", labels + separator + "le=\"" + bound + "\"",
                   std::to_string(below));
  }
  text += sample(name + "_sum", labels, number(histogram.sum_seconds()));
  text += sample(name + "_count", labels, std::to_string(below));
}

}  // namespace

void Histogram::observe(std::chrono::nanoseconds took) {
  const double seconds = std::chrono::duration<double>(took).count();
  const auto bound = std::lower_bound(bounds.begin(), bounds.end(), seconds);
  const auto index = static_cast<std::size_t>(bound - bounds.begin());
  buckets_[index].fetch_add(1, std::memory_order_relaxed);
  sum_nanoseconds_.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
  std::uint64_t count = 0;
  for (const auto& bucket : buckets_) count += bucket.load(std::memory_order_relaxed);
  return count;
}

double Histogram::sum_seconds() const {
  return static_cast<double>(sum_nanoseconds_.load(std::memory_order_relaxed)) / 1e9;
}

Metrics::Series& Metrics::series(const std::string& name, const std::string& type,
                                 const std::string& help, const NamedValues& labels) {
  CHECK(is_metric_name(name));
  const std::string text = label_text(labels);
  Family& family = families_[name];
  if (family.type.empty()) {
    family.type = type;
    family.help = help;
  }
  CHECK(family.type == type);
  for (Series& existing : family.series) {
    if (existing.labels == text) return existing;
  }
  Series& added = family.series.emplace_back();
  added.labels = text;
  return added;
}

Counter& Metrics::counter(const std::string& name, const std::string& help,
                          const NamedValues& labels) {
  const std::lock_guard lock(mutex_);
  return series(name, "counter", help, labels).counter;
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              const NamedValues& labels) {
  const std::lock_guard lock(mutex_);
  return series(name, "histogram", help, labels).histogram;
}

void Metrics::gauge(const std::string& name, const std::string& help, const NamedValues& labels,
                    std::function<double()> value) {
  const std::lock_guard lock(mutex_);
  series(name, "gauge", help, labels).value = std::move(value);
}

void Metrics::counter(const std::string& name, const std::string& help, const NamedValues& labels,
                      std::function<double()> value) {
  const std::lock_guard lock(mutex_);
  series(name, "counter", help, labels).value = std::move(value);
}

std::string Metrics::text() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& [name, family] : families_) {
    text += "# HELP " + name + " " + escape(family.help, false) + "\n";
    text += "# TYPE " + name + " " + family.type + "\n";
    for (const Series& series : family.series) {
      if (family.type == "histogram") {
        if (series.histogram.count() > 0)
          write_histogram(text, name, series.labels, series.histogram);
      } else if (series.value) {
        text += sample(name, series.labels, number(series.value()));
      } else {
        text += sample(name, series.labels, std::to_string(series.counter.value()));
      }
    }
  }
  return text;
}

RequestMetrics::RequestMetrics(Metrics& metrics, std::span<const Route> routes) {
  auto add = [&](const std::string& route) {
    for (std::size_t i = 1; i <= classes; ++i) {
      histograms_.push_back(&metrics.histogram(
          "chancery_http_request_seconds", "Time from a complete request to its answer",
          {{"route", route}, {"status", std::to_string(i) + "xx"}}));
    }
  };
  for (const Route& route : routes) add(route.name);
  add("none");
}

void RequestMetrics::observe(const Router::Served& served) {
  const auto status_class = static_cast<std::size_t>(std::clamp(served.status / 100, 1, 5)) - 1;
  histograms_.at(served.route * classes + status_class)->observe(served.took);
}

}  // namespace chancery
