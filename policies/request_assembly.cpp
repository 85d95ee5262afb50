#include "policies/request_assembly.h"

#include <algorithm>
#include <set>

#include "core/limits.h"
#include "core/message_fields.h"

namespace chancery {
namespace {

constexpr std::array kNameLists = {Dimension::dns_names, Dimension::ip_addresses, Dimension::uris,
                                   Dimension::emails};

class Assembly {
 public:
  Assembly(const ExampleRequest& base, bool is_machine_fixed,
           const std::map<DimensionKey, Candidates>& candidates,
           const std::vector<Statement>& statements, Predicates predicates)
      : base_(base),
        is_machine_fixed_(is_machine_fixed),
        candidates_(candidates),
        statements_(statements),
        predicates_(predicates) {}

  Result<std::optional<ExampleRequest>> run() {
    ExampleRequest request = base_;
    take_first(request, {Dimension::time, ""});
    if (!take_certificate(request)) return std::optional<ExampleRequest>();
    for (const auto& [key, here] : candidates_) {
      if (is_simple(key.dimension)) set_value(request, key, here.values.front());
    }
    for (const RequestValue& message : options({Dimension::message_class, ""})) {
      ExampleRequest with_message = request;
      if (!take_message(with_message, message)) continue;
      for (const RequestValue& common : options({Dimension::common_name, ""})) {
        ASSIGN_OR_RETURN(auto found, with_names(with_message, common));
        if (found) return found;
      }
    }
    return std::optional<ExampleRequest>();
  }

 private:
  [[nodiscard]] const Candidates* of(const DimensionKey& key) const {
    const auto found = candidates_.find(key);
    return found == candidates_.end() ? nullptr : &found->second;
  }
  /// What to try; one value that changes nothing where the dimension is not asked.
  [[nodiscard]] std::vector<RequestValue> options(const DimensionKey& key) const {
    const Candidates* here = of(key);
    if (here != nullptr) return here->values;
    return {RequestValue{.is_absent = true}};
  }
  void take_first(ExampleRequest& request, const DimensionKey& key) const {
    const Candidates* here = of(key);
    if (here != nullptr) set_value(request, key, here->values.front());
  }

  /// Dimensions that depend on no other.
  static bool is_simple(Dimension dimension) {
    return !is_list(dimension) && dimension != Dimension::time &&
           dimension != Dimension::fingerprint && dimension != Dimension::certificate_age &&
           dimension != Dimension::message_class && dimension != Dimension::lifetime &&
           dimension != Dimension::common_name;
  }

  /// A machine without a certificate has no age of it.
  bool take_certificate(ExampleRequest& request) const {
    const DimensionKey print_key{Dimension::fingerprint, ""},
        age_key{Dimension::certificate_age, ""};
    if (is_machine_fixed_ && !base_.machine.fingerprint.empty()) return true;
    const Candidates* prints = of(print_key);
    const Candidates* ages = of(age_key);
    if (prints == nullptr && ages == nullptr) {
      set_value(request, age_key, {.number = 3600});  // of the time that was chosen
      return true;
    }
    const std::vector<RequestValue> known_age = {{.number = 3600},
                                                 {.number = kEnrolling, .is_absent = true}};
    for (const RequestValue& age : ages == nullptr ? known_age : ages->values) {
      const bool enrols = age.is_absent && age.number == kEnrolling;
      set_value(request, age_key, age);
      if (prints == nullptr) return true;
      for (const RequestValue& print : prints->values) {
        if (print.is_absent != enrols) continue;
        set_value(request, print_key, print);
        return true;
      }
    }
    return false;
  }

  bool take_message(ExampleRequest& request, const RequestValue& message) const {
    const DimensionKey class_key{Dimension::message_class, ""};
    const bool is_asked = of(class_key) != nullptr;
    if (is_asked) set_value(request, class_key, message);
    const bool has_none = is_asked && message.is_absent;
    const Candidates* lifetime = of({Dimension::lifetime, ""});
    if (lifetime != nullptr && !has_none) take_first(request, {Dimension::lifetime, ""});
    for (const auto& [key, here] : candidates_) {
      if (key.dimension != Dimension::content) continue;
      if (here.some.empty()) continue;
      if (has_none) return false;
      take_elements(request, key, here);
    }
    if (is_asked || !request.question.message) return true;
    return choose_class(*request.question.message);
  }

  /// A class that has all the fields.
  static bool choose_class(MessageContent& message) {
    for (const MessageFieldRow& row : message_fields()) {
      if (has_all(row.message_class, message)) {
        message.message_class = row.message_class;
        return true;
      }
    }
    return false;
  }
  static bool has_all(MessageClass message_class, const MessageContent& message) {
    return std::all_of(message.fields.begin(), message.fields.end(),
                       [&](const MessageField& one) { return has_field(message_class, one.name); });
  }

