#pragma once

#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/secret.h"

namespace chancery {

/// Commits the log to values that are guessable, such as e-mail addresses, without telling them:
/// who is given a value and the salt of its request can compare, nobody else can try values out
/// (docs/audit-format.md, "Commitments"). A salt is HMAC-SHA256 of the request's id under a secret
/// that is kept apart from the log; without that secret no commitment can be opened any more.
class Commitments {
 public:
  /// Reads the secret, 32 octets, or makes the file where there is none. store_unavailable;
  /// internal where it is another file.
  static Result<Commitments> open(const std::string& path);

  /// 32 octets.
  [[nodiscard]] Bytes salt(std::string_view request_id) const;
  /// HMAC-SHA256 of the value under the request's salt, in hexadecimal.
  [[nodiscard]] std::string commit(std::string_view request_id, std::string_view value) const;

 private:
  explicit Commitments(Secret secret) : secret_(std::move(secret)) {}
  Secret secret_;
};

}  // namespace chancery
