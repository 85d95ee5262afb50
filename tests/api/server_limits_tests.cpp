#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <future>

#include "api/connection_server.h"
#include "tests/api/gate.h"
#include "tests/api/http_client.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::eventually;
using test::get_request;
using test::HttpClient;

std::unique_ptr<ConnectionServer> serve(ServerOptions options, Handler handler) {
  options.address = {"127.0.0.1", 0};
  auto server = ConnectionServer::start(std::move(options), std::move(handler));
  BOOST_TEST_REQUIRE(server.has_value());
  return std::move(*server);
}

HttpResponse ok(HttpRequest&) {
  return {200, "text/plain", {}, "ok"};
}

ServerOptions small() {
  ServerOptions options;
  options.workers = 2;
  options.connections = 64;
  return options;
}

/// As many descriptors as this process may have.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(server_limits)

BOOST_AUTO_TEST_CASE(slow_senders_are_cut_off_and_hold_nobody_up) {
  ServerOptions options = small();
  options.deadlines.request = 400ms;
  const auto server = serve(options, ok);
  std::vector<HttpClient> slow;
  for (int i = 0; i < 20; ++i) {
    slow.emplace_back(server->port());
    slow.back().send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  }
  HttpClient other(server->port());
  const auto trickle_until = Clock::now() + 20s;
  std::size_t alive = slow.size();
  while (alive > 0 && Clock::now() < trickle_until) {
    alive = 0;
    for (HttpClient& client : slow) {
      if (client.try_send("x")) ++alive;
    }
    BOOST_TEST(other.get("/").status == 200);
  }
  BOOST_TEST(alive == 0U);
  BOOST_TEST(server->counters().overdue == slow.size());
  BOOST_TEST(other.get("/").status == 200);
}

BOOST_AUTO_TEST_CASE(idle_connections_are_closed_in_the_end) {
  ServerOptions options = small();
  options.deadlines.idle = 50ms;
  const auto server = serve(options, ok);
  HttpClient fresh(server->port()), used(server->port());
  BOOST_TEST(used.get("/").status == 200);
  BOOST_TEST(fresh.closes());
  BOOST_TEST(used.closes());
}

BOOST_AUTO_TEST_CASE(an_answer_that_nobody_takes_is_given_up) {
  const auto document = Document::in_memory(Bytes(16 << 20, std::uint8_t{'d'}));
  const Handler large = [&](HttpRequest&) {
    return HttpResponse{200, "text/plain", {}, {}, document};
  };
  ServerOptions options = small();
  options.deadlines.response = 50ms;
  // By the default rate there are minutes for so much, by this one nothing to speak of.
  const auto patient = serve(options, large);
  options.deadlines.response_bytes_per_second = 1 << 30;
  const auto strict = serve(options, large);
  HttpClient taken(patient->port()), lazy(strict->port());
  taken.send(get_request("/"));
  lazy.send(get_request("/"));
  BOOST_TEST(eventually([&] { return strict->counters().overdue == 1; }));
  BOOST_TEST(patient->counters().overdue == 0U);
  BOOST_TEST(taken.receive().body.size() == document->size());
  BOOST_CHECK_THROW(lazy.receive(), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(thousands_of_idle_connections_need_no_thread) {
  // Both ends of each connection are in this process.
  const std::size_t descriptors = raise_descriptor_limit();
  BOOST_TEST_REQUIRE(descriptors > 1000U);
  const std::size_t count = std::min<std::size_t>(2000, (descriptors - 500) / 2);
  ServerOptions options = small();
  options.workers = 8;
  options.connections = 4096;
  const auto server = serve(options, ok);
  std::vector<HttpClient> idle;
  for (std::size_t i = 0; i < count; ++i) {
    idle.emplace_back(server->port());
    BOOST_TEST_REQUIRE(idle.back().get("/").status == 200);
  }
  BOOST_TEST(server->counters().open == count);
  BOOST_TEST(server->counters().idle_workers > 0U);
  for (HttpClient& client : idle) BOOST_TEST_REQUIRE(client.get("/").status == 200);
  BOOST_TEST(server->counters().accepted == count);
  BOOST_TEST(server->counters().evicted == 0U);
}

BOOST_AUTO_TEST_CASE(beyond_the_bound_the_longest_idle_one_goes) {
  ServerOptions options = small();
  options.connections = 3;
  const auto server = serve(options, ok);
  // An answer arrives a moment before its connection begins to be idle.
  auto use = [&](HttpClient& client) {
    return client.get("/").status == 200 &&
           eventually([&] { return server->counters().idle_workers == options.workers; });
  };
  std::vector<HttpClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server->port());
    BOOST_TEST_REQUIRE(use(clients.back()));
  }
  BOOST_TEST_REQUIRE(use(clients[0]));  // now the second is idle for the longest time
  HttpClient fourth(server->port());
  BOOST_TEST(fourth.get("/").status == 200);
  BOOST_TEST(clients[1].closes());
  BOOST_TEST(clients[0].get("/").status == 200);
  BOOST_TEST(clients[2].get("/").status == 200);
  BOOST_TEST(server->counters().evicted == 1U);
  BOOST_TEST(server->counters().open == 3U);
}

