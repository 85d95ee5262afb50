#pragma once

#include <array>
#include <optional>

#include "core/certificate_view.h"
#include "core/lint.h"

namespace chancery {

/// What the rules look at: the certificate as it stands, read without the code that wrote it, and
/// what it should have been. Parts that do not decode are absent.
struct LintCase {
  ByteView der;
  const CertificateView& certificate;
  const Issuer& issuer;
  const CertificateDraft& draft;
  std::optional<Subject> subject;
  std::optional<SubjectAltNames> names;  ///< present and empty where the extension is absent
  std::optional<BasicConstraints> basic_constraints;
  std::optional<unsigned> key_usage;
  std::optional<std::vector<ByteView>> extended_key_usage;

  LintCase(ByteView der_in, const CertificateView& certificate_in, const Issuer& issuer_in,
           const CertificateDraft& draft_in);

  [[nodiscard]] const ExtensionView* extension(std::string_view oid) const {
    return certificate.extension(oid);
  }
  /// A root's first certificate: its own issuer.
  [[nodiscard]] bool is_root() const { return issuer.certificate().empty(); }
};

struct CheckedRule {
  LintRule rule;
  bool (*holds)(const LintCase&);
};

/// Rules about the basic fields of TBSCertificate, and about its extensions.
std::span<const CheckedRule> field_rules();
std::span<const CheckedRule> extension_rules();

}  // namespace chancery
