#pragma once

#include "core/message_class.h"

namespace chancery::test {

/// "field=value,value field=value lifetime=SECONDS": what was read, on one line.
inline std::string text_of_content(const MessageContent& content) {
  std::string text;
  for (const MessageField& field : content.fields) {
    text += (text.empty() ? "" : " ") + field.name + "=";
    for (std::size_t i = 0; i < field.values.size(); ++i) {
      text += (i == 0 ? "" : "|") + field.values[i];
    }
  }
  if (content.lifetime) text += " lifetime=" + std::to_string(content.lifetime->count());
  return text;
}

/// The same of a reading that may have failed: then "FIELD: MESSAGE".
template <class Read>
std::string text_of_result(const Result<Read>& read) {
  if (!read) return read.error().field + ": " + read.error().message;
  if constexpr (std::is_same_v<Read, MessageContent>) {
    return text_of_content(*read);
  } else {
    return text_of_content(read->content);
  }
}

}  // namespace chancery::test
