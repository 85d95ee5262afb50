#pragma once

#include <boost/test/unit_test.hpp>

#include "core/incident_report.h"
#include "core/machine_attribute.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {

/// A log of everything that makes a row: two of each, so that they can be mistaken for each other.
struct InventoryLog : LogHome {
  InventoryLog() {
    for (const char* name : {"one", "two"}) {
      create_key(name);
      create_ca(name);
      add_machine(name, {{"env", "prod"}, {"team", "shop"}});
      publish_crl(name, "1000");
    }
    set_attributes("one", {{"env", "test"}});
    set_attributes("one", {});
    set_attributes("one", {{"env", "test"}, {"site", "Zug, CH"}});
    name_log_keys();
    renewed = add_machine("one");
    enroll(renewed, Conclusion::ok);
    used_up = add_machine("two");
    enroll(used_up, Conclusion::unknown);
    publish_crl("one", "2000");
    renew(Conclusion::ok);
    renew(Conclusion::unknown);
    revoke(issue(), RevocationReason::key_compromise);
    run_incident("inc-1", true);
    run_incident("inc-2", false);
    ask("released", Conclusion::ok);
    ask("lost", Conclusion::unknown);
    raise_alarm();
    claim("open");
  }

  void raise_alarm() {
    AuditEntry entry(EntryKind::alarm);
    entry.set("event", "raised").set("alarm", "face");
    entry.set("ca", "issuing").set("face", "crl").set("reason", "it is cut off");
    log->record(context_of("self"), std::move(entry)).value();
  }

  void name_log_keys() {
    LogKeysRecord row;
    for (const NoteVerifier& verifier : verifiers()) row.vkeys.push_back(verifier.vkey());
    AuditEntry entry(EntryKind::log);
    entry.set("vkeys", row.vkeys);
    log->record(context_of("self"), std::move(entry), {AddLogKeys{row}}).value();
  }

  void create_key(const std::string& name) {
    const KeyRecord key{KeyName::literal(name),
                        KeyId::random(),
                        KeyPurpose::data,
                        KeyType::rsa_2048,
                        {SignatureAlgorithm::rsa_pss_sha256, SignatureAlgorithm::rsa_pkcs1_sha256},
                        MachineName::literal("web"),
                        now(),
                        random_bytes(64),
                        0,
                        MessageClass::data,
                        name};
    AuditEntry intent(EntryKind::intent), outcome(EntryKind::outcome);
    intent.set("operation", "key.create").set("key", name).set("key_type", "rsa-2048");
    intent.set("key_id", to_hex(key.id.bytes)).set("purpose", "data");
    intent.set("algorithms", names_of(key.algorithms));
    intent.set("message_class", "data").set("context", name);
    outcome.set("key", name).set("spki_sha256", to_hex(sha256(key.spki)));
    finish(intend(std::move(intent)), Conclusion::ok, std::move(outcome), {AddKey{key}});
  }

  void create_ca(const std::string& name) {
    const CaRecord ca{CaName::literal(name), KeyName::literal(name), CaName::literal("one"),
                      random_bytes(64), 1};
    AuditEntry entry(EntryKind::ca);
    entry.set("ca", name).set("key", name).set("issuer", "one").set("crl_shards", 1U);
    entry.set("certificate_sha256", to_hex(sha256(ca.certificate)));
    log->record(context_of("self"), std::move(entry), {AddCa{ca}}).value();
  }

  /// The new token's hash; of a known machine, another token.
  Bytes add_machine(const std::string& name, const std::vector<MachineAttribute>& attributes = {}) {
    const MachineName machine = MachineName::literal(name);
    const EnrollmentRecord enrollment{random_bytes(32), machine, ProfileName::literal("machine"),
                                      std::chrono::ceil<Seconds>(now() + Seconds(60)),
                                      std::nullopt};
    std::vector<StoreChange> changes{AddEnrollment{enrollment}};
    if (!store->machine(machine).value()) {
      changes.emplace_back(
          AddMachine{{machine, MachineName::literal("operator"), now(), 0, attributes}});
    }
    AuditEntry entry(EntryKind::machine);
    entry.set("owner", name).set("profile", "machine");
    entry.set("expires_at", to_rfc3339_seconds(enrollment.expires_at));
    entry.set("token_sha256", to_hex(enrollment.token_sha256));
    if (!attributes.empty()) entry.set("attributes", texts_of(attributes));
    log->record(context_of("operator"), std::move(entry), std::move(changes)).value();
    return enrollment.token_sha256;
  }

