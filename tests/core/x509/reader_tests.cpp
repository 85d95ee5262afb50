// What openssl, GnuTLS and NSS, which share no code with us or each other, say of the chains and
// CRLs of every type of issuer.
#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

struct Directory {
  std::string path;
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "x509-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()));
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }

  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path + "/" + name, std::ios::binary) << text;
  }
};

struct Run {
  int status;
  std::string output;
};

Run run(const Directory& directory, const std::string& command) {
  FILE* pipe = popen(("cd " + directory.path + " && " + command + " 2>&1").c_str(), "r");
  BOOST_REQUIRE(pipe);
  Run result{0, {}};
  std::array<char, 4096> buffer{};
  while (std::size_t size = fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), size);
  }
  result.status = pclose(pipe);
  return result;
}

void expect_good(const Directory& directory, const std::string& command,
                 const std::string& said = {}) {
  const Run result = run(directory, command);
  BOOST_TEST(result.status == 0, command << "\n" << result.output);
  BOOST_TEST(result.output.find(said) != std::string::npos, command << "\n" << result.output);
}

void expect_refused(const Directory& directory, const std::string& command,
                    const std::string& said) {
  const Run result = run(directory, command);
  BOOST_TEST(result.status != 0, command << "\n" << result.output);
  BOOST_TEST(result.output.find(said) != std::string::npos, command << "\n" << result.output);
}

CrlDraft crl_draft(const CrlScope& scope) {
  CrlDraft draft;
  draft.number = "42";
  draft.this_update = today();
  draft.next_update = today() + std::chrono::hours(48);
  draft.scope = scope;
  return draft;
}

CrlDraft crl_draft(const CrlScope& scope, const CertificateDraft& revoked) {
  CrlDraft draft = crl_draft(scope);
  DerWriter entries;
  write_revoked_entry(entries, {.serial = revoked.serial,
                                .revoked_at = today(),
                                .reason = RevocationReason::key_compromise,
                                .invalidity_date = today() - std::chrono::hours(1)});
  draft.entries = 1;
  draft.encoded_entries = entries.take();
  return draft;
}

// root.pem, issuing.pem, good.pem, revoked.pem, chain.pem, and as DER and PEM the CRLs of both CAs,
// root.crl and issuing.crl, and of one shard of the latter, shard.crl.
void write_installation(const Directory& directory, KeyType type) {
  const SoftwareCa root = SoftwareCa::root("root", type);
  const SoftwareCa issuing = SoftwareCa::intermediate(root, "issuing", type);
  const Profile profile = server_profile();
  const PublicKey& key = SoftwareKey::shared(KeyType::ec_p256).public_key();
  CertificateDraft good = server_draft(profile, key), revoked = server_draft(profile, key);
  good.crl_shards = revoked.crl_shards = 8;
  good.subject = {};  // a critical subjectAltName
  good.names.ip = {"192.0.2.1", "2001:db8::1"};
  good.names.uri = {"spiffe://example.com/machine/www"};
  good.names.email = {"ops@example.com"};
  // In the same shard, so that one CRL speaks of both.
  while (revoked.serial.shard(8) != good.serial.shard(8)) {
    revoked.serial = Serial::allocate(to_unix_seconds(today()));
  }
  const auto pem = [](const Bytes& der) { return to_pem(der, "CERTIFICATE"); };
  const std::string good_pem = pem(issuing.issue(good));
  directory.write("root.pem", pem(root.certificate));
  directory.write("issuing.pem", pem(issuing.certificate));
  directory.write("good.pem", good_pem);
  directory.write("revoked.pem", pem(issuing.issue(revoked)));
  directory.write("chain.pem", good_pem + pem(issuing.certificate) + pem(root.certificate));
  const auto write_crl = [&](const std::string& name, const Bytes& crl) {
    directory.write(name, text_of(crl));
    directory.write(name + ".pem", to_pem(crl, "X509 CRL"));
  };
  write_crl("root.crl", root.sign_crl(crl_draft(CrlScope::all())));
  write_crl("issuing.crl", issuing.sign_crl(crl_draft(CrlScope::all(), revoked)));
  write_crl("shard.crl", issuing.sign_crl(crl_draft(crl_scope_of(good), revoked)));
}

