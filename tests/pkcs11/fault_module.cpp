// A PKCS#11 module in front of SoftHSM that fails on demand. What it shall do stands in files below
// the directory that CHANCERY_FAULTS names:
//   C_Sign.fail      the next C_Sign gives this value (hexadecimal), once; the file is then gone
//   C_Sign.hang      the next C_Sign never returns
//   C_Sign.skip      this many C_Sign (hexadecimal) go well before the above is looked at
//   C_Sign.corrupt   the next signature has its last bit flipped
//   flip_attribute   C_GetAttributeValue gives the opposite of this CK_BBOOL (hexadecimal type)
//   token_flags      C_GetTokenInfo's flags have these in addition (hexadecimal)
//   session_limit    no more sessions than this at a time (decimal)
// and what was called stands there too: each call of a function NAME makes NAME.calls a byte
// longer.

#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace {

CK_FUNCTION_LIST* real = nullptr;
CK_FUNCTION_LIST list;
std::atomic<unsigned> open_sessions = 0;
std::atomic<unsigned long> calls_to_skip = 0;

std::string path(const std::string& name) {
  return std::string(std::getenv("CHANCERY_FAULTS")) + "/" + name;
}

std::optional<unsigned long> read_number(const std::string& file, int base) {
  std::FILE* in = std::fopen(file.c_str(), "r");
  if (!in) return std::nullopt;
  char text[32] = {};
  const bool good = std::fgets(text, sizeof text, in) != nullptr;
  std::fclose(in);
  if (!good) return std::nullopt;
  return std::strtoul(text, nullptr, base);
}

// Renaming claims the order for one of the threads that may see it.
std::optional<unsigned long> claim(const std::string& name) {
  const std::string claimed = path(name) + ".claimed";
  if (std::rename(path(name).c_str(), claimed.c_str()) != 0) return std::nullopt;
  const auto number = read_number(claimed, 16);
  std::remove(claimed.c_str());
  return number.value_or(0);
}

void count(const std::string& function) {
  const int file = ::open(path(function + ".calls").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(file, ".", 1);
  ::close(file);
}

/// Counts the call and gives the value that it shall fail with, if any.
std::optional<CK_RV> fault_in(const std::string& function) {
  count(function);
  if (claim(function + ".hang")) {
    for (;;) ::pause();
  }
  return claim(function + ".fail");
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG size) {
  if (const auto value = fault_in("C_Login")) return *value;
  return real->C_Login(session, user, pin, size);
}

CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify,
                   CK_SESSION_HANDLE_PTR session) {
  if (const auto value = fault_in("C_OpenSession")) return *value;
  const auto limit = read_number(path("session_limit"), 10);
  if (++open_sessions > limit.value_or(~0UL)) {
    --open_sessions;
    return CKR_SESSION_COUNT;
  }
  return real->C_OpenSession(slot, flags, application, notify, session);
}

CK_RV close_session(CK_SESSION_HANDLE session) {
  --open_sessions;
  return real->C_CloseSession(session);
}

CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  const CK_RV value = real->C_GetTokenInfo(slot, info);
  info->flags |= read_number(path("token_flags"), 16).value_or(0);
  return value;
}

CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  if (const auto value = fault_in("C_SignInit")) return *value;
  return real->C_SignInit(session, mechanism, key);
}

CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR signature,
           CK_ULONG_PTR signature_size) {
  if (const auto skip = claim("C_Sign.skip")) calls_to_skip = *skip;
  if (calls_to_skip > 0) {
    --calls_to_skip;
  } else if (const auto value = fault_in("C_Sign")) {
    return *value;
  }
  const CK_RV value = real->C_Sign(session, data, size, signature, signature_size);
  if (value == CKR_OK && claim("C_Sign.corrupt")) signature[*signature_size - 1] ^= 1;
  return value;
}

CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE_PTR attributes, CK_ULONG size) {
  const CK_RV value = real->C_GetAttributeValue(session, object, attributes, size);
  const auto flip = read_number(path("flip_attribute"), 16);
  if (value == CKR_OK && flip && attributes[0].type == *flip && attributes[0].ulValueLen == 1) {
    static_cast<CK_BBOOL*>(attributes[0].pValue)[0] ^= 1;
  }
  return value;
}

CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR attributes, CK_ULONG size) {
  if (const auto value = fault_in("C_FindObjectsInit")) return *value;
  return real->C_FindObjectsInit(session, attributes, size);
}

}  // namespace

extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR functions) {
  if (!real) {
    void* module = ::dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    if (!module || !std::getenv("CHANCERY_FAULTS")) return CKR_GENERAL_ERROR;
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module, "C_GetFunctionList"));
    if (const CK_RV value = get(&real); value != CKR_OK) return value;
    list = *real;
    list.C_GetFunctionList = C_GetFunctionList;
    list.C_Login = login;
    list.C_OpenSession = open_session;
    list.C_CloseSession = close_session;
    list.C_GetTokenInfo = token_info;
    list.C_SignInit = sign_init;
    list.C_Sign = sign;
    list.C_GetAttributeValue = get_attribute_value;
    list.C_FindObjectsInit = find_objects_init;
  }
  *functions = &list;
  return CKR_OK;
}
