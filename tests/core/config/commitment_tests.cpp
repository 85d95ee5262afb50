#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "core/commitment.h"
#include "tests/cli/scratch_directory.h"

namespace chancery {
namespace {

struct Folder {
  [[nodiscard]] std::string file() const { return scratch.path("secret"); }
  void write(const std::string& content) const { std::ofstream(file()) << content; }
  ScratchDirectory scratch;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(commitments, Folder)

// By `openssl dgst -sha256 -mac HMAC -macopt hexkey:…`: the salt under 32 times "s", of the label,
// a newline and the request's id; then the commitment under that salt.
BOOST_AUTO_TEST_CASE(are_what_openssl_computes) {
  write(std::string(32, 's'));
  const auto commitments = Commitments::open(file()).value();
  BOOST_TEST(to_hex(commitments.salt("req-00000000000000000000000000000001")) ==
             "32d4da1741c3d126c695bbd8266760a50e0a1bbd2e09750261f4836432be3f06");
  BOOST_TEST(commitments.commit("req-00000000000000000000000000000001", "bob@people.example") ==
             "49b8961e1c298381e210b24bedf0f48b8f4f1f77e9470031f20a338994a4fc93");
}

BOOST_AUTO_TEST_CASE(of_one_value_in_two_requests_cannot_be_compared) {
  const auto commitments = Commitments::open(file()).value();
  BOOST_TEST(commitments.commit("req-1", "a@example.com") !=
             commitments.commit("req-2", "a@example.com"));
  BOOST_TEST(commitments.commit("req-1", "a@example.com") !=
             commitments.commit("req-1", "b@example.com"));
}

BOOST_AUTO_TEST_CASE(have_a_secret_that_is_made_once_and_is_private) {
  const std::string first = Commitments::open(file()).value().commit("r", "v");
  BOOST_TEST(Commitments::open(file()).value().commit("r", "v") == first);
  struct stat status {};
  BOOST_REQUIRE(::stat(file().c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 07777U) == 0600U);
  std::filesystem::remove(file());
  BOOST_TEST(Commitments::open(file()).value().commit("r", "v") != first);
}

BOOST_AUTO_TEST_CASE(of_another_file_are_refused) {
  for (const std::size_t size : {0U, 31U, 33U}) {
    write(std::string(size, 's'));
    BOOST_TEST(!Commitments::open(file()));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
