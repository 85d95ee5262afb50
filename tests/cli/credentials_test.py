"""Keys and certificates in files: made here, private, and never half replaced."""

import json
import os
import stat
from pathlib import Path

from fake_service import ServiceTest, main, openssl, problem, run


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Credentials(ServiceTest):
    def issue(self, body):
        return self.authority.certificate_answer(body["csr"])

    def enroll(self, *arguments, out=None, **options):
        return run("--url", self.service.url, "--ca", self.authority.path("root.pem"), "enroll", "--out",
                   out or f"{self.folder}/new", *arguments, **options)

    def content(self, directory):
        return {path.name: path.read_bytes() for path in Path(directory).iterdir()}

    def assert_good_identity(self, directory):
        """The key is the certificate's and only its owner's, the chain leads to the root."""
        self.assertEqual({"cert.pem", "chain.pem", "key.pem"}, set(os.listdir(directory)))
        self.assertEqual(mode(f"{directory}/key.pem"), 0o600)
        of_key = openssl("pkey", "-in", f"{directory}/key.pem", "-pubout")
        of_certificate = openssl("x509", "-in", f"{directory}/cert.pem", "-noout", "-pubkey")
        self.assertEqual(of_key, of_certificate)
        openssl("verify", "-CAfile", self.authority.path("root.pem"), "-untrusted", f"{directory}/chain.pem",
                f"{directory}/cert.pem")

    def test_enroll(self):
        self.service.on("POST", "/v1/enroll", self.issue)
        done = self.enroll("--token-file", "-", stdin="the-token\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^enrolled 01[0-9a-f]{38} for issued|^enrolled .* → .*/new/cert.pem\n$")
        self.assert_good_identity(f"{self.folder}/new")
        method, path, headers, body, with_certificate = self.service.requests[0]
        self.assertEqual((method, path, with_certificate), ("POST", "/v1/enroll", False))
        self.assertRegex(headers["Idempotency-Key"], r"^[0-9a-f]{32}$")
        self.assertEqual(json.loads(body)["token"], "the-token")

    def test_enroll_does_not_overwrite(self):
        self.service.on("POST", "/v1/enroll", self.issue)
        self.assertEqual(self.enroll("--token", "t").returncode, 0)
        before = self.content(f"{self.folder}/new")
        done = self.enroll("--token", "t")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--force", done.stderr)
        self.assertEqual(before, self.content(f"{self.folder}/new"))
        self.assertEqual(len(self.service.requests), 1, "the token must not be spent for nothing")
        self.assertEqual(self.enroll("--token", "t", "--force").returncode, 0)
        self.assertNotEqual(before, self.content(f"{self.folder}/new"))
        self.assert_good_identity(f"{self.folder}/new")

    def test_no_token_is_spent_where_nothing_can_be_written(self):
        done = self.enroll("--token", "t", out=self.file("file", "") + "/below/it")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not a directory that we may write to", done.stderr)
        self.assertEqual(self.service.requests, [])

    def test_key_types(self):
        self.service.on("POST", "/v1/enroll", self.issue)
        for key_type in ("rsa-2048", "ec-p384", "ec-p521", "ed25519"):
            with self.subTest(key_type):
                out = f"{self.folder}/{key_type}"
                done = self.enroll("--token", "t", "--key-type", key_type, out=out)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assert_good_identity(out)

    def test_a_certificate_for_another_key_is_not_stored(self):
        other = self.authority.new_key_csr("other")
        self.service.on("POST", "/v1/enroll", self.authority.certificate_answer(other))
        done = self.enroll("--token", "t")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not for our key", done.stderr)
        self.assertFalse(os.path.exists(f"{self.folder}/new"))

    def test_renewal_replaces_key_and_certificate(self):
        identity = self.authority.identity("renewing")
        serial = openssl("x509", "-in", f"{identity}/cert.pem", "-noout", "-serial").decode()[7:].strip().lower()
        before = self.content(identity)
        self.service.on("POST", f"/v1/certificates/{serial}/renew", self.issue)
        done = run("--url", self.service.url, "--identity", identity, "renew", "--validity", "36h")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_good_identity(identity)
        after = self.content(identity)
        self.assertNotEqual(before["key.pem"], after["key.pem"])
        self.assertEqual(self.bodies()[0]["validity"], "36h")
        self.assertTrue(self.service.requests[0][4], "the old certificate authenticates")

        serial = openssl("x509", "-in", f"{identity}/cert.pem", "-noout", "-serial").decode()[7:].strip().lower()
        self.service.on("POST", f"/v1/certificates/{serial}/renew", self.issue)
        key = openssl("pkey", "-in", f"{identity}/key.pem", "-pubout")
        done = run("--url", self.service.url, "--identity", identity, "renew", "--same-key")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(key, openssl("pkey", "-in", f"{identity}/key.pem", "-pubout"))
        self.assertNotEqual(after["cert.pem"], self.content(identity)["cert.pem"])

    def test_a_refused_renewal_changes_nothing(self):
        identity = self.authority.identity("refused")
        before = self.content(identity)
        done = run("--url", self.service.url, "--identity", identity, "renew")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(before, self.content(identity))

    def test_a_renewal_that_a_crash_cut_short_is_finished(self):
        identity = self.authority.identity("crashed")
        later = self.authority.identity("later")
        # The new certificate is in force, chain and key are written but not renamed.
        Path(identity, "cert.pem").write_bytes(Path(later, "cert.pem").read_bytes())
        Path(identity, "chain.pem.new").write_bytes(Path(later, "chain.pem").read_bytes())
        Path(identity, "key.pem.new").write_bytes(Path(later, "key.pem").read_bytes())
        self.service.on("GET", "/v1/keys", {"keys": []})
        done = run("--url", self.service.url, "--identity", identity, "key", "list")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.content(identity), self.content(later))

    def test_a_renewal_that_never_counted_is_ignored(self):
        identity = self.authority.identity("early")
        before = self.content(identity)
        for name in ("cert.pem.new", "key.pem.new"):
            Path(identity, name).write_text("half a")
        self.service.on("GET", "/v1/keys", {"keys": []})
        done = run("--url", self.service.url, "--identity", identity, "key", "list")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(before, {name: self.content(identity)[name] for name in before})

    def test_issue_for_names(self):
        self.service.on("POST", "/v1/certificates", self.issue)
        answer = self.json_of("issue", "--dns", "WEB.example", "--dns", "*.web.example", "--ip", "192.0.2.1",
                              "--uri", "spiffe://example/web", "--cn", "web", "--out", f"{self.folder}/tls")
        self.assert_good_identity(f"{self.folder}/tls")
        self.assertEqual(answer["files"]["key"], f"{self.folder}/tls/key.pem")
        body = self.bodies()[0]
        self.assertEqual(body["profile"], "tls-server")
        text = openssl("req", "-noout", "-text", "-verify", stdin=body["csr"].encode()).decode()
        for name in ("DNS:web.example", "DNS:*.web.example", "IP Address:192.0.2.1", "URI:spiffe://example/web",
                     "CN = web"):
            self.assertIn(name, text)

    def test_issue_for_a_csr(self):
        self.service.on("POST", "/v1/certificates", self.issue)
        pem = self.authority.new_key_csr("mine")
        der = openssl("req", "-outform", "DER", stdin=pem.encode())
        certificate = self.succeeds("issue", "--csr", self.file("request.pem", pem), "--profile", "tls-client")
        self.assertTrue(certificate.startswith("-----BEGIN CERTIFICATE-----"))
        self.succeeds("issue", "--csr", self.file("request.der", der), "--out", f"{self.folder}/tls")
        self.assertEqual({"cert.pem", "chain.pem"}, set(os.listdir(f"{self.folder}/tls")))
        self.assertEqual([body["profile"] for body in self.bodies()], ["tls-client", "tls-server"])

    def test_a_bad_csr_is_the_services_to_refuse(self):
        self.service.on("POST", "/v1/certificates", problem(400, detail="bad signature", field="csr"))
        stderr = self.fails("issue", "--csr", self.file("bad.pem", "-----BEGIN CERTIFICATE REQUEST-----\nAA\n"))
        self.assertIn("bad signature", stderr)
        self.assertIn("field: csr", stderr)

    def test_identities_that_do_not_fit(self):
        other = Path(self.authority.identity("other-key"), "key.pem").read_bytes()
        for name, file, content, says in [
            ("foreign key", "key.pem", other, "not the key of cert.pem"),
            ("no key", "key.pem", b"hello", "key.pem"),
            ("encrypted key", "key.pem",
             openssl("pkey", "-in", self.authority.path("server.key"), "-aes256", "-passout", "pass:x"), "unencrypted"),
            ("no certificate", "cert.pem", b"", "cert.pem"),
            ("no chain", "chain.pem", b"", "chain.pem"),
        ]:
            with self.subTest(name):
                identity = self.authority.identity(name.replace(" ", "-"))
                Path(identity, file).write_bytes(content)
                done = run("--url", self.service.url, "--identity", identity, "status")
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(says, done.stderr)

    def test_machine_token_in_a_file(self):
        self.service.on("POST", "/v1/machines", {"machine": "web-1", "token": "secret-token",
                                                 "expires_at": "2030-01-01T00:00:00Z"})
        out = self.json_of("machine", "add", "web-1", "--token-life", "15m", "--token-out", f"{self.folder}/token")
        self.assertNotIn("token", out)
        self.assertEqual(Path(self.folder, "token").read_text(), "secret-token\n")
        self.assertEqual(mode(f"{self.folder}/token"), 0o600)
        self.assertEqual(self.bodies()[0], {"name": "web-1", "token_life": "15m"})


main()
