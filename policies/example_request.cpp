#include "policies/example_request.h"

namespace chancery {
namespace {

std::string list(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : " ") + value;
  return text;
}

/// "word value", where there is a value.
void append(std::string& text, std::string_view word, const std::string& value) {
  if (!value.empty()) text += ", " + std::string(word) + " " + value;
}

void append_machine(std::string& text, const ExampleRequest& example) {
  const Machine& machine = example.machine;
  append(text, "SPIFFE ID", machine.spiffe_id);
  append(text, "certificate for", list(machine.dns_names));
  for (const MachineAttribute& attribute : machine.attributes) {
    append(text, "attribute", attribute.name + "=" + attribute.value);
  }
  append(text, "from", machine.source);
  if (machine.fingerprint.empty()) text += ", without certificate";
}

void append_message(std::string& text, const MessageContent& message) {
  append(text, "message", std::string(name_of(message.message_class)));
  for (const MessageField& field : message.fields) append(text, field.name, list(field.values));
  if (message.lifetime) append(text, "lifetime", format_duration(*message.lifetime));
}

}  // namespace

std::string to_text(const ExampleRequest& example) {
  const PolicyQuestion& question = example.question;
  std::string text =
      "machine " + example.machine.text() + " asks " + std::string(name_of(question.operation));
  append(text, "issuer", question.issuer);
  append(text, "profile", question.profile);
  append(text, "key", question.key);
  append(text, "owner", question.owner);
  append(text, "DNS names", list(question.names.dns));
  append(text, "IP addresses", list(question.names.ip));
  append(text, "URIs", list(question.names.uri));
  append(text, "e-mail addresses", list(question.names.email));
  append(text, "common name", question.subject.common_name);
  append(text, "organization", question.subject.organization);
  append(text, "organizational unit", question.subject.organizational_unit);
  append(text, "country", question.subject.country);
  if (question.key_type) append(text, "key type", std::string(row(*question.key_type).name));
  if (question.validity) append(text, "validity", format_duration(*question.validity));
  if (question.algorithm) append(text, "algorithm", std::string(row(*question.algorithm).name));
  std::vector<std::string> usages;
  for (ExtendedKeyUsage usage : question.extended_key_usages) usages.emplace_back(name_of(usage));
  append(text, "usages", list(usages));
  if (question.message) append_message(text, *question.message);
  append_machine(text, example);
  return text + ", at " + to_rfc3339_seconds(example.at);
}

}  // namespace chancery
