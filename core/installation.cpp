#include "core/installation.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "core/durable_file.h"
#include "core/log_key_rotation.h"
#include "core/private_key.h"

namespace chancery {
namespace {

Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(ErrorCode::store_unavailable, "cannot make " + path + ": " + std::strerror(errno));
  return {};
}

/// certificate and those above it, PEM. The machine's chain.pem is this without its own.
std::string chain_pem(const Instance& instance, const CaName& issuer) {
  std::string text;
  auto ca = instance.service().ca(issuer);
  while (ca) {
    text += to_pem((*ca)->record.certificate, "CERTIFICATE");
    if ((*ca)->record.issuer == (*ca)->record.name) break;
    ca = instance.service().ca((*ca)->record.issuer);
  }
  return text;
}

Result<void> create_log_keys(Instance& instance,
                             const std::function<void(const std::string&)>& say) {
  const Caller self = Instance::self();
  ASSIGN_OR_RETURN([[maybe_unused]] const Key* p256,
                   instance.service().create_key(
                       self, {kLogKeyP256, KeyType::ec_p256, KeyPurpose::audit_log, {}}));
  auto ed25519 = instance.service().create_key(
      self, {kLogKeyEd25519, KeyType::ed25519, KeyPurpose::audit_log, {}});
  if (ed25519) {
    say("audit log keys log-p256 and log-ed25519");
  } else {
    say("audit log key log-p256; this token has no Ed25519 (" + ed25519.error().message + ")");
  }
  return {};
}

Result<void> create_cas(Instance& instance, const std::function<void(const std::string&)>& say) {
  Subject subject;
  subject.organization = "Chancery";
  subject.common_name = "Chancery Root CA";
  const CaName root = CaName::literal("root");
  ASSIGN_OR_RETURN(
      [[maybe_unused]] const CertificateAuthority* made_root,
      instance.service().create_ca(Instance::self(), {root, subject, KeyType::ec_p256, std::nullopt,
                                                      ProfileName::literal("root-ca"), 1}));
  say("root CA, its key in the token");
  subject.common_name = "Chancery Issuing CA";
  ASSIGN_OR_RETURN(
      [[maybe_unused]] const CertificateAuthority* made_issuing,
      instance.service().create_ca(
          Instance::self(), {instance.config().enrollment_ca, subject, KeyType::ec_p256, root,
                             ProfileName::literal("intermediate-ca"), 1}));
  say("issuing CA \"" + instance.config().enrollment_ca.text() + "\" under it");
  return {};
}

Result<void> write_public_files(Instance& instance) {
  const std::string& home = instance.config().home;
  RETURN_IF_ERROR(make_folder(home + "/ca"));
  for (const CertificateAuthority* ca : instance.service().cas()) {
    RETURN_IF_ERROR(replace_durable_file(home + "/ca/" + ca->record.name.text() + ".pem",
                                         to_pem(ca->record.certificate, "CERTIFICATE"), 0644));
  }
  ASSIGN_OR_RETURN(const auto checkpoints,
                   CheckpointPublisher::create(instance.log(), instance.store(), instance.token(),
                                               instance.keys(), instance.config().log_origin));
  RETURN_IF_ERROR(checkpoints->state_keys({Instance::self().context}));
  RETURN_IF_ERROR(checkpoints->publish());
  return write_log_keys(home, *checkpoints);
}

}  // namespace

Result<void> enroll_locally(Instance& instance, const MachineName& name, const ProfileName& profile,
                            const std::string& folder) {
  ASSIGN_OR_RETURN(const auto known, instance.store().machine(name));
  ASSIGN_OR_RETURN(
      const EnrollmentTicket ticket,
      instance.service().add_machine(Instance::self(),
                                     {name, profile, std::chrono::minutes{5}, known.has_value()}));
  SoftwareKey key = generate_software_key();
  const Caller enrolling{{new_request_id(), Machine{}}, {}, {}};
  ASSIGN_OR_RETURN(
      const Outcome outcome,
      instance.service().sign(enrolling, Enroll{sha256(bytes_of(ticket.token.reveal())),
                                                {std::move(key.public_key), Subject{}, {}}}));
  RETURN_IF_ERROR(make_folder(folder));
  RETURN_IF_ERROR(replace_durable_file(folder + "/key.pem", key.pem.reveal(), 0600));
  RETURN_IF_ERROR(
      replace_durable_file(folder + "/cert.pem", to_pem(outcome.certificate, "CERTIFICATE"), 0644));
  return replace_durable_file(folder + "/chain.pem", chain_pem(instance, outcome.issuer), 0644);
}

Result<void> furnish(Instance& instance, const std::function<void(const std::string&)>& say) {
  RETURN_IF_ERROR(create_log_keys(instance, say));
  RETURN_IF_ERROR(create_cas(instance, say));
  RETURN_IF_ERROR(make_folder(instance.config().home + "/identities"));
  for (const char* name : {"admin", "operator", "auditor"}) {
    RETURN_IF_ERROR(enroll_locally(instance, MachineName::literal(name),
                                   ProfileName::literal("identity"),
                                   instance.config().home + "/identities/" + name));
    say(std::string("identity ") + name);
  }
  return write_public_files(instance);
}

}  // namespace chancery
