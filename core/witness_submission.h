#pragma once

#include <functional>
#include <string>

#include "core/audit_log.h"
#include "core/witness_policy.h"

namespace chancery {

/// Whether what comes from this URL is the witness's word, so that it may close the log: HTTPS, or
/// a witness on this machine.
bool is_believed(const std::string& url);

/// The log's side of C2SP tlog-witness, towards one witness.
class WitnessSubmission {
 public:
  struct Reply {
    long status = 0;
    std::string body;
  };
  /// Sends a POST and waits for its whole answer, at most limits::witness_deadline.
  using Post = std::function<Result<Reply>(const std::string& url, const std::string& body)>;

  /// `witness` outlives this, and has a URL.
  WitnessSubmission(AuditLog& log, Store& store, const WitnessPolicy::Witness& witness, Post post)
      : log_(log), store_(store), witness_(witness), post_(std::move(post)) {}

  /// Has the checkpoint cosigned, and keeps the cosignature. Where the witness has signed a later
  /// one of this log already, there is nothing to do. What a witness knows and this log does not is
  /// proof that the log was set back: the log is refused for good, unless somebody on the way could
  /// have said it. deadline_exceeded, internal, conflict (the log is refused), with a message for
  /// the operator.
  Result<void> submit(const AuditLog::SignedCheckpoint& checkpoint);

 private:
  enum class Step { done, again };
  Result<Step> attempt(const AuditLog::SignedCheckpoint& checkpoint);
  Result<Step> learn_size(const std::string& body);
  Result<void> keep(const AuditLog::SignedCheckpoint& checkpoint, const std::string& lines);
  Failure contradicted(const std::string& what);

  AuditLog& log_;
  Store& store_;
  const WitnessPolicy::Witness& witness_;
  const Post post_;
  std::optional<std::uint64_t> size_;  ///< what the witness signed last, as far as we know
};

}  // namespace chancery
