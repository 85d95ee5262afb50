#include <algorithm>
#include <array>

#include "core/message.h"
#include "core/signing_service.h"

namespace chancery {
namespace {

PolicyQuestion question_of(const CreateKey& request) {
  PolicyQuestion question{.operation = Operation::key_create};
  question.key = request.name.text();
  question.key_type = request.type;
  return question;
}

/// Somebody's key of such a name would be in the way of a CA, its responder or the log.
bool is_reserved(const KeyName& name) {
  constexpr std::array<std::string_view, 3> kPrefixes = {"ca-", "log-", "ocsp-"};
  return std::ranges::any_of(
      kPrefixes, [&](std::string_view prefix) { return name.text().starts_with(prefix); });
}

/// The algorithms of a new key: those asked for, or the usual one of its type.
Result<std::vector<SignatureAlgorithm>> algorithms_of(const CreateKey& request) {
  if (request.algorithms.empty()) return std::vector{row(request.type).default_algorithm};
  for (std::size_t i = 0; i < request.algorithms.size(); ++i) {
    const SignatureAlgorithm algorithm = request.algorithms[i];
    if (!fits(algorithm, request.type)) {
      return invalid("algorithms", std::string(row(algorithm).name) +
                                       " does not go with a key of type " +
                                       std::string(row(request.type).name));
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (request.algorithms[k] == algorithm) {
        return invalid("algorithms", std::string(row(algorithm).name) + " stands there twice");
      }
    }
  }
  return request.algorithms;
}

/// What a key signs goes with how it does.
Result<void> check_message_class(const CreateKey& request,
                                 const std::vector<SignatureAlgorithm>& algorithms) {
  if (!request.context.empty()) {
    if (request.message_class != MessageClass::data) {
      return invalid("context", "only keys of message class data have a context");
    }
    RETURN_IF_ERROR(check_context(request.context));
  }
  for (SignatureAlgorithm algorithm : algorithms) {
    if (suits(request.message_class, algorithm)) continue;
    return invalid("algorithms", std::string(row(algorithm).name) +
                                     " cannot sign messages of class " +
                                     std::string(name_of(request.message_class)));
  }
  return {};
}

}  // namespace

Result<const Key*> SigningService::create_key(const Caller& caller, const CreateKey& request) {
  const PolicyQuestion question = question_of(request);
  ASSIGN_OR_RETURN(const Permit permitted, permit(caller, question));
  if (request.purpose == KeyPurpose::data && is_reserved(request.name)) {
    return reject(caller, question,
                  Error{ErrorCode::invalid_request,
                        "names that begin with ca-, log- and ocsp- are those of the service's own "
                        "keys",
                        "name"});
  }
  return generate(caller, permitted, request);
}

/// The same order as for a signature: intent, token, outcome with the inventory row.
Result<const Key*> SigningService::generate(const Caller& caller, const Permit& permitted,
                                            const CreateKey& request) {
  const PolicyQuestion question = question_of(request);
  auto algorithms = algorithms_of(request);
  if (!algorithms) return reject(caller, question, std::move(algorithms.error()));
  if (auto good = check_message_class(request, *algorithms); !good) {
    return reject(caller, question, std::move(good.error()));
  }
  // One at a time: a second request for the same name finds the key, and many tokens fail when they
  // generate in parallel.
  const std::lock_guard one_at_a_time(creating_);
  if (keys_.find(request.name)) {
    return reject(caller, question,
                  Error{ErrorCode::conflict,
                        "there is a key \"" + request.name.text() + "\" already", "name"});
  }
  if (const TokenStatus token = token_.status(); !token.up) {
    return reject(caller, question, token_down(token.problem));
  }
  const KeyId id = KeyId::random();
  AuditEntry entry(EntryKind::intent);
  describe(entry, question);
  entry.set("key_id", to_hex(id.bytes));
  entry.set("purpose", name_of(request.purpose));
  entry.set("algorithms", names_of(*algorithms));
  if (request.purpose == KeyPurpose::data) {
    entry.set("message_class", name_of(request.message_class));
    entry.set("context", request.context);
  }
  ASSIGN_OR_RETURN(Intent intent,
                   log_.intend(caller.context, permitted, std::move(entry), SigningInput{}));

  Result<Bytes> spki = token_.generate(intent, request.type, id, request.name.text());
  Result<PublicKey> public_key = spki ? PublicKey::from_spki(*spki) : Failure(spki.error());
  if (public_key && public_key->type() != request.type) {
    public_key = fail(ErrorCode::token_unavailable, "the token made a key of another type");
  }
  AuditEntry result(EntryKind::outcome);
  result.set("key", request.name.text());
  if (!public_key) {
    result.set("reason", public_key.error().message);
    result.set("detail", public_key.error().detail);
    const bool never_asked = public_key.error().code == ErrorCode::busy;
    ASSIGN_OR_RETURN(
        [[maybe_unused]] const Concluded concluded,
        log_.conclude(caller.context, std::move(intent),
                      never_asked ? Conclusion::failed : Conclusion::unknown, std::move(result)));
    return Failure(std::move(public_key.error()));
  }
  result.set("spki_sha256", to_hex(public_key->spki_sha256()));
  const MachineName creator = caller.context.machine.name;
  const Time at = now();
  KeyRecord row{
      request.name,       id, request.purpose,       request.type,   *algorithms, creator, at,
      public_key->spki(), 0,  request.message_class, request.context};
  ASSIGN_OR_RETURN([[maybe_unused]] const Concluded concluded,
                   log_.conclude(caller.context, std::move(intent), Conclusion::ok,
                                 std::move(result), {AddKey{std::move(row)}}));
  return &keys_.add(Key{request.name, id, request.purpose, std::move(*algorithms), creator, at,
                        std::move(*public_key), request.message_class, request.context});
}

Result<const CertificateAuthority*> SigningService::create_ca(const Caller& caller,
                                                              const CreateCa& request) {
  PolicyQuestion question{.operation = Operation::ca_create};
  question.issuer = request.issuer ? request.issuer->text() : request.name.text();
  question.profile = request.profile.text();
  question.key_type = request.key_type;
  ASSIGN_OR_RETURN(const Permit permitted, permit(caller, question));
  if (ca(request.name)) {
    return reject(caller, question,
                  Error{ErrorCode::conflict,
                        "there is a CA \"" + request.name.text() + "\" already", "name"});
  }
  ASSIGN_OR_RETURN(const Profile* wanted, profile(request.profile));
  const CertificateAuthority* parent = nullptr;
  if (request.issuer) {
    ASSIGN_OR_RETURN(parent, ca(*request.issuer));
    if (auto good = expect_not_revoked(*parent); !good) {
      return reject(caller, question, std::move(good.error()));
    }
  }

  const CreateKey new_key{
      KeyName::literal("ca-" + request.name.text()), request.key_type, KeyPurpose::ca, {}};
  ASSIGN_OR_RETURN(const Key* key, generate(caller, permitted, new_key));

  // A root signs its own certificate, so it has to be an issuer before it has one.
  ASSIGN_OR_RETURN(const Issuer root, Issuer::create_root(request.name, request.subject,
                                                          key->public_key, config_.public_url));
  CertificateOrder order{.operation = Operation::ca_create,
                         .issuer_name = parent ? parent->record.name : request.name,
                         .issuer = parent ? &parent->issuer : &root,
                         .issuer_key = parent ? parent->key : key,
                         .profile = wanted,
                         .public_key = key->public_key.copy(),
                         .subject = request.subject,
                         .names = {},
                         .validity = wanted->default_validity,
                         .owner = caller.context.machine.name,
                         .crl_shards = parent ? crl_shard_counts(parent->record.name).back() : 1};
  const auto task = make_certificate_task(std::move(order), config_, blocked_, store_);
  ASSIGN_OR_RETURN(const Outcome outcome, perform(caller, *task));

  CaRecord row{request.name, key->name, parent ? parent->record.name : request.name,
               outcome.certificate, request.crl_shards};
  AuditEntry entry(EntryKind::ca);
  entry.set("operation", name_of(Operation::ca_create));
  entry.set("ca", request.name.text());
  entry.set("issuer", row.issuer.text());
  entry.set("key", row.key.text());
  entry.set("crl_shards", row.crl_shards);
  entry.set("certificate_sha256", to_hex(sha256(outcome.certificate)));
  ASSIGN_OR_RETURN(row.entry, log_.record(caller.context, std::move(entry), {AddCa{row}}));
  RETURN_IF_ERROR(load());
  return ca(request.name);
}

Result<void> SigningService::load() {
  ASSIGN_OR_RETURN(std::vector<CaRecord> rows, store_.cas());
  for (CaRecord& row : rows) {
    if (ca(row.name)) continue;
    ASSIGN_OR_RETURN(const Key* key, keys_.find(row.key));
    ASSIGN_OR_RETURN(Issuer issuer,
                     Issuer::create(row.name, row.certificate, config_.public_url, config_.ocsp));
    ASSIGN_OR_RETURN(const CertificateInfo info, parse_certificate(row.certificate));
    ASSIGN_OR_RETURN(const Serial serial, Serial::from(info.serial));
    const CaName name = row.name;
    auto authority = std::make_unique<const CertificateAuthority>(
        CertificateAuthority{std::move(row), serial, key, std::move(issuer)});
    const std::unique_lock lock(mutex_);
    cas_.try_emplace(name, std::move(authority));
  }
  return load_crl_shards();
}

Result<void> SigningService::load_crl_shards() {
  ASSIGN_OR_RETURN(const std::vector<CrlShardsRecord> rows, store_.crl_shards());
  const std::unique_lock lock(mutex_);
  crl_shard_counts_.clear();
  for (const CrlShardsRecord& row : rows) crl_shard_counts_[row.issuer].push_back(row.shards);
  return {};
}

std::vector<unsigned> SigningService::crl_shard_counts(const CaName& ca) const {
  const std::shared_lock lock(mutex_);
  const auto found = crl_shard_counts_.find(ca);
  return found == crl_shard_counts_.end() ? std::vector<unsigned>{1} : found->second;
}

Result<const CertificateAuthority*> SigningService::ca(const CaName& name) const {
  const std::shared_lock lock(mutex_);
  const auto found = cas_.find(name);
  if (found == cas_.end()) {
    return fail(ErrorCode::not_found, "there is no CA \"" + name.text() + "\"", "issuer");
  }
  return found->second.get();
}

std::vector<const CertificateAuthority*> SigningService::cas() const {
  const std::shared_lock lock(mutex_);
  std::vector<const CertificateAuthority*> all;
  for (const auto& [name, authority] : cas_) all.push_back(authority.get());
  return all;
}

}  // namespace chancery
