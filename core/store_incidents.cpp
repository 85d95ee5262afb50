#include "core/store.h"
#include "core/store_connections.h"
#include "core/store_rows.h"

// What revokes many certificates, and by what they are selected.

namespace chancery {
namespace {

#define CHANCERY_SELECTED "SELECT number, serial, issuer, machine, profile, not_after, crl_shards"

template <class Text>
std::optional<std::string_view> unless_empty(const Text& text) {
  const std::string_view view(text);
  return view.empty() ? std::nullopt : std::optional(view);
}

}  // namespace

Result<std::vector<SelectedCertificate>> Store::select_certificates(
    const CertificateSelector& selector, std::uint64_t first, std::uint64_t last, Time at,
    std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  const auto key =
      selector.spki_sha256.empty() ? std::nullopt : std::optional(ByteView(selector.spki_sha256));
  if (!selector.machine.empty()) {
    return read_all(*reader, store_rows::selected_certificate,
                    CHANCERY_SELECTED
                    " FROM certificate INDEXED BY certificate_machine"
                    " WHERE machine = ?1 AND number BETWEEN ?2 AND ?3 AND not_after >= ?4"
                    " AND (?5 IS NULL OR issuer = ?5) AND (?6 IS NULL OR profile = ?6)"
                    " AND (?7 IS NULL OR grant_name = ?7) AND (?8 IS NULL OR spki_sha256 = ?8)"
                    " AND (?9 IS NULL OR policy ="
                    " (SELECT number FROM policy_version WHERE version = ?9))"
                    " ORDER BY number LIMIT ?10",
                    selector.machine.text(), first, last, store_rows::to_micros(at),
                    unless_empty(selector.issuer.text()), unless_empty(selector.profile.text()),
                    unless_empty(selector.grant), key, unless_empty(selector.policy), limit);
  }
  return read_all(*reader, store_rows::selected_certificate,
                  CHANCERY_SELECTED
                  " FROM certificate INDEXED BY certificate_selection"
                  " WHERE number BETWEEN ?1 AND ?2 AND not_after >= ?3"
                  " AND (?4 IS NULL OR issuer = ?4) AND (?5 IS NULL OR profile = ?5)"
                  " AND (?6 IS NULL OR grant_name = ?6) AND (?7 IS NULL OR spki_sha256 = ?7)"
                  " AND (?8 IS NULL OR policy ="
                  " (SELECT number FROM policy_version WHERE version = ?8))"
                  " ORDER BY number LIMIT ?9",
                  first, last, store_rows::to_micros(at), unless_empty(selector.issuer.text()),
                  unless_empty(selector.profile.text()), unless_empty(selector.grant), key,
                  unless_empty(selector.policy), limit);
}

Result<std::optional<SelectedCertificate>> Store::select_certificate(const Serial& serial) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::selected_certificate,
                  CHANCERY_SELECTED " FROM certificate WHERE serial = ?", serial.bytes);
}

Result<std::optional<IncidentRecord>> Store::incident(const IncidentName& name) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::incident,
                  "SELECT " CHANCERY_INCIDENT_COLUMNS " FROM incident WHERE name = ?", name.text());
}

Result<std::vector<IncidentRecord>> Store::incidents(bool open, const Page& page) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  if (open) {
    return read_all(*reader, store_rows::incident,
                    "SELECT " CHANCERY_INCIDENT_COLUMNS
                    " FROM incident INDEXED BY incident_open"
                    " WHERE state NOT IN ('finished', 'cancelled') AND name > ?"
                    " ORDER BY name LIMIT ?",
                    page.after, page.limit);
  }
  return read_all(*reader, store_rows::incident,
                  "SELECT " CHANCERY_INCIDENT_COLUMNS
                  " FROM incident WHERE name > ? ORDER BY name LIMIT ?",
                  page.after, page.limit);
}

Result<std::vector<IncidentRecord>> Store::open_incidents(const Page& page) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::incident,
                  "SELECT name, '', " CHANCERY_INCIDENT_TERMS
                  " FROM incident INDEXED BY incident_open"
                  " WHERE state NOT IN ('finished', 'cancelled') AND name > ?"
                  " ORDER BY name LIMIT ?",
                  page.after, page.limit);
}

Result<std::vector<Revocation>> Store::revocations_of(const IncidentName& incident,
                                                      std::uint64_t first, std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::revocation,
                  "SELECT " CHANCERY_REVOCATION_COLUMNS
                  " FROM revocation WHERE incident = ?1 AND incident <> '' AND entry >= ?2"
                  " ORDER BY entry LIMIT ?3",
                  incident.text(), first, limit);
}

Result<std::uint64_t> Store::count_revocations_of(const IncidentName& incident) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader,
                     "SELECT count(*) FROM revocation WHERE incident = ?1 AND incident <> ''",
                     incident.text());
}

Result<Store::Asked> Store::count_asked_for(const IncidentName& incident) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  Asked asked;
  ASSIGN_OR_RETURN(asked.all, read_number(*reader,
                                          "SELECT count(*) FROM renewal_request"
                                          " WHERE incident = ?1 AND incident <> ''",
                                          incident.text()));
  ASSIGN_OR_RETURN(asked.pending,
                   read_number(*reader,
                               "SELECT count(*) FROM renewal_request"
                               " WHERE incident = ?1 AND incident <> '' AND replaced_by IS NULL",
                               incident.text()));
  return asked;
}

Result<bool> Store::is_replacement_pending(const IncidentName& incident) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  ASSIGN_OR_RETURN(const std::uint64_t pending,
                   read_number(*reader,
                               "SELECT EXISTS (SELECT 1 FROM renewal_request"
                               " WHERE incident = ?1 AND incident <> '' AND replaced_by IS NULL)",
                               incident.text()));
  return pending != 0;
}

Result<std::optional<BlockedKeyRecord>> Store::blocked_key(ByteView spki_sha256) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::blocked_key,
                  "SELECT spki_sha256, entry FROM blocked_key WHERE spki_sha256 = ?", spki_sha256);
}

Result<std::vector<BlockedKeyRecord>> Store::blocked_keys(ByteView after, std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::blocked_key,
                  "SELECT spki_sha256, entry FROM blocked_key WHERE spki_sha256 > ?"
                  " ORDER BY spki_sha256 LIMIT ?",
                  after, limit);
}

}  // namespace chancery