BOOST_AUTO_TEST_CASE(beyond_the_bound_and_none_idle_the_new_one_goes) {
  ServerOptions options = small();
  options.connections = 2;
  test::Gate gate;
  const auto server = serve(options, [&](HttpRequest& request) {
    gate.pass();
    return ok(request);
  });
  HttpClient first(server->port()), second(server->port());
  first.send(get_request("/"));
  second.send(get_request("/"));
  BOOST_TEST_REQUIRE(gate.wait_for(2));
  HttpClient third(server->port());
  BOOST_TEST(third.closes());
  BOOST_TEST(eventually([&] { return server->counters().turned_away == 1; }));
  gate.open();
  BOOST_TEST(first.receive().status == 200);
  BOOST_TEST(second.receive().status == 200);
}

BOOST_AUTO_TEST_CASE(beyond_the_queue_the_answer_is_503_at_once) {
  ServerOptions options = small();
  options.workers = 1;
  options.requests_queued = 1;
  test::Gate gate;
  const auto server = serve(options, [&](HttpRequest& request) {
    gate.pass();
    return ok(request);
  });
  HttpClient running(server->port()), queued(server->port()), refused(server->port());
  running.send(get_request("/"));
  BOOST_TEST_REQUIRE(gate.wait_for(1));
  queued.send(get_request("/"));
  BOOST_TEST_REQUIRE(eventually([&] { return server->counters().queued == 1; }));
  for (int i = 0; i < 3; ++i) {
    const Answer answer = refused.get("/");
    BOOST_TEST(answer.status == 503);
    BOOST_TEST(answer.header("Retry-After") == "1");
  }
  BOOST_TEST(server->counters().overloaded == 3U);
  gate.open();
  BOOST_TEST(running.receive().status == 200);
  BOOST_TEST(queued.receive().status == 200);
  BOOST_TEST(refused.get("/").status == 200);
}

BOOST_AUTO_TEST_CASE(nobody_waits_in_the_queue_for_ever) {
  ServerOptions options = small();
  options.workers = 1;
  options.queue_deadline = 50ms;
  test::Gate gate;
  const auto server = serve(options, [&](HttpRequest& request) {
    if (request.path == "/slow") gate.pass();
    return ok(request);
  });
  // Else the first one may find no worker yet, and have to wait in the queue itself.
  BOOST_TEST_REQUIRE(eventually([&] { return server->counters().idle_workers == 1; }));
  HttpClient running(server->port()), queued(server->port());
  running.send(get_request("/slow"));
  BOOST_TEST_REQUIRE(gate.wait_for(1));
  // No worker has to come free for that answer, and the connection goes on.
  for (int i = 0; i < 2; ++i) BOOST_TEST(queued.get("/").status == 503);
  BOOST_TEST(server->counters().overloaded == 2U);
  BOOST_TEST(server->counters().queued == 0U);
  gate.open();
  BOOST_TEST(running.receive().status == 200);
  BOOST_TEST(queued.get("/").status == 200);
}

