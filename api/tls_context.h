#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/SecureStreamSocket.h>

#include <optional>

#include "api/http.h"

namespace chancery {

/// Internal to tls.cpp and transport.cpp.
struct TlsContext {
  Poco::Net::Context::Ptr context;
};

/// The certificate that the peer showed in a handshake under a TlsContext, with the verdict on it;
/// nothing when it showed none. The one place that reads a peer's certificate.
std::optional<ClientCertificate> client_certificate(const Poco::Net::SecureStreamSocket& socket);

}  // namespace chancery
