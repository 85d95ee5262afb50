#include <openssl/ssl.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "api/connection_server.h"
#include "api/tls.h"
#include "tests/api/http_client.h"
#include "tests/api/test_pki.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using test::ClientTls;
using test::HttpClient;
using test::make_identity;
using test::TestIdentity;

/// A root, an issuing CA, a server, and a server process that says what it knows of its clients.
struct Installation {
  TestIdentity root = make_identity({"root", nullptr, true});
  TestIdentity issuing = make_identity({"issuing", &root, true});
  TestIdentity server_certificate = make_identity({"server", &issuing, false, "serverAuth"});
  std::unique_ptr<TlsServer> tls;
  std::unique_ptr<ConnectionServer> server;

  explicit Installation(ServerOptions options = {}) {
    auto made = TlsServer::create(identity(server_certificate), trust());
    BOOST_TEST_REQUIRE(made.has_value());
    tls = std::move(*made);
    options.address = {"127.0.0.1", 0};
    options.workers = 4;
    options.connections = 64;
    auto started = ConnectionServer::start(std::move(options), describe_peer, tls.get());
    BOOST_TEST_REQUIRE(started.has_value());
    server = std::move(*started);
  }

  [[nodiscard]] ServerIdentity identity(const TestIdentity& of) const {
    return {{of.certificate, issuing.certificate}, Secret(of.key_pem)};
  }
  [[nodiscard]] ClientTrust trust() const { return {{root.certificate}, {issuing.certificate}}; }
  [[nodiscard]] std::uint16_t port() const { return server->port(); }

  static HttpResponse describe_peer(HttpRequest& request) {
    const auto& certificate = request.peer->certificate;
    const std::string what = !certificate            ? "none"
                             : certificate->verified ? "verified"
                                                     : certificate->problem;
    return {200,
            "text/plain",
            {{"X-Tls", request.peer->tls_version + " " + request.peer->tls_cipher},
             {"X-Certificate", certificate ? to_hex(tail_of(certificate->der)) : ""},
             {"X-Not-After", certificate ? to_rfc3339_seconds(certificate->not_after) : ""}},
            what};
  }
  static Bytes tail_of(const Bytes& der) { return Bytes(der.end() - 8, der.end()); }
};

ClientTls client_of(const TestIdentity& identity, std::vector<Bytes> more = {}) {
  more.insert(more.begin(), identity.certificate);
  return {std::move(more), identity.key_pem};
}

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  BOOST_TEST_REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), got);
  }
  ::pclose(pipe);
  return output;
}

/// A directory for the files that command line clients want.
struct Directory {
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tls_tests.XXXXXX").string();
    BOOST_TEST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
  std::filesystem::path path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tls)

BOOST_AUTO_TEST_CASE(what_becomes_of_a_client_certificate) {
  const Installation chancery;
  const TestIdentity foreign_root = make_identity({"foreign", nullptr, true});
  const TestIdentity namesake_root = make_identity({"root", nullptr, true});
  const TestIdentity no_ca = make_identity({"no CA", &chancery.root, false, "clientAuth"});
  struct Row {
    std::string name;
    test::TestCertificate certificate;
    std::string verdict;
  };
  const std::vector<Row> rows = {
      {"good", {"m", &chancery.issuing, false, "clientAuth"}, "verified"},
      {"both usages", {"m", &chancery.issuing, false, "serverAuth,clientAuth"}, "verified"},
      {"by the root", {"m", &chancery.root, false, "clientAuth"}, "verified"},
      {"expired",
       {"m", &chancery.issuing, false, "clientAuth", -7200, -60},
       "certificate has expired"},
      {"early",
       {"m", &chancery.issuing, false, "clientAuth", 600, 7200},
       "certificate is not yet valid"},
      {"for servers",
       {"m", &chancery.issuing, false, "serverAuth"},
       "unsuitable certificate purpose"},
      {"of another root",
       {"m", &foreign_root, false, "clientAuth"},
       "unable to get local issuer certificate"},
      {"of a root with the same name",
       {"m", &namesake_root, false, "clientAuth"},
       "certificate signature failure"},
      {"self-signed", {"m", nullptr, false, "clientAuth"}, "self-signed certificate"},
      {"by a machine",
       {"m", &no_ca, false, "clientAuth"},
       "unable to get local issuer certificate"},
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Row& row : rows) {
      BOOST_TEST_CONTEXT(row.name << " " << version) {
        const TestIdentity identity = make_identity(row.certificate);
        ClientTls tls = client_of(identity);
        tls.version = version;
        HttpClient client(chancery.port(), &tls);
        const test::Answer answer = client.get("/");
        BOOST_TEST(answer.body == row.verdict);
        BOOST_TEST(answer.header("X-Certificate") ==
                   to_hex(Installation::tail_of(identity.certificate)));
        BOOST_TEST(answer.header("X-Not-After").size() == 20U);
      }
    }
    ClientTls nobody;
    nobody.version = version;
    HttpClient client(chancery.port(), &nobody);
    BOOST_TEST(client.get("/").body == "none");
  }
}

