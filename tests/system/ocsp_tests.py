"""OCSP, asked by openssl, GnuTLS, NSS and curl, and with requests that no good client sends."""

import base64
import re
import shutil
import socket
import subprocess
import threading
import urllib.parse

import csr
import service
from csr import Key, alt_names, common_name
from service import ServiceTest, expect, run, wait_until

NAME = "localhost"
MALFORMED, TRY_LATER, UNAUTHORIZED = 1, 3, 6


class OcspTest(ServiceTest):
    UNKNOWN = "unknown"

    @classmethod
    def set_up_installation(cls, installation):
        path = installation.home / "config.yaml"
        text = path.read_text()
        text = text.replace("\n  tls-server:\n", "\n  tls-server:\n    hold: true\n", 1)
        path.write_text(text + f"\nocsp:\n  unknown: {cls.UNKNOWN}\n  fresh_per_second: 100000\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.identity, _ = cls.service.enroll(NAME, Key.ec())
        cls.machine = cls.service.client(cls.identity)
        cls.issuing, cls.root = cls.service.chain()
        cls.files = cls.service.folder
        cls.url = f"http://127.0.0.1:{cls.service.public_port}/ocsp"
        wait_until(lambda: cls.service.metric("chancery_ocsp_responders") == 2, "both responders")

    @classmethod
    def tearDownClass(cls):
        cls.machine.close()
        super().tearDownClass()

    def issue(self, key=None):
        answer = expect(201, self.machine.post("/v1/certificates", {
            "csr": (key or Key.ec()).csr(common_name(NAME), alt_names(NAME)),
            "profile": "tls-server"})).json
        path = self.files / f"{answer['serial']}.pem"
        path.write_text(answer["certificate"])
        return answer["serial"], path

    def revoke(self, serial, reason="keyCompromise"):
        expect(200, self.service.operator.post(f"/v1/certificates/{serial}/revoke",
                                               {"reason": reason}))

    def ask(self, certificate, *options, issuer=None, nonce=False, digest="-sha1"):
        """What openssl says, the answer's signature verified."""
        done = run(["openssl", "ocsp", "-issuer", issuer or self.issuing, digest, "-cert",
                    certificate, "-url", self.url, "-CAfile", self.root, "-verify_other",
                    self.issuing, *(() if nonce else ("-no_nonce",)), *options], check=False)
        text = (done.stdout + done.stderr).decode()
        self.assertIn("Response verify OK", text)
        return text

    def request(self, certificate, *options):
        path = self.files / "request.der"
        csr.openssl("ocsp", "-no_nonce", "-issuer", self.issuing, "-cert", certificate, *options,
                    "-reqout", path)
        return path.read_bytes()

    def post(self, body, content_type="application/ocsp-request"):
        client = service.Client(("127.0.0.1", self.service.public_port), timeout=60)
        try:
            return client.request("POST", "/ocsp", body, {"Content-Type": content_type})
        finally:
            client.close()

    def failure(self, answer):
        """The code of a response that says why there is none."""
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/ocsp-response")
        self.assertEqual(answer.body[:4], b"\x30\x03\x0a\x01", answer.body)
        return answer.body[4]


class StatusTests(OcspTest):
    def test_openssl_good_revoked_hold_and_release(self):
        serial, path = self.issue()
        self.assertIn(": good", self.ask(path))
        self.assertIn(": good", self.ask(path, digest="-sha256"))
        self.revoke(serial, "certificateHold")
        self.assertIn("Reason: certificateHold", self.ask(path))
        expect(200, self.service.operator.post(f"/v1/certificates/{serial}/release", {}))
        self.assertIn(": good", self.ask(path))
        self.revoke(serial)
        for digest in ("-sha1", "-sha256"):
            text = self.ask(path, digest=digest)
            self.assertIn(": revoked", text)
            self.assertIn("Reason: keyCompromise", text)

    def test_the_issuing_cas_own_certificate(self):
        self.assertIn(": good", self.ask(self.issuing, issuer=self.root))

    def test_a_nonce_comes_back(self):
        _, path = self.issue()
        text = self.ask(path, nonce=True)
        self.assertNotIn("no nonce in response", text)
        self.assertIn(": good", text)

    def test_several_in_one_request(self):
        serial, revoked = self.issue()
        self.revoke(serial)
        _, good = self.issue()
        text = self.ask(good, "-cert", revoked)
        self.assertIn(f"{good}: good", text)
        self.assertIn(f"{revoked}: revoked", text)

    def test_an_unknown_serial(self):
        text = self.ask(self.issue()[1], "-serial", "0x0492" + 36 * "0")
        self.assertIn(f"0x0492{36 * '0'}: {self.UNKNOWN}", text)

    def test_another_issuers_certificate(self):
        key = Key.ec()
        other = self.files / "other.pem"
        csr.openssl("req", "-x509", "-key", key.path, "-subj", "/CN=other", "-out", other)
        path = self.files / "foreign.der"
        csr.openssl("ocsp", "-no_nonce", "-issuer", other, "-cert", other, "-reqout", path)
        self.assertEqual(self.failure(self.post(path.read_bytes())), UNAUTHORIZED)

    def test_gnutls(self):
        serial, path = self.issue()
        for words in ("good", "revoked"):
            if words == "revoked":
                self.revoke(serial)
            done = run(["ocsptool", f"--ask={self.url}", "--load-cert", path, "--load-issuer",
                        self.issuing, "--load-trust", self.issuing, "--outfile",
                        self.files / "ocsp.der"], check=False)
            self.assertIn(b"Verifying OCSP Response: Success", done.stdout + done.stderr)
            info = run(["ocsptool", "--response-info", "--infile", self.files / "ocsp.der"])
            self.assertIn(f"Certificate Status: {words}".encode(), info.stdout)

    def test_nss(self):
        database = self.files / "nss"
        shutil.rmtree(database, ignore_errors=True)
        database.mkdir()
        nss = ["-d", f"sql:{database}"]
        run(["certutil", "-N", *nss, "--empty-password"])
        run(["certutil", "-A", *nss, "-n", "root", "-t", "C,,", "-i", self.root])
        run(["certutil", "-A", *nss, "-n", "issuing", "-t", ",,", "-i", self.issuing])
        serial, path = self.issue()
        run(["certutil", "-A", *nss, "-n", "web", "-t", ",,", "-i", path])
        good = run(["ocspclnt", *nss, "-S", "web"])
        self.assertIn(b"succeeded", good.stdout + good.stderr)
        self.revoke(serial)
        bad = run(["ocspclnt", *nss, "-S", "web"], check=False)
        self.assertIn(b"revoked", bad.stdout + bad.stderr)

    def test_curl_with_a_server_that_staples(self):
        key = Key.ec()
        serial, path = self.issue(key)
        for status in ("good", "revoked"):
            if status == "revoked":
                self.revoke(serial)
            stapled = self.files / "staple.der"
            run(["openssl", "ocsp", "-no_nonce", "-issuer", self.issuing, "-cert", path, "-url",
                 self.url, "-respout", stapled, "-noverify"])
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            server = subprocess.Popen(
                ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", path, "-key",
                 key.path, "-cert_chain", self.issuing, "-status_file", stapled, "-www", "-quiet"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                done = wait_until(lambda p=port: self.curl(p), "the server answers")
            finally:
                server.kill()
                server.wait()
            self.assertEqual(done.returncode == 0, status == "good", done)
            if status == "revoked":
                self.assertIn(b"keycompromise", done.stderr.lower())

    def curl(self, port):
        done = run(["curl", "-sS", "--cert-status", "--cacert", self.root, "--resolve",
                    f"{NAME}:{port}:127.0.0.1", f"https://{NAME}:{port}/", "-o", "/dev/null"],
                   check=False)
        return None if done.returncode == 7 else done  # 7: it does not listen yet


class RequestTests(OcspTest):
    def test_get_and_post_agree_and_are_kept(self):
        _, path = self.issue()
        request = self.request(path)
        posted = self.post(request)
        text = base64.b64encode(request).decode()
        for written in (urllib.parse.quote(text, safe=""), urllib.parse.quote(text, safe="/")):
            got = expect(200, self.service.public(f"/ocsp/{written}"))
            self.assertEqual(got.body, posted.body)
            self.assertIn("max-age", got.headers["Cache-Control"])
        signed = self.service.metric('chancery_ocsp_answers_total{how="signed"}')
        for _ in range(5):
            self.assertEqual(self.post(request).body, posted.body)
        self.assertEqual(self.service.metric('chancery_ocsp_answers_total{how="signed"}'), signed)
        client = service.Client(("127.0.0.1", self.service.public_port), timeout=10)
        self.addCleanup(client.close)
        again = client.get(f"/ocsp/{urllib.parse.quote(text, safe='')}",
                           **{"If-None-Match": got.headers["ETag"]})
        self.assertEqual(again.status, 304)

    def test_revoking_another_changes_nothing(self):
        _, path = self.issue()
        request = self.request(path)
        before = self.post(request).body
        serial, _ = self.issue()
        self.revoke(serial)
        self.assertEqual(self.post(request).body, before)

    def test_what_is_no_request(self):
        good = self.request(self.issue()[1])
        for body in (b"", b"junk", good[:-1], good + b"\0", b"\x30\x00", b"\x30\x02\x30\x00",
                     bytes(5000), good.replace(b"\x2b\x0e\x03\x02\x1a", b"\x2b\x0e\x03\x02\x1b")):
            self.assertEqual(self.failure(self.post(body)), MALFORMED, body)
        for path in ("/ocsp/***", "/ocsp/MAA", "/ocsp/%00", "/ocsp/a/b/c"):
            answer = self.service.public(path)
            if answer.status != 400:
                self.assertEqual(self.failure(answer), MALFORMED, path)
        self.assertEqual(self.post(good, "application/json").status, 415)

    def test_the_token_is_down_and_answers_go_on(self):
        _, kept = self.issue()
        _, new = self.issue()
        request, other = self.request(kept), self.request(new)
        before = self.post(request).body
        for keyholder in self.service.keyholders():
            service.os.kill(keyholder, service.signal.SIGSTOP)
        try:
            size = self.service.log_size()
            self.assertEqual(self.post(request).body, before)
            self.assertEqual(self.failure(self.post(other)), TRY_LATER)
        finally:
            for keyholder in self.service.keyholders():
                try:
                    service.os.kill(keyholder, service.signal.SIGCONT)
                except ProcessLookupError:
                    pass
        self.assertGreaterEqual(self.service.log_size(), size)
        wait_until(lambda: self.post(other).body[:1] == b"\x30" and len(self.post(other).body) > 100,
                   "the token is back", 60)

    def test_a_responder_that_is_revoked_is_replaced(self):
        _, path = self.issue()
        request = self.request(path)
        rows = expect(200, self.service.operator.get(
            "/v1/certificates?machine=self&limit=1000")).json["certificates"]
        old = [row["serial"] for row in rows
               if row["profile"] == "ocsp-signing" and row["issuer"] == "issuing"][-1]
        self.assertIn(bytes.fromhex(old), self.post(request).body)
        expect(200, self.service.administrator.post(f"/v1/certificates/{old}/revoke",
                                                    {"reason": "keyCompromise"}))

        def answer():
            body = self.post(request).body
            self.assertNotIn(bytes.fromhex(old), body)
            return len(body) > 100 and body
        wait_until(answer, "another responder answers", 60)
        self.assertIn(": good", self.ask(path))
        names = [key["name"] for key in
                 expect(200, self.service.administrator.get("/v1/keys")).json["keys"]]
        self.assertIn("ocsp-issuing-2", names)
        self.service.verify_log()

    def test_names_of_responders_keys_are_refused(self):
        for name in ("ocsp-mine", "ca-mine", "log-mine"):
            answer = expect(400, self.service.administrator.post("/v1/keys",
                                                         {"name": name, "type": "ec-p256"}))
            self.assertEqual(answer.json["field"], "name")

    def test_the_log_tells_of_each_answer(self):
        serial, path = self.issue()
        self.ask(path)
        said = [entry for entry in self.service.entries()
                if f"{serial} good" in entry.get("ocsp", [])]
        self.assertEqual([entry["operation"] for entry in said], ["ocsp.sign"])
        self.service.verify_log()


class WaitingTests(OcspTest):
    """A token that hangs for a minute, and four workers."""

    @classmethod
    def set_up_installation(cls, installation):
        super().set_up_installation(installation)
        path = installation.home / "config.yaml"
        text = path.read_text()
        text, found = re.subn(r"\n  deadline: \d+s\n", "\n  deadline: 60s\n", text)
        assert found == 1
        path.write_text(text + "\nworkers: 4\n")

    def test_all_else_is_served_while_answers_wait_for_the_token(self):
        requests = [self.request(self.issue()[1]) for _ in range(6)]
        wait_until(lambda: self.service.public("/crl/issuing.crl").status == 200, "the list is there")
        answers = {}

        def ask(number):
            answers[number] = self.post(requests[number])
        clients = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for keyholder in self.service.keyholders():
            service.os.kill(keyholder, service.signal.SIGSTOP)
        try:
            for client in clients:
                client.start()
            wait_until(lambda: len(answers) == 4, "half of the workers are free")
            for answer in answers.values():
                self.assertEqual(self.failure(answer), TRY_LATER)
            for path in ("/healthz", "/crl/issuing.crl", "/ca/issuing.pem"):
                expect(200, self.service.public(path))
            self.assertEqual(len(answers), 4)
        finally:
            for keyholder in self.service.keyholders():
                service.os.kill(keyholder, service.signal.SIGCONT)
            for client in clients:
                client.join()
        self.assertEqual(len(answers), 6)
        self.assertEqual(sum(len(answer.body) > 100 for answer in answers.values()), 2)


class UnknownIsRevokedTests(OcspTest):
    UNKNOWN = "revoked"

    def test_an_unknown_serial(self):
        text = self.ask(self.issue()[1], "-serial", "0x0492" + 36 * "0", "-resp_text")
        self.assertIn(f"0x0492{36 * '0'}: revoked", text)
        self.assertIn("certificateHold", text)
        self.assertIn("valid:", text)  # what openssl calls id-pkix-ocsp-extended-revoke


if __name__ == "__main__":
    missing = [name for name in ("ocsptool", "ocspclnt", "certutil", "curl")
               if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"missing programs: {missing}; scripts/setup installs them")
    service.main()
