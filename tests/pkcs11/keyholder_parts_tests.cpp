// The keyholder's parts that need no token.

#include <sys/stat.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "pkcs11/der.h"
#include "pkcs11/keyholder_arguments.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/pin_file.h"
#include "pkcs11/return_value.h"

namespace chancery::keyholder {
namespace {

BOOST_AUTO_TEST_SUITE(return_value)

BOOST_AUTO_TEST_CASE(the_values_that_matter_have_their_action) {
  struct Case {
    CK_RV value;
    const char* name;
    Action action;
  };
  const Case cases[] = {
      {CKR_OK, "CKR_OK", Action::proceed},
      {CKR_USER_ALREADY_LOGGED_IN, "CKR_USER_ALREADY_LOGGED_IN", Action::proceed},
      {CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID", Action::replace_session},
      {CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED", Action::replace_session},
      {CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", Action::find_again},
      {CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID", Action::find_again},
      {CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", Action::restart},
      {CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", Action::restart},
      {CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", Action::restart},
      {CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", Action::restart},
      {CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED", Action::restart},
      {CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN", Action::restart},
      {CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", Action::stop},
      {CKR_PIN_LOCKED, "CKR_PIN_LOCKED", Action::stop},
      {CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED", Action::stop},
      {CKR_OPERATION_ACTIVE, "CKR_OPERATION_ACTIVE", Action::back_off},
      {CKR_SESSION_COUNT, "CKR_SESSION_COUNT", Action::back_off},
      {CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY", Action::back_off},
      {CKR_HOST_MEMORY, "CKR_HOST_MEMORY", Action::back_off},
      {CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID", Action::refuse},
      {CKR_VENDOR_DEFINED, "CKR_0x80000000", Action::replace_session},
  };
  for (const Case& each : cases) {
    BOOST_TEST_CONTEXT(each.name) {
      BOOST_TEST(name_of(each.value) == each.name);
      BOOST_TEST((action_for(each.value) == each.action));
    }
  }
}

BOOST_AUTO_TEST_CASE(each_value_has_one_row) {
  std::set<CK_RV> seen;
  for (const ReturnValueRow& row : return_values()) {
    BOOST_TEST_CONTEXT(row.name) {
      BOOST_TEST(seen.insert(row.value).second);
      BOOST_TEST(row.name.starts_with("CKR_"));
    }
  }
}

BOOST_AUTO_TEST_CASE(whatever_speaks_of_a_pin_is_never_tried_again) {
  for (const ReturnValueRow& row : return_values()) {
    if (row.name.find("PIN") == std::string_view::npos) continue;
    BOOST_TEST_CONTEXT(row.name) {
      BOOST_TEST((row.action == Action::stop));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(mechanism)

BOOST_AUTO_TEST_CASE(every_algorithm_has_one_that_takes_what_was_recorded) {
  for (const SignatureAlgorithmRow& row : signature_algorithms()) {
    BOOST_TEST_CONTEXT(row.name) {
      const SignatureMechanism& mechanism = mechanism_for(row.algorithm);
      BOOST_TEST((mechanism.algorithm == row.algorithm));
      const std::size_t digest_size = row.digest ? chancery::row(*row.digest).size : 0;
      const bool pss = mechanism.type == CKM_RSA_PKCS_PSS;
      BOOST_TEST(mechanism.pss.sLen == (pss ? digest_size : 0));
      // A DigestInfo ends with the digest's length.
      if (mechanism.type == CKM_RSA_PKCS) BOOST_TEST(mechanism.digest_info.back() == digest_size);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_key_type_has_one) {
  for (const KeyTypeRow& row : key_types()) {
    BOOST_TEST_CONTEXT(row.name) {
      const KeyMechanism& mechanism = mechanism_for(row.type);
      BOOST_TEST((mechanism.type == row.type));
      BOOST_TEST(mechanism.modulus_bits == (row.family == KeyFamily::rsa ? row.bits : 0));
      BOOST_TEST(mechanism.curve.empty() == (row.family == KeyFamily::rsa));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(der_encoding)

BOOST_AUTO_TEST_CASE(ecdsa_signatures_become_ecdsa_sig_values) {
  struct Case {
    const char* name;
    std::string raw, der;
  };
  const Case cases[] = {
      {"small numbers", "0102", "3006020101020102"},
      {"leading zeros go", "00010002", "3006020101020102"},
      {"a high bit needs a zero", "80ff", "300802020080020200ff"},
      {"a zero stays one octet", "00000000", "3006020100020100"},
      {"P-256, full", std::string(64, '7') + std::string(64, 'f'),
       "30450220" + std::string(64, '7') + "022100" + std::string(64, 'f')},
      {"P-521 needs a long length", "01" + std::string(130, 'f') + "01" + std::string(130, 'f'),
       "308188"
       "0242"
       "01" +
           std::string(130, 'f') +
           "0242"
           "01" +
           std::string(130, 'f')},
  };
  for (const Case& each : cases) {
    BOOST_TEST_CONTEXT(each.name) {
      const auto der = der::ecdsa_signature(*from_hex(each.raw));
      BOOST_REQUIRE(der);
      BOOST_TEST(to_hex(*der) == each.der);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_ecdsa_signature_is_refused) {
  for (const std::size_t size : {0U, 1U, 63U, 133U, 134U, 512U}) {
    BOOST_TEST(!der::ecdsa_signature(Bytes(size, 1)));
  }
}

BOOST_AUTO_TEST_CASE(octet_strings) {
  struct Case {
    const char* name;
    std::string der;
    std::optional<std::string> content;
  };
  const Case cases[] = {
      {"empty", "0400", ""},
      {"short", "0402aabb", "aabb"},
      {"long form", "048180" + std::string(256, 'c'), std::string(256, 'c')},
      {"nothing", "", std::nullopt},
      {"a tag alone", "04", std::nullopt},
      {"another tag", "0302aabb", std::nullopt},
      {"cut short", "0403aabb", std::nullopt},
      {"with more behind", "0401aabb", std::nullopt},
      {"long form for a short one", "048102aabb", std::nullopt},
      {"a raw point", "04" + std::string(128, '1'), std::nullopt},
  };
  for (const Case& each : cases) {
    BOOST_TEST_CONTEXT(each.name) {
      const Bytes der = *from_hex(each.der);
      const auto content = der::octet_string_content(der);
      BOOST_REQUIRE(content.has_value() == each.content.has_value());
      if (content) BOOST_TEST(to_hex(*content) == *each.content);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

struct PinFile {
  std::string path = (std::filesystem::temp_directory_path() / "chancery-pin-XXXXXX").string();
  PinFile() { ::close(::mkstemp(path.data())); }
  ~PinFile() { std::filesystem::remove(path); }
  void write(const std::string& text, mode_t mode) const {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    ::chmod(path.c_str(), mode);
  }
};

BOOST_FIXTURE_TEST_SUITE(pin_file, PinFile)

BOOST_AUTO_TEST_CASE(a_good_one_gives_its_line) {
  for (const mode_t mode : {0600U, 0400U}) {
    for (const std::string end : {"", "\n"}) {
      write("1234 5" + end, mode);
      const auto pin = read_pin_file(path);
      BOOST_REQUIRE(pin);
      BOOST_TEST(pin->reveal() == "1234 5");
      ::chmod(path.c_str(), 0600);
    }
  }
}

BOOST_AUTO_TEST_CASE(files_that_are_refused) {
  struct Case {
    const char* name;
    std::string text;
    mode_t mode;
    const char* reason;
  };
  const Case cases[] = {
      {"readable by others", "1234\n", 0604, "open to group or others"},
      {"readable by the group", "1234\n", 0640, "open to group or others"},
      {"readable by all", "1234\n", 0644, "open to group or others"},
      {"writable by the group", "1234\n", 0620, "open to group or others"},
      {"empty", "", 0600, "is empty"},
      {"a newline alone", "\n", 0600, "is empty"},
      {"two lines", "1234\n5678\n", 0600, "more than one line"},
      {"a carriage return", "1234\r\n", 0600, "control characters"},
      {"a NUL", std::string("12\0 34", 6), 0600, "control characters"},
      {"256 bytes", std::string(256, '1'), 0600, "too long"},
      {"a megabyte", std::string(1 << 20, '1'), 0600, "too long"},
  };
  for (const Case& each : cases) {
    BOOST_TEST_CONTEXT(each.name) {
      write(each.text, each.mode);
      const auto pin = read_pin_file(path);
      BOOST_REQUIRE(!pin);
      BOOST_TEST(pin.error().message.find(each.reason) != std::string::npos);
      BOOST_TEST(pin.error().message.find("1234") == std::string::npos);
    }
  }
  BOOST_TEST(!read_pin_file(path + ".missing"));
  BOOST_TEST(!read_pin_file("/tmp"));
  BOOST_TEST(!read_pin_file("/dev/null"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(arguments)

Result<Arguments> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "chancery-keyholder");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return parse_arguments(static_cast<int>(words.size()), pointers.data());
}

BOOST_AUTO_TEST_CASE(each_mode_is_understood) {
  const auto serve = parse({"serve", "--module", "m", "--label", "l", "--pin-file", "p", "--lanes",
                            "8", "--first-fd", "3", "--parent", "77", "--deadline-ms", "1500"});
  BOOST_REQUIRE(serve);
  BOOST_TEST((serve->mode == Arguments::Mode::serve));
  BOOST_TEST(serve->lanes == 8U);
  BOOST_TEST(serve->parent == 77);
  BOOST_TEST(serve->deadline.count() == 1500);

  const auto listen = parse({"serve", "--module", "m", "--label", "l", "--pin-file", "p",
                             "--listen", "/run/k", "--peer-uid", "0"});
  BOOST_REQUIRE(listen);
  BOOST_TEST((listen->mode == Arguments::Mode::listen));
  BOOST_TEST(listen->peer_uid == 0);

  const auto init = parse(
      {"init-token", "--module", "m", "--label", "l", "--pin-file", "p", "--so-pin-file", "s"});
  BOOST_REQUIRE(init);
  BOOST_TEST((init->mode == Arguments::Mode::init_token));
}

BOOST_AUTO_TEST_CASE(lines_that_are_refused) {
  const std::vector<std::string> good = {"serve",      "--module", "m",        "--label", "l",
                                         "--pin-file", "p",        "--parent", "1"};
  BOOST_REQUIRE(parse(good));
  const std::vector<std::vector<std::string>> bad_additions = {
      {"--lanes", "0"},
      {"--lanes", "257"},
      {"--lanes", "x"},
      {"--lanes", "1x"},
      {"--lanes", "-1"},
      {"--lanes"},
      {"--first-fd", "2"},
      {"--parent", "0"},
      {"--deadline-ms", "0"},
      {"--pin", "1234"},
      {"--unknown"},
      {"word"},
      {"--peer-uid", "-1"},
      {"--peer-uid", "4294967296"},
      {"--label", std::string(33, 'l')},
      {"--label", "blank "},
  };
  for (const auto& addition : bad_additions) {
    auto words = good;
    words.insert(words.end(), addition.begin(), addition.end());
    BOOST_TEST_CONTEXT(addition[0] << " " << addition.back()) {
      BOOST_TEST(!parse(words));
    }
  }
  BOOST_TEST(!parse({"init-token", "--module", "m", "--label", "l", "--pin-file", "p",
                     "--so-pin-file", "s", "--listen", "/run/k"}));
  BOOST_TEST(!parse({}));
  BOOST_TEST(!parse({"sign"}));
  BOOST_TEST(!parse({"serve", "--module", "m", "--label", "l"}));
  BOOST_TEST(!parse({"serve", "--module", "m", "--label", "l", "--pin-file", "p"}));
  BOOST_TEST(!parse({"init-token", "--module", "m", "--label", "l", "--pin-file", "p"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery::keyholder
