#include "core/store_rows.h"

#include <array>
#include <limits>

#include "core/machine_attribute.h"
#include "core/name_table.h"

namespace chancery::store_rows {
namespace {

constexpr std::array kStates = {
    Named<CertificateState>{CertificateState::issued, "issued"},
    Named<CertificateState>{CertificateState::unknown, "unknown"},
};

/// Reads the columns of one row from left to right and keeps the first that does not parse.
class Reader {
 public:
  explicit Reader(const sqlite::Statement& row) : row_(row) {}

  template <class Tag>
  void read(Name<Tag>& name) {
    const std::string text = row_.text(column_++);
    // An empty name stands for "none", as for the machine of a request without one.
    if (!text.empty()) keep(name, Name<Tag>::parse(text));
  }
  void read(Serial& serial) { keep(serial, Serial::from(row_.blob(column_++))); }
  void read(std::optional<Serial>& serial) {
    if (row_.is_null(column_)) {
      ++column_;
    } else {
      read(serial.emplace());
    }
  }
  void read(CrlScope& scope) { keep(scope, CrlScope::parse(row_.text(column_++))); }
  void read(KeyId& id) { keep(id, KeyId::from(row_.blob(column_++))); }
  void read(RevocationReason& reason) {
    keep(reason, parse_revocation_reason(row_.text(column_++)));
  }
  void read(IncidentState& state) { keep(state, parse_incident_state(row_.text(column_++))); }
  void read(ApprovalState& state) { keep(state, parse_approval_state(row_.text(column_++))); }
  void read(Seconds& value) { value = Seconds(row_.integer(column_++)); }
  void read(KeyPurpose& purpose) { keep(purpose, parse_key_purpose(row_.text(column_++))); }
  void read(MessageClass& of) { keep(of, parse_message_class(row_.text(column_++))); }
  void read(KeyType& type) { keep(type, parse_key_type(row_.text(column_++))); }
  void read(CertificateState& state) {
    keep(state, value_in<CertificateState>(kStates, row_.text(column_++), "state"));
  }
  void read(std::vector<SignatureAlgorithm>& algorithms) {
    const std::string names = row_.text(column_++);
    for (std::size_t begin = 0; begin < names.size();) {
      const std::size_t end = std::min(names.find(',', begin), names.size());
      SignatureAlgorithm algorithm{};
      keep(algorithm, parse_signature_algorithm(names.substr(begin, end - begin)));
      algorithms.push_back(algorithm);
      begin = end + 1;
    }
  }
  void read(std::vector<MachineAttribute>& attributes) {
    const std::string lines = row_.text(column_++);
    for (std::size_t begin = 0; begin < lines.size();) {
      const std::size_t end = std::min(lines.find('\n', begin), lines.size());
      keep(attributes.emplace_back(), parse_machine_attribute(lines.substr(begin, end - begin)));
      begin = end + 1;
    }
  }
  void read(Time& time) { time = Time(Time::duration(row_.integer(column_++))); }
  void read(std::optional<Time>& time) {
    if (const auto micros = row_.optional_integer(column_++)) time = Time(Time::duration(*micros));
  }
  void read(std::uint64_t& value) { value = row_.index(column_++); }
  void read(unsigned& value) {
    const std::uint64_t number = row_.index(column_++);
    if (number > std::numeric_limits<unsigned>::max()) {
      keep(value, Result<unsigned>(invalid("", "the number is too large")));
    }
    value = static_cast<unsigned>(number);
  }
  void read(Bytes& value) { value = row_.blob(column_++); }
  void read(std::string& value) { value = row_.text(column_++); }
  void read(std::optional<std::string>& value) { value = row_.optional_text(column_++); }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  template <class T>
  void keep(T& value, Result<T> parsed) {
    if (parsed) {
      value = std::move(*parsed);
    } else if (!error_) {
      error_ = Error{ErrorCode::internal, "a row of the database does not parse", "",
                     "column " + std::to_string(column_ - 1) + ": " + parsed.error().message};
    }
  }

