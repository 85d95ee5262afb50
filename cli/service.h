#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/http_client.h"

namespace chancery {

/// Chancery's HTTP API (api/openapi.json), as its client sees it. Answers that are not 2xx become
/// errors (problem.h).
class Service {
 public:
  /// `url` such as "https://127.0.0.1:8443". `idempotency_key` is for the first POST; empty: each
  /// POST gets a random one.
  static Result<std::unique_ptr<Service>> connect(std::string url, TlsOptions tls,
                                                  std::string idempotency_key);

  /// What others have agreed to, for each request from now on; empty: nothing.
  void use_approval(std::string id) { approval_ = std::move(id); }

  /// `path` begins with a slash.
  Result<nlohmann::json> get(const std::string& path);
  Result<nlohmann::json> post(const std::string& path, const nlohmann::json& body,
                              Seconds deadline = limits::answer_deadline);
  /// The bodies of this command hold keys that it makes: run again, it sends others.
  void send_new_keys() { repeatable_ = false; }
  /// The last answer's, whatever its status; none where it had none or no answer came.
  [[nodiscard]] std::optional<Seconds> retry_after() const { return retry_after_; }
  /// A body that is not JSON, such as a checkpoint or a PEM text.
  Result<std::string> get_text(const std::string& path, const std::string& media_type);

 private:
  Service(std::string url, std::unique_ptr<HttpClient> client, std::string idempotency_key)
      : url_(std::move(url)),
        client_(std::move(client)),
        idempotency_key_(std::move(idempotency_key)) {}
  Result<HttpAnswer> send(HttpRequest request);
  std::string url_;
  std::unique_ptr<HttpClient> client_;
  std::string idempotency_key_, approval_;
  bool repeatable_ = true;
  std::optional<Seconds> retry_after_ = {};
};

// Members of an answer. A missing one, or one of another type, is internal with its name: the other
// side is not the service that we speak to.
Result<std::string> text_in(const nlohmann::json& object, std::string_view member);
Result<std::uint64_t> number_in(const nlohmann::json& object, std::string_view member);
Result<bool> flag_in(const nlohmann::json& object, std::string_view member);
Result<std::vector<std::string>> texts_in(const nlohmann::json& object, std::string_view member);
/// An array of objects.
Result<std::vector<nlohmann::json>> rows_in(const nlohmann::json& object, std::string_view member);
/// Empty where absent.
std::string optional_text_in(const nlohmann::json& object, std::string_view member);

}  // namespace chancery
