#include "tests/core/audit/python_verifier.h"

#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>

namespace chancery {

bool python_says_good(const LogHome& home) {
  std::vector<std::string> vkeys;
  for (const NoteVerifier& verifier : home.verifiers()) vkeys.push_back(verifier.vkey());
  return python_says_good(home, vkeys);
}

bool python_says_good(const LogHome& home, const std::vector<std::string>& vkeys) {
  std::string command = "python3 '" + std::string(CHANCERY_SOURCE_DIR) +
                        "/tests/audit_verifier.py' '" + home.database() + "'";
  for (const std::string& vkey : vkeys) command += " '" + vkey + "'";
  const int status =
      std::system((command + " > '" + home.folder().file("python.txt") + "' 2>&1").c_str());
  std::ifstream file(home.folder().file("python.txt"));
  const std::string said(std::istreambuf_iterator<char>(file), {});
  BOOST_TEST_MESSAGE(said);
  BOOST_REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
  // A traceback also ends with 1, and is no finding.
  BOOST_REQUIRE(said.find("Traceback") == std::string::npos);
  return WEXITSTATUS(status) == 0;
}

std::string blob(ByteView bytes) {
  return "x'" + to_hex(bytes) + "'";
}

}  // namespace chancery
