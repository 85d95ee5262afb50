#include <boost/test/unit_test.hpp>
#include <thread>

#include "api/metrics.h"

namespace chancery {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(text_format) {
  Metrics metrics;
  metrics.counter("b_total", "Things\\and\nlines", {{"kind", "a\"\\\n"}}).add(3);
  metrics.counter("b_total", "Things\\and\nlines", {{"kind", "z"}});
  metrics.gauge("a_gauge", "A value", {}, [] { return 2.5; });
  metrics.histogram("c_seconds", "Times").observe(0ns);
  metrics.histogram("c_seconds", "Times").observe(100us);
  metrics.histogram("c_seconds", "Times").observe(3s);
  metrics.histogram("c_seconds", "Times").observe(1h);
  metrics.histogram("d_seconds", "Never");
  const std::string expected =
      "# HELP a_gauge A value\n# TYPE a_gauge gauge\na_gauge 2.5\n"
      "# HELP b_total Things\\\\and\\nlines\n# TYPE b_total counter\n"
      "b_total{kind=\"a\\\"\\\\\\n\"} 3\nb_total{kind=\"z\"} 0\n"
      "# HELP c_seconds Times\n# TYPE c_seconds histogram\n"
      "c_seconds_bucket{le=\"0.0001\"} 2\nc_seconds_bucket{le=\"0.00025\"} 2\n"
      "c_seconds_bucket{le=\"0.0005\"} 2\nc_seconds_bucket{le=\"0.001\"} 2\n"
      "c_seconds_bucket{le=\"0.0025\"} 2\nc_seconds_bucket{le=\"0.005\"} 2\n"
      "c_seconds_bucket{le=\"0.01\"} 2\nc_seconds_bucket{le=\"0.025\"} 2\n"
      "c_seconds_bucket{le=\"0.05\"} 2\nc_seconds_bucket{le=\"0.1\"} 2\n"
      "c_seconds_bucket{le=\"0.25\"} 2\nc_seconds_bucket{le=\"0.5\"} 2\n"
      "c_seconds_bucket{le=\"1\"} 2\nc_seconds_bucket{le=\"2.5\"} 2\n"
      "c_seconds_bucket{le=\"5\"} 3\nc_seconds_bucket{le=\"10\"} 3\n"
      "c_seconds_bucket{le=\"+Inf\"} 4\nc_seconds_sum 3603.0001\nc_seconds_count 4\n"
      "# HELP d_seconds Never\n# TYPE d_seconds histogram\n";
  BOOST_TEST(metrics.text() == expected);
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_between_threads) {
  Metrics metrics;
  Counter& counter = metrics.counter("n_total", "n");
  Histogram& histogram = metrics.histogram("n_seconds", "n");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 10000; ++k) {
        counter.add();
        histogram.observe(1us);
        if (k % 1000 == 0) (void)metrics.text();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(counter.value() == 40000U);
  BOOST_TEST(histogram.count() == 40000U);
}

BOOST_AUTO_TEST_CASE(requests_by_route_and_class) {
  const auto handler = [](HttpRequest&) { return HttpResponse{}; };
  const std::vector<Route> routes = {{"GET", "/a", "a", "", handler},
                                     {"GET", "/b", "b", "", handler}};
  Metrics metrics;
  RequestMetrics requests(metrics, routes);
  requests.observe({0, 200, 1ms});
  requests.observe({0, 204, 1ms});
  requests.observe({1, 503, 1ms});
  requests.observe({2, 404, 1ms});
  const std::string text = metrics.text();
  for (const char* line :
       {"_count{route=\"a\",status=\"2xx\"} 2\n", "_count{route=\"b\",status=\"5xx\"} 1\n",
        "_count{route=\"none\",status=\"4xx\"} 1\n"}) {
    BOOST_TEST_CONTEXT(line) {
      BOOST_TEST(text.find(line) != text.npos);
    }
  }
  BOOST_TEST(text.find("_count{route=\"a\",status=\"4xx\"}") == text.npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