BOOST_AUTO_TEST_CASE(an_issuer_that_the_client_brings_is_not_believed) {
  const Installation chancery;
  const TestIdentity foreign_root = make_identity({"foreign root", nullptr, true});
  const TestIdentity foreign_issuing = make_identity({"foreign issuing", &foreign_root, true});
  const TestIdentity machine = make_identity({"m", &foreign_issuing, false, "clientAuth"});
  const ClientTls tls = client_of(machine, {foreign_issuing.certificate, foreign_root.certificate});
  HttpClient client(chancery.port(), &tls);
  BOOST_TEST(client.get("/").body == "self-signed certificate in certificate chain");
}

BOOST_AUTO_TEST_CASE(versions_and_ciphers) {
  const Installation chancery;
  for (const auto& [version, name] :
       {std::pair{TLS1_2_VERSION, "TLSv1.2"}, {TLS1_3_VERSION, "TLSv1.3"}}) {
    ClientTls tls;
    tls.version = version;
    HttpClient client(chancery.port(), &tls);
    BOOST_TEST(client.tls_version() == name);
    const std::string said = client.get("/").header("X-Tls");
    BOOST_TEST(said.starts_with(std::string(name) + " "));
    BOOST_TEST((said.find("GCM") != said.npos || said.find("CHACHA20") != said.npos));
  }
  ClientTls old;
  old.version = TLS1_1_VERSION;
  BOOST_CHECK_THROW((HttpClient{chancery.port(), &old}), std::runtime_error);
  BOOST_TEST(test::eventually([&] { return chancery.server->counters().failed_handshakes == 1; }));
}

BOOST_AUTO_TEST_CASE(sessions_are_not_resumed) {
  const Installation chancery;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ClientTls tls = client_of(make_identity({"m", &chancery.issuing, false, "clientAuth"}));
    tls.version = version;
    HttpClient client(chancery.port(), &tls);
    BOOST_TEST(client.get("/").body == "verified");
    BOOST_TEST(!client.resumes(chancery.port(), tls));
  }
}

BOOST_AUTO_TEST_CASE(the_certificate_is_replaced_while_running) {
  const Installation chancery;
  const ClientTls nobody;
  HttpClient before(chancery.port(), &nobody);
  BOOST_TEST((before.server_certificate() == chancery.server_certificate.certificate));
  const TestIdentity renewed = make_identity({"server", &chancery.issuing, false, "serverAuth"});
  BOOST_TEST(chancery.tls->replace(chancery.identity(renewed), chancery.trust()).has_value());
  HttpClient after(chancery.port(), &nobody);
  BOOST_TEST((after.server_certificate() == renewed.certificate));
  BOOST_TEST(before.get("/").status == 200);
  BOOST_TEST(after.get("/").status == 200);

  ServerIdentity mixed = chancery.identity(renewed);
  mixed.key = Secret(chancery.server_certificate.key_pem);
  BOOST_TEST(!chancery.tls->replace(mixed, chancery.trust()).has_value());
  HttpClient later(chancery.port(), &nobody);
  BOOST_TEST((later.server_certificate() == renewed.certificate));
}