  void set_attributes(const std::string& name, const std::vector<MachineAttribute>& attributes) {
    AuditEntry entry(EntryKind::machine);
    entry.set("owner", name).set("attributes", texts_of(attributes));
    log->record(context_of("operator"), std::move(entry),
                {SetMachineAttributes{MachineName::literal(name), attributes}})
        .value();
  }

  void enroll(const Bytes& token, Conclusion conclusion) {
    CertificateRecord certificate = new_certificate();
    AuditEntry outcome = certificate_outcome_entry(certificate);
    if (conclusion == Conclusion::unknown) {
      certificate.state = CertificateState::unknown;
      certificate.der.clear();
      outcome = AuditEntry(EntryKind::outcome);
    }
    AuditEntry intent = certificate_intent_entry(certificate);
    intent.set("token_sha256", to_hex(token));
    finish(intend(std::move(intent), {ClaimEnrollment{token, now()}}), conclusion,
           std::move(outcome), {AddCertificate{certificate}});
  }

  /// A certificate that is asked for twice to be replaced, and its renewal, with another behind a
  /// good one.
  void renew(Conclusion conclusion) {
    const CertificateRecord old = issue();
    request_renewal(old, RevocationReason::superseded);
    request_renewal(old, RevocationReason::key_compromise);
    for (int i = 0; i < (conclusion == Conclusion::ok ? 2 : 1); ++i) {
      CertificateRecord certificate = new_certificate();
      certificate.replaces = old.serial;
      AuditEntry outcome = certificate_outcome_entry(certificate);
      if (conclusion == Conclusion::unknown) {
        certificate.state = CertificateState::unknown;
        certificate.der.clear();
        outcome = AuditEntry(EntryKind::outcome);
      }
      finish(intend(certificate_intent_entry(certificate)), conclusion, std::move(outcome),
             {AddCertificate{certificate}});
    }
  }

  void request_renewal(const CertificateRecord& certificate, RevocationReason reason) {
    const RenewalRequestRecord row{.serial = certificate.serial,
                                   .issuer = certificate.issuer,
                                   .reason = reason,
                                   .deadline = certificate.not_after,
                                   .explanation_url = "https://wiki.example/why"};
    AuditEntry entry(EntryKind::replacement);
    entry.set("serial", row.serial.hex()).set("issuer", row.issuer.text());
    entry.set("revocation_reason", name_of(reason));
    entry.set("deadline", to_rfc3339_seconds(row.deadline));
    entry.set("explanation_url", row.explanation_url);
    log->record(context_of("operator"), std::move(entry), {PutRenewalRequest{row}}).value();
  }