  /// One element of each set, as few as a greedy choice finds.
  static void take_elements(ExampleRequest& request, const DimensionKey& key,
                            const Candidates& here) {
    std::set<std::pair<std::string, std::int64_t>> chosen;
    for (const auto& set : here.some) {
      const bool met = std::any_of(set.begin(), set.end(), [&](const RequestValue& value) {
        return chosen.contains({value.text, value.number});
      });
      if (met) continue;
      // The one that the most other sets have too.
      const auto in_sets = [&](const RequestValue& value) {
        return std::count_if(here.some.begin(), here.some.end(), [&](const auto& other) {
          return std::any_of(other.begin(), other.end(), [&](const RequestValue& one) {
            return one.text == value.text && one.number == value.number;
          });
        });
      };
      const auto best = std::max_element(set.begin(), set.end(), [&](const auto& a, const auto& b) {
        return in_sets(a) < in_sets(b);
      });
      chosen.emplace(best->text, best->number);
      set_value(request, key, *best);
    }
  }

  Result<std::optional<ExampleRequest>> with_names(ExampleRequest request,
                                                   const RequestValue& common) const {
    for (const auto& [key, here] : candidates_) {
      if (is_list(key.dimension) && key.dimension != Dimension::content) {
        take_elements(request, key, here);
      }
    }
    set_value(request, {Dimension::common_name, ""}, common);
    if (is_good(request)) {
      ExampleRequest named = request;
      return std::optional(name_something(named) && is_good(named) ? named : request);
    }
    return with_more_names(std::move(request));
  }

  [[nodiscard]] bool is_good(const ExampleRequest& request) const {
    const auto& message = request.question.message;
    if (message && !has_all(message->message_class, *message)) return false;
    return std::all_of(statements_.begin(), statements_.end(), [&](const Statement& statement) {
      return is_true(*statement.predicate, request) == statement.wanted;
    });
  }

  /// A certificate is for some name, as a rule: adds one that may be there.
  bool name_something(ExampleRequest& request) const {
    if (!kCertifying.has(request.question.operation)) return false;
    if (request.question.names.size() > 0 || !request.question.subject.common_name.empty()) {
      return false;
    }
    for (Dimension dimension : kNameLists) {
      const Candidates* here = of({dimension, ""});
      if (here == nullptr || here->values.empty()) continue;
      set_value(request, {dimension, ""}, here->values.front());
      return true;
    }
    return false;
  }

  /// Where there have to be more names than are needed otherwise: as many as there can be, one
  /// after the other.
  Result<std::optional<ExampleRequest>> with_more_names(ExampleRequest request) const {
    const bool counts =
        std::any_of(statements_.begin(), statements_.end(), [](const Statement& statement) {
          return statement.predicate->dimension == Dimension::name_count;
        });
    while (counts && request.question.names.size() < limits::subject_alt_names) {
      ASSIGN_OR_RETURN(const bool added, add_name(request));
      if (!added) break;
      if (is_good(request)) return std::optional(std::move(request));
    }
    return std::optional<ExampleRequest>();
  }

  /// Adds a name that is not there yet and that the statements allow.
  Result<bool> add_name(ExampleRequest& request) const {
    for (Dimension dimension : kNameLists) {
      const DimensionKey key{dimension, ""};
      auto used = std::make_shared<RequestPredicate>();
      used->dimension = dimension;
      const SubjectAltNames& names = request.question.names;
      used->texts = dimension == Dimension::dns_names      ? names.dns
                    : dimension == Dimension::ip_addresses ? names.ip
                    : dimension == Dimension::uris         ? names.uri
                                                           : names.email;
      for (const std::string& text : used->texts) {
        if (dimension != Dimension::ip_addresses) break;
        ASSIGN_OR_RETURN(Network one, Network::parse(text));
        used->networks.push_back(std::move(one));
      }
      std::vector<std::shared_ptr<const RequestPredicate>> all(predicates_.begin(),
                                                               predicates_.end());
      all.push_back(used);
      ASSIGN_OR_RETURN(const std::vector<RequestValue> values, values_of(key, all, base_));
      for (const RequestValue& value : values) {
        const bool known =
            std::find(used->texts.begin(), used->texts.end(), value.text) != used->texts.end();
        if (known || !may_have(key, value)) continue;
        set_value(request, key, value);
        return true;
      }
    }
    return false;
  }

  /// Whether no statement keeps the element out of its list.
  [[nodiscard]] bool may_have(const DimensionKey& key, const RequestValue& value) const {
    return std::all_of(statements_.begin(), statements_.end(), [&](const Statement& statement) {
      const RequestPredicate& predicate = *statement.predicate;
      if (key_of(predicate) != key) return true;
      const bool some = predicate.quantifier == RequestPredicate::Quantifier::some;
      if (some == statement.wanted) return true;
      return is_true_of(predicate, value, base_) == statement.wanted;
    });
  }

  const ExampleRequest& base_;
  bool is_machine_fixed_;
  const std::map<DimensionKey, Candidates>& candidates_;
  const std::vector<Statement>& statements_;
  Predicates predicates_;
};

}  // namespace

Result<std::optional<ExampleRequest>> assemble_request(
    const ExampleRequest& base, bool is_machine_fixed,
    const std::map<DimensionKey, Candidates>& candidates, const std::vector<Statement>& statements,
    Predicates predicates) {
  return Assembly(base, is_machine_fixed, candidates, statements, predicates).run();
}

}  // namespace chancery
