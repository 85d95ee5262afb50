#include "core/message_class.h"

#include <array>

#include "core/name_table.h"

namespace chancery {
namespace {

constexpr std::array kNames = {
    Named{MessageClass::data, "data"},
    Named{MessageClass::jwt, "jwt"},
    Named{MessageClass::ssh_certificate, "ssh-certificate"},
    Named{MessageClass::certificate, "certificate"},
    Named{MessageClass::crl, "crl"},
    Named{MessageClass::cms_attributes, "cms-attributes"},
    Named{MessageClass::digest, "digest"},
};
constexpr std::span<const Named<MessageClass>> kTable(kNames);

}  // namespace

std::string_view name_of(MessageClass message_class) {
  return name_in(kTable, message_class);
}
Result<MessageClass> parse_message_class(std::string_view name) {
  return value_in(kTable, name, "message_class");
}

}  // namespace chancery
