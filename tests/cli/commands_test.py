"""Each command: what it asks for, what it prints, its exit status."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path

from fake_service import CHANCERY, Answer, FakeService, ServiceTest, b64, main, openssl, problem

SERIAL = "0157" + "ab" * 18
ROW = {"serial": SERIAL, "issuer": "issuing", "machine": "web-1", "profile": "tls-server", "state": "issued",
       "not_before": "2030-01-01T00:00:00Z", "not_after": "2030-01-02T00:00:00Z"}
KEY = {"name": "release", "type": "ec-p256", "purpose": "data", "message_class": "jwt",
       "algorithms": ["ecdsa-p256-sha256"], "created_at": "2030-01-01T00:00:00Z", "creator": "admin", "id": "00" * 16}


class Commands(ServiceTest):
    def asked(self):
        return [(method, path) for method, path, *_ in self.service.requests]

    def software_key(self):
        key = self.file("key", openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
        return key, openssl("pkey", "-in", key, "-pubout").decode()

    # Approvals

    def test_approve(self):
        statement = "chancery-approval/v1\nlog chancery.internal/log\nid apr-1\nrule approval:keys\n"
        shown = {"id": "apr-1", "state": "waiting", "needed": 2, "counted": 0, "given": [], "statement": statement,
                 "summary": {"operation": "key.create", "key": "release"}}
        agreed = {**shown, "counted": 1,
                  "given": [{"approver": "web-1", "given_at": "2030-01-01T00:00:00Z", "counts": True}]}
        self.service.on("GET", "/v1/approvals/apr-1", shown)
        self.service.on("POST", "/v1/approvals/apr-1/approve", agreed)
        looked = self.chancery("approve", "apr-1")
        self.assertEqual(looked.returncode, 1, "nothing is signed without --yes")
        self.assertIn("apr-1 is waiting: 0 of 2 have agreed", looked.stdout)
        self.assertIn("key: release", looked.stdout)
        self.assertIn(statement, looked.stdout)
        self.assertEqual(self.asked(), [("GET", "/v1/approvals/apr-1")])
        self.assertIn("agreed: web-1 at 2030-01-01T00:00:00Z", self.succeeds("approve", "apr-1", "--yes"))
        signature = self.file("signature", base64.b64decode(self.bodies()[-1]["signature"]))
        public = self.file("public", openssl("x509", "-in", f"{self.identity}/cert.pem", "-noout", "-pubkey"))
        openssl("dgst", "-sha256", "-verify", public, "-signature", signature,
                self.file("statement", statement.encode()))

    def test_a_statement_about_something_else_is_not_signed(self):
        shown = {"id": "apr-1", "state": "waiting", "needed": 1, "counted": 0, "given": [], "summary": {}}
        for statement in ("transfer everything\n", "chancery-approval/v1\nlog l\nid apr-2\n"):
            self.service.on("GET", "/v1/approvals/apr-1", {**shown, "statement": statement})
            self.assertIn("not of this approval", self.fails("approve", "apr-1", "--yes"))
        self.assertNotIn("POST", [method for method, _ in self.asked()])

    def test_what_others_agreed_to_goes_along(self):
        self.service.on("POST", "/v1/keys", {**KEY, "public_key": "PEM"})
        self.chancery("key", "create", "release", "--approval", "apr-1")
        self.assertEqual([headers["Chancery-Approval"] for _, _, headers, _, _ in self.service.requests], ["apr-1"])

    def test_list_and_cancel_approvals(self):
        row = {"id": "apr-1", "state": "waiting", "operation": "key.create", "requester": "web-1",
               "rule": "approval:keys", "counted": 0, "needed": 2, "expires_at": "2030-01-01T00:00:00Z"}
        self.service.on("GET", "/v1/approvals", {"approvals": [row]})
        self.assertEqual(self.succeeds("approvals", "list", "--all"),
                         "apr-1  waiting  key.create  web-1  approval:keys  0  2  2030-01-01T00:00:00Z\n")
        self.service.on("POST", "/v1/approvals/apr-1/cancel", {**row, "state": "cancelled"})
        self.assertEqual(self.succeeds("approvals", "cancel", "apr-1"), "apr-1 is cancelled\n")

    # Certificates

    def test_list_certificates(self):
        self.service.on("GET", "/v1/certificates", {"certificates": [ROW, {**ROW, "state": "revoked"}], "next": SERIAL})
        done = self.chancery("cert", "list", "--machine", "web-1", "--limit", "2", "--after", "0&/x")
        self.assertEqual(done.stdout.splitlines()[1], f"{SERIAL}  revoked  web-1  tls-server  2030-01-02T00:00:00Z")
        self.assertIn(f"--after {SERIAL}", done.stderr)
        self.assertEqual(self.asked(), [("GET", "/v1/certificates?limit=2&after=0%26%2fx&machine=web-1")])
        self.assertEqual(self.json_of("certificate", "list")["next"], SERIAL)

    def test_an_empty_list(self):
        self.service.on("GET", "/v1/machines", {"machines": []})
        done = self.chancery("machine", "list")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", "no machines\n"))

    def test_show_certificate(self):
        revocation = {"reason": "superseded", "revoked_at": "2030-01-01T12:00:00Z", "by": "operator", "entry": 9}
        answer = {**ROW, "state": "revoked", "certificate": "PEM", "revocation": revocation, "intent": 1, "outcome": 2}
        self.service.on("GET", f"/v1/certificates/{SERIAL}", answer)
        self.assertEqual(self.succeeds("cert", "show", SERIAL.upper()),
                         f"{SERIAL} revoked: tls-server of web-1 by issuing, 2030-01-01T00:00:00Z to "
                         "2030-01-02T00:00:00Z; revoked 2030-01-01T12:00:00Z by operator (superseded)\n")
        self.assertEqual(self.succeeds("cert", "show", "--pem", SERIAL), "PEM\n")
        self.assertEqual(self.json_of("cert", "show", SERIAL), answer)

    def test_revoke(self):
        revoked = {"serial": SERIAL, "reason": "superseded", "revoked_at": "2030-01-01T00:00:00Z", "already": False,
                   "request_id": "req-1"}
        self.service.on("POST", f"/v1/certificates/{SERIAL}/revoke", revoked, {**revoked, "already": True})
        self.assertEqual(self.succeeds("revoke", SERIAL, "--reason", "superseded"),
                         f"revoked {SERIAL} (superseded) at 2030-01-01T00:00:00Z\n")
        self.assertTrue(self.succeeds("revoke", SERIAL).startswith("was revoked already: "))
        self.assertEqual(self.bodies(), [{"reason": "superseded"}, {"reason": "unspecified"}])

    def test_revoke_by_file(self):
        serial = openssl("x509", "-in", f"{self.identity}/cert.pem", "-noout", "-serial").decode()[7:].strip().lower()
        self.fails("revoke", f"{self.identity}/cert.pem")
        self.assertEqual(self.asked(), [("POST", f"/v1/certificates/{serial}/revoke")])

    # Keys and signatures

    def test_keys(self):
        detail = {**KEY, "public_key": "PEM\n", "jwk": {"kty": "EC", "kid": "x"}}
        self.service.on("POST", "/v1/keys", Answer(detail, 201))
        self.service.on("GET", "/v1/keys/release", detail)
        self.service.on("GET", "/v1/keys", {"keys": [KEY]})
        self.succeeds("key", "create", "release", "--type", "rsa-3072", "--algorithm", "rsa-pss-sha256", "--algorithm",
                      "rsa-pss-sha512")
        self.assertEqual(self.bodies(), [{"name": "release", "type": "rsa-3072",
                                          "algorithms": ["rsa-pss-sha256", "rsa-pss-sha512"]}])
        self.assertEqual(self.succeeds("key", "list"),
                         "release  ec-p256  data  jwt  ecdsa-p256-sha256  admin  2030-01-01T00:00:00Z\n")
        self.assertIn("release: ec-p256 for jwt, made by admin", self.succeeds("key", "show", "release"))
        self.assertEqual(self.succeeds("key", "show", "release", "--pem"), "PEM\n")
        self.assertEqual(json.loads(self.succeeds("key", "show", "release", "--jwk")), {"kty": "EC", "kid": "x"})
        self.assertEqual(self.json_of("key", "show", "release"), detail)

    def test_keys_of_a_class(self):
        made = {**KEY, "message_class": "data", "context": "app", "public_key": "PEM\n"}
        self.service.on("POST", "/v1/keys", Answer(made, 201))
        self.assertIn('for data that begins with "app" and a NUL',
                      self.succeeds("key", "create", "release", "--context", "app"))
        self.succeeds("key", "create", "tokens", "--message-class", "jwt")
        self.succeeds("key", "create", "tokens", "--context", "")  # the service's to refuse
        self.assertEqual(self.bodies(), [
            {"name": "release", "type": "ec-p256", "context": "app"},
            {"name": "tokens", "type": "ec-p256", "message_class": "jwt"},
            {"name": "tokens", "type": "ec-p256", "context": ""}])

    def test_sign_and_verify(self):
        key, public = self.software_key()
        data = b"\x00\xffdata\n" * 1000
        path = self.file("data", data)
        raw = openssl("dgst", "-sha256", "-sign", key, path)
        self.service.on("POST", "/v1/keys/release/sign",
                        {"signature": b64(raw), "algorithm": "ecdsa-p256-sha256", "key": "release",
                         "request_id": "req-1", "intent": 7, "outcome": 8})
        self.service.on("GET", "/v1/keys/release", {**KEY, "public_key": public, "jwk": {}})

        self.assertEqual(self.succeeds("sign", "--key", "release", path), b64(raw) + "\n")
        self.assertIn("log entry 8", self.succeeds("sign", "--key", "release", path, "--out", f"{self.folder}/sig"))
        self.assertEqual(Path(self.folder, "sig").read_bytes(), raw)
        self.succeeds("sign", "--key", "release", "--prehash", path)
        digest = hashlib.sha256(data)
        self.succeeds("sign", "--key", "release", "--digest", digest.hexdigest(), "--algorithm", "ecdsa-p256-sha256")
        self.assertEqual(self.bodies(), [
            {"data": b64(data)}, {"data": b64(data)},
            {"digest": b64(digest.digest()), "algorithm": "ecdsa-p256-sha256"},
            {"digest": b64(digest.digest()), "algorithm": "ecdsa-p256-sha256"}])

        pem = self.file("public.pem", public)
        in_base64 = self.file("sig.b64", b64(raw) + "\n")
        for signature in (f"{self.folder}/sig", in_base64):
            for who in (["--public-key", pem], ["--key", "release"]):
                self.assertIn("good", self.succeeds("verify", *who, "--signature", signature, path))
        self.assertEqual(self.json_of("verify", "--public-key", pem, "--signature", in_base64, "--digest",
                                      digest.hexdigest())["valid"], True)
        other = self.file("other", data + b"!")
        for arguments in ([other], ["--digest", "00" * 32]):
            done = self.chancery("verify", "--public-key", pem, "--signature", in_base64, *arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn("BAD", done.stdout)

    def test_ed25519_is_verified_over_the_message(self):
        key = self.file("key", openssl("genpkey", "-algorithm", "ED25519"))
        pem = self.file("public.pem", openssl("pkey", "-in", key, "-pubout"))
        path = self.file("data", "message")
        signature = self.file("sig", openssl("pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", path))
        self.succeeds("verify", "--public-key", pem, "--signature", signature, path)
        self.fails("verify", "--public-key", pem, "--signature", signature, pem)

    def test_a_large_file_is_for_prehash(self):
        stderr = self.fails("sign", "--key", "release", self.file("large", b"x" * (512 * 1024 + 1)))
        self.assertIn("--prehash", stderr)
        self.assertEqual(self.service.requests, [])

    def test_algorithm_and_key_must_fit(self):
        _, public = self.software_key()
        stderr = self.fails("verify", "--public-key", self.file("p", public), "--signature", "/dev/null", "--algorithm",
                            "ed25519", "/dev/null", status=2)
        self.assertIn("--algorithm", stderr)

    # CAs

    def cas(self, url):
        self.service.on("GET", "/v1/cas", {"cas": [
            {"name": name, "issuer": "root", "key": f"ca-{name}", "certificate": self.authority.read(f"{name}.pem"),
             "crl_url": url, "not_after": "2040-01-01T00:00:00Z"} for name in ("issuing", "root")]})

    def test_cas(self):
        self.cas("http://127.0.0.1/crl/x.crl")
        self.assertEqual(len(self.succeeds("ca", "list").splitlines()), 2)
        self.assertEqual(self.succeeds("ca", "show", "root", "--pem"), self.authority.read("root.pem"))
        self.assertIn("there is no CA other", self.fails("ca", "show", "other"))

    def crl(self, signer, days="1"):
        database, config = self.file("index", ""), self.file("ca.cnf", "")
        Path(config).write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={database}\ncrlnumber={self.file('number', '1F')}\n"
                                "default_md=sha256\n")
        return openssl("ca", "-gencrl", "-config", config, "-crldays", days, "-keyfile",
                       self.authority.path(f"{signer}.key"), "-cert", self.authority.path(f"{signer}.pem"))

    def test_crl(self):
        public = FakeService(self.authority, tls=False)
        self.addCleanup(public.close)
        self.cas(public.url + "/crl/issuing.crl")
        pem = self.crl("issuing")
        der = openssl("crl", "-outform", "DER", stdin=pem)
        public.on("GET", "/crl/issuing.crl", Answer(der, content_type="application/pkix-crl"))
        shown = self.json_of("ca", "crl", "issuing", "--out", f"{self.folder}/crl", "--pem")
        self.assertEqual((shown["number"], shown["revoked"], shown["expired"]), ("31", 0, False))
        self.assertEqual(Path(self.folder, "crl").read_bytes(), pem)
        self.assertIn("number 31", self.succeeds("ca", "crl", "issuing", "--out", f"{self.folder}/crl.der"))
        self.assertEqual(Path(self.folder, "crl.der").read_bytes(), der)

        self.assertIn("not a CRL signed by this CA", self.fails("ca", "crl", "root"))
        public.on("GET", "/crl/issuing.crl", Answer(der[:-1] + bytes([der[-1] ^ 1])))
        self.assertIn("not a CRL signed by this CA", self.fails("ca", "crl", "issuing"))
        public.on("GET", "/crl/issuing.crl", Answer("no", 404))
        self.assertIn("answered 404", self.fails("ca", "crl", "issuing"))

    # Machines, policy, status

    def test_machines(self):
        ticket = {"machine": "web-1", "token": "secret", "expires_at": "2030-01-01T00:00:00Z"}
        self.service.on("POST", "/v1/machines", Answer(ticket, 201))
        self.service.on("POST", "/v1/machines/web-1/token", Answer(ticket, 201))
        self.service.on("GET", "/v1/machines/web-1", {"name": "web-1", "added_by": "operator",
                                                      "added_at": "2030-01-01T00:00:00Z"})
        self.assertEqual(self.succeeds("machine", "add", "web-1", "--profile", "machine").splitlines()[1], "secret")
        self.assertEqual(self.json_of("machine", "token", "web-1", "--token-life", "90m"), ticket)
        self.assertIn("added by operator", self.succeeds("machine", "show", "web-1"))
        self.assertEqual(self.bodies(), [{"name": "web-1", "profile": "machine"}, {"token_life": "90m"}])

    def test_attributes_of_machines(self):
        row = {"name": "web-1", "added_by": "operator", "added_at": "2030-01-01T00:00:00Z",
               "attributes": {"env": "prod", "team": "shop"}}
        self.service.on("POST", "/v1/machines", Answer({"machine": "web-1", "token": "secret",
                                                        "expires_at": "2030-01-01T00:00:00Z"}, 201))
        self.service.on("GET", "/v1/machines/web-1", row)
        self.service.on("POST", "/v1/machines/web-1/attributes", {**row, "attributes": {}})
        self.succeeds("machine", "add", "web-1", "--attribute", "team=shop", "--attribute", "site=Zug, a=b")
        self.assertEqual(self.succeeds("machine", "attributes", "web-1"), "web-1: env=prod team=shop\n")
        self.assertIn("env=prod team=shop", self.succeeds("machine", "show", "web-1"))
        self.assertEqual(self.json_of("machine", "attributes", "web-1"), row)
        self.succeeds("machine", "attributes", "web-1", "--set", "env=test")
        self.assertEqual(self.succeeds("machine", "attributes", "web-1", "--none"), "web-1: no attributes\n")
        self.assertEqual(self.bodies(), [{"name": "web-1", "attributes": {"site": "Zug, a=b", "team": "shop"}},
                                         {"attributes": {"env": "test"}}, {"attributes": {}}])
        for options in (["--set", "env"], ["--set", "Env=a"], ["--set", "a=b", "--set", "a=c"],
                        ["--set", "a=b", "--none"]):
            self.assertEqual(self.chancery("machine", "attributes", "web-1", *options).returncode, 2, options)

    def test_policy_of_several_files(self):
        bundle = ("#%file policy.yaml 35\nversion: 1\nimports: [teams/a.yaml]\n\n"
                  "#%file teams/a.yaml 10\nversion: 1\n")
        self.service.on("GET", "/v1/policy", {"version": "ab", "text": bundle, "loaded_at": "2030-01-01T00:00:00Z"})
        out = Path(self.folder, "several")
        self.succeeds("policy", "show", "--out", str(out))
        self.assertEqual((out / "policy.yaml").read_text(), "version: 1\nimports: [teams/a.yaml]\n")
        self.assertEqual((out / "teams/a.yaml").read_text(), "version: 1")

    def test_policy(self):
        text = "version: 1\ngrants: []\n"
        self.service.on("GET", "/v1/policy", {"version": "ab", "text": text, "loaded_at": "2030-01-01T00:00:00Z"})
        self.service.on("POST", "/v1/policy/reload", {"version": "ab", "changed": False},
                        problem(400, detail="line 3: unknown field", field="grants"))
        self.assertEqual(self.succeeds("policy", "show"), "# version ab, in force since 2030-01-01T00:00:00Z\n" + text)
        out = Path(self.folder, "shown")
        self.assertIn(str(out), self.succeeds("policy", "show", "--out", str(out)))
        self.assertEqual((out / "policy.yaml").read_text(), text)
        self.assertIn("is there already", self.fails("policy", "show", "--out", str(out)))
        self.assertIn("unchanged", self.succeeds("policy", "reload"))
        self.assertIn("line 3", self.fails("policy", "reload"))

    def test_status(self):
        answer = {"version": "9.9", "ready": True, "policy": {"version": "ab" * 32},
                  "token": {"up": True, "lanes": 8, "lanes_busy": 1, "signatures": 3},
                  "log": {"healthy": True, "size": 12}}
        self.service.on("GET", "/v1/status", answer)
        self.assertEqual(self.succeeds("status"), "ready: chanceryd 9.9; token up, 1 of 8 lanes busy, 3 signatures; "
                                                  "log of 12 entries; policy abababababab\n")
        self.assertEqual(self.json_of("status"), answer)
        down = {**answer, "ready": False, "token": {"up": False, "problem": "CKR_DEVICE_REMOVED"},
                "log": {"healthy": False, "problem": "disk full"}}
        self.service.on("GET", "/v1/status", down)
        done = self.chancery("status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("NOT READY", done.stdout)
        self.assertIn("CKR_DEVICE_REMOVED", done.stdout)
        self.assertIn("disk full", done.stdout)

    def test_output_that_cannot_be_written_is_a_failure(self):
        self.service.on("GET", "/v1/keys", {"keys": [KEY]})
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([CHANCERY, "--url", self.service.url, "--identity", self.identity, "key", "list"],
                                  stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)


main()
