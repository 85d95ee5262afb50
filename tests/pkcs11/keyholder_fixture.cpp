#include "tests/pkcs11/keyholder_fixture.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "tests/contract/intent_for_test.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;

/// The first fields of proc(5)'s stat.
struct Process {
  pid_t id = 0;
  std::string command;
  std::string state;
  pid_t parent = 0;
};

std::optional<Process> read_process(const std::filesystem::path& directory) {
  std::ifstream file(directory / "stat");
  Process process;
  if (file >> process.id >> process.command >> process.state >> process.parent) return process;
  return std::nullopt;
}

}  // namespace

KeyholderFixture::KeyholderFixture() : options(home.options()) {
  std::filesystem::create_directory(home.path("faults"));
  ::setenv("CHANCERY_FAULTS", home.path("faults").c_str(), 1);
  options.module = CHANCERY_FAULT_MODULE;
  options.keyholders = 1;
  options.lanes = 2;
  options.restart_delay = 1ms;
  options.restart_delay_at_most = 50ms;
}

KeyholderFixture::~KeyholderFixture() {
  pool_.reset();
}

void KeyholderFixture::start() {
  auto started = KeyholderPool::start(options, [this](const TokenEvent& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::string(name_of(event.kind)) + " " + std::to_string(event.keyholder));
  });
  BOOST_REQUIRE(started);
  pool_ = std::move(*started);
}

std::vector<std::string> KeyholderFixture::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

Key KeyholderFixture::make_key() {
  const KeyId id = KeyId::random();
  const auto spki =
      pool().generate(IntentForTest::to_generate(), KeyType::ec_p256, id, "a test's key");
  BOOST_REQUIRE(spki);
  auto public_key = PublicKey::from_spki(*spki);
  BOOST_REQUIRE(public_key);
  return Key{KeyName::literal("test"),
             id,
             KeyPurpose::data,
             {SignatureAlgorithm::ecdsa_p256_sha256},
             MachineName::literal("tests"),
             now(),
             std::move(*public_key)};
}

Result<Bytes> KeyholderFixture::sign(const Key& key, std::string_view message) {
  const auto algorithm = SignatureAlgorithm::ecdsa_p256_sha256;
  auto signature = pool().sign(IntentForTest::to_sign(key, algorithm, sha256(bytes_of(message))));
  if (signature) {
    BOOST_TEST(key.public_key.verify(algorithm, sha256(bytes_of(message)), *signature));
  }
  return signature;
}

void KeyholderFixture::sign_once_it_is_up(const Key& key) {
  BOOST_TEST(eventually([&] { return sign(key, "once more").has_value(); }));
}

void KeyholderFixture::order(const std::string& file, const std::string& text) const {
  const std::string final_name = home.path("faults/" + file);
  const std::string new_name = final_name + ".new";
  std::ofstream(new_name) << text;
  std::filesystem::rename(new_name, final_name);
}

void KeyholderFixture::withdraw(const std::string& file) const {
  std::filesystem::remove(home.path("faults/" + file));
}

std::size_t KeyholderFixture::calls(const std::string& function) const {
  std::error_code none;
  const auto size = std::filesystem::file_size(home.path("faults/" + function + ".calls"), none);
  return none ? 0 : size;
}

std::vector<pid_t> processes() {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto process = read_process(entry.path());
    if (process && process->state != "Z" && process->parent == ::getpid() &&
        process->command.starts_with("(chancery-keyhol")) {
      found.push_back(process->id);
    }
  }
  return found;
}

bool is_running(pid_t process) {
  const auto found = read_process("/proc/" + std::to_string(process));
  return found && found->state != "Z";
}

bool is_stopped(pid_t process) {
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  for (const auto& entry : std::filesystem::directory_iterator(tasks)) {
    const auto thread = read_process(entry.path());
    if (!thread || thread->state != "T") return false;
  }
  return true;
}

bool eventually(const std::function<bool()>& condition) {
  const auto latest = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < latest) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

}  // namespace chancery
