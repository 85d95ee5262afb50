#include <boost/test/unit_test.hpp>
#include <future>
#include <stdexcept>

#include "api/connection_server.h"
#include "tests/api/gate.h"
#include "tests/api/http_client.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::get_request;
using test::HttpClient;
using test::post_request;

std::unique_ptr<ConnectionServer> serve(Handler handler, ServerOptions options = {}) {
  options.address = {"127.0.0.1", 0};
  options.workers = std::min(options.workers, 4U);
  options.connections = std::min(options.connections, 64U);
  auto server = ConnectionServer::start(std::move(options), std::move(handler));
  BOOST_TEST_REQUIRE(server.has_value());
  return std::move(*server);
}

/// Says what it was asked.
HttpResponse echo(HttpRequest& request) {
  return {200,
          "text/plain",
          {},
          request.method + " " + request.path + " " + std::string(text_of(request.body))};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(connection_server)

BOOST_AUTO_TEST_CASE(one_connection_many_requests) {
  const auto server = serve(echo);
  HttpClient client(server->port());
  for (int i = 0; i < 100; ++i) {
    const std::string path = "/" + std::to_string(i);
    const Answer answer = client.get(path);
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.body == "GET " + path + " ");
    BOOST_TEST(answer.header("X-Request-Id").starts_with("req-"));
  }
  client.send(get_request("/", "X-Request-Id: mine\r\n"));
  BOOST_TEST(client.receive().header("x-request-id").starts_with("req-"));
  BOOST_TEST(server->counters().requests == 101U);
  BOOST_TEST(server->counters().accepted == 1U);
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_answered_in_order) {
  const auto server = serve(echo);
  HttpClient client(server->port());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += i % 2 == 0 ? get_request("/" + std::to_string(i))
                      : post_request("/" + std::to_string(i), std::string(1000, 'x'));
  }
  client.send(all);
  for (int i = 0; i < 50; ++i) {
    const std::string start = (i % 2 == 0 ? "GET /" : "POST /") + std::to_string(i) + " ";
    BOOST_TEST(client.receive().body.starts_with(start));
  }
}

