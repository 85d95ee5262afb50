"""Other people's programs read what the service makes: openssl, GnuTLS, NSS, curl."""

import hashlib
import json
import shutil
import subprocess

import csr
import service
from csr import Key, alt_names, common_name
from service import ServiceTest, base64, expect, run, unbase64, wait_until

NAME = "web.example"
DATA = b"what is signed\n" * 100
GRANT = """
  - name: everything-of-web
    machines: [web.example]
    operations: [key.sign-digest]
    keys: ["web.example.*"]
"""
# Key type, its algorithms, the options of openssl(1) to verify with.
PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
RSA = [(f"rsa-{kind}-sha{bits}", f"sha{bits}", PSS if kind == "pss" else ())
       for kind in ("pkcs1", "pss") for bits in (256, 384, 512)]
ALGORITHMS = {
    "rsa-2048": RSA, "rsa-3072": RSA, "rsa-4096": RSA,
    "ec-p256": [("ecdsa-p256-sha256", "sha256", ())],
    "ec-p384": [("ecdsa-p384-sha384", "sha384", ())],
    "ec-p521": [("ecdsa-p521-sha512", "sha512", ())],
    "ed25519": [("ed25519", None, ())],
}
JWK_SIZES = {"ec-p256": ("P-256", 32), "ec-p384": ("P-384", 48), "ec-p521": ("P-521", 66)}