BOOST_AUTO_TEST_CASE(all_workers_blocked_for_longer_than_the_deadlines) {
  ServerOptions options = small();
  options.deadlines.request = options.deadlines.idle = 200ms;
  test::Gate gate;
  const auto server = serve(options, [&](HttpRequest& request) {
    gate.pass();
    return ok(request);
  });
  BOOST_TEST_REQUIRE(eventually([&] { return server->counters().idle_workers == 2; }));
  std::vector<HttpClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(server->port());
    clients.back().send(get_request("/"));
    if (i == 1) BOOST_TEST_REQUIRE(gate.wait_for(2));
  }
  std::this_thread::sleep_for(600ms);
  BOOST_TEST(server->counters().overdue == 0U);
  gate.open();
  for (HttpClient& client : clients) BOOST_TEST(client.receive().status == 200);
}

BOOST_AUTO_TEST_CASE(connections_that_open_and_fail_while_all_workers_are_busy) {
  ServerOptions options = small();
  options.workers = 1;
  test::Gate gate;
  const auto server = serve(options, [&](HttpRequest& request) {
    gate.pass();
    return ok(request);
  });
  HttpClient running(server->port());
  running.send(get_request("/"));
  BOOST_TEST_REQUIRE(gate.wait_for(1));
  HttpClient bad(server->port());
  bad.send("nonsense\r\n\r\n");
  BOOST_TEST(bad.receive().status == 400);
  gate.open();
  BOOST_TEST(running.receive().status == 200);
}

BOOST_AUTO_TEST_CASE(bodies_under_way_are_bounded_together) {
  ServerOptions options = small();
  options.held_bytes = 100'000;
  const auto server = serve(options, ok);
  const std::string begin =
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 80001\r\n\r\n" + std::string(80'000, 'x');
  HttpClient first(server->port()), second(server->port());
  first.send(begin);
  BOOST_TEST_REQUIRE(eventually([&] { return server->counters().held_bytes > 80'000; }));
  second.send(begin);
  BOOST_TEST(second.receive().status == 503);
  BOOST_TEST(second.closes());
  first.send("x");
  BOOST_TEST(first.receive().status == 200);
  BOOST_TEST(eventually([&] { return server->counters().held_bytes == 0; }));
}

BOOST_AUTO_TEST_CASE(many_clients_at_once_come_and_go) {
  ServerOptions options = small();
  options.workers = 3;
  options.connections = 12;
  options.requests_queued = 4;
  options.deadlines.idle = 20ms;
  std::atomic<int> handled{0};
  const auto server = serve(options, [&](HttpRequest& request) {
    std::this_thread::sleep_for(200us);
    ++handled;
    return ok(request);
  });
  std::atomic<int> answered{0}, refused{0}, cut{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 40; ++i) {
        try {
          HttpClient client(server->port());
          for (int k = 0; k < 5; ++k) {
            const int status = client.get("/").status;
            ++(status == 200 ? answered : refused);
          }
        } catch (const std::runtime_error&) {
          ++cut;  // turned away, evicted between two requests, or idle for too long
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  server->stop();
  BOOST_TEST(answered > 0);
  BOOST_TEST(answered <= handled);
  const ServerCounters counters = server->counters();
  BOOST_TEST(static_cast<std::uint64_t>(handled) + counters.overloaded == counters.requests);
  BOOST_TEST(server->counters().open == 0U);
  BOOST_TEST(server->counters().held_bytes == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