BOOST_AUTO_TEST_CASE(bodies) {
  const auto server = serve(echo);
  HttpClient client(server->port());
  client.send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.send("2\r\nde\r\n0\r\n\r\n");
  BOOST_TEST(client.receive().body == "POST /a abcde");

  client.send("POST /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  BOOST_TEST(client.receive().status == 100);
  client.send("xy");
  BOOST_TEST(client.receive().body == "POST /b xy");

  const std::string large(limits::body_bytes, 'z');
  client.send(post_request("/c", large));
  BOOST_TEST(client.receive().body.size() == large.size() + 8);
}

BOOST_AUTO_TEST_CASE(head_and_old_clients) {
  const auto server = serve(echo);
  HttpClient client(server->port());
  client.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
  const Answer head = client.receive(true);
  BOOST_TEST(head.header("Content-Length") == "8");
  BOOST_TEST(client.get("/b").body == "GET /b ");

  client.send("GET /c HTTP/1.0\r\n\r\n");
  BOOST_TEST(client.receive().header("Connection") == "Close");
  BOOST_TEST(client.closes());
}

BOOST_AUTO_TEST_CASE(bad_requests_are_told_what_is_wrong) {
  const auto server = serve(echo);
  struct Row {
    std::string name, text;
    int status;
    bool closes = true;
  };
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::vector<Row> rows = {
      {"garbage", "\x16\x03\x01\x02\r\n\r\n", 400},
      {"bad path", get_request("/a/../b"), 400, false},
      {"long target", get_request("/" + std::string(2000, 'a')), 414},
      {"large headers", get_request("/", "X: " + std::string(20000, 'a') + "\r\n"), 431},
      {"large body", post_request("/", std::string(limits::body_bytes + 1, 'a')), 413},
      {"length and chunked",
       post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"bad chunk", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
      {"unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      HttpClient client(server->port());
      client.try_send(row.text);
      const Answer answer = client.receive();
      BOOST_TEST(answer.status == row.status);
      BOOST_TEST(answer.header("Content-Type") == "application/problem+json");
      BOOST_TEST(answer.body.find(answer.header("X-Request-Id")) != answer.body.npos);
      if (row.closes) {
        BOOST_TEST(client.closes());
      } else {
        BOOST_TEST(client.get("/still").status == 200);
      }
    }
  }
  BOOST_TEST(server->counters().refused_requests == rows.size());
}

BOOST_AUTO_TEST_CASE(what_ends_too_early) {
  const auto server = serve(echo);
  for (const char* text :
       {"GET / HTTP/1.1\r\nHost: h\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    BOOST_TEST_CONTEXT(text) {
      HttpClient client(server->port());
      client.send(text);
      client.end_sending();
      BOOST_TEST(client.receive().status == 400);
      BOOST_TEST(client.closes());
    }
  }
  HttpClient silent(server->port());
  silent.end_sending();
  BOOST_TEST(silent.closes());
  BOOST_TEST(test::eventually([&] { return server->counters().open == 0; }));
  BOOST_TEST(server->counters().requests == 0U);
}

BOOST_AUTO_TEST_CASE(a_failing_handler_is_a_500) {
  std::promise<std::string> defect;
  ServerOptions options;
  options.on_defect = [&](const std::string& line) { defect.set_value(line); };
  const auto server = serve(
      [](HttpRequest&) -> HttpResponse { throw std::runtime_error("secret"); }, std::move(options));
  HttpClient client(server->port());
  const Answer answer = client.get("/");
  BOOST_TEST(answer.status == 500);
  BOOST_TEST(answer.body.find("secret") == answer.body.npos);
  const std::string line = defect.get_future().get();
  BOOST_TEST(line.find("secret") != line.npos);
  BOOST_TEST(line.find(answer.header("X-Request-Id")) != line.npos);
}

BOOST_AUTO_TEST_CASE(a_reader_who_does_not_read_holds_no_worker) {
  const auto document = Document::in_memory(Bytes(16 << 20, std::uint8_t{'d'}));
  ServerOptions options;
  options.workers = 1;
  const auto server = serve(
      [&](HttpRequest& request) {
        return request.path == "/large" ? HttpResponse{200, "text/plain", {}, {}, document}
                                        : echo(request);
      },
      std::move(options));
  std::vector<HttpClient> lazy;
  for (int i = 0; i < 8; ++i) {
    lazy.emplace_back(server->port());
    lazy.back().send(get_request("/large"));
  }
  BOOST_TEST(test::eventually([&] { return server->counters().requests == 8; }));
  HttpClient other(server->port());
  for (int i = 0; i < 20; ++i) BOOST_TEST(other.get("/").status == 200);
  for (HttpClient& client : lazy) {
    BOOST_TEST(text_of(document->all().value()) == client.receive().body);
  }
}

BOOST_AUTO_TEST_CASE(the_connection_keeps_what_handlers_put_there) {
  const auto server = serve([](HttpRequest& request) {
    int* count = std::any_cast<int>(&request.peer->session);
    request.peer->session = count == nullptr ? 1 : *count + 1;
    return HttpResponse{200,
                        "text/plain",
                        {{"X-Address", request.peer->address}},
                        std::to_string(std::any_cast<int>(request.peer->session))};
  });
  HttpClient first(server->port()), second(server->port());
  BOOST_TEST(first.get("/").body == "1");
  BOOST_TEST(first.get("/").body == "2");
  const Answer answer = second.get("/");
  BOOST_TEST(answer.body == "1");
  BOOST_TEST(answer.header("X-Address") == "127.0.0.1");
}

BOOST_AUTO_TEST_CASE(stopping_finishes_what_has_begun) {
  test::Gate gate;
  const auto server = serve([&](HttpRequest& request) {
    gate.pass();
    return echo(request);
  });
  HttpClient busy(server->port()), idle(server->port()), sending(server->port());
  busy.send(get_request("/busy"));
  BOOST_TEST_REQUIRE(gate.wait_for(1));
  const std::size_t held = server->counters().held_bytes;
  sending.send("POST /sending HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
  BOOST_TEST(test::eventually([&] { return server->counters().held_bytes > held; }));
  const std::uint16_t port = server->port();
  auto stopped = std::async(std::launch::async, [&] { server->stop(); });
  BOOST_TEST(idle.closes());
  BOOST_CHECK_THROW(HttpClient{port}, std::runtime_error);
  sending.send("b");
  BOOST_TEST_REQUIRE(gate.wait_for(2));
  BOOST_TEST((stopped.wait_for(0s) == std::future_status::timeout));
  gate.open();
  const Answer answer = busy.receive();
  BOOST_TEST(answer.body == "GET /busy ");
  BOOST_TEST(answer.header("Connection") == "Close");
  BOOST_TEST(sending.receive().body == "POST /sending ab");
  BOOST_TEST((stopped.wait_for(20s) == std::future_status::ready));
  server->stop();
  BOOST_TEST(server->counters().open == 0U);
}

BOOST_AUTO_TEST_CASE(stopping_does_not_wait_for_ever) {
  ServerOptions options;
  options.stop_deadline = 50ms;
  const auto server = serve(echo, std::move(options));
  HttpClient sending(server->port());
  sending.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
  BOOST_TEST(test::eventually([&] { return server->counters().held_bytes > 0; }));
  server->stop();
  BOOST_TEST(sending.closes());
}

BOOST_AUTO_TEST_CASE(an_address_that_cannot_be_had) {
  const auto server = serve(echo);
  const std::pair<ListenAddress, ErrorCode> rows[] = {
      {{"127.0.0.1", server->port()}, ErrorCode::conflict},
      {{"no address", 0}, ErrorCode::invalid_request},
      {{"192.0.2.1", 0}, ErrorCode::invalid_request},  // of documentation, so not this machine's
  };
  for (const auto& [address, code] : rows) {
    ServerOptions options;
    options.address = address;
    const auto other = ConnectionServer::start(std::move(options), echo);
    BOOST_TEST_REQUIRE(!other.has_value());
    BOOST_TEST((other.error().code == code), address.host);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