BOOST_AUTO_TEST_CASE(identities_and_anchors_that_cannot_be_used) {
  const Installation chancery;
  const TestIdentity& good = chancery.server_certificate;
  const ClientTrust trust = chancery.trust();
  struct Row {
    std::string name;
    std::vector<Bytes> chain;
    std::string key;
    ClientTrust trust;
  };
  Bytes trailing = good.certificate;
  trailing.push_back(0);
  const std::vector<Row> rows = {
      {"no certificate", {}, good.key_pem, trust},
      {"bad certificate", {{1, 2, 3}}, good.key_pem, trust},
      {"trailing byte", {trailing}, good.key_pem, trust},
      {"no key", {good.certificate}, "", trust},
      {"bad key", {good.certificate}, "-----BEGIN PRIVATE KEY-----\n", trust},
      {"key of another", {good.certificate}, chancery.root.key_pem, trust},
      {"bad anchor", {good.certificate}, good.key_pem, {{{1}}, {}}},
      {"intermediate as anchor",
       {good.certificate},
       good.key_pem,
       {{chancery.issuing.certificate}, {}}},
      {"anchor as intermediate",
       {good.certificate},
       good.key_pem,
       {{}, {chancery.root.certificate}}},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto made = TlsServer::create({row.chain, Secret(row.key)}, row.trust);
      BOOST_TEST_REQUIRE(!made.has_value());
      BOOST_TEST((made.error().code == ErrorCode::invalid_request));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_handshake_has_a_deadline_and_holds_nobody_up) {
  ServerOptions options;
  options.deadlines.handshake = 200ms;
  const Installation chancery(options);
  std::vector<HttpClient> silent;
  for (int i = 0; i < 10; ++i) {
    silent.emplace_back(chancery.port());
    silent.back().send("\x16\x03\x01");  // the beginning of a ClientHello
  }
  const ClientTls nobody;
  HttpClient client(chancery.port(), &nobody);
  BOOST_TEST(client.get("/").status == 200);
  for (HttpClient& each : silent) BOOST_TEST(each.closes());
  BOOST_TEST(chancery.server->counters().overdue == 10U);
  BOOST_TEST(chancery.server->counters().failed_handshakes == 10U);
}

BOOST_AUTO_TEST_CASE(plain_http_on_the_tls_port_gets_no_answer) {
  const Installation chancery;
  HttpClient client(chancery.port());
  client.send(test::get_request("/"));
  BOOST_CHECK_THROW(client.receive(), std::runtime_error);
  BOOST_TEST(chancery.server->counters().requests == 0U);
}

BOOST_AUTO_TEST_CASE(large_and_pipelined_requests_over_many_records) {
  const Installation chancery;
  const ClientTls nobody;
  HttpClient client(chancery.port(), &nobody);
  std::string all;
  for (int i = 0; i < 20; ++i) all += test::get_request("/");
  client.send(all);
  for (int i = 0; i < 20; ++i) BOOST_TEST(client.receive().status == 200);
  client.send(test::post_request("/", std::string(limits::body_bytes, 'x')) +
              test::get_request("/"));
  BOOST_TEST(client.receive().status == 200);
  BOOST_TEST(client.receive().status == 200);
}

BOOST_AUTO_TEST_CASE(clients_that_others_wrote) {
  const Installation chancery;
  const Directory directory;
  const TestIdentity machine = make_identity({"m", &chancery.issuing, false, "clientAuth"});
  const std::string certificate = directory.write("cert.pem", test::pem(machine.certificate));
  const std::string key = directory.write("key.pem", machine.key_pem);
  const std::string root = directory.write("root.pem", test::pem(chancery.root.certificate));
  const std::string port = std::to_string(chancery.port());

  const std::string curl =
      output_of("curl -sk --cert " + certificate + " --key " + key + " -X POST --data-binary @" +
                root + " https://127.0.0.1:" + port + "/a https://127.0.0.1:" + port + "/b");
  BOOST_TEST(curl == "verifiedverified");

  const std::string openssl = output_of(
      "printf 'GET / HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n' | openssl s_client "
      "-connect "
      "127.0.0.1:" +
      port + " -quiet -no_ign_eof -ign_eof -verify_return_error -CAfile " + root + " -cert " +
      certificate + " -key " + key);
  BOOST_TEST(openssl.find("verify return:1") != openssl.npos);
  BOOST_TEST(openssl.find("\r\n\r\nverified") != openssl.npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
