#include "core/message_values.h"

#include <algorithm>

#include "core/limits.h"
#include "core/message_fields.h"
#include "core/visible_text.h"

namespace chancery {

Result<void> add_value(MessageContent& content, std::string_view field, std::string value,
                       const std::string& part) {
  CHECK(has_field(content.message_class, field));
  if (value.size() > limits::message_value_bytes) {
    return invalid(
        part, part + " is longer than " + std::to_string(limits::message_value_bytes) + " bytes");
  }
  RETURN_IF_ERROR(count_visible(value, part));
  std::size_t count = 1;
  for (const MessageField& other : content.fields) count += other.values.size();
  if (count > limits::message_values) {
    return invalid(part, part + " brings the message to more than " +
                             std::to_string(limits::message_values) +
                             " names and other values, which is what one may have");
  }
  auto known = std::ranges::find(content.fields, field, &MessageField::name);
  if (known == content.fields.end()) {
    known = content.fields.insert(known, MessageField{std::string(field), {}});
  }
  known->values.push_back(std::move(value));
  return {};
}

Result<Seconds> time_left(std::uint64_t end, Time at, const std::string& part) {
  constexpr std::uint64_t kEndOf9999 = 253'402'300'799;
  if (end > kEndOf9999) return invalid(part, part + " is beyond the year 9999");
  return Seconds{std::max<std::int64_t>(0, static_cast<std::int64_t>(end) - to_unix_seconds(at))};
}

}  // namespace chancery
