#pragma once

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/core/audit/log_fixture.h"

namespace chancery {

/// A log whose keys change.
struct ChangingKeys : LogHome {
  NoteSigner a{kOrigin, KeyType::ed25519}, b{kOrigin, KeyType::ec_p256},
      c{kOrigin, KeyType::ed25519};

  using Signers = std::vector<const NoteSigner*>;

  static std::vector<NoteVerifier> verifiers_of(const Signers& signers) {
    std::vector<NoteVerifier> verifiers;
    for (const NoteSigner* signer : signers) {
      verifiers.push_back(NoteVerifier::parse(signer->verifier().vkey()).value());
    }
    return verifiers;
  }

  void name(const Signers& signers) {
    LogKeysRecord row;
    for (const NoteSigner* signer : signers) row.vkeys.push_back(signer->verifier().vkey());
    AuditEntry entry(EntryKind::log);
    entry.set("event", "keys");
    entry.set("vkeys", row.vkeys);
    BOOST_REQUIRE(log->record(context_of("self"), std::move(entry), {AddLogKeys{row}}));
  }

  void checkpoint_by(const Signers& signers) {
    append();
    const auto text = log->prepare_checkpoint(kOrigin).value();
    BOOST_REQUIRE(text);
    std::vector<std::string> lines;
    for (const NoteSigner* signer : signers) lines.push_back(signer->line(text->text()));
    BOOST_REQUIRE(log->publish_checkpoint(*text, assemble_note(text->text(), lines)));
  }
};

}  // namespace chancery
