// Signatures a second of a PKCS#11 token through C_SignInit and C_Sign alone, by key type, threads
// and processes: what every rate of the service is a ratio of. Each thread has a session of its
// own; each process loads and initialises the module itself.

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string module = "/usr/lib/softhsm/libsofthsm2.so";
  std::string token_label = "chancery";
  std::string pin_file;
  double seconds = 2;
};

struct KeyRow {
  const char* name;
  CK_MECHANISM_TYPE generate;
  CK_MECHANISM_TYPE sign;
  std::size_t input_bytes;  // what C_Sign gets: a digest, a DigestInfo, or a short message
};
constexpr std::array<KeyRow, 3> key_rows = {{
    {"ec-p256", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 32},
    {"rsa-2048", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, 51},
    {"ed25519", CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, 32},
}};

// What the processes of one measurement share.
struct Shared {
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false}, stop{false};
  std::atomic<std::uint64_t> signatures{0};
};

[[noreturn]] void give_up(const std::string& what, CK_RV code) {
  std::fprintf(stderr, "raw_sign_bench: %s: CKR 0x%lx\n", what.c_str(), code);
  std::_Exit(EXIT_FAILURE);
}
void check(CK_RV code, const char* what) {
  if (code != CKR_OK) give_up(what, code);
}

std::string read_pin(const std::string& path) {
  std::ifstream file(path);
  std::string pin;
  std::getline(file, pin);
  return pin;
}

CK_FUNCTION_LIST& load_module(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW);
  if (library == nullptr) give_up(dlerror(), CKR_GENERAL_ERROR);
  auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  if (get == nullptr) give_up("C_GetFunctionList", CKR_GENERAL_ERROR);
  CK_FUNCTION_LIST* functions = nullptr;
  check(get(&functions), "C_GetFunctionList");
  return *functions;
}

// The module in this process, logged in at the token with the label.
class Token {
 public:
  explicit Token(const Options& options) : functions_(load_module(options.module)) {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    check(functions_.C_Initialize(&arguments), "C_Initialize");
    slot_ = find_slot(options.token_label);
    session_ = open_session();
    std::string pin = read_pin(options.pin_file);
    check(functions_.C_Login(session_, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()),
                             pin.size()),
          "C_Login");
  }

  CK_FUNCTION_LIST& functions() { return functions_; }
  CK_SESSION_HANDLE session() const { return session_; }

  CK_SESSION_HANDLE open_session() {
    CK_SESSION_HANDLE session = 0;
    check(functions_.C_OpenSession(slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                   &session),
          "C_OpenSession");
    return session;
  }

  CK_OBJECT_HANDLE find(const char* label) {
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    std::array<CK_ATTRIBUTE, 2> pattern = {
        {{CKA_CLASS, &object_class, sizeof object_class},
         {CKA_LABEL, const_cast<char*>(label), std::strlen(label)}}};
    check(functions_.C_FindObjectsInit(session_, pattern.data(), pattern.size()),
          "C_FindObjectsInit");
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG count = 0;
    check(functions_.C_FindObjects(session_, &key, 1, &count), "C_FindObjects");
    check(functions_.C_FindObjectsFinal(session_), "C_FindObjectsFinal");
    return count == 1 ? key : 0;
  }

 private:
  CK_SLOT_ID find_slot(const std::string& label) {
    std::string padded = label;
    padded.resize(sizeof(CK_TOKEN_INFO::label), ' ');
    std::array<CK_SLOT_ID, 64> slots{};
    CK_ULONG count = slots.size();
    check(functions_.C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
    for (CK_SLOT_ID slot : std::span(slots).first(count)) {
      CK_TOKEN_INFO info{};
      check(functions_.C_GetTokenInfo(slot, &info), "C_GetTokenInfo");
      if (std::memcmp(info.label, padded.data(), padded.size()) == 0) return slot;
    }
    give_up("no token with label " + label, CKR_TOKEN_NOT_PRESENT);
  }

  CK_FUNCTION_LIST& functions_;
  CK_SLOT_ID slot_ = 0;
  CK_SESSION_HANDLE session_ = 0;
};

std::string label_of(const KeyRow& row) {
  return std::string("raw-sign-bench-") + row.name;
}