  /// One that blocks a key and revokes a certificate, to its end or not.
  void run_incident(const std::string& name, bool to_the_end) {
    const CertificateRecord certificate = issue();
    IncidentRecord row;
    row.name = IncidentName::literal(name.c_str());
    CertificateSelector selector;
    selector.spki_sha256 = certificate.spki_sha256;
    row.selector = selector.text();
    row.reason = RevocationReason::superseded;
    row.invalidity_date = certificate.not_before;
    row.opened_by = MachineName::literal("operator");
    row.opened_at = certificate.not_before;
    row.through = store->certificate_count().value();
    row.matched = 1;
    row.per_second = 10;
    row.deadline = certificate.not_after;
    row.explanation_url = "https://wiki.example/why";
    row.state = IncidentState::revoking;
    AuditEntry entry(EntryKind::incident);
    entry.set("incident", name).set("event", "opened").set("state", "revoking");
    entry.set("selector_sha256", to_hex(sha256(bytes_of(row.selector))));
    entry.set("revocation_reason", "superseded");
    entry.set("invalidity_date", to_rfc3339_seconds(*row.invalidity_date));
    entry.set("opened_at", to_rfc3339_seconds(row.opened_at)).set("through", row.through);
    entry.set("matched", row.matched).set("per_second", row.per_second);
    entry.set("deadline", to_rfc3339_seconds(*row.deadline));
    entry.set("explanation_url", row.explanation_url);
    entry.set("blocked_key", to_hex(selector.spki_sha256));
    log->record(context_of("operator"), std::move(entry),
                {AddIncident{row}, BlockKey{selector.spki_sha256}})
        .value();
    revoke(certificate, RevocationReason::superseded, name);
    if (!to_the_end) return;
    row = store->incident(row.name).value().value();
    const auto summary = summarize_incident_report(*store, row).value();
    AuditEntry end(EntryKind::incident);
    end.set("incident", name).set("event", "finished").set("state", "finished");
    end.set("revoked", summary.revoked)
        .set("left", summary.left)
        .set("report_sha256", to_hex(summary.sha256));
    log->record(context_of("operator"), std::move(end),
                {MoveIncident{row.name, IncidentState::revoking, IncidentState::finished}})
        .value();
  }

  void publish_crl(const std::string& issuer, const std::string& number) {
    const Time at = from_unix_seconds(to_unix_seconds(now()));
    const CrlRecord crl{.issuer = CaName::literal(issuer),
                        .scope = CrlScope::all(),
                        .number = number,
                        .this_update = at,
                        .next_update = at + Seconds(3600),
                        .since = at - Seconds(60),
                        .covers = log->head().size,
                        .entries = 7,
                        .sha256 = random_bytes(32)};
    AuditEntry intent(EntryKind::intent), outcome(EntryKind::outcome);
    intent.set("operation", "crl.sign").set("issuer", issuer);
    intent.set("crl_list", crl.scope.name()).set("crl_covers", crl.covers);
    intent.set("crl_number", number).set("crl_entries", crl.entries);
    intent.set("since", to_rfc3339_seconds(crl.since));
    intent.set("this_update", to_rfc3339_seconds(crl.this_update));
    intent.set("next_update", to_rfc3339_seconds(crl.next_update));
    outcome.set("crl_sha256", to_hex(crl.sha256));
    finish(intend(std::move(intent)), Conclusion::ok, std::move(outcome), {PutCrl{crl}});
  }

  Intent claim(const std::string& key) {
    return intend(AuditEntry(EntryKind::intent),
                  {ClaimRequest{{MachineName::literal("web"), key, random_bytes(32), "req-" + key,
                                 0, std::nullopt, now() + Seconds(3600)},
                                now()}},
                  "req-" + key);
  }

  void ask(const std::string& key, Conclusion conclusion) {
    Intent intent = claim(key);
    const Bytes signature = random_bytes(64);
    AuditEntry outcome(EntryKind::outcome);
    std::string answer = "unknown";
    if (conclusion == Conclusion::ok) {
      outcome.set("signature_sha256", to_hex(sha256(signature)));
      answer = R"({"intent":)" + std::to_string(intent.index()) + R"(,"request":"req-)" + key +
               R"(","signature":")" + to_base64(signature) + R"("})";
    }
    finish(std::move(intent), conclusion, std::move(outcome),
           {AnswerRequest{MachineName::literal("web"), key, answer}});
  }

  Intent intend(AuditEntry entry, std::vector<StoreChange> changes = {},
                const std::string& request = "req-1") {
    return log
        ->intend(context_of("web", request), policy.allow(), std::move(entry), SigningInput{},
                 std::move(changes))
        .value();
  }

  void finish(Intent intent, Conclusion conclusion, AuditEntry entry,
              std::vector<StoreChange> changes) {
    BOOST_REQUIRE(log->conclude(context_of("web"), std::move(intent), conclusion, std::move(entry),
                                std::move(changes)));
  }

  Bytes renewed, used_up;
};

}  // namespace chancery