  const sqlite::Statement& row_;
  int column_ = 0;
  std::optional<Error> error_;
};

/// Fills `record` from the columns, in the order of `members`.
template <class Record, class... Members>
Result<Record> read_row(const sqlite::Statement& row, Members Record::*... members) {
  Reader reader(row);
  Record record;
  (reader.read(record.*members), ...);
  if (reader.error()) return Failure(*reader.error());
  return record;
}

}  // namespace

std::string_view name_of(CertificateState state) {
  return name_in<CertificateState>(kStates, state);
}

std::string join(const std::vector<SignatureAlgorithm>& algorithms) {
  std::string names;
  for (SignatureAlgorithm algorithm : algorithms) {
    if (!names.empty()) names += ',';
    names += row(algorithm).name;
  }
  return names;
}

std::string join(const std::vector<MachineAttribute>& attributes) {
  std::string lines;
  for (const MachineAttribute& attribute : attributes) {
    if (!lines.empty()) lines += '\n';
    lines += to_text(attribute);
  }
  return lines;
}

Result<Serial> serial(const sqlite::Statement& row) {
  return Serial::from(row.blob(0));
}

Result<CertificateRecord> certificate(const sqlite::Statement& row) {
  using R = CertificateRecord;
  return read_row(row, &R::serial, &R::issuer, &R::machine, &R::profile, &R::not_before,
                  &R::not_after, &R::spki_sha256, &R::der, &R::state, &R::intent, &R::outcome,
                  &R::crl_shards, &R::replaces, &R::grant, &R::policy);
}

Result<RenewalRequestRecord> renewal_request(const sqlite::Statement& row) {
  using R = RenewalRequestRecord;
  return read_row(row, &R::serial, &R::issuer, &R::reason, &R::deadline, &R::explanation_url,
                  &R::replaced_by, &R::entry, &R::incident);
}

Result<SelectedCertificate> selected_certificate(const sqlite::Statement& row) {
  using R = SelectedCertificate;
  return read_row(row, &R::number, &R::serial, &R::issuer, &R::machine, &R::profile, &R::not_after,
                  &R::crl_shards);
}

Result<IncidentRecord> incident(const sqlite::Statement& row) {
  using R = IncidentRecord;
  return read_row(row, &R::name, &R::selector, &R::reason, &R::invalidity_date, &R::opened_by,
                  &R::opened_at, &R::through, &R::matched, &R::per_second, &R::deadline,
                  &R::explanation_url, &R::state, &R::entry, &R::last_entry);
}

Result<BlockedKeyRecord> blocked_key(const sqlite::Statement& row) {
  using R = BlockedKeyRecord;
  return read_row(row, &R::spki_sha256, &R::entry);
}

Result<Revocation> revocation(const sqlite::Statement& row) {
  using R = Revocation;
  constexpr int kShard = 10;
  ASSIGN_OR_RETURN(
      Revocation revocation,
      read_row(row, &R::serial, &R::issuer, &R::reason, &R::revoked_at, &R::by, &R::not_after,
               &R::crl_shards, &R::invalidity_date, &R::incident, &R::entry));
  if (revocation.crl_shards == 0 ||
      row.integer(kShard) != revocation.serial.shard(revocation.crl_shards)) {
    return fail(ErrorCode::internal, "a revocation stands in the shard of another serial");
  }
  return revocation;
}

Result<KeyRecord> key(const sqlite::Statement& row) {
  using R = KeyRecord;
  return read_row(row, &R::name, &R::id, &R::purpose, &R::type, &R::algorithms, &R::creator,
                  &R::created_at, &R::spki, &R::entry, &R::message_class, &R::context);
}

Result<CaRecord> ca(const sqlite::Statement& row) {
  using R = CaRecord;
  return read_row(row, &R::name, &R::key, &R::issuer, &R::certificate, &R::crl_shards, &R::entry);
}

Result<MachineRecord> machine(const sqlite::Statement& row) {
  using R = MachineRecord;
  return read_row(row, &R::name, &R::added_by, &R::added_at, &R::entry, &R::attributes,
                  &R::attributes_entry);
}

Result<EnrollmentRecord> enrollment(const sqlite::Statement& row) {
  using R = EnrollmentRecord;
  return read_row(row, &R::token_sha256, &R::machine, &R::profile, &R::expires_at, &R::used_at,
                  &R::entry);
}

Result<CrlRecord> crl(const sqlite::Statement& row) {
  using R = CrlRecord;
  return read_row(row, &R::issuer, &R::scope, &R::number, &R::this_update, &R::next_update,
                  &R::since, &R::covers, &R::entries, &R::sha256, &R::base_number, &R::base_covers,
                  &R::entry);
}

Result<CrlShardsRecord> crl_shards(const sqlite::Statement& row) {
  using R = CrlShardsRecord;
  return read_row(row, &R::issuer, &R::shards, &R::entry);
}

Result<LogKeysRecord> log_keys(const sqlite::Statement& row) {
  LogKeysRecord record{{}, row.index(1)};
  const std::string vkeys = row.text(0);
  for (std::size_t begin = 0; begin <= vkeys.size();) {
    const std::size_t end = std::min(vkeys.find('\n', begin), vkeys.size());
    record.vkeys.push_back(vkeys.substr(begin, end - begin));
    begin = end + 1;
  }
  return record;
}

Result<RevokedEntry> revoked_entry(const sqlite::Statement& row) {
  using R = RevokedEntry;
  return read_row(row, &R::serial, &R::revoked_at, &R::reason, &R::invalidity_date);
}

Result<RequestRecord> request(const sqlite::Statement& row) {
  using R = RequestRecord;
  return read_row(row, &R::machine, &R::idempotency_key, &R::request_sha256, &R::request_id,
                  &R::intent, &R::answer, &R::expires_at, &R::outcome);
}

Result<CheckpointRecord> checkpoint(const sqlite::Statement& row) {
  using R = CheckpointRecord;
  return read_row(row, &R::size, &R::root, &R::note);
}

Result<ApprovalRecord> approval(const sqlite::Statement& row) {
  using R = ApprovalRecord;
  return read_row(row, &R::id, &R::rule, &R::requester, &R::requester_key, &R::operation,
                  &R::request_sha256, &R::summary, &R::needed, &R::opens_for, &R::created_at,
                  &R::expires_at, &R::state, &R::approved_at, &R::used_by, &R::entry,
                  &R::last_entry);
}

Result<ApprovalSignatureRecord> approval_signature(const sqlite::Statement& row) {
  using R = ApprovalSignatureRecord;
  return read_row(row, &R::approval, &R::approver, &R::serial, &R::spki_sha256, &R::algorithm,
                  &R::signature, &R::given_at, &R::entry);
}

Result<PolicyVersionRecord> policy_version(const sqlite::Statement& row) {
  using R = PolicyVersionRecord;
  return read_row(row, &R::version, &R::text, &R::loaded_at);
}

}  // namespace chancery::store_rows
