#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "core/bytes.h"
#include "core/clock.h"

namespace chancery {

/// One request for something that is published, over HTTP without TLS: what it says is signed.
struct FaceRequest {
  std::string url;
  std::string body = {};    ///< an OCSP request (DER), by POST; empty: GET
  std::string etag = {};    ///< of what is at hand; empty: nothing is
  std::size_t at_most = 0;  ///< octets of an answer
  /// Takes the body of a 200, piece by piece; its failure ends the transfer and is send()'s.
  std::function<Result<void>(ByteView)> sink = {};
};

struct FaceAnswer {
  bool unchanged = false;  ///< 304
  std::string etag;        ///< may be empty
};

/// The answer where its status is 200 or 304. internal, deadline_exceeded or too_large: why there
/// is none, in words that can follow the face's name.
using FaceFetch = std::function<Result<FaceAnswer>(const FaceRequest&)>;

/// A client with one connection, kept between requests: HTTP/1.1, no redirects, no proxy, no
/// compression, each request within `deadline`. For one thread at a time. Where `stopping` is given
/// and becomes true, requests end soon.
FaceFetch face_client(Seconds deadline, const std::atomic<bool>* stopping = nullptr);

}  // namespace chancery
