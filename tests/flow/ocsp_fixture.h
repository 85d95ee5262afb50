#pragma once

#include <openssl/sha.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <memory>

#include "core/der.h"
#include "core/ocsp_responder.h"
#include "core/oid.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {

/// An installation whose responders have their certificates.
struct OcspFixture : FlowFixture {
  OcspFixture() { start(); }

  void start() {
    responder = std::make_unique<OcspResponder>(instance());
    const auto made = responder->renew_due();
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
    BOOST_REQUIRE(responder->ready() == service().cas().size());
  }

  /// Opens all of it again, with this at the end of config.yaml.
  void configure(const std::string& text) {
    responder.reset();
    close();
    std::ofstream(home() / "config.yaml", std::ios::app) << text;
    reopen();
    start();
  }

  Serial issue_serial() { return *Serial::parse(issue("web-1").serial); }

  /// By SHA-1, its parameters NULL or absent.
  Bytes cert_id(const Serial& serial, bool parameters = true) {
    const Issuer& issuer = service().ca(CaName::literal("issuing")).value()->issuer;
    const Bytes& name = issuer.subject_name();
    Bytes name_hash(SHA_DIGEST_LENGTH);
    SHA1(name.data(), name.size(), name_hash.data());
    DerWriter out;
    out.sequence([&] {
      out.sequence([&] {
        out.oid(oid::sha1);
        if (parameters) out.null();
      });
      out.element(der::octet_string, name_hash);
      out.element(der::octet_string, ocsp_key_hash(issuer.spki()));
      out.integer(ByteView(serial.bytes));
    });
    return out.take();
  }

  static Bytes request_of(ByteView cert_id) {
    DerWriter out;
    out.sequence([&] {
      out.sequence([&] { out.sequence([&] { out.sequence([&] { out.raw(cert_id); }); }); });
    });
    return out.take();
  }

  /// The tag of CertStatus, which follows the CertID; 0 where the response has none.
  static int status_in(const Bytes& response, const Bytes& cert_id) {
    const auto found =
        std::search(response.begin(), response.end(), cert_id.begin(), cert_id.end());
    const auto after = response.end() - found;
    if (after <= static_cast<std::ptrdiff_t>(cert_id.size())) return 0;
    return *(found + static_cast<std::ptrdiff_t>(cert_id.size()));
  }
  int ask(const Bytes& id) {
    return status_in(responder->answer(request_of(id)).der->all().value(), id);
  }

  /// Of the key of this name, in the order of issue.
  std::vector<SelectedCertificate> certificates_of(const std::string& key) {
    CertificateSelector selector;
    const auto found = instance().keys().find(KeyName::literal(key));
    BOOST_REQUIRE_MESSAGE(found, key);
    selector.spki_sha256 = (*found)->public_key.spki_sha256();
    return store()
        .select_certificates(selector, 1, store().certificate_count().value(), Time{},
                             limits::page_rows)
        .value();
  }
  static bool contains(const Bytes& all, ByteView part) {
    return std::search(all.begin(), all.end(), part.begin(), part.end()) != all.end();
  }

  static constexpr int kGood = 0x80, kRevoked = 0xa1, kUnknown = 0x82;
  std::unique_ptr<OcspResponder> responder;
};

}  // namespace chancery
