#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "core/durable_file.h"
#include "pkcs11/softhsm_token_file.h"

namespace chancery {
namespace {

/// Folders as SoftHSM lays them out, of two tokens.
struct TokenFolder {
  TokenFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "softhsm-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()));
    path = name;
    std::filesystem::create_directories(path + "/tokens/one");
    std::filesystem::create_directories(path + "/tokens/two");
    write("one", "first, whole");
    write("two", "the second");
  }
  ~TokenFolder() { std::filesystem::remove_all(path); }

  [[nodiscard]] std::string live(const std::string& token) const {
    return path + "/tokens/" + token + "/token.object";
  }
  void write(const std::string& token, const std::string& content) const {
    BOOST_REQUIRE(replace_durable_file(live(token), content));
  }
  [[nodiscard]] std::string read(const std::string& token) const {
    return read_durable_file(live(token)).value().value();
  }
  [[nodiscard]] std::vector<std::string> mend() const {
    return mend_softhsm_token_files(path).value();
  }
  void keep() const { BOOST_REQUIRE(keep_softhsm_token_files(path)); }

  std::string path;
};

BOOST_FIXTURE_TEST_SUITE(softhsm_token_file, TokenFolder)

BOOST_AUTO_TEST_CASE(what_is_cut_off_is_put_back) {
  keep();
  for (const std::string& broken : {std::string(), std::string("first"), std::string(12, '\0')}) {
    write("one", broken);
    BOOST_TEST(mend() == std::vector{live("one")}, boost::test_tools::per_element());
    BOOST_TEST(read("one") == "first, whole");
    BOOST_TEST(read("two") == "the second");
    BOOST_TEST(mend().empty());
  }
  std::filesystem::remove(live("two"));
  BOOST_TEST(mend() == std::vector{live("two")}, boost::test_tools::per_element());
  BOOST_TEST(read("two") == "the second");
}

BOOST_AUTO_TEST_CASE(what_is_whole_stays_and_is_copied_anew) {
  keep();
  write("one", "FIRST, WHOLE");  // as after a login, which counts up
  BOOST_TEST(mend().empty());
  BOOST_TEST(read("one") == "FIRST, WHOLE");
  keep();
  write("one", "");
  BOOST_TEST(mend().size() == 1U);
  BOOST_TEST(read("one") == "FIRST, WHOLE");
}

BOOST_AUTO_TEST_CASE(a_copy_is_not_replaced_by_what_is_cut_off) {
  keep();
  for (const std::string& broken : {std::string(), std::string("first"), std::string(12, '\0')}) {
    write("one", broken);
    keep();
    BOOST_TEST(mend().size() == 1U);
    BOOST_TEST(read("one") == "first, whole");
  }
}

BOOST_AUTO_TEST_CASE(without_a_copy_nothing_is_touched) {
  write("one", "");
  BOOST_TEST(mend().empty());
  BOOST_TEST(read("one").empty());
  keep();
  BOOST_TEST(!std::filesystem::exists(path + "/one.token.object"));
  BOOST_TEST(std::filesystem::exists(path + "/two.token.object"));
}

BOOST_AUTO_TEST_CASE(without_tokens_there_is_nothing_to_do) {
  std::filesystem::remove_all(path + "/tokens");
  keep();
  BOOST_TEST(mend().empty());
}

BOOST_AUTO_TEST_CASE(a_copy_is_its_owners_alone) {
  keep();
  using std::filesystem::perms;
  const perms mode = std::filesystem::status(path + "/one.token.object").permissions();
  BOOST_CHECK((mode & (perms::group_all | perms::others_all)) == perms::none);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_an_error) {
  std::filesystem::remove(live("one"));
  std::filesystem::create_directory(live("one"));
  BOOST_TEST(!keep_softhsm_token_files(path).has_value());
  BOOST_TEST((mend_softhsm_token_files(path).error().code == ErrorCode::store_unavailable));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
