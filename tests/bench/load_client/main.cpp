// chancery-load: see --help.

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tests/bench/load_client/load.h"

namespace {

using chancery::load::Options;
using chancery::load::Report;

double rate(const Report& report) {
  return report.seconds > 0 ? static_cast<double>(report.latency.count()) / report.seconds : 0;
}
double cpu_microseconds(const Report& report) {
  const auto count = static_cast<double>(report.latency.count());
  return count > 0 ? report.cpu_seconds * 1e6 / count : 0;
}

void print_json(const Options& options, const Report& report) {
  nlohmann::json statuses = nlohmann::json::object();
  for (const auto& [status, count] : report.statuses) statuses[std::to_string(status)] = count;
  const nlohmann::json document = {
      {"clients", options.clients},
      {"requests", report.latency.count()},
      {"seconds", report.seconds},
      {"rate", rate(report)},
      {"latency_us",
       {{"mean", report.latency.mean()},
        {"p50", report.latency.quantile(0.50)},
        {"p90", report.latency.quantile(0.90)},
        {"p99", report.latency.quantile(0.99)},
        {"max", report.latency.max()}}},
      {"statuses", statuses},
      {"unexpected", report.unexpected},
      {"first_unexpected", report.first_unexpected},
      {"errors", report.errors},
      {"client_cpu_us", cpu_microseconds(report)},
  };
  using Json = nlohmann::json;
  std::printf("%s\n", document.dump(2, ' ', true, Json::error_handler_t::replace).c_str());
}

void print_text(const Options& options, const Report& report) {
  const auto milliseconds = [&](double fraction) {
    return static_cast<double>(report.latency.quantile(fraction)) / 1000;
  };
  std::printf("%llu answers in %.2f s with %u clients: %.0f/s\n",
              static_cast<unsigned long long>(report.latency.count()), report.seconds,
              options.clients, rate(report));
  std::printf("latency  p50 %.3f ms  p90 %.3f ms  p99 %.3f ms  max %.3f ms\n", milliseconds(0.50),
              milliseconds(0.90), milliseconds(0.99),
              static_cast<double>(report.latency.max()) / 1000);
  std::printf("client   %.1f us CPU a request\n", cpu_microseconds(report));
  for (const auto& [status, count] : report.statuses) {
    std::printf("status   %d: %llu\n", status, static_cast<unsigned long long>(count));
  }
  for (const auto& [problem, count] : report.errors) {
    std::printf("error    %s: %llu\n", problem.c_str(), static_cast<unsigned long long>(count));
  }
  if (report.unexpected > 0) {
    std::printf("%llu answers were not expected; the first: %s\n",
                static_cast<unsigned long long>(report.unexpected),
                report.first_unexpected.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a server that goes away is an error to count
  const Options options = chancery::load::read_options(argc, argv);
  const auto report = chancery::load::run_load(options);
  if (!report) {
    std::fprintf(stderr, "chancery-load: %s\n", report.error().message.c_str());
    return 2;
  }
  options.json ? print_json(options, *report) : print_text(options, *report);
  return report->good() ? 0 : 1;
}