void generate(Token& token, const KeyRow& row) {
  std::string label = label_of(row);
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_ULONG bits = 2048;
  // RFC 5480 section 2.1.1.1 (secp256r1); PKCS#11 3.0 section 2.3.5 (a PrintableString).
  std::array<CK_BYTE, 10> p256 = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
  std::array<CK_BYTE, 14> ed25519 = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r',
                                     'd',  's',  '2', '5', '5', '1', '9'};
  std::vector<CK_ATTRIBUTE> public_part = {{CKA_TOKEN, &yes, sizeof yes},
                                           {CKA_VERIFY, &yes, sizeof yes},
                                           {CKA_LABEL, label.data(), label.size()}};
  if (row.generate == CKM_RSA_PKCS_KEY_PAIR_GEN) {
    public_part.push_back({CKA_MODULUS_BITS, &bits, sizeof bits});
  } else if (row.generate == CKM_EC_KEY_PAIR_GEN) {
    public_part.push_back({CKA_EC_PARAMS, p256.data(), p256.size()});
  } else {
    public_part.push_back({CKA_EC_PARAMS, ed25519.data(), ed25519.size()});
  }
  std::vector<CK_ATTRIBUTE> private_part = {
      {CKA_TOKEN, &yes, sizeof yes},     {CKA_PRIVATE, &yes, sizeof yes},
      {CKA_SENSITIVE, &yes, sizeof yes}, {CKA_EXTRACTABLE, &no, sizeof no},
      {CKA_SIGN, &yes, sizeof yes},      {CKA_LABEL, label.data(), label.size()}};
  CK_MECHANISM mechanism{row.generate, nullptr, 0};
  CK_OBJECT_HANDLE public_key = 0, private_key = 0;
  check(token.functions().C_GenerateKeyPair(token.session(), &mechanism, public_part.data(),
                                            public_part.size(), private_part.data(),
                                            private_part.size(), &public_key, &private_key),
        "C_GenerateKeyPair");
}

void sign_until_stopped(Token& token, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                        const KeyRow& row, Shared& shared) {
  CK_FUNCTION_LIST& functions = token.functions();
  CK_MECHANISM mechanism{row.sign, nullptr, 0};
  std::array<CK_BYTE, 64> input{};
  std::array<CK_BYTE, 512> signature{};
  std::uint64_t count = 0;
  ++shared.ready;
  while (!shared.go) std::this_thread::yield();
  while (!shared.stop.load(std::memory_order_relaxed)) {
    std::memcpy(input.data(), &count, sizeof count);
    CK_ULONG size = signature.size();
    check(functions.C_SignInit(session, &mechanism, key), "C_SignInit");
    check(functions.C_Sign(session, input.data(), row.input_bytes, signature.data(), &size),
          "C_Sign");
    ++count;
  }
  shared.signatures += count;
}

// Each task runs in a process of its own, so that none inherits an initialised module; it goes when
// its parent goes. Leaves with _exit: destructors of real modules are not to be trusted at exit.
template <class Task>
pid_t in_child(Task task) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  task();
  _exit(EXIT_SUCCESS);
}

void wait_for(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) std::_Exit(EXIT_FAILURE);
}

void sign_in_threads(const Options& options, const KeyRow& row, unsigned threads, Shared& shared) {
  Token token(options);
  const CK_OBJECT_HANDLE key = token.find(label_of(row).c_str());
  if (key == 0) give_up("no key " + label_of(row), CKR_KEY_HANDLE_INVALID);
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < threads; ++i) {
    workers.emplace_back([&, session = token.open_session()] {
      sign_until_stopped(token, session, key, row, shared);
    });
  }
  for (std::thread& worker : workers) worker.join();
  token.functions().C_Finalize(nullptr);
}

double measure(const Options& options, const KeyRow& row, unsigned processes, unsigned threads) {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("mmap", CKR_HOST_MEMORY);
  Shared& shared = *new (memory) Shared;
  std::vector<pid_t> children;
  for (unsigned i = 1; i <= processes; ++i) {
    children.push_back(in_child([&] { sign_in_threads(options, row, threads, shared); }));
    // One after another: SoftHSM rewrites the token's file at C_Login, and a process that reads it
    // in that moment sees no token.
    while (shared.ready < i * threads) {
      if (waitpid(children.back(), nullptr, WNOHANG) != 0) std::_Exit(EXIT_FAILURE);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  const auto begin = Clock::now();
  shared.go = true;
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  shared.stop = true;
  const double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
  for (pid_t child : children) wait_for(child);
  const double rate = static_cast<double>(shared.signatures) / elapsed;
  munmap(memory, sizeof(Shared));
  return rate;
}

Options read_options(int argc, char** argv) {
  Options options;
  CLI::App app("Measures C_Sign on a token; prints JSON. Makes its keys in the token.");
  app.add_option("--module", options.module, "PKCS#11 module")->capture_default_str();
  app.add_option("--token-label", options.token_label)->capture_default_str();
  app.add_option("--pin-file", options.pin_file)->required()->check(CLI::ExistingFile);
  app.add_option("--seconds", options.seconds, "for each row")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  wait_for(in_child([&] {
    Token token(options);
    for (const KeyRow& row : key_rows) {
      if (token.find(label_of(row).c_str()) == 0) generate(token, row);
    }
    token.functions().C_Finalize(nullptr);
  }));
  nlohmann::json rows = nlohmann::json::array();
  for (const KeyRow& row : key_rows) {
    for (unsigned processes : {1U, 2U}) {
      for (unsigned threads : {1U, 2U, 4U, 8U}) {
        const double rate = measure(options, row, processes, threads);
        rows.push_back(
            {{"key", row.name}, {"processes", processes}, {"threads", threads}, {"rate", rate}});
      }
    }
  }
  std::printf("%s\n", rows.dump(2).c_str());
  return EXIT_SUCCESS;
}
