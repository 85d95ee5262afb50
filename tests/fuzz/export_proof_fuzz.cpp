// Proofs of exports, as whoever gives away an export may send them.

#include <cstddef>
#include <cstdint>

#include "core/log_export.h"

namespace {

using namespace chancery;

constexpr std::string_view kVkey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

}  // namespace

/// There is one spelling of a proof, and none proves an export without the log's key.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<NoteVerifier> verifiers = [] {
    std::vector<NoteVerifier> one;
    one.push_back(NoteVerifier::parse(kVkey).value());
    return one;
  }();
  const std::string_view input = text_of({data, size});
  auto proof = parse_export_proof(input);
  if (!proof) {
    CHECK(proof.error().field == "proof");
    return 0;
  }
  CHECK(to_text(*proof) == input);
  ExportCheck check(std::move(*proof));
  check.add("{}");
  CHECK(!check.finish(verifiers));
  return 0;
}
