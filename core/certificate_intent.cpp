#include "core/certificate_intent.h"

#include <nlohmann/json.hpp>

#include "core/logged_entry.h"

namespace chancery {

template <class Entry>
Result<CertificateRecord> certificate_of_intent(const Entry& intent) {
  CertificateRecord record;
  record.state = CertificateState::unknown;
  ASSIGN_OR_RETURN(record.serial, Serial::parse(text_member(intent, "serial")));
  ASSIGN_OR_RETURN(record.issuer, CaName::parse(text_member(intent, "issuer")));
  ASSIGN_OR_RETURN(record.profile, ProfileName::parse(text_member(intent, "profile")));
  if (const std::string owner = text_member(intent, "owner"); !owner.empty()) {
    ASSIGN_OR_RETURN(record.machine, MachineName::parse(owner));
  }
  ASSIGN_OR_RETURN(record.not_before, from_rfc3339(text_member(intent, "not_before")));
  ASSIGN_OR_RETURN(record.not_after, from_rfc3339(text_member(intent, "not_after")));
  ASSIGN_OR_RETURN(record.spki_sha256, from_hex(text_member(intent, "spki_sha256")));
  // Absent: there was one list of all.
  if (const auto shards = number_member(intent, "crl_shards")) {
    if (*shards < 2 || *shards > limits::crl_shards) return invalid("crl_shards", "out of range");
    record.crl_shards = static_cast<unsigned>(*shards);
  }
  if (const std::string old = text_member(intent, "replaces"); !old.empty()) {
    ASSIGN_OR_RETURN(record.replaces, Serial::parse(old));
  }
  record.grant = text_member(intent, "grant");
  record.policy = text_member(intent, "policy");
  return record;
}

template Result<CertificateRecord> certificate_of_intent(const nlohmann::json&);
template Result<CertificateRecord> certificate_of_intent(const EntryView&);

}  // namespace chancery
