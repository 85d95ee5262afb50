#include "cli/http_client.h"

#include <array>
#include <charconv>
#include <thread>

#include "core/bytes.h"
#include "core/curl_handle.h"

namespace chancery {
namespace {

/// Where one answer is collected.
struct Receiver {
  HttpAnswer answer;
  std::size_t limit = 0;
  bool over_limit = false;
};

std::size_t receive_body(char* data, std::size_t, std::size_t size, void* target) {
  auto& receiver = *static_cast<Receiver*>(target);
  if (receiver.answer.body.size() + size > receiver.limit) {
    receiver.over_limit = true;
    return 0;  // stops the transfer
  }
  receiver.answer.body.append(data, size);
  return size;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  std::size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

/// Seconds only; the other form, a date (RFC 9110 section 10.2.3), counts as none.
std::optional<Seconds> parse_retry_after(std::string_view text) {
  unsigned seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return Seconds(seconds);
}

std::size_t receive_header(char* data, std::size_t, std::size_t size, void* target) {
  HttpAnswer& answer = static_cast<Receiver*>(target)->answer;
  std::string_view line(data, size);
  std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  std::string_view value = trimmed(line.substr(colon + 1));
  if (curl_strequal(name.c_str(), "x-request-id")) answer.request_id = value;
  if (curl_strequal(name.c_str(), "content-type")) answer.content_type = value;
  if (curl_strequal(name.c_str(), "retry-after")) answer.retry_after = parse_retry_after(value);
  return size;
}

void set_blob(CURL* handle, CURLoption option, std::string_view content) {
  curl_blob blob{const_cast<char*>(content.data()), content.size(), CURL_BLOB_NOCOPY};
  set(handle, option, &blob);
}

HeadersPtr headers_of(const HttpRequest& request) {
  curl_slist* list = nullptr;
  auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list, line.c_str());
    CHECK(longer != nullptr);
    list = longer;
  };
  add("Accept: " + request.accept);
  if (request.body) {
    add("Content-Type: application/json");
    add("Expect:");  // no 100-continue: it costs a round trip and bodies are small
  }
  if (!request.idempotency_key.empty()) add("Idempotency-Key: " + request.idempotency_key);
  if (!request.approval.empty()) add("Chancery-Approval: " + request.approval);
  return HeadersPtr(list);
}

/// Nothing came back, or not all of it: worth another try.
bool is_connection_failure(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return true;
    default:  // libcurl's list of codes is open
      return false;
  }
}

/// OpenSSL's words for an alert that the other side sent, such as "tlsv13 alert certificate
/// required". With TLS 1.3 it arrives after the handshake, as an error in reading.
bool is_tls_alert(std::string_view reason) {
  return reason.find(" alert ") != std::string_view::npos;
}

std::string origin_of(const std::string& url) {
  std::size_t host = url.find("://");
  if (host == std::string::npos) return url;
  return url.substr(0, url.find('/', host + 3));
}

Failure transport_failure(CURLcode code, const std::string& reason, const HttpRequest& request) {
  std::string origin = origin_of(request.url);
  std::string repeat;
  if (!request.idempotency_key.empty() && !request.repeatable) {
    repeat = "; it may have been done all the same, for a key that was made here and is gone";
  } else if (!request.idempotency_key.empty()) {
    repeat = "; it may have been done all the same: repeat it with --idempotency-key " +
             request.idempotency_key + " to get that answer";
  }
  if (is_tls_alert(reason)) {
    return fail(ErrorCode::unauthenticated,
                origin + " refused our client certificate (" + reason +
                    "): it may be revoked, expired or of another CA; name another --identity, or "
                    "enrol again with a new token");
  }
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return fail(ErrorCode::unauthenticated,
                  origin + " is not whom we trust (" + reason +
                      "): check --url, and the root certificate in --ca or in chain.pem of the "
                      "identity");
    case CURLE_SSL_CERTPROBLEM:
      return fail(ErrorCode::unauthenticated, "cannot use these credentials: " + reason);
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
      return fail(ErrorCode::internal, "cannot connect to " + origin + " (" + reason +
                                           "): is chanceryd running there, and is --url right?");
    case CURLE_OPERATION_TIMEDOUT:
      return fail(ErrorCode::deadline_exceeded, origin + " did not answer in time" + repeat);
    default:  // libcurl's list of codes is open
      // A refusal of our certificate may get lost in the reset of the connection.
      return fail(ErrorCode::internal, "no complete answer from " + origin + " (" + reason +
                                           "): it may have stopped, or refused our certificate" +
                                           repeat);
  }
}

}  // namespace

