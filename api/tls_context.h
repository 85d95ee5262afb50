#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <openssl/ssl.h>

#include <optional>

#include "api/http.h"

namespace chancery {

/// Internal to tls.cpp and transport.cpp.
struct TlsContext {
  Poco::Net::Context::Ptr context;
};

/// The connection, under a TlsContext, whose handshake this thread did last. Poco keeps it to
/// itself, and does not pass on all that OpenSSL knows of it.
const SSL* last_in_handshake();

/// The certificate that the peer showed in a handshake under a TlsContext, with the verdict on it;
/// nothing when it showed none. The one place that reads a peer's certificate.
std::optional<ClientCertificate> client_certificate(const Poco::Net::SecureStreamSocket& socket);

}  // namespace chancery