class ReaderTest(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        with open(installation.home / "policy.yaml", "a", encoding="utf-8") as policy:
            policy.write(GRANT)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.identity, _ = cls.service.enroll(NAME, Key.ec())
        cls.machine = cls.service.client(cls.identity)
        cls.issuing, cls.root = cls.service.chain()
        cls.files = cls.service.folder

    @classmethod
    def tearDownClass(cls):
        cls.machine.close()
        super().tearDownClass()

    def issue(self, key, profile="tls-server"):
        """The serial, and the certificate as a file."""
        request = key.csr(common_name(NAME), alt_names(NAME))
        answer = expect(201, self.machine.post("/v1/certificates",
                                               {"csr": request, "profile": profile})).json
        path = self.files / f"{answer['serial']}.pem"
        path.write_text(answer["certificate"])
        return answer["serial"], path

    def revoke(self, serial):
        expect(200, self.machine.post(f"/v1/certificates/{serial}/revoke",
                                      {"reason": "superseded"}))
        wait_until(lambda: serial.upper() in csr.openssl(
            "crl", "-in", self.crl(), "-noout", "-text").decode(), "the CRL lists it", 10)

    def crl(self, ca="issuing"):
        """The CRL of now, PEM."""
        path = self.files / f"{ca}.crl.pem"
        path.write_bytes(expect(200, self.service.public(f"/crl/{ca}.pem")).body)
        return path


class CertificateTests(ReaderTest):
    def openssl_verify(self, certificate, *options):
        return run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver",
                    "-verify_hostname", NAME, "-CAfile", self.root, "-untrusted", self.issuing,
                    *options, certificate], check=False)

    def test_openssl_verifies_every_key_type(self):
        for what, key in (("RSA-2048", Key.rsa(2048)), ("RSA-3072", Key.rsa(3072)),
                          ("P-256", Key.ec()), ("P-384", Key.ec("P-384")),
                          ("P-521", Key.ec("P-521")), ("Ed25519", Key.ed25519())):
            with self.subTest(what=what):
                _, path = self.issue(key)
                result = self.openssl_verify(path)
                self.assertEqual(result.returncode, 0, result)
                mine = csr.openssl("x509", "-in", path, "-noout", "-pubkey")
                self.assertEqual(mine, csr.openssl("pkey", "-in", key.path, "-pubout"))

    def test_openssl_with_the_crl_before_and_after_revocation(self):
        serial, path = self.issue(Key.ec())
        result = self.openssl_verify(path, "-crl_check", "-CRLfile", self.crl())
        self.assertEqual(result.returncode, 0, result)
        self.revoke(serial)
        result = self.openssl_verify(path, "-crl_check", "-CRLfile", self.crl())
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"certificate revoked", result.stdout + result.stderr)

    def test_openssl_with_the_crls_of_the_whole_chain(self):
        serial, path = self.issue(Key.ec())
        self.assertEqual(self.openssl_verify_all(path).returncode, 0)
        self.revoke(serial)
        result = self.openssl_verify_all(path)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"certificate revoked", result.stdout + result.stderr)

    def openssl_verify_all(self, path):
        return self.openssl_verify(path, "-crl_check_all", "-CRLfile", self.crl("root"), "-CRLfile",
                                   self.crl())

    def test_crls_have_these_extensions_and_no_others(self):
        for ca in ("root", "issuing"):
            text = csr.openssl("crl", "-in", self.crl(ca), "-noout", "-text").decode()
            of_list, _, _ = text.partition("evoked Certificates")
            names = [line.strip() for line in of_list.splitlines() if "X509v3" in line]
            self.assertEqual(names, ["X509v3 Authority Key Identifier:", "X509v3 CRL Number:"], text)

    def test_addresses_in_the_certificate_lead_to_issuer_and_crl(self):
        _, path = self.issue(Key.ec())
        text = csr.openssl("x509", "-in", path, "-noout", "-text").decode()
        urls = [line.strip().rpartition("URI:")[2] for line in text.splitlines()
                if "URI:http" in line and "OCSP" not in line]
        self.assertEqual(len(urls), 2, text)
        base = f"http://127.0.0.1:{self.service.public_port}"
        self.assertTrue(all(url.startswith(base) for url in urls), urls)
        bodies = [expect(200, self.service.public(url.removeprefix(base))).body for url in urls]
        issuing = csr.openssl("x509", "-in", self.issuing, "-outform", "DER")
        self.assertIn(issuing, bodies)
        bodies.remove(issuing)
        csr.openssl("crl", "-inform", "DER", "-noout", "-CAfile", self.issuing, input=bodies[0])

    def test_gnutls(self):
        serial, path = self.issue(Key.ec())
        chain = self.files / "chain.pem"
        chain.write_text(path.read_text() + self.issuing.read_text())

        def verify():
            return run(["certtool", "--verify", "--load-ca-certificate", self.root, "--load-crl",
                        self.crl(), "--verify-purpose", "1.3.6.1.5.5.7.3.1", "--verify-hostname",
                        NAME, "--verify-profile", "medium", "--infile", chain], check=False)

        result = verify()
        self.assertEqual(result.returncode, 0, result)
        info = run(["certtool", "--crl-info", "--infile", self.crl()]).stdout.decode()
        self.assertIn("CRL Number", info)
        self.assertIn("Authority Key Identifier", info)
        self.revoke(serial)
        info = run(["certtool", "--crl-info", "--infile", self.crl()]).stdout.decode()
        self.assertIn(serial, info)
        result = verify()
        self.assertNotEqual(result.returncode, 0, result)
        self.assertIn(b"revoked", result.stdout + result.stderr)

    def test_nss(self):
        serial, path = self.issue(Key.ec())
        database = self.files / "nss"
        database.mkdir()

        def nss(program, *options, check=True):
            return run([program, "-d", f"sql:{database}", *options], check=check)

        nss("certutil", "-N", "--empty-password")
        nss("certutil", "-A", "-n", "root", "-t", "CT,,", "-a", "-i", self.root)
        nss("certutil", "-A", "-n", "issuing", "-t", ",,", "-a", "-i", self.issuing)
        nss("certutil", "-A", "-n", "web", "-t", ",,", "-a", "-i", path)
        said = nss("certutil", "-V", "-n", "web", "-u", "V", "-e", "-l").stdout.decode()
        self.assertIn("certificate is valid", said)
        self.revoke(serial)
        crl = self.files / "issuing.crl"
        crl.write_bytes(expect(200, self.service.public("/crl/issuing.crl")).body)
        printed = run(["nss-pp", "-t", "crl", "-i", crl]).stdout.decode().lower()
        self.assertIn(serial, printed.replace(":", "").replace("\n", "").replace(" ", ""))
        nss("crlutil", "-I", "-i", crl, "-t", "1")
        listed = nss("crlutil", "-L", "-n", "issuing").stdout.decode().lower()
        self.assertIn(serial, "".join(listed.replace(":", "").split()))
        result = nss("certutil", "-V", "-n", "web", "-u", "V", "-e", "-l", check=False)
        self.assertIn("revoked", (result.stdout + result.stderr).decode())

    def test_crl_in_pem_and_der_agree_and_numbers_rise(self):
        der = expect(200, self.service.public("/crl/issuing.crl"))
        pem = csr.openssl("crl", "-in", self.crl(), "-outform", "DER")
        self.assertEqual(der.body, pem)
        self.assertEqual(der.headers["Content-Type"], "application/pkix-crl")
        before = self.crl_number()
        serial, _ = self.issue(Key.ec())
        self.revoke(serial)
        self.assertGreater(self.crl_number(), before)

    def crl_number(self):
        text = csr.openssl("crl", "-in", self.crl(), "-noout", "-crlnumber").decode()
        return int(text.partition("=")[2], 16)

    def test_renewed_certificate_names_the_same(self):
        identity, old = self.service.enroll("renewed.example", Key.ec())
        client = self.service.client(identity)
        self.addCleanup(client.close)
        answer = expect(201, client.post(f"/v1/certificates/{old['serial']}/renew",
                                         {"csr": Key.ec().csr()})).json
        self.assertNotEqual(answer["serial"], old["serial"])
        names = [csr.openssl("x509", "-noout", "-subject", "-ext", "subjectAltName",
                             input=text.encode())
                 for text in (old["certificate"], answer["certificate"])]
        self.assertEqual(names[0], names[1])


