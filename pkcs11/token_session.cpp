#include "pkcs11/token_session.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/public_key.h"
#include "pkcs11/der.h"
#include "pkcs11/mechanism.h"

namespace chancery::keyholder {
namespace {

constexpr std::size_t longest_raw_signature = 512;  // RSA-4096
constexpr std::size_t longest_digest_info = 19 + 64;

/// What goes into C_Sign: the input itself, or for PKCS#1 v1.5 a DigestInfo built in `buffer`.
ByteView to_be_signed(const SignatureMechanism& mechanism, ByteView input,
                      std::array<std::uint8_t, longest_digest_info>& buffer) {
  if (mechanism.digest_info.empty()) return input;
  CHECK(mechanism.digest_info.size() + input.size() <= buffer.size());
  const auto end =
      std::copy(mechanism.digest_info.begin(), mechanism.digest_info.end(), buffer.begin());
  std::copy(input.begin(), input.end(), end);
  return {buffer.data(), mechanism.digest_info.size() + input.size()};
}

TokenResult<Bytes> sign_in(const Session& session, CK_OBJECT_HANDLE key,
                           SignatureAlgorithm algorithm, ByteView input) {
  const SignatureMechanism& row = mechanism_for(algorithm);
  CK_RSA_PKCS_PSS_PARAMS pss = row.pss;
  CK_MECHANISM mechanism{row.type, nullptr, 0};
  if (row.type == CKM_RSA_PKCS_PSS) {
    mechanism.pParameter = &pss;
    mechanism.ulParameterLen = sizeof pss;
  }
  CK_RV value = session.functions().C_SignInit(session.handle(), &mechanism, key);
  if (value != CKR_OK) return failed_call("C_SignInit", value);

  std::array<std::uint8_t, longest_digest_info> buffer;
  const ByteView data = to_be_signed(row, input, buffer);
  std::array<std::uint8_t, longest_raw_signature> raw;
  CK_ULONG size = raw.size();
  value = session.functions().C_Sign(session.handle(), const_cast<std::uint8_t*>(data.data()),
                                     data.size(), raw.data(), &size);
  if (value != CKR_OK) return failed_call("C_Sign", value, true);
  const ByteView signature(raw.data(), size);
  if (row.type != CKM_ECDSA) return copy_of(signature);
  auto der = der::ecdsa_signature(signature);
  if (der) return std::move(*der);
  return TokenFailure(
      TokenError{Status::token_failed, CKR_OK, "C_Sign gave no ECDSA signature", true});
}

/// Nothing was signed, and a fresh session or handle may do.
bool is_worth_another_try(const TokenError& error) {
  if (error.may_have_signed || error.return_value == CKR_OK) return false;
  const Action action = action_for(error.return_value);
  return action == Action::replace_session || action == Action::find_again;
}

std::string unpadded(const CK_UTF8CHAR* text, std::size_t size) {
  std::string out(reinterpret_cast<const char*>(text), size);
  out.resize(out.find_last_not_of(' ') + 1);
  return out;
}

TokenResult<void> check_pin_attempts(Functions& functions, CK_SLOT_ID slot) {
  CK_TOKEN_INFO info{};
  const CK_RV value = functions.C_GetTokenInfo(slot, &info);
  if (value != CKR_OK) return failed_call("C_GetTokenInfo", value);
  if ((info.flags & CKF_USER_PIN_LOCKED) != 0) {
    return TokenFailure(
        TokenError{Status::token_failed, CKR_PIN_LOCKED, "the token's PIN is locked", false});
  }
  if ((info.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return TokenFailure(TokenError{Status::token_failed, CKR_PIN_LOCKED,
                                   "the token allows one more attempt at its PIN; log in by hand",
                                   false});
  }
  return {};
}

}  // namespace

TokenResult<std::unique_ptr<LoggedInToken>> LoggedInToken::log_in(Functions& functions,
                                                                  CK_SLOT_ID slot,
                                                                  const Secret& pin) {
  TOKEN_RETURN_IF_ERROR(check_pin_attempts(functions, slot));
  TOKEN_ASSIGN_OR_RETURN(Session pinned, Session::open(functions, slot));
  const std::string_view text = pin.reveal();
  auto* bytes = reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(text.data()));
  const CK_RV value = functions.C_Login(pinned.handle(), CKU_USER, bytes, text.size());
  if (action_for(value) != Action::proceed) return failed_call("C_Login", value);
  return std::unique_ptr<LoggedInToken>(new LoggedInToken(functions, slot, std::move(pinned)));
}

TokenResult<TokenInfo> LoggedInToken::info() const {
  CK_TOKEN_INFO info{};
  const CK_RV value = functions_.C_GetTokenInfo(slot_, &info);
  if (value != CKR_OK) return failed_call("C_GetTokenInfo", value);
  return TokenInfo{.label = unpadded(info.label, sizeof info.label),
                   .manufacturer = unpadded(info.manufacturerID, sizeof info.manufacturerID),
                   .model = unpadded(info.model, sizeof info.model),
                   .serial = unpadded(info.serialNumber, sizeof info.serialNumber)};
}

TokenResult<void> TokenSession::open() {
  if (session_) return {};
  TOKEN_ASSIGN_OR_RETURN(session_, Session::open(token_.functions_, token_.slot_));
  return {};
}

TokenResult<Bytes> TokenSession::sign_once(LookUp look_up, const KeyId& id,
                                           SignatureAlgorithm algorithm, ByteView input) {
  TOKEN_RETURN_IF_ERROR(open());
  TOKEN_ASSIGN_OR_RETURN(const KeyHandles::Entry key, look_up == LookUp::cached
                                                          ? token_.keys_.find(*session_, id)
                                                          : token_.keys_.find_again(*session_, id));
  if (!fits(algorithm, key.type)) {
    return token_failure(Status::refused,
                         "the token's key is a " + std::string(row(key.type).name) + " key");
  }
  TOKEN_ASSIGN_OR_RETURN(Bytes signature, sign_in(*session_, key.private_key, algorithm, input));
  token_.signatures_.fetch_add(1, std::memory_order_relaxed);
  return signature;
}

TokenResult<Bytes> TokenSession::sign(const KeyId& id, SignatureAlgorithm algorithm,
                                      ByteView input) {
  auto signature = sign_once(LookUp::cached, id, algorithm, input);
  if (!signature && is_worth_another_try(signature.error())) {
    session_.reset();
    signature = sign_once(LookUp::again, id, algorithm, input);
  }
  if (!signature) session_.reset();
  return signature;
}

TokenResult<TokenSession::NewKey> TokenSession::try_new_key(const KeyPair& pair, KeyType type,
                                                            const KeyId& id) {
  TOKEN_ASSIGN_OR_RETURN(Bytes spki, read_spki(*session_, pair.public_key));
  const auto key = PublicKey::from_spki(spki);
  if (!key || key->type() != type) {
    return token_failure(Status::refused, "the token made a public key of another type");
  }
  const SignatureAlgorithm algorithm = row(type).default_algorithm;
  const Bytes input = trial_input(type, id);
  TOKEN_ASSIGN_OR_RETURN(Bytes signature, sign_in(*session_, pair.private_key, algorithm, input));
  token_.signatures_.fetch_add(1, std::memory_order_relaxed);
  if (!key->verify(algorithm, input, signature)) {
    return token_failure(Status::refused, "the halves of the new key do not belong together");
  }
  return NewKey{std::move(spki), std::move(signature)};
}

TokenResult<TokenSession::NewKey> TokenSession::generate(KeyType type, const KeyId& id,
                                                         std::string_view label) {
  const std::lock_guard lock(token_.generation_);
  TOKEN_RETURN_IF_ERROR(open());
  const auto pair = generate_key_pair(*session_, type, id, label);
  if (!pair) {
    session_.reset();
    return TokenFailure(pair.error());
  }
  auto key = try_new_key(*pair, type, id);
  if (key) return key;
  // The failed call may have spoiled the session, so the halves are removed in another one.
  session_.reset();
  if (open()) destroy(*session_, *pair);
  return key;
}

TokenResult<Bytes> TokenSession::public_key(const KeyId& id) {
  TOKEN_RETURN_IF_ERROR(open());
  auto spki = token_.keys_.public_key(*session_, id);
  if (!spki) session_.reset();
  return spki;
}

}  // namespace chancery::keyholder
