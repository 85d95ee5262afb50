#pragma once

#include <string>
#include <utility>

#include "core/intent.h"

namespace chancery {

/// Makes what in the service only the audit log can make, so that a Token can be tested alone.
class IntentForTest {
 public:
  static Intent to_sign(const Key& key, SignatureAlgorithm algorithm, Bytes input) {
    return Intent(0, "req-test", SigningInput{&key, algorithm, std::move(input)});
  }
  static Intent to_generate() { return Intent(0, "req-test", SigningInput{}); }
  static CheckpointText checkpoint(std::string text) { return CheckpointText(std::move(text)); }
};

}  // namespace chancery
