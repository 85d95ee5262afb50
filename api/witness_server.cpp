#include "api/witness_server.h"

#include <cstdio>

#include "api/problem.h"

namespace chancery {
namespace {

constexpr unsigned kWorkers = 8;  // one of them at a time is with the witness
constexpr unsigned kConnections = 256;

HttpResponse response_of(Witness::Answer answer) {
  HttpResponse response;
  response.status = answer.status;
  response.content_type = std::move(answer.content_type);
  response.headers = {{"Cache-Control", "no-store"}};
  response.body = std::move(answer.body);
  return response;
}

std::vector<Route> routes_of(Witness& witness) {
  return {{"POST", "/add-checkpoint", "addCheckpoint", std::string(any_body),
           [&witness](HttpRequest& request) {
             return response_of(witness.add_checkpoint(text_of(request.body)));
           }},
          {"GET", "/{log}/checkpoint", "checkpoint", "", [&witness](HttpRequest& request) {
             auto note = witness.latest(request.path_value("log"));
             if (!note) {
               return problem(ProblemKind::not_found, "nothing of this log was cosigned here",
                              request.id);
             }
             return response_of({200, "text/plain; charset=utf-8", std::move(*note)});
           }}};
}

}  // namespace

WitnessServer::WitnessServer(Witness& witness) : router_(routes_of(witness)) {}

Result<std::unique_ptr<WitnessServer>> WitnessServer::start(Witness& witness,
                                                            const ListenAddress& address) {
  std::unique_ptr<WitnessServer> server(new WitnessServer(witness));
  ServerOptions options;
  options.address = address;
  options.workers = kWorkers;
  options.connections = kConnections;
  options.on_defect = [](const std::string& what) {
    std::fprintf(stderr, "chanceryd: defect: %s\n", what.c_str());
  };
  ASSIGN_OR_RETURN(
      server->server_,
      ConnectionServer::start(std::move(options), [raw = server.get()](HttpRequest& request) {
        return raw->router_.answer(request);
      }));
  return server;
}

}  // namespace chancery
