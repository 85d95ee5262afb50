#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cosignature.h"
#include "core/signed_note.h"

namespace chancery {

/// Whose signatures make a checkpoint good: C2SP tlog-policy. Witnesses are of type 0x04.
class WitnessPolicy {
 public:
  /// Asks for nothing.
  WitnessPolicy() = default;
  /// Strict. invalid_request (field "policy") with the line that is wrong.
  static Result<WitnessPolicy> parse(std::string_view text);

  struct Witness {
    std::string name;  ///< in the policy alone
    CosignatureVerifier verifier;
    std::string url;  ///< its submission prefix; empty where none is given
  };
  [[nodiscard]] const std::vector<Witness>& witnesses() const { return witnesses_; }
  [[nodiscard]] const std::vector<NoteVerifier>& logs() const { return logs_; }
  /// False for "quorum none".
  [[nodiscard]] bool requires_cosignatures() const { return quorum_.has_value(); }
  /// Whether the note carries the quorum's cosignatures. Whose log it is, is not looked at.
  [[nodiscard]] bool has_quorum(std::string_view note) const;

 private:
  /// A witness, or a group of earlier nodes of which so many must have signed.
  struct Node {
    std::optional<std::size_t> witness;
    std::size_t threshold = 0;
    std::vector<std::size_t> members;
  };
  using Words = std::vector<std::string_view>;
  Result<void> read_line(const Words& words);
  Result<void> read_log(const Words& words);
  Result<void> read_witness(const Words& words);
  Result<void> read_group(const Words& words);
  Result<void> read_quorum(const Words& words);
  Result<void> define(std::string_view name, Node node);
  Result<std::size_t> find(std::string_view name) const;

  std::vector<Witness> witnesses_;
  std::vector<NoteVerifier> logs_;
  std::vector<Node> nodes_;
  std::map<std::string, std::size_t, std::less<>> names_;
  std::vector<bool> grouped_;  // by node: it is a member of a group
  bool has_quorum_line_ = false;
  std::optional<std::size_t> quorum_;
};

}  // namespace chancery
