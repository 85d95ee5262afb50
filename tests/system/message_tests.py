"""Keys bound to a message class: what real programs make is signed, and real programs take what
comes of it; what is of another class is not signed."""

import json
import shutil
import tempfile
import time
from pathlib import Path

import messages
import service
from csr import Key, pem
from machine_test import MachineTest, NAME
from messages import (ForeignCa, assemble, base64url, jose_signature, signature_in,
                      ssh_certificate_body, ssh_public_key, ssh_signature, string, verify)
from service import base64, expect, run


class MessageTests(MachineTest):
    keys_made = 0

    def setUp(self):
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="chancery-messages-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def make_key(self, message_class, key_type="ec-p256", **members):
        """The key as the service shows it; each test has its own."""
        MessageTests.keys_made += 1
        name = f"{NAME}.{message_class}-{MessageTests.keys_made}"
        body = {"name": name, "type": key_type, "message_class": message_class, **members}
        return expect(201, self.service.administrator.post("/v1/keys", body)).json

    def sign(self, key, message):
        return self.machine.post(f"/v1/keys/{key['name']}/sign", {"data": base64(message)})

    def public_key_file(self, key):
        path = self.folder / "public.pem"
        path.write_text(key["public_key"])
        return path

    def test_jwt(self):
        for key_type, algorithm in messages.JOSE.items():
            key = self.make_key("jwt", key_type)
            header = {"alg": algorithm, "typ": "JWT", "kid": key["jwk"]["kid"]}
            claims = {"iss": "https://issuer.example", "sub": "web-1", "aud": ["a", "b"],
                      "exp": int(time.time()) + 600}
            message = ".".join(base64url(json.dumps(part).encode())
                               for part in (header, claims)).encode()
            answer = expect(200, self.sign(key, message))
            self.assertTrue(verify(self.folder, key, message, signature_in(answer)), key_type)
            if key_type == "ec-p256":  # as it stands in the token: RFC 7518 section 3.4
                self.assertEqual(len(jose_signature(key_type, signature_in(answer))), 64)
            entry = self.service.entries(answer.json["intent"])[0]
            self.assertEqual(entry["message_class"], "jwt")
            self.assertEqual(entry["content"], [
                "type:JWT", f"key_id:{header['kid']}", "issuer:https://issuer.example",
                "subject:web-1", "audience:a", "audience:b"])
            self.assertIn(entry["lifetime"], range(590, 601))

    def test_jwt_that_says_another_algorithm(self):
        key = self.make_key("jwt")
        for algorithm in ("none", "HS256", "RS256", "EdDSA"):
            message = base64url(json.dumps({"alg": algorithm}).encode()) + ".e30"
            answer = self.sign(key, message.encode())
            self.assert_problem(answer, 400, "data.header.alg")
            entry = self.assert_recorded(answer, "failure", field="data.header.alg")
            self.assertEqual(entry["message_class"], "jwt")

    def test_ssh_certificate(self):
        for key_type in ("ed25519", "ec-p256", "rsa-2048"):
            key = self.make_key("ssh-certificate", key_type)
            ca = ssh_public_key(key["public_key"], key_type)
            body = ssh_certificate_body(self.folder, ca, "-n", "alice,deploy", "-V", "+1h",
                                        "-O", "force-command=/bin/true",
                                        "-O", "source-address=192.0.2.0/24")
            answer = expect(200, self.sign(key, body))
            blob = body + string(ssh_signature(key_type, signature_in(answer)))
            path = self.folder / "signed-cert.pub"
            path.write_text("ssh-ed25519-cert-v01@openssh.com " + base64(blob) + " x\n")
            # ssh-keygen verifies the signature of what it lists.
            said = run(["ssh-keygen", "-L", "-f", path], encoding="utf-8").stdout
            for part in ("user certificate", 'Key ID: "web-1"', "alice", "deploy",
                         "force-command /bin/true", "permit-pty"):
                self.assertIn(part, said)
            path.write_text("ssh-ed25519-cert-v01@openssh.com " +
                            base64(blob.replace(b"alice", b"alicf")) + " x\n")
            self.assertNotEqual(run(["ssh-keygen", "-L", "-f", path], check=False).returncode, 0)
            content = self.service.entries(answer.json["intent"])[0]["content"]
            self.assertEqual(content[:6], [
                "type:user", "key_id:web-1", "principal:alice", "principal:deploy",
                "critical_option:force-command", "critical_option:source-address"])

    def test_ssh_certificate_of_another_ca(self):
        key = self.make_key("ssh-certificate", "ed25519")
        other = self.make_key("ssh-certificate", "ec-p256")
        body = ssh_certificate_body(self.folder, ssh_public_key(other["public_key"], "ec-p256"),
                                    "-n", "alice")
        self.assert_problem(self.sign(key, body), 400, "data.signature_key")

    def sign_x509(self, key, tbs, label, name):
        signature = signature_in(expect(200, self.sign(key, tbs)))
        path = self.folder / name
        path.write_text(pem(assemble(tbs, key["type"], signature), label))
        return path

    def test_certificate_and_crl(self):
        ca = ForeignCa(self.folder)
        key = self.make_key("certificate")
        root = self.sign_x509(key, ca.root_tbs(self.public_key_file(key)), "CERTIFICATE",
                              "token-root.pem")
        subject_key = Key.ec()
        public = self.folder / "subject.pem"
        messages.openssl("pkey", "-in", subject_key.path, "-pubout", "-out", public)
        tbs = messages.tbs_of(ca.issue("leaf", public,
                                       "subjectAltName=DNS:www.example.com,IP:192.0.2.7\n"
                                       "extendedKeyUsage=serverAuth,1.2.3.4\n"
                                       "keyUsage=critical,digitalSignature\n"))
        leaf = self.sign_x509(key, tbs, "CERTIFICATE", "token-leaf.pem")
        messages.openssl("verify", "-CAfile", root, leaf)
        entry = [e for e in self.service.entries(0) if e.get("key") == key["name"]
                 and e["kind"] == "intent" and "content" in e][-1]
        self.assertEqual(entry["content"], [
            "issuer:CN=Token CA,O=Example", "common_name:leaf", "subject:CN=leaf,O=Example",
            "dns_name:www.example.com", "ip_address:192.0.2.7", "ca:false",
            "key_usage:digital_signature", "extended_key_usage:server_auth",
            "extended_key_usage:1.2.3.4"])
        # The other class is refused by either key.
        crl_tbs = ca.crl_tbs()
        self.assert_problem(self.sign(key, crl_tbs), 400)
        crl_key = self.make_key("crl")
        self.assert_problem(self.sign(crl_key, tbs), 400)
        # The CA of this list has its name, and the key that signs lists.
        crl = self.sign_x509(crl_key, crl_tbs, "X509 CRL", "token.crl")
        root_of_crl = self.folder / "root-of-crl.pem"
        root_tbs = ca.root_tbs(self.public_key_file(crl_key))
        root_of_crl.write_text(pem(assemble(
            root_tbs, "ec-p256", signature_in(expect(200, self.sign(key, root_tbs)))),
            "CERTIFICATE"))
        said = messages.openssl("crl", "-in", crl, "-CAfile", root_of_crl, "-noout")
        self.assertIn(b"verify OK", said.stderr + said.stdout)

    def test_cms_attributes(self):
        ca = ForeignCa(self.folder)
        key = self.make_key("cms-attributes")
        # Two certificates that a SignerInfo cannot tell apart: of openssl's key, and of the token's.
        own_key = Key.ec()
        own = self.folder / "own.pem"
        messages.openssl("pkey", "-in", own_key.path, "-pubout", "-out", own)
        usage = "keyUsage=critical,digitalSignature\n"
        draft = ca.cms(b"release 1\n", ca.issue("draft", own, usage), own_key.path)
        signer = ca.issue("draft", self.public_key_file(key), usage)
        answer = expect(200, self.sign(key, messages.signed_attributes(draft)))
        path = self.folder / "signed.der"
        path.write_bytes(messages.with_signature(draft, signature_in(answer)))
        said = messages.openssl("cms", "-verify", "-inform", "DER", "-in", path, "-certfile",
                                signer, "-CAfile", ca.certificate, "-purpose", "any")
        self.assertEqual(said.stdout.replace(b"\r\n", b"\n"), b"release 1\n")
        self.assertEqual(self.service.entries(answer.json["intent"])[0]["content"],
                         ["content_type:1.2.840.113549.1.7.1"])

    def test_data_with_a_context(self):
        key = self.make_key("data", context="example.com/release")
        self.assertEqual(key["context"], "example.com/release")
        message = b"example.com/release\0app 1.0"
        answer = expect(200, self.sign(key, message))
        self.assertTrue(verify(self.folder, key, message, signature_in(answer)))
        for other in (b"app 1.0", b"example.com/release app", b"example.com/release2\0app"):
            self.assert_problem(self.sign(key, other), 400, "data")
        digest = self.machine.post(f"/v1/keys/{key['name']}/sign", {"digest": base64(bytes(32))})
        self.assert_problem(digest, 409, "digest")

    def test_data_that_is_something_else(self):
        ca = ForeignCa(self.folder)
        others = {
            "jwt": b"eyJhbGciOiJFUzI1NiJ9.e30",
            "ssh-certificate": ssh_certificate_body(self.folder, string(b"ca")),
            "certificate": messages.tbs_of(ca.certificate),
            "crl": ca.crl_tbs(),
            "cms-attributes": messages.signed_attributes(ca.cms(b"x", ca.certificate, ca.key)),
        }
        for name, message in others.items():
            answer = self.machine.post(f"/v1/keys/{NAME}.k/sign", {"data": base64(message)})
            self.assert_problem(answer, 400, "data")
            self.assertIn(f"class {name}", answer.json["detail"])

    def test_bad_creations(self):
        for field, members in (("message_class", {"message_class": "jws"}),
                               ("message_class", {"message_class": 1}),
                               ("context", {"context": ""}),
                               ("context", {"context": "a b"}),
                               ("context", {"context": "a", "message_class": "jwt"}),
                               ("algorithms", {"message_class": "digest", "type": "ed25519"})):
            body = {"name": f"{NAME}.bad", "type": "ec-p256", **members}
            self.assert_problem(self.service.administrator.post("/v1/keys", body), 400, field)

    def test_command_line(self):
        base = [service.bin_folder / "chancery", "--url", f"https://127.0.0.1:{self.service.api_port}",
                "--identity"]
        administrator = self.service.identity("admin")
        name = f"{NAME}.cli"
        made = run([*base, administrator, "key", "create", name, "--message-class", "jwt"])
        self.assertIn(b"for jwt", made.stdout)
        shown = run([*base, administrator, "key", "show", name])
        self.assertIn(b"for jwt", shown.stdout)
        self.assertIn(b" jwt ", run([*base, administrator, "key", "list"]).stdout)
        identity = self.folder / "identity"
        shutil.copytree(self.identity, identity)
        shutil.copy(administrator / "chain.pem", identity)
        data = self.folder / "input"
        data.write_bytes(b"eyJhbGciOiJFUzI1NiJ9.e30")
        run([*base, identity, "sign", "--key", name, data])
        data.write_bytes(b"hello")
        refused = run([*base, identity, "sign", "--key", name, data], check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"signing input of a JWT", refused.stderr)
        bad = run([*base, administrator, "key", "create", "x", "--message-class", "no"],
                  check=False)
        self.assertEqual(bad.returncode, 2)

    def test_the_log_verifies(self):
        self.make_key("jwt", "ec-p256")
        self.make_key("data", "ec-p256", context="release")
        self.service.verify_log()


if __name__ == "__main__":
    service.main()
