#include <boost/test/unit_test.hpp>

#include "core/log_export.h"
#include "core/tile.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

struct ExportFixture : LogHome {
  /// What the service's tiles prove of these entries.
  ExportProof proof_of(std::uint64_t first, std::uint64_t count) {
    const std::string note = log->published_checkpoint();
    const std::uint64_t size = parse_checkpoint(note)->size;
    ExportProof proof;
    proof.first = first;
    proof.count = count;
    proof.frontier = TreeReader(*store, first).frontier()->roots();
    proof.consistency = TreeReader(*store, size).consistency_proof(first + count).value();
    proof.checkpoint = note;
    return proof;
  }

  std::vector<std::string> entries_of(const ExportProof& proof) {
    if (proof.count == 0) return {};
    return store->entries(proof.first, proof.count).value();
  }

  [[nodiscard]] std::string verdict(const ExportProof& proof,
                                    const std::vector<std::string>& entries) const {
    const auto read = parse_export_proof(to_text(proof));
    if (!read) return read.error().message;
    BOOST_TEST(to_text(*read) == to_text(proof));
    ExportCheck check(*read);
    for (const std::string& entry : entries) check.add(entry);
    const auto checkpoint = check.finish(verifiers());
    return checkpoint ? "good" : checkpoint.error().message;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(log_export, ExportFixture)

BOOST_AUTO_TEST_CASE(every_range_of_logs_of_many_sizes) {
  for (const std::uint64_t size : {1U, 2U, 7U, 8U, 255U, 256U, 257U, 700U}) {
    while (log->head().size < size) append();
    checkpoint();
    for (const std::uint64_t first : {std::uint64_t{0}, size / 3, size / 2, size - 1, size}) {
      for (const std::uint64_t count :
           {std::uint64_t{0}, std::uint64_t{1}, size / 4, size - first}) {
        if (first + count > size) continue;
        const ExportProof proof = proof_of(first, count);
        BOOST_TEST(verdict(proof, entries_of(proof)) == "good",
                   size << ": " << first << " + " << count);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_export_that_is_not_whole_or_not_the_logs_is_refused) {
  while (log->head().size < 300) append();
  checkpoint();
  const ExportProof proof = proof_of(100, 120);
  const auto entries = entries_of(proof);
  BOOST_REQUIRE(verdict(proof, entries) == "good");
  for (std::size_t i = 0; i < entries.size(); i += 17) {
    auto changed = entries;
    changed[i].back() = ' ';
    BOOST_TEST(verdict(proof, changed).find("not those of the log") != std::string::npos);
    changed = entries;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
    BOOST_TEST(verdict(proof, changed).find("should have 120") != std::string::npos);
    if (i + 1 == entries.size()) continue;
    changed = entries;
    std::swap(changed[i], changed[i + 1]);
    BOOST_TEST(verdict(proof, changed) != "good");
  }
  ExportProof fewer = proof;
  --fewer.count;  // the last one left out, and the proof of all
  BOOST_TEST(verdict(fewer, {entries.begin(), entries.end() - 1}) != "good");
  ExportProof moved = proof;
  moved.frontier = proof_of(101, 1).frontier;
  BOOST_TEST(verdict(moved, entries) != "good");
  ExportProof unsigned_one = proof;
  unsigned_one.checkpoint[unsigned_one.checkpoint.size() - 5] ^= 1;
  BOOST_TEST(verdict(unsigned_one, entries).find("signature") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_changed_byte_of_a_proof_is_noticed) {
  while (log->head().size < 40) append();
  checkpoint();
  const ExportProof proof = proof_of(9, 20);
  const auto entries = entries_of(proof);
  const std::string text = to_text(proof);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto read = parse_export_proof(changed);
    if (!read) continue;
    ExportCheck check(*read);
    for (const std::string& entry : entries) check.add(entry);
    BOOST_TEST(!check.finish(verifiers()).has_value(), "byte " << i);
  }
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    const auto read = parse_export_proof(text.substr(0, size));
    if (!read) continue;
    ExportCheck check(*read);
    for (const std::string& entry : entries) check.add(entry);
    BOOST_TEST(!check.finish(verifiers()).has_value(), "truncated to " << size);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