class CurlTests(ReaderTest):
    def curl(self, path, *options):
        result = run(["curl", "-sS", "--cacert", self.root, "-w", "\n%{http_code} %{ssl_verify_result}",
                      *options, f"https://127.0.0.1:{self.service.api_port}{path}"])
        body, _, codes = result.stdout.decode().rpartition("\n")
        return codes, json.loads(body)

    def test_mutual_tls(self):
        identity = self.service.identity("auditor")
        for version in ("1.2", "1.3"):
            codes, body = self.curl("/v1/status", "--cert", identity / "cert.pem", "--key",
                                    identity / "key.pem", f"--tlsv{version}", "--tls-max", version)
            self.assertEqual(codes, "200 0")
            self.assertTrue(body["ready"])

    def test_without_a_certificate(self):
        codes, body = self.curl("/v1/status")
        self.assertEqual((codes, body["status"]), ("401 0", 401))

    def test_tls_1_1_is_not_spoken(self):
        result = run(["curl", "-sS", "--cacert", self.root, "--tls-max", "1.1", "--ciphers",
                      "DEFAULT@SECLEVEL=0",
                      f"https://127.0.0.1:{self.service.api_port}/v1/status"], check=False)
        self.assertEqual(result.returncode, 35, result)


class SignatureTests(ReaderTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = {}
        for kind, algorithms in ALGORITHMS.items():
            body = {"name": f"{NAME}.{kind}", "type": kind,
                    "algorithms": [name for name, _, _ in algorithms]}
            cls.keys[kind] = expect(201, cls.service.administrator.post("/v1/keys", body)).json

    def public_key(self, kind):
        path = self.files / f"{kind}.pem"
        path.write_text(self.keys[kind]["public_key"])
        return path

    def sign(self, kind, body):
        answer = expect(200, self.machine.post(f"/v1/keys/{NAME}.{kind}/sign", body)).json
        path = self.files / "signature"
        path.write_bytes(unbase64(answer["signature"]))
        return path

    def openssl_verifies(self, kind, digest, options, signature, data=DATA):
        message = self.files / "message"
        message.write_bytes(data)
        key = self.public_key(kind)
        if digest:
            command = ["dgst", f"-{digest}", "-verify", key, *options, "-signature", signature,
                       message]
        else:
            command = ["pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", message,
                       "-sigfile", signature]
        return subprocess.run(["openssl", *map(str, command)], capture_output=True,
                              check=False).returncode == 0

    def test_every_algorithm(self):
        for kind, algorithms in ALGORITHMS.items():
            for name, digest, options in algorithms:
                with self.subTest(kind=kind, algorithm=name):
                    signature = self.sign(kind, {"data": base64(DATA), "algorithm": name})
                    self.assertTrue(self.openssl_verifies(kind, digest, options, signature))
                    self.assertFalse(self.openssl_verifies(kind, digest, options, signature,
                                                           DATA + b"x"))

    def test_every_algorithm_that_takes_a_digest(self):
        for kind, algorithms in ALGORITHMS.items():
            for name, digest, options in algorithms:
                if digest is None:
                    continue
                with self.subTest(kind=kind, algorithm=name):
                    hashed = hashlib.new(digest, DATA).digest()
                    signature = self.sign(kind, {"digest": base64(hashed), "algorithm": name})
                    self.assertTrue(self.openssl_verifies(kind, digest, options, signature))
                    answer = self.machine.post(
                        f"/v1/keys/{NAME}.{kind}/sign",
                        {"digest": base64(hashed[:-1]), "algorithm": name})
                    self.assert_problem(answer, 400, "digest")

    def test_data_of_all_sizes(self):
        for size in (0, 1, 60 << 10, 512 << 10):
            data = bytes(size)
            signature = self.sign("ec-p256", {"data": base64(data)})
            self.assertTrue(self.openssl_verifies("ec-p256", "sha256", (), signature, data), size)
        answer = self.machine.post(f"/v1/keys/{NAME}.ed25519/sign",
                                   {"data": base64(bytes((60 << 10) + 1))})
        self.assert_problem(answer, 413, "data")

    def test_pem_and_jwk_agree(self):
        for kind, key in self.keys.items():
            with self.subTest(kind=kind):
                spki = csr.openssl("pkey", "-pubin", "-in", self.public_key(kind), "-outform",
                                   "DER")
                self.assertEqual(self.spki_of(kind, key["jwk"]), spki)
                path = f"/v1/keys/{NAME}.{kind}"
                pem = expect(200, self.machine.get(path, Accept="application/x-pem-file"))
                self.assertEqual(pem.body.decode(), key["public_key"])
                jwk = expect(200, self.machine.get(path, Accept="application/jwk+json"))
                self.assertEqual(json.loads(jwk.body), key["jwk"])
                # RFC 7638
                members = {name: value for name, value in key["jwk"].items() if name != "kid"}
                text = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
                self.assertEqual(self.unbase64url(key["jwk"]["kid"]), hashlib.sha256(text).digest())

    @staticmethod
    def unbase64url(text):
        return unbase64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))

    def spki_of(self, kind, jwk):
        """SubjectPublicKeyInfo written anew from a JWK."""
        if jwk["kty"] == "RSA":
            def integer(name):
                octets = self.unbase64url(jwk[name])
                return csr.der(2, b"\0" if octets[0] & 0x80 else b"", octets)
            algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
            key = csr.sequence(integer("n"), integer("e"))
        elif jwk["kty"] == "EC":
            name, size = JWK_SIZES[kind]
            self.assertEqual(jwk["crv"], name)
            x, y = self.unbase64url(jwk["x"]), self.unbase64url(jwk["y"])
            self.assertEqual((len(x), len(y)), (size, size))
            curve = {"P-256": "2a8648ce3d030107", "P-384": "2b81040022", "P-521": "2b81040023"}
            algorithm = csr.sequence(csr.der(6, bytes.fromhex("2a8648ce3d0201")),
                                     csr.der(6, bytes.fromhex(curve[name])))
            key = b"\4" + x + y
        else:
            self.assertEqual((jwk["kty"], jwk["crv"]), ("OKP", "Ed25519"))
            algorithm, key = csr.ED25519, self.unbase64url(jwk["x"])
        return csr.sequence(algorithm, csr.der(3, b"\0", key))


if __name__ == "__main__":
    missing = [name for name in ("certtool", "certutil", "crlutil", "nss-pp", "curl")
               if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"missing programs: {missing}; scripts/setup installs them")
    service.main()
