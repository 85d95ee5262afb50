#include "policies/question_formula.h"

#include <algorithm>

namespace chancery {
namespace {

using Quantifier = RequestPredicate::Quantifier;

RequestFormula text_is(Dimension dimension, const std::string& text,
                       std::function<const std::string&(const Asked&)> of) {
  RequestPredicate predicate;
  predicate.dimension = dimension;
  predicate.texts = {text};
  predicate.holds = [text, of = std::move(of)](const Asked& asked) { return of(asked) == text; };
  return RequestFormula::of(std::move(predicate));
}

template <class Enum>
RequestFormula enumerator_is(Dimension dimension, std::optional<Enum> PolicyQuestion::*member,
                             Enum wanted) {
  RequestPredicate predicate;
  predicate.dimension = dimension;
  predicate.holds = [member, wanted](const Asked& asked) {
    return asked.question.*member == wanted;
  };
  return RequestFormula::of(std::move(predicate));
}

void append_list(std::vector<RequestFormula>& all, Dimension dimension,
                 const std::vector<std::string>& wanted,
                 std::vector<std::string> SubjectAltNames::*list) {
  for (const std::string& name : wanted) {
    RequestPredicate predicate;
    predicate.dimension = dimension;
    predicate.quantifier = Quantifier::some;
    predicate.texts = {name};
    if (dimension == Dimension::ip_addresses) {
      if (auto one = Network::parse(name)) predicate.networks = {*std::move(one)};
    }
    predicate.holds = [list, name](const Asked& asked) {
      const auto& names = asked.question.names.*list;
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    all.push_back(RequestFormula::of(std::move(predicate)));
  }
}

void append_message(std::vector<RequestFormula>& all, const MessageContent& message) {
  RequestPredicate predicate;
  predicate.dimension = Dimension::message_class;
  predicate.holds = [wanted = message.message_class](const Asked& asked) {
    return asked.question.message && asked.question.message->message_class == wanted;
  };
  all.push_back(RequestFormula::of(std::move(predicate)));
  for (const MessageField& field : message.fields) {
    for (const std::string& value : field.values) {
      RequestPredicate content;
      content.dimension = Dimension::content;
      content.field = field.name;
      content.quantifier = Quantifier::some;
      content.texts = {value};
      content.holds = [name = field.name, value](const Asked& asked) {
        for (const MessageField& one : asked.question.message->fields) {
          if (one.name == name && one.values.front() == value) return true;
        }
        return false;
      };
      all.push_back(RequestFormula::of(std::move(content)));
    }
  }
}

}  // namespace

RequestFormula question_formula(const PolicyQuestion& question) {
  std::vector<RequestFormula> all;
  const auto text = [&](Dimension dimension, std::string PolicyQuestion::*member) {
    if ((question.*member).empty()) return;
    all.push_back(text_is(
        dimension, question.*member,
        [member](const Asked& asked) -> const std::string& { return asked.question.*member; }));
  };
  text(Dimension::issuer, &PolicyQuestion::issuer);
  text(Dimension::profile, &PolicyQuestion::profile);
  text(Dimension::key, &PolicyQuestion::key);
  text(Dimension::owner, &PolicyQuestion::owner);
  if (!question.subject.common_name.empty()) {
    all.push_back(text_is(Dimension::common_name, question.subject.common_name,
                          [](const Asked& asked) -> const std::string& {
                            return asked.question.subject.common_name;
                          }));
  }
  append_list(all, Dimension::dns_names, question.names.dns, &SubjectAltNames::dns);
  append_list(all, Dimension::ip_addresses, question.names.ip, &SubjectAltNames::ip);
  append_list(all, Dimension::uris, question.names.uri, &SubjectAltNames::uri);
  append_list(all, Dimension::emails, question.names.email, &SubjectAltNames::email);
  if (question.key_type) {
    all.push_back(
        enumerator_is(Dimension::key_type, &PolicyQuestion::key_type, *question.key_type));
  }
  if (question.algorithm) {
    all.push_back(
        enumerator_is(Dimension::algorithm, &PolicyQuestion::algorithm, *question.algorithm));
  }
  if (question.validity) {
    RequestPredicate predicate;
    predicate.dimension = Dimension::validity;
    predicate.durations = {*question.validity};
    predicate.holds = [wanted = *question.validity](const Asked& asked) {
      return asked.question.validity == wanted;
    };
    all.push_back(RequestFormula::of(std::move(predicate)));
  }
  if (question.message) append_message(all, *question.message);
  return RequestFormula::all(std::move(all));
}

}  // namespace chancery
