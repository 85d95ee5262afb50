#include "api/witness_client.h"

#include <memory>

#include "core/curl_handle.h"
#include "core/limits.h"

namespace chancery {
namespace {

std::size_t receive(char* data, std::size_t, std::size_t size, void* target) {
  auto& body = *static_cast<std::string*>(target);
  if (body.size() + size > limits::witness_answer_bytes) return 0;  // stops the transfer
  body.append(data, size);
  return size;
}

int give_up(void* stopping, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stopping)->load() ? 1 : 0;
}

/// One connection.
class Connection {
 public:
  explicit Connection(const std::atomic<bool>& stopping)
      : handle_(curl_easy_init()),
        headers_(
            curl_slist_append(curl_slist_append(nullptr, "Content-Type: text/plain"), "Expect:")) {
    CURL* curl = handle_.get();
    CHECK(curl != nullptr && headers_ != nullptr);
    const auto deadline = std::chrono::milliseconds(limits::witness_deadline).count();
    set(curl, CURLOPT_NOSIGNAL, 1L);
    set(curl, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    set(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    set(curl, CURLOPT_FOLLOWLOCATION, 0L);
    set(curl, CURLOPT_PROXY, "");  // the environment's would see whom we talk to
    set(curl, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
    set(curl, CURLOPT_USERAGENT, "chancery/" CHANCERY_VERSION);
    set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(deadline));
    set(curl, CURLOPT_HTTPHEADER, headers_.get());
    set(curl, CURLOPT_WRITEFUNCTION, receive);
    set(curl, CURLOPT_NOPROGRESS, 0L);
    set(curl, CURLOPT_XFERINFOFUNCTION, give_up);
    set(curl, CURLOPT_XFERINFODATA, &stopping);
  }

  Result<WitnessSubmission::Reply> post(const std::string& url, const std::string& body) {
    CURL* curl = handle_.get();
    WitnessSubmission::Reply reply;
    set(curl, CURLOPT_URL, url.c_str());
    set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    set(curl, CURLOPT_POSTFIELDS, body.c_str());
    set(curl, CURLOPT_WRITEDATA, &reply.body);
    const CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) {
      curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
      return reply;
    }
    if (code == CURLE_WRITE_ERROR) return fail(ErrorCode::too_large, "its answer is too long");
    if (code == CURLE_OPERATION_TIMEDOUT) {
      return fail(ErrorCode::deadline_exceeded, "it does not answer in time");
    }
    return fail(ErrorCode::internal, "there is no answer", "", curl_easy_strerror(code));
  }

 private:
  const CurlPtr handle_;
  const HeadersPtr headers_;
};

}  // namespace

WitnessSubmission::Post witness_client(const std::atomic<bool>& stopping) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  CHECK(ready);
  auto connection = std::make_shared<Connection>(stopping);
  return [connection](const std::string& url, const std::string& body) {
    return connection->post(url, body);
  };
}

}  // namespace chancery
