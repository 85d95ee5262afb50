#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/bytes.h"

namespace chancery::test {

/// A certificate (DER) and its P-256 key.
struct TestIdentity {
  Bytes certificate;
  std::string key_pem;
};

struct TestCertificate {
  std::string name;                      ///< common name
  const TestIdentity* issuer = nullptr;  ///< null: self-signed
  bool ca = false;
  std::string usage = {};  ///< "clientAuth", "serverAuth", or empty for none
  long begins = -3600;     ///< seconds from now
  long ends = 3600;
};

/// Makes a certificate and a key for it.
TestIdentity make_identity(const TestCertificate& wanted);

std::string pem(const Bytes& certificate);

}  // namespace chancery::test
