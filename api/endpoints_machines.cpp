#include "api/endpoint.h"
#include "core/machine_attribute.h"

namespace chancery {
namespace {

Json row_of(const MachineRecord& record) {
  Json attributes = Json::object();
  for (const MachineAttribute& attribute : record.attributes) {
    attributes[attribute.name] = attribute.value;
  }
  return {{"name", record.name.text()},
          {"added_by", record.added_by.text()},
          {"added_at", to_rfc3339_seconds(record.added_at)},
          {"attributes", std::move(attributes)}};
}

/// The member `attributes`, or nothing.
Result<std::optional<std::vector<MachineAttribute>>> attributes_of(JsonBody& body) {
  ASSIGN_OR_RETURN(const auto texts, body.optional_texts("attributes"));
  std::optional<std::vector<MachineAttribute>> attributes;
  if (!texts) return attributes;
  attributes.emplace();
  for (const auto& [name, value] : *texts) {
    ASSIGN_OR_RETURN(MachineAttribute attribute, parse_machine_attribute(name, value));
    attributes->push_back(std::move(attribute));
  }
  ASSIGN_OR_RETURN(attributes, attribute_set(std::move(*attributes)));
  return attributes;
}

/// not_found with the name.
Result<MachineRecord> machine_called(const Call& call, const MachineName& name) {
  ASSIGN_OR_RETURN(auto record, call.store().machine(name));
  if (record) return std::move(*record);
  return fail(ErrorCode::not_found, "there is no machine \"" + name.text() + "\"", "name");
}

/// The members that a new machine and a new token have in common.
Result<AddMachineRequest> ticket_request(const Call& call, JsonBody& body, MachineName name) {
  AddMachineRequest request{std::move(name), call.instance().config().enrollment_profile,
                            std::chrono::duration_cast<Seconds>(limits::enrollment_token_life)};
  ASSIGN_OR_RETURN(const auto life, body.optional_string("token_life"));
  if (life) {
    auto seconds = parse_duration(*life);
    if (!seconds) return invalid("token_life", seconds.error().message);
    request.token_life = *seconds;
  }
  ASSIGN_OR_RETURN(const auto profile, body.optional_string("profile"));
  if (profile) {
    ASSIGN_OR_RETURN(request.profile, ProfileName::parse(*profile));
  }
  return request;
}

Result<HttpResponse> ticket(Call& call, const AddMachineRequest& request) {
  ASSIGN_OR_RETURN(const EnrollmentTicket made, call.service().add_machine(call.caller, request));
  return json_response(201, {{"machine", made.machine.text()},
                             {"token", made.token.reveal()},
                             {"expires_at", to_rfc3339_seconds(made.expires_at)}});
}

Result<HttpResponse> add(Call& call) {
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(const std::string text, body.string("name"));
  auto name = MachineName::parse(text);
  if (!name) return invalid("name", name.error().message);
  ASSIGN_OR_RETURN(AddMachineRequest request, ticket_request(call, body, std::move(*name)));
  ASSIGN_OR_RETURN(auto attributes, attributes_of(body));
  RETURN_IF_ERROR(body.finish());
  if (attributes) request.attributes = std::move(*attributes);
  return ticket(call, request);
}

Result<HttpResponse> new_token(Call& call) {
  ASSIGN_OR_RETURN(MachineName name, MachineName::parse(call.request.path_value("name")));
  const ByteView text = call.request.body;
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(text.empty() ? bytes_of("{}") : text));
  ASSIGN_OR_RETURN(AddMachineRequest request, ticket_request(call, body, std::move(name)));
  RETURN_IF_ERROR(body.finish());
  request.known = true;
  return ticket(call, request);
}

Result<HttpResponse> list(Call& call) {
  ASSIGN_OR_RETURN(const Page page, page_of(call.request));
  RETURN_IF_ERROR(authorize(call, Operation::machine_read));
  ASSIGN_OR_RETURN(const auto records, call.store().machines(page));
  Json rows = Json::array();
  for (const MachineRecord& record : records) rows.push_back(row_of(record));
  Json body = {{"machines", std::move(rows)}};
  if (records.size() == page.limit) body["next"] = records.back().name.text();
  return json_response(200, body);
}

Result<HttpResponse> show(Call& call) {
  ASSIGN_OR_RETURN(const MachineName name, MachineName::parse(call.request.path_value("name")));
  RETURN_IF_ERROR(authorize(call, Operation::machine_read, name.text()));
  ASSIGN_OR_RETURN(const MachineRecord record, machine_called(call, name));
  return json_response(200, row_of(record));
}

Result<HttpResponse> set_attributes(Call& call) {
  ASSIGN_OR_RETURN(const MachineName name, MachineName::parse(call.request.path_value("name")));
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(const auto attributes, attributes_of(body));
  RETURN_IF_ERROR(body.finish());
  if (!attributes) return invalid("attributes", "attributes is missing; {} stands for none");
  RETURN_IF_ERROR(call.service().set_attributes(call.caller, name, *attributes));
  ASSIGN_OR_RETURN(const MachineRecord record, machine_called(call, name));
  return json_response(200, row_of(record));
}

}  // namespace

std::vector<Route> machine_routes(Application& app) {
  return {
      with_query(authenticated(app, "GET", "/v1/machines", "listMachines", list),
                 {"after", "limit"}),
      authenticated(app, "POST", "/v1/machines", "addMachine", add, true),
      authenticated(app, "GET", "/v1/machines/{name}", "showMachine", show),
      authenticated(app, "POST", "/v1/machines/{name}/token", "makeEnrollmentToken", new_token,
                    true),
      authenticated(app, "POST", "/v1/machines/{name}/attributes", "setMachineAttributes",
                    set_attributes, true),
  };
}

}  // namespace chancery
