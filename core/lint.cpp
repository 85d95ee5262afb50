#include "core/lint.h"

#include "core/alt_name.h"
#include "core/distinguished_name.h"
#include "core/lint_rule.h"
#include "core/oid.h"

namespace chancery {
namespace {

constexpr std::string_view kField = "certificate";
constexpr LintRule kDer{"der", "RFC 5280 section 4.1"};

template <class T>
std::optional<T> value_or_nothing(Result<T> result) {
  if (!result) return std::nullopt;
  return std::move(*result);
}

std::vector<LintRule> all_rules() {
  std::vector<LintRule> rules = {kDer};
  for (const CheckedRule& checked : field_rules()) rules.push_back(checked.rule);
  for (const CheckedRule& checked : extension_rules()) rules.push_back(checked.rule);
  return rules;
}

}  // namespace

LintCase::LintCase(ByteView der_in, const CertificateView& certificate_in, const Issuer& issuer_in,
                   const CertificateDraft& draft_in)
    : der(der_in), certificate(certificate_in), issuer(issuer_in), draft(draft_in) {
  subject = value_or_nothing(decode_name(certificate.subject, kField, OtherAttributes::refuse));
  if (const ExtensionView* found = extension(oid::subject_alt_name)) {
    names = value_or_nothing(decode_alt_names(found->value, kField, OtherNames::refuse));
  } else {
    names.emplace();
  }
  if (const ExtensionView* found = extension(oid::basic_constraints)) {
    basic_constraints = value_or_nothing(decode_basic_constraints(found->value, kField));
  }
  if (const ExtensionView* found = extension(oid::key_usage)) {
    key_usage = value_or_nothing(decode_key_usage(found->value, kField));
  }
  if (const ExtensionView* found = extension(oid::extended_key_usage)) {
    extended_key_usage = value_or_nothing(decode_extended_key_usage(found->value, kField));
  }
}

std::span<const LintRule> lint_rules() {
  static const std::vector<LintRule> rules = all_rules();
  return rules;
}

std::vector<std::string> lint(ByteView certificate, const Issuer& issuer,
                              const CertificateDraft& draft) {
  const auto view = read_certificate(certificate);
  if (!view) return {std::string(kDer.name)};
  const LintCase seen(certificate, *view, issuer, draft);
  std::vector<std::string> broken;
  for (std::span<const CheckedRule> rules : {field_rules(), extension_rules()}) {
    for (const CheckedRule& checked : rules) {
      if (!checked.holds(seen)) broken.emplace_back(checked.rule.name);
    }
  }
  return broken;
}

}  // namespace chancery
