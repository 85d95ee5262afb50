#include "tests/contract/softhsm_home.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "core/result.h"
#include "pkcs11/token_initialisation.h"

namespace chancery {

SoftHsmHome::SoftHsmHome() {
  std::string name = (std::filesystem::temp_directory_path() / "chancery-softhsm-XXXXXX").string();
  CHECK(::mkdtemp(name.data()) != nullptr);
  directory_ = name;
  std::filesystem::create_directory(directory_ / "tokens");
  write("softhsm2.conf", "directories.tokendir = " + path("tokens") +
                             "\nobjectstore.backend = file\nlog.level = ERROR\n");
  write("pin", std::string(pin) + "\n");
  write("so-pin", "another pin of tests\n");
  const auto done = init_token({.executable = executable(),
                                .module = module,
                                .label = "chancery test",
                                .pin_file = path("pin"),
                                .so_pin_file = path("so-pin"),
                                .softhsm_config = config()});
  CHECK(done);
}

SoftHsmHome::~SoftHsmHome() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string SoftHsmHome::executable() const {
  return CHANCERY_BIN_DIR "/chancery-keyholder";
}

KeyholderOptions SoftHsmHome::options() const {
  KeyholderOptions options;
  options.executable = executable();
  options.module = module;
  options.label = "chancery test";
  options.pin_file = path("pin");
  options.softhsm_config = config();
  options.keyholders = 2;
  options.lanes = 4;
  return options;
}

std::string SoftHsmHome::write(const std::string& name, const std::string& text,
                               unsigned mode) const {
  const std::string file = path(name);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  CHECK(::chmod(file.c_str(), mode) == 0);
  return file;
}

std::string SoftHsmHome::pkcs11_tool(const std::string& arguments) const {
  const std::string command = "SOFTHSM2_CONF='" + config() + "' pkcs11-tool --module " + module +
                              " --token-label 'chancery test' --login --pin '" + pin + "' " +
                              arguments + " 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  CHECK(pipe != nullptr);
  std::string output;
  for (int c; (c = std::fgetc(pipe)) != EOF;) output.push_back(static_cast<char>(c));
  const int status = ::pclose(pipe);
  if (status != 0) std::fprintf(stderr, "%s\n%s\n", command.c_str(), output.c_str());
  CHECK(status == 0);
  return output;
}

}  // namespace chancery
