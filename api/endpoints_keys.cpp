#include "api/endpoint.h"

namespace chancery {
namespace {

Json row_of(const Key& key) {
  Json algorithms = Json::array();
  for (SignatureAlgorithm algorithm : key.algorithms) algorithms.push_back(row(algorithm).name);
  Json body = {{"name", key.name.text()},
               {"type", row(key.public_key.type()).name},
               {"purpose", name_of(key.purpose)},
               {"algorithms", std::move(algorithms)},
               {"created_at", to_rfc3339_seconds(key.created_at)},
               {"creator", key.creator.text()},
               {"id", to_hex(key.id.bytes)}};
  if (key.purpose == KeyPurpose::data) body["message_class"] = name_of(key.message_class);
  if (!key.context.empty()) body["context"] = key.context;
  return body;
}

Json detail_of(const Key& key) {
  Json body = row_of(key);
  body["public_key"] = key.public_key.pem();
  body["jwk"] = Json::parse(key.public_key.jwk());
  return body;
}

Result<HttpResponse> create(Call& call) {
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  CreateKey request;
  ASSIGN_OR_RETURN(const std::string name, body.string("name"));
  auto parsed = KeyName::parse(name);
  if (!parsed) return invalid("name", parsed.error().message);
  request.name = std::move(*parsed);
  ASSIGN_OR_RETURN(const std::string type, body.string("type"));
  ASSIGN_OR_RETURN(request.type, parse_key_type(type));
  ASSIGN_OR_RETURN(const auto algorithms, body.strings("algorithms"));
  for (const std::string& algorithm : algorithms) {
    auto one = parse_signature_algorithm(algorithm);
    if (!one) return invalid("algorithms", one.error().message);
    request.algorithms.push_back(*one);
  }
  ASSIGN_OR_RETURN(const auto message_class, body.optional_string("message_class"));
  if (message_class) {
    ASSIGN_OR_RETURN(request.message_class, parse_message_class(*message_class));
  }
  ASSIGN_OR_RETURN(const auto context, body.optional_string("context"));
  if (context && context->empty()) return invalid("context", "context is empty; leave it out");
  request.context = context.value_or("");
  RETURN_IF_ERROR(body.finish());
  ASSIGN_OR_RETURN(const Key* key, call.service().create_key(call.caller, request));
  HttpResponse response = json_response(201, detail_of(*key));
  response.headers.emplace_back("Location", "/v1/keys/" + key->name.text());
  return response;
}

Result<HttpResponse> list(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::key_read));
  Json rows = Json::array();
  for (const Key* key : call.instance().keys().all()) rows.push_back(row_of(*key));
  return json_response(200, {{"keys", std::move(rows)}});
}

HttpResponse plain(std::string content_type, std::string body) {
  HttpResponse response;
  response.content_type = std::move(content_type);
  response.headers = {{"Cache-Control", "no-store"}, {"Vary", "Accept"}};
  response.body = std::move(body);
  return response;
}

Result<HttpResponse> show(Call& call) {
  const std::string& text = call.request.path_value("name");
  RETURN_IF_ERROR(authorize(call, Operation::key_read, "", text));
  ASSIGN_OR_RETURN(const KeyName name, KeyName::parse(text));
  ASSIGN_OR_RETURN(const Key* key, call.instance().keys().find(name));
  const std::string* accept = call.request.header("Accept");
  if (accept && *accept == "application/x-pem-file") {
    return plain("application/x-pem-file", key->public_key.pem());
  }
  if (accept && *accept == "application/jwk+json") {
    return plain("application/jwk+json", key->public_key.jwk() + "\n");
  }
  return json_response(200, detail_of(*key));
}

/// The algorithm asked for, or the key's first. A key that does not exist is the service's to
/// refuse and record; then any algorithm will do.
Result<SignatureAlgorithm> algorithm_of(const Call& call, JsonBody& body, const KeyName& name) {
  ASSIGN_OR_RETURN(const auto text, body.optional_string("algorithm"));
  if (text) return parse_signature_algorithm(*text);
  const auto key = call.instance().keys().find(name);
  return key ? (*key)->algorithms.front() : SignatureAlgorithm::ecdsa_p256_sha256;
}

Result<HttpResponse> sign(Call& call) {
  SignData request;
  ASSIGN_OR_RETURN(request.key, KeyName::parse(call.request.path_value("name")));
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(auto data, body.optional_base64("data"));
  ASSIGN_OR_RETURN(auto digest, body.optional_base64("digest"));
  ASSIGN_OR_RETURN(request.algorithm, algorithm_of(call, body, request.key));
  RETURN_IF_ERROR(body.finish());
  if (data.has_value() == digest.has_value()) {
    return invalid("data", "give either \"data\" or \"digest\", in base64");
  }
  request.is_digest = digest.has_value();
  request.data = std::move(request.is_digest ? *digest : *data);
  if (request.data.size() > limits::sign_data_bytes) {
    return fail(ErrorCode::too_large,
                "at most " + std::to_string(limits::sign_data_bytes) +
                    " bytes are signed; sign their digest instead, where the policy grants it",
                "data");
  }
  const std::string key = request.key.text();
  const SignatureAlgorithm algorithm = request.algorithm;
  ASSIGN_OR_RETURN(const Outcome outcome, call.service().sign(call.caller, std::move(request)));
  return with_receipt(call, outcome.outcome, 200,
                      {{"signature", to_base64(outcome.signature)},
                       {"algorithm", row(algorithm).name},
                       {"key", key},
                       {"request_id", outcome.request_id},
                       {"intent", outcome.intent},
                       {"outcome", outcome.outcome}});
}

}  // namespace

std::vector<Route> key_routes(Application& app) {
  return {
      authenticated(app, "GET", "/v1/keys", "listKeys", list),
      authenticated(app, "POST", "/v1/keys", "createKey", create, true),
      authenticated(app, "GET", "/v1/keys/{name}", "showKey", show),
      authenticated(app, "POST", "/v1/keys/{name}/sign", "sign", sign, true),
  };
}

}  // namespace chancery
