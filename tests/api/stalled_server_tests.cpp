#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <thread>

#include "api/connection_server.h"
#include "tests/api/http_client.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using test::get_request;
using test::HttpClient;

HttpResponse ok(HttpRequest&) {
  std::this_thread::sleep_for(5ms);
  return {200, "text/plain", {}, "ok"};
}

/// A server in a process of its own, which can stand still as a whole: a disk that does not answer,
/// a machine that is moved or has too much to do. SIGTERM stops it in order.
class ServerProcess {
 public:
  explicit ServerProcess(const ServerOptions& options) {
    std::array<int, 2> pipe{};
    BOOST_TEST_REQUIRE(::pipe(pipe.data()) == 0);
    process_ = ::fork();
    BOOST_TEST_REQUIRE(process_ >= 0);
    if (process_ == 0) run(options, pipe[1]);
    ::close(pipe[1]);
    const bool known = ::read(pipe[0], &port_, sizeof port_) == sizeof port_;
    ::close(pipe[0]);
    BOOST_TEST_REQUIRE(known);
  }
  ~ServerProcess() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

  void stand_still() const {
    ::kill(process_, SIGSTOP);
    BOOST_TEST_REQUIRE(::waitpid(process_, nullptr, WUNTRACED) == process_);
  }
  void go_on() const { ::kill(process_, SIGCONT); }
  void terminate() const { ::kill(process_, SIGTERM); }

 private:
  [[noreturn]] static void run(ServerOptions options, int announce) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &terminate, nullptr);  // in the server's threads too
    options.address = {"127.0.0.1", 0};
    const auto server = ConnectionServer::start(std::move(options), ok);
    if (!server) ::_exit(1);
    const std::uint16_t port = (*server)->port();
    if (::write(announce, &port, sizeof port) != sizeof port) ::_exit(1);
    int signal = 0;
    ::sigwait(&terminate, &signal);
    (*server)->stop();
    ::_exit(0);
  }

  pid_t process_ = -1;
  std::uint16_t port_ = 0;
};

constexpr auto deadline = 2s;
constexpr auto stall = deadline + 500ms;
constexpr unsigned crowd = 40;

ServerOptions short_deadlines() {
  ServerOptions options;
  options.workers = 2;
  options.connections = crowd;
  options.deadlines.request = options.deadlines.idle = deadline;
  return options;
}

std::vector<HttpClient> connect(const ServerProcess& server) {
  std::vector<HttpClient> clients;
  for (unsigned i = 0; i < crowd; ++i) {
    clients.emplace_back(server.port());
    BOOST_TEST_REQUIRE(clients.back().get("/").status == 200);
  }
  return clients;
}

}  // namespace

// What is there when the server comes to look, is answered, however late that is.
BOOST_AUTO_TEST_SUITE(stalled_server)

BOOST_AUTO_TEST_CASE(deadlines_are_the_clients_not_the_servers) {
  const ServerProcess server(short_deadlines());
  std::vector<HttpClient> clients = connect(server);
  const std::string request = get_request("/");
  for (unsigned i = 0; i < crowd; i += 2) clients[i].send(request.substr(0, 10));
  server.stand_still();
  for (unsigned i = 0; i < crowd; ++i) clients[i].send(request.substr(i % 2 == 0 ? 10 : 0));
  std::this_thread::sleep_for(stall);
  server.go_on();
  for (HttpClient& client : clients) BOOST_TEST(client.receive().status == 200);
}

BOOST_AUTO_TEST_CASE(who_was_silent_is_cut_off_all_the_same) {
  const ServerProcess server(short_deadlines());
  std::vector<HttpClient> clients = connect(server);
  clients[0].send(get_request("/").substr(0, 10));
  std::this_thread::sleep_for(100ms);
  server.stand_still();
  std::this_thread::sleep_for(stall);
  server.go_on();
  for (HttpClient& client : clients) BOOST_TEST(client.closes());
}

BOOST_AUTO_TEST_CASE(who_has_asked_is_not_idle) {
  ServerOptions options = short_deadlines();
  options.deadlines = {};
  const ServerProcess server(options);
  std::vector<HttpClient> clients = connect(server);
  server.stand_still();
  for (HttpClient& client : clients) client.send(get_request("/"));
  std::vector<HttpClient> more;  // for whom room is to be made
  for (unsigned i = 0; i < crowd; ++i) more.emplace_back(server.port());
  server.go_on();
  for (HttpClient& client : clients) BOOST_TEST(client.receive().status == 200);
}

BOOST_AUTO_TEST_CASE(stopping_answers_what_has_come) {
  const ServerProcess server(short_deadlines());
  std::vector<HttpClient> clients = connect(server);
  server.stand_still();
  for (HttpClient& client : clients) client.send(get_request("/"));
  server.terminate();
  server.go_on();
  for (HttpClient& client : clients) {
    BOOST_TEST(client.receive().status == 200);
    BOOST_TEST(client.closes());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
