#include "pkcs11/module.h"

#include <dlfcn.h>
#include <libp11.h>
#include <openssl/err.h>

#include <algorithm>
#include <span>
#include <vector>

namespace chancery::keyholder {
namespace {

/// What libp11 says about its last failure. It leaves errors in the queue after successes too, so
/// this is called only where a return value said "failed".
std::string last_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "error " + std::to_string(code);
}

/// The module's slots as libp11 lists them.
class Slots {
 public:
  explicit Slots(PKCS11_CTX* context) : context_(context) {
    good_ = PKCS11_enumerate_slots(context_, &slots_, &count_) == 0;
    if (good_) ERR_clear_error();
  }
  Slots(const Slots&) = delete;
  ~Slots() {
    if (slots_) PKCS11_release_all_slots(context_, slots_, count_);
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::span<PKCS11_SLOT> all() const { return {slots_, count_}; }

 private:
  PKCS11_CTX* context_;
  PKCS11_SLOT* slots_ = nullptr;
  unsigned count_ = 0;
  bool good_ = false;
};

std::vector<PKCS11_SLOT*> tokens_with_label(const Slots& slots, const std::string& label) {
  std::vector<PKCS11_SLOT*> found;
  for (PKCS11_SLOT& slot : slots.all()) {
    const PKCS11_TOKEN* token = slot.token;
    if (token && token->initialized && token->label && token->label == label) {
      found.push_back(&slot);
    }
  }
  return found;
}

using SlotFailure = tl::unexpected<SlotError>;

SlotFailure slot_failure(SlotError::Kind kind, std::string text) {
  return SlotFailure(SlotError{kind, std::move(text)});
}

}  // namespace

tl::expected<std::unique_ptr<Module>, std::string> Module::load(const std::string& path) {
  PKCS11_CTX* context = PKCS11_CTX_new();
  CHECK(context != nullptr);
  // libp11 initialises the module with CKF_OS_LOCKING_OK, which many threads need.
  if (PKCS11_CTX_load(context, path.c_str()) != 0) {
    return tl::unexpected("cannot load the PKCS#11 module " + path + ": " + last_error());
  }
  // The same loaded module once more, for the functions that libp11 has no wrapper for.
  void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module) return tl::unexpected("cannot load the PKCS#11 module " + path);
  const auto get_list =
      reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (!get_list || get_list(&functions) != CKR_OK || !functions) {
    return tl::unexpected(path + " is not a PKCS#11 module");
  }
  ERR_clear_error();
  return std::unique_ptr<Module>(new Module(context, functions));
}

tl::expected<CK_SLOT_ID, SlotError> Module::find_token(const std::string& label) const {
  const Slots slots(context_);
  if (!slots.good()) {
    return slot_failure(SlotError::Kind::failed, "cannot list the slots: " + last_error());
  }
  const auto found = tokens_with_label(slots, label);
  if (found.size() == 1) return PKCS11_get_slotid_from_slot(found[0]);
  return slot_failure(
      SlotError::Kind::none_or_several,
      (found.empty() ? "no token has the label '" : "several tokens have the label '") + label +
          "'");
}

tl::expected<void, SlotError> Module::init_token(const std::string& label, const Secret& so_pin,
                                                 const Secret& pin) const {
  const Slots slots(context_);
  if (!slots.good()) {
    return slot_failure(SlotError::Kind::failed, "cannot list the slots: " + last_error());
  }
  if (!tokens_with_label(slots, label).empty()) {
    return slot_failure(SlotError::Kind::exists, "a token with the label '" + label + "' exists");
  }
  const auto all = slots.all();
  const auto free = std::find_if(all.begin(), all.end(), [](const PKCS11_SLOT& slot) {
    return slot.token && !slot.token->initialized;
  });
  if (free == all.end()) {
    return slot_failure(SlotError::Kind::no_free_slot, "no slot has an uninitialised token");
  }
  // C_InitToken takes 32 bytes padded with blanks, and libp11 passes its argument on as it is.
  std::string padded = label;
  padded.resize(32, ' ');
  // Secret keeps a std::string, so that its text ends with the NUL that libp11 needs.
  const char* so_text = so_pin.reveal().data();
  const bool done = PKCS11_init_token(free->token, so_text, padded.c_str()) == 0 &&
                    PKCS11_open_session(&*free, 1) == 0 && PKCS11_login(&*free, 1, so_text) == 0 &&
                    PKCS11_init_pin(free->token, pin.reveal().data()) == 0;
  if (!done) {
    return slot_failure(SlotError::Kind::failed, "cannot initialise the token: " + last_error());
  }
  ERR_clear_error();
  return {};
}

void Module::finalize() const {
  functions_->C_Finalize(nullptr);
}

}  // namespace chancery::keyholder
