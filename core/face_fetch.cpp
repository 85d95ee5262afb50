#include "core/face_fetch.h"

#include <memory>
#include <optional>

#include "core/curl_handle.h"
#include "core/limits.h"

namespace chancery {
namespace {

/// One answer while it comes.
struct Receiver {
  CURL* handle;
  const FaceRequest& request;
  FaceAnswer answer = {};
  std::size_t received = 0;
  std::optional<Error> error = {};
};

std::size_t receive_body(char* data, std::size_t, std::size_t size, void* target) {
  auto& receiver = *static_cast<Receiver*>(target);
  long status = 0;
  curl_easy_getinfo(receiver.handle, CURLINFO_RESPONSE_CODE, &status);
  receiver.received += size;
  if (receiver.received > receiver.request.at_most) {
    receiver.error =
        fail(ErrorCode::too_large,
             "the answer is longer than " + std::to_string(receiver.request.at_most) + " bytes")
            .value();
    return 0;  // stops the transfer
  }
  if (status != 200) return size;
  if (auto taken = receiver.request.sink(bytes_of({data, size})); !taken) {
    receiver.error = std::move(taken.error());
    return 0;
  }
  return size;
}

std::size_t receive_header(char* data, std::size_t, std::size_t size, void* target) {
  constexpr std::string_view name = "etag:";
  std::string_view line(data, size);
  if (line.size() < name.size() || curl_strnequal(data, name.data(), name.size()) == 0) return size;
  line.remove_prefix(name.size());
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  while (!line.empty() && line.back() <= ' ') line.remove_suffix(1);
  static_cast<Receiver*>(target)->answer.etag = line;
  return size;
}

int give_up(void* stopping, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stopping)->load() ? 1 : 0;
}

class Connection {
 public:
  Connection(Seconds deadline, const std::atomic<bool>* stopping) : handle_(curl_easy_init()) {
    CURL* curl = handle_.get();
    CHECK(curl != nullptr);
    set(curl, CURLOPT_NOSIGNAL, 1L);
    set(curl, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    set(curl, CURLOPT_PROTOCOLS_STR, "http");
    set(curl, CURLOPT_FOLLOWLOCATION, 0L);
    set(curl, CURLOPT_PROXY, "");  // the environment's would answer in the service's place
    set(curl, CURLOPT_USERAGENT, "chancery/" CHANCERY_VERSION);
    set(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(Seconds(limits::connect_deadline).count()));
    set(curl, CURLOPT_TIMEOUT, static_cast<long>(deadline.count()));
    set(curl, CURLOPT_WRITEFUNCTION, receive_body);
    set(curl, CURLOPT_HEADERFUNCTION, receive_header);
    if (stopping == nullptr) return;
    set(curl, CURLOPT_NOPROGRESS, 0L);
    set(curl, CURLOPT_XFERINFOFUNCTION, give_up);
    set(curl, CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(stopping));
  }

  Result<FaceAnswer> send(const FaceRequest& request) {
    CURL* curl = handle_.get();
    Receiver receiver{curl, request};
    const HeadersPtr headers = headers_of(request);
    set(curl, CURLOPT_URL, request.url.c_str());
    set(curl, CURLOPT_HTTPHEADER, headers.get());
    set(curl, CURLOPT_WRITEDATA, &receiver);
    set(curl, CURLOPT_HEADERDATA, &receiver);
    if (request.body.empty()) {
      set(curl, CURLOPT_HTTPGET, 1L);
    } else {
      set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(curl, CURLOPT_POSTFIELDS, request.body.data());
    }
    const CURLcode code = curl_easy_perform(curl);
    set(curl, CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
    if (receiver.error) return Failure(std::move(*receiver.error));
    if (code == CURLE_OPERATION_TIMEDOUT) {
      return fail(ErrorCode::deadline_exceeded, "there was no complete answer in time");
    }
    if (code != CURLE_OK) {
      return fail(ErrorCode::internal,
                  std::string("there is no answer: ") + curl_easy_strerror(code));
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    receiver.answer.unchanged = status == 304 && !request.etag.empty();
    if (status == 200 || receiver.answer.unchanged) return std::move(receiver.answer);
    return fail(ErrorCode::internal, "the answer is HTTP status " + std::to_string(status));
  }

 private:
  static HeadersPtr headers_of(const FaceRequest& request) {
    curl_slist* list = nullptr;
    const auto add = [&list](const std::string& line) {
      list = curl_slist_append(list, line.c_str());
      CHECK(list != nullptr);
    };
    add("Expect:");
    if (!request.body.empty()) add("Content-Type: application/ocsp-request");
    if (!request.etag.empty()) add("If-None-Match: " + request.etag);
    return HeadersPtr(list);
  }

  const CurlPtr handle_;
};

}  // namespace

FaceFetch face_client(Seconds deadline, const std::atomic<bool>* stopping) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  CHECK(ready);
  auto connection = std::make_shared<Connection>(deadline, stopping);
  return [connection](const FaceRequest& request) { return connection->send(request); };
}

}  // namespace chancery
