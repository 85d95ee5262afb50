#include "core/key.h"

#include <array>

#include "core/name_table.h"

namespace chancery {
namespace {

constexpr std::array kNames = {
    Named{KeyPurpose::ca, "ca"},
    Named{KeyPurpose::audit_log, "audit-log"},
    Named{KeyPurpose::ocsp, "ocsp"},
    Named{KeyPurpose::data, "data"},
};
constexpr std::span<const Named<KeyPurpose>> kTable(kNames);

}  // namespace

std::string_view name_of(KeyPurpose purpose) {
  return name_in(kTable, purpose);
}
Result<KeyPurpose> parse_key_purpose(std::string_view name) {
  return value_in(kTable, name, "purpose");
}

}  // namespace chancery
