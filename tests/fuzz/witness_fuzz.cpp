// What an add-checkpoint request of a log, or of anybody, may carry, and witness policies.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/cosignature.h"
#include "core/signed_note.h"
#include "core/witness_policy.h"
#include "core/witness_request.h"

namespace {

using namespace chancery;

constexpr std::string_view kVkey =
    "witness.example.com/w1+e8498172+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM";
constexpr std::string_view kCosignedText =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

/// There is one spelling of a request.
void check_request(std::string_view input) {
  const auto request = parse_witness_request(input);
  if (!request) {
    CHECK(request.error().field == "body");
    return;
  }
  CHECK(to_text(*request) == input);
  const auto strict = parse_checkpoint(request->checkpoint);
  const auto lenient = parse_checkpoint(request->checkpoint, Extensions::allowed);
  if (strict) CHECK(lenient && checkpoint_text(*lenient) == checkpoint_text(*strict));
}

/// One text was ever cosigned with this key, at one moment.
void check_cosignature(std::string_view input) {
  static const CosignatureVerifier verifier = CosignatureVerifier::parse(kVkey).value();
  const auto found = verifier.find_in(input);
  if (!found) return;
  CHECK(input.starts_with(std::string(kCosignedText) + "\n"));
  CHECK(found->seconds == 1679315147);
}

/// Nobody's cosignature is in a note without signatures, so only a policy that asks for none has
/// its quorum.
void check_policy(std::string_view input) {
  const auto policy = WitnessPolicy::parse(input);
  if (!policy) {
    CHECK(policy.error().field == "policy" && !policy.error().message.empty());
    return;
  }
  CHECK(policy->has_quorum(std::string(kCosignedText) + "\n") != policy->requires_cosignatures());
}

void check_vkey(std::string_view input) {
  const auto verifier = CosignatureVerifier::parse(input);
  if (verifier) CHECK(verifier->vkey() == input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_request(input);
  check_cosignature(input);
  check_vkey(input);
  check_policy(input);
  return 0;
}