template <class Check>
void for_every_issuer(Check&& check) {
  for (const KeyTypeRow& type : key_types()) {
    BOOST_TEST_CONTEXT(type.name) {
      const Directory directory;
      write_installation(directory, type.type);
      check(directory, type.type);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(readers)

BOOST_AUTO_TEST_CASE(openssl_verifies_chains_and_crls) {
  for_every_issuer([](const Directory& in, KeyType) {
    const std::string verify =
        "openssl verify -x509_strict -check_ss_sig -purpose sslserver -CAfile root.pem "
        "-untrusted issuing.pem ";
    expect_good(in, verify + "-verify_hostname www.example.com good.pem revoked.pem");
    expect_good(in, verify + "-verify_ip 2001:db8::1 good.pem", "good.pem: OK");
    expect_good(in, verify + "-verify_email ops@example.com good.pem", "good.pem: OK");
    const std::string all = "-crl_check_all -CRLfile root.crl.pem -CRLfile issuing.crl.pem ";
    for (const std::string& options : {std::string("-crl_check -CRLfile issuing.crl.pem "),
                                       std::string("-crl_check -CRLfile shard.crl.pem "), all}) {
      expect_good(in, verify + options + "good.pem", "good.pem: OK");
      expect_refused(in, verify + options + "revoked.pem", "certificate revoked");
    }
    expect_good(in,
                "openssl verify -x509_strict -crl_check -CAfile root.pem -CRLfile root.crl.pem "
                "issuing.pem",
                "issuing.pem: OK");
    expect_good(in, "openssl crl -inform DER -in issuing.crl -noout -CAfile issuing.pem",
                "verify OK");
    expect_good(in, "openssl crl -inform DER -in root.crl -noout -CAfile root.pem", "verify OK");
    expect_good(in, "openssl crl -inform DER -in issuing.crl -noout -text", "Key Compromise");
  });
}

BOOST_AUTO_TEST_CASE(openssl_parses_every_byte) {
  for_every_issuer([](const Directory& in, KeyType) {
    for (const char* name : {"root.pem", "issuing.pem", "good.pem", "issuing.crl.pem"}) {
      expect_good(in, std::string("openssl asn1parse -in ") + name);
    }
    // OpenSSL's own encoding of what it read is ours.
    expect_good(in, "openssl x509 -in good.pem -out again.pem && cmp good.pem again.pem");
    expect_good(in, "openssl x509 -in root.pem -noout -text", "CA:TRUE, pathlen:1");
  });
}

BOOST_AUTO_TEST_CASE(gnutls_verifies_chains_and_crls) {
  for_every_issuer([](const Directory& in, KeyType) {
    expect_good(in, "certtool --verify-chain --infile chain.pem",
                "Chain verification output: Verified");
    expect_good(in,
                "certtool --verify --verify-profile medium --load-ca-certificate root.pem "
                "--infile chain.pem",
                "The certificate is trusted");
    expect_good(in, "certtool --crl-info --inder --infile issuing.crl", "Revoked certificates (1)");
    expect_good(in,
                "certtool --verify-crl --infile issuing.crl.pem --load-ca-certificate "
                "issuing.pem",
                "Verification output: Verified");
    expect_good(in, "certtool --verify-crl --infile root.crl.pem --load-ca-certificate root.pem",
                "Verification output: Verified");
  });
}

BOOST_AUTO_TEST_CASE(nss_verifies_chains_and_crls) {
  for_every_issuer([](const Directory& in, KeyType type) {
    // NSS reads Ed25519 from 3.99 on; Debian 12 has 3.87.
    if (type == KeyType::ed25519) return;
    expect_good(in, "certutil -N -d sql:. --empty-password");
    expect_good(in, "certutil -A -d sql:. -n root -t CT,, -i root.pem");
    for (const char* name : {"issuing", "good", "revoked"}) {
      const std::string n = name;
      expect_good(in, "certutil -A -d sql:. -t ,, -n " + n + " -i " + n + ".pem");
    }
    expect_good(in, "certutil -V -d sql:. -e -u V -n good", "certificate is valid");
    expect_good(in, "certutil -V -d sql:. -e -u C -n revoked", "certificate is valid");
    expect_good(in, "crlutil -I -d sql:. -i root.crl");
    expect_good(in, "crlutil -I -d sql:. -i issuing.crl");
    expect_good(in, "certutil -V -d sql:. -e -u V -n good", "certificate is valid");
    expect_refused(in, "certutil -V -d sql:. -e -u V -n revoked", "revoked");
    // NSS does not know IDP, which RFC 5280 section 5.2.5 makes critical: why only shards have it.
    expect_good(in, "nss-pp -t crl -i shard.crl", "Issuing Distribution Point");
    expect_refused(in, "crlutil -I -d sql:. -i shard.crl",
                   "SEC_ERROR_CRL_UNKNOWN_CRITICAL_EXTENSION");
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
