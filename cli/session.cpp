#include "cli/session.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/file.h"

namespace chancery {

Result<const Identity*> Session::identity() {
  if (!identity_) {
    if (options_.identity.empty()) {
      return invalid("--identity",
                     "this needs an identity: name its directory with --identity DIR or in "
                     "CHANCERY_IDENTITY (`chancery enroll` makes one)");
    }
    ASSIGN_OR_RETURN(identity_, Identity::load(options_.identity));
  }
  return &*identity_;
}

Result<std::string> Session::trust_anchors(const Identity* identity) const {
  if (!options_.ca.empty()) {
    auto content = read_file(options_.ca, limits::credential_file_bytes);
    if (!content) return invalid("--ca", content.error().message);
    return content;
  }
  return identity != nullptr ? identity->trust_anchor() : std::string();
}

Result<std::unique_ptr<Service>> Session::service_of(const Identity& identity,
                                                     const std::string& idempotency_key) const {
  TlsOptions tls;
  ASSIGN_OR_RETURN(tls.trust_anchors, trust_anchors(&identity));
  tls.certificates = identity.certificate + identity.chain;
  tls.key = &identity.key;
  ASSIGN_OR_RETURN(auto service, Service::connect(options_.url, std::move(tls), idempotency_key));
  service->use_approval(options_.approval);
  return service;
}

Result<Service*> Session::service() {
  if (!service_) {
    ASSIGN_OR_RETURN(const Identity* self, identity());
    ASSIGN_OR_RETURN(service_, service_of(*self, options_.idempotency_key));
  }
  return service_.get();
}

Result<Service*> Session::service_without_identity() {
  // An identity that is at hand is not shown, but it knows the root.
  if (options_.ca.empty() && !options_.identity.empty()) RETURN_IF_ERROR(identity());
  TlsOptions tls;
  ASSIGN_OR_RETURN(tls.trust_anchors, trust_anchors(identity_ ? &*identity_ : nullptr));
  ASSIGN_OR_RETURN(service_,
                   Service::connect(options_.url, std::move(tls), options_.idempotency_key));
  service_->use_approval(options_.approval);
  return service_.get();
}

void Session::print(const std::string& line, const nlohmann::json& object) const {
  write_text(stdout, options_.json ? json_text(object) : line);
}

void write_text(std::FILE* stream, std::string_view text) {
  std::string safe(text);
  for (std::size_t i = 0; i < safe.size(); ++i) {
    auto byte = static_cast<unsigned char>(safe[i]);
    bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
    // U+0080 to U+009F, the second set of control characters, is C2 80 to C2 9F in UTF-8.
    bool c1 =
        byte >= 0x80 && byte <= 0x9f && i > 0 && static_cast<unsigned char>(safe[i - 1]) == 0xc2;
    if (control) safe[i] = '?';
    if (c1) safe[i - 1] = safe[i] = '?';
  }
  if (safe.empty() || safe.back() != '\n') safe += '\n';
  std::fwrite(safe.data(), 1, safe.size(), stream);
}

std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace chancery