struct HttpClient::Connection {
  TlsOptions tls;
  CurlPtr handle{curl_easy_init()};
  std::array<char, CURL_ERROR_SIZE> reason{};

  explicit Connection(TlsOptions options) : tls(std::move(options)) {
    CHECK(handle != nullptr);
    CURL* curl = handle.get();
    set(curl, CURLOPT_NOSIGNAL, 1L);
    set(curl, CURLOPT_ERRORBUFFER, reason.data());
    set(curl, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    set(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    set(curl, CURLOPT_FOLLOWLOCATION, 0L);
    set(curl, CURLOPT_PROXY, "");  // the environment's would see whom we talk to
    set(curl, CURLOPT_USERAGENT, "chancery/" CHANCERY_VERSION);
    set(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(Seconds(limits::connect_deadline).count()));
    set(curl, CURLOPT_WRITEFUNCTION, receive_body);
    set(curl, CURLOPT_HEADERFUNCTION, receive_header);
    configure_tls();
  }

  void configure_tls() {
    CURL* curl = handle.get();
    set(curl, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
    if (!tls.trust_anchors.empty()) {
      // Only these: libcurl would otherwise add the operating system's directory.
      set(curl, CURLOPT_CAINFO, static_cast<char*>(nullptr));
      set(curl, CURLOPT_CAPATH, static_cast<char*>(nullptr));
      set_blob(curl, CURLOPT_CAINFO_BLOB, tls.trust_anchors);
    }
    if (tls.key == nullptr) return;
    set(curl, CURLOPT_SSLCERTTYPE, "PEM");
    set(curl, CURLOPT_SSLKEYTYPE, "PEM");
    set_blob(curl, CURLOPT_SSLCERT_BLOB, tls.certificates);
    set_blob(curl, CURLOPT_SSLKEY_BLOB, tls.key->reveal());
  }

  /// One attempt.
  CURLcode perform(const HttpRequest& request, Receiver& receiver) {
    CURL* curl = handle.get();
    HeadersPtr headers = headers_of(request);
    reason[0] = '\0';
    set(curl, CURLOPT_URL, request.url.c_str());
    set(curl, CURLOPT_TIMEOUT, static_cast<long>(request.deadline.count()));
    set(curl, CURLOPT_HTTPHEADER, headers.get());
    set(curl, CURLOPT_WRITEDATA, &receiver);
    set(curl, CURLOPT_HEADERDATA, &receiver);
    if (request.body) {
      set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
      set(curl, CURLOPT_POSTFIELDS, request.body->c_str());
    } else {
      set(curl, CURLOPT_HTTPGET, 1L);
    }
    CURLcode code = curl_easy_perform(curl);
    set(curl, CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &receiver.answer.status);
    return code;
  }

  [[nodiscard]] std::string reason_for(CURLcode code) const {
    return reason[0] != '\0' ? reason.data() : curl_easy_strerror(code);
  }
};

HttpClient::HttpClient(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient> HttpClient::create(TlsOptions tls) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  CHECK(ready);
  return std::unique_ptr<HttpClient>(new HttpClient(std::make_unique<Connection>(std::move(tls))));
}

Result<HttpAnswer> HttpClient::send(const HttpRequest& request) {
  auto pause = std::chrono::milliseconds(250);
  for (unsigned attempt = 1;; ++attempt, pause *= 4) {
    bool last = attempt == limits::http_attempts;
    Receiver receiver;
    receiver.limit = request.answer_bytes;
    CURLcode code = connection_->perform(request, receiver);
    HttpAnswer& answer = receiver.answer;
    if (receiver.over_limit) {
      return fail(ErrorCode::too_large, "the answer of " + origin_of(request.url) +
                                            " is larger than " +
                                            std::to_string(request.answer_bytes) + " bytes");
    }
    if (code != CURLE_OK) {
      std::string reason = connection_->reason_for(code);
      if (last || !is_connection_failure(code) || is_tls_alert(reason)) {
        return transport_failure(code, reason, request);
      }
      std::this_thread::sleep_for(pause);
      continue;
    }
    bool come_back = (answer.status == 429 || answer.status == 503) && answer.retry_after &&
                     *answer.retry_after <= limits::retry_after_at_most;
    if (last || !come_back) return std::move(answer);
    std::this_thread::sleep_for(*answer.retry_after);
  }
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += '%' + to_hex(bytes_of({&c, 1}));
    }
  }
  return encoded;
}

}  // namespace chancery
