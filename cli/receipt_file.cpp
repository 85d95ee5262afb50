#include "cli/receipt_file.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/file.h"

namespace chancery {

using nlohmann::json;

Result<std::string> fetch_receipt(Session& session, const std::string& path) {
  using namespace std::chrono_literals;
  ASSIGN_OR_RETURN(Service * service, session.service());
  const auto deadline = std::chrono::steady_clock::now() + limits::receipt_wait_at_most;
  for (;;) {
    auto text = service->get_text(path, "text/plain");
    const bool early = !text && text.error().code == ErrorCode::not_found;
    if (!early || std::chrono::steady_clock::now() > deadline) return text;
    std::this_thread::sleep_for(300ms);
  }
}

Result<json> keep_receipt(Session& session, json answer, const std::string& file) {
  if (file.empty()) return answer;
  ASSIGN_OR_RETURN(const std::uint64_t outcome, number_in(answer, "outcome"));
  auto receipt = fetch_receipt(session, "/v1/receipts/" + std::to_string(outcome));
  if (!receipt) {
    return fail(receipt.error().code, "it is done and recorded, but its receipt did not come: " +
                                          receipt.error().message +
                                          "; get it later with `chancery audit receipt "
                                          "--entry " +
                                          std::to_string(outcome) + "`");
  }
  RETURN_IF_ERROR(replace_file(file, *receipt, 0644));
  answer["files"]["receipt"] = file;
  return answer;
}

Result<Bytes> read_signature(const std::string& path) {
  ASSIGN_OR_RETURN(std::string content, read_file(path, limits::credential_file_bytes));
  std::string_view text(content);
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (auto decoded = from_base64(text)) return decoded;
  return copy_of(bytes_of(content));
}

}  // namespace chancery
