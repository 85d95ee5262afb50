#include "core/witness_submission.h"

#include <arpa/inet.h>

#include <algorithm>

#include "core/tile.h"
#include "core/witness_request.h"

namespace chancery {
namespace {

// The first may tell the witness's size. Where another of the log's submitters comes in between,
// the second does: the next checkpoint tries again.
constexpr int kAttempts = 3;

/// The host of an http:// or https:// URL, without port and brackets.
std::string_view host_of(std::string_view url) {
  url.remove_prefix(std::min(url.size(), url.find("//") + 2));
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto user = url.rfind('@'); user != url.npos) url.remove_prefix(user + 1);
  if (url.starts_with('[')) return url.substr(1, url.find(']') - 1);
  return url.substr(0, url.find(':'));
}

}  // namespace

bool is_believed(const std::string& url) {
  if (url.starts_with("https://")) return true;
  const std::string host(host_of(url));
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return host == "localhost" || host == "::1";
}

Result<void> WitnessSubmission::submit(const AuditLog::SignedCheckpoint& checkpoint) {
  if (!size_) {
    ASSIGN_OR_RETURN(size_, store_.cosigned_size(witness_.verifier.vkey()));
  }
  for (int i = 0; i < kAttempts; ++i) {
    ASSIGN_OR_RETURN(const Step step, attempt(checkpoint));
    if (step == Step::done) return {};
  }
  return fail(ErrorCode::internal, "each of its answers tells another size");
}

Result<WitnessSubmission::Step> WitnessSubmission::attempt(
    const AuditLog::SignedCheckpoint& checkpoint) {
  if (*size_ > checkpoint.size) return Step::done;
  WitnessRequest request{*size_, {}, checkpoint.note};
  if (*size_ > 0) {
    ASSIGN_OR_RETURN(request.proof, consistency_proof(store_, *size_, checkpoint.size));
  }
  ASSIGN_OR_RETURN(const Reply reply, post_(witness_.url + "/add-checkpoint", to_text(request)));
  if (reply.status == 409) return learn_size(reply.body);
  if (reply.status == 422) {
    return contradicted("holds another history of this log: from its entry " +
                        std::to_string(*size_) + " there is no way to ours");
  }
  if (reply.status != 200) {
    return fail(ErrorCode::internal, "it answers " + std::to_string(reply.status));
  }
  RETURN_IF_ERROR(keep(checkpoint, reply.body));
  size_ = checkpoint.size;
  return Step::done;
}

Result<WitnessSubmission::Step> WitnessSubmission::learn_size(const std::string& body) {
  const auto size = body.ends_with('\n')
                        ? parse_decimal(std::string_view(body).substr(0, body.size() - 1))
                        : std::nullopt;
  if (!size) return fail(ErrorCode::internal, "it answers 409 without its size");
  // Each is kept before it is sent to anybody, so this log knows the largest that there can be.
  const std::uint64_t largest = log_.signed_checkpoint().size;
  if (*size > largest) {
    return contradicted("has signed a checkpoint of " + std::to_string(*size) +
                        " entries, but the last one of this log has " + std::to_string(largest));
  }
  size_ = *size;
  return Step::again;
}

Result<void> WitnessSubmission::keep(const AuditLog::SignedCheckpoint& checkpoint,
                                     const std::string& lines) {
  if (("\n" + lines).find("\n\n") != std::string::npos) {
    return fail(ErrorCode::internal, "its answer has an empty line");
  }
  const std::string whole = lines.ends_with('\n') ? lines : lines + "\n";
  for (std::string_view rest = whole; const auto line = take_note_line(rest);) {
    // What is kept is verified as it will stand: alone behind the checkpoint.
    const auto found = witness_.verifier.find_in(checkpoint.note + std::string(*line) + "\n");
    if (!found || found->line != *line) continue;
    return log_.add_cosignature({checkpoint.size, witness_.verifier.vkey(), found->line});
  }
  return fail(ErrorCode::internal, "its answer has no valid cosignature of its key");
}

Failure WitnessSubmission::contradicted(const std::string& what) {
  if (!is_believed(witness_.url)) {
    return fail(ErrorCode::internal, "it says that it " + what +
                                         ", but over plain HTTP anybody on the way can say so: "
                                         "give its URL as https:// in the witness policy");
  }
  const std::string problem = "the witness " + witness_.name + " " + what +
                              ": the database was set back or changed; nothing may be signed "
                              "with it (docs/operations.md, \"Going on from a backup\")";
  log_.refuse(problem);
  return fail(ErrorCode::conflict, problem);
}

}  // namespace chancery
