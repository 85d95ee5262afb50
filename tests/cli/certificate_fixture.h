#pragma once

#include <string>

#include "cli/identity.h"
#include "cli/private_key.h"
#include "core/clock.h"

namespace chancery {

/// A root of a test's own, which certifies what it is asked for.
class TestRoot {
 public:
  explicit TestRoot(const std::string& name);

  struct Wish {
    unsigned serial = 1;
    std::string dns = "web-1.example";
    std::string usage = "clientAuth,serverAuth";
    Seconds begins = -std::chrono::hours{1}, ends = std::chrono::hours{24};  ///< from now
  };
  /// With a new key, in no directory yet.
  [[nodiscard]] Identity identity(const Wish& wish) const;
  [[nodiscard]] const std::string& pem() const { return pem_; }

 private:
  std::string name_;
  PrivateKey key_;
  std::string pem_;
};

/// As 40 hexadecimal digits would be, were it a number of Chancery's.
std::string serial_text(unsigned serial);

}  // namespace chancery
