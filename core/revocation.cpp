#include "core/revocation.h"

#include <array>

#include "core/name_table.h"

namespace chancery {
namespace {

using enum RevocationReason;

constexpr std::array kNames = {
    Named{unspecified, "unspecified"},
    Named{key_compromise, "keyCompromise"},
    Named{ca_compromise, "cACompromise"},
    Named{affiliation_changed, "affiliationChanged"},
    Named{superseded, "superseded"},
    Named{cessation_of_operation, "cessationOfOperation"},
    Named{certificate_hold, "certificateHold"},
    Named{remove_from_crl, "removeFromCRL"},
    Named{privilege_withdrawn, "privilegeWithdrawn"},
};
constexpr std::span<const Named<RevocationReason>> kTable(kNames);

}  // namespace

std::string_view name_of(RevocationReason reason) {
  return name_in(kTable, reason);
}
Result<RevocationReason> parse_revocation_reason(std::string_view name) {
  return value_in(kTable, name, "reason");
}

}  // namespace chancery
