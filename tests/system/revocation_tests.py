"""Revocation as other programs see it: shards, deltas, hold, conditional and compressed answers."""

import gzip
import shutil

import csr
import service
from csr import Key, alt_names, common_name
from service import ServiceTest, expect, run, wait_until

NAME = "web.example"


class RevocationTest(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        path = installation.home / "config.yaml"
        text = path.read_text()
        text = text.replace("\ncrl:\n", "\ncrl:\n  delta: true\n", 1)
        text = text.replace("\n  tls-server:\n", "\n  tls-server:\n    hold: true\n", 1)
        path.write_text(text)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.identity, _ = cls.service.enroll(NAME, Key.ec())
        cls.machine = cls.service.client(cls.identity)
        cls.issuing, cls.root = cls.service.chain()
        cls.files = cls.service.folder
        wait_until(lambda: cls.service.public("/crl/issuing.crl").status == 200, "the first list")

    @classmethod
    def tearDownClass(cls):
        cls.machine.close()
        super().tearDownClass()

    def issue(self):
        """The serial, and the certificate as a file."""
        answer = expect(201, self.machine.post("/v1/certificates", {
            "csr": Key.ec().csr(common_name(NAME), alt_names(NAME)), "profile": "tls-server"})).json
        path = self.files / f"{answer['serial']}.pem"
        path.write_text(answer["certificate"])
        return answer["serial"], path

    def revoke(self, serial, reason, **members):
        return expect(200, self.service.operator.post(f"/v1/certificates/{serial}/revoke",
                                                      {"reason": reason, **members})).json

    def fetch(self, path):
        return expect(200, self.service.public(path))

    def text_of(self, path):
        return csr.openssl("crl", "-inform", "DER", "-noout", "-text",
                           input=self.fetch(path).body).decode()

    def wait_listed(self, path, serial, listed=True):
        wait_until(lambda: (serial.upper() in self.text_of(path)) == listed,
                   f"{path} lists {serial}: {listed}", 30)

    def entry_of(self, path, serial):
        """What the list says of the serial, empty where it does not list it."""
        _, _, rest = self.text_of(path).partition(f"Serial Number: {serial.upper()}")
        return rest.partition("Serial Number:")[0]

    def verify(self, certificate, *options):
        return run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", self.root,
                    "-untrusted", self.issuing, *options, certificate], check=False)

    def point_of(self, certificate):
        text = csr.openssl("x509", "-in", certificate, "-noout", "-text").decode()
        return next(line.strip().rpartition("URI:")[2] for line in text.splitlines()
                    if "/crl/" in line)


class ShardTests(RevocationTest):
    def test_certificates_of_before_and_after_name_lists_that_openssl_fetches(self):
        before = self.issue()
        answer = expect(200, self.service.administrator.post("/v1/cas/issuing/crl-shards",
                                                             {"shards": 3})).json
        self.assertEqual(answer["crl_shards"][-1], 3)
        after = [self.issue() for _ in range(6)]
        base = f"http://127.0.0.1:{self.service.public_port}"
        self.assertEqual(self.point_of(before[1]), f"{base}/crl/issuing.crl")
        for _, path in after:
            self.assertRegex(self.point_of(path), rf"^{base}/crl/issuing/3/[012]\.crl$")
        for serial, path in [before, *after]:
            where = self.point_of(path).removeprefix(base)
            wait_until(lambda w=where: self.service.public(w).status == 200, where, 30)
            good = self.verify(path, "-crl_check", "-crl_download")
            self.assertEqual(good.returncode, 0, good)
            self.revoke(serial, "keyCompromise")
            self.wait_listed(where, serial)
            self.wait_listed("/crl/issuing.crl", serial)
            bad = self.verify(path, "-crl_check", "-crl_download")
            self.assertIn(b"certificate revoked", bad.stdout + bad.stderr)
        # A list of one shard says nothing about a certificate of another.
        one = next(path for _, path in after)
        others = [f"/crl/issuing/3/{shard}.crl" for shard in range(3)
                  if not self.point_of(one).endswith(f"/{shard}.crl")]
        der = self.files / "other.crl"
        der.write_bytes(self.fetch(others[0]).body)
        wrong = self.verify(one, "-crl_check", "-CRLfile", self.pem(der))
        self.assertNotEqual(wrong.returncode, 0)
        self.assertNotIn(b"certificate revoked", wrong.stdout + wrong.stderr)

    def pem(self, der):
        path = der.with_suffix(".pem")
        csr.openssl("crl", "-inform", "DER", "-in", der, "-out", path)
        return path

    def test_lists_that_are_not_there(self):
        for path in ("/crl/issuing/7/0.crl", "/crl/issuing/1/0.crl", "/crl/issuing/x/0.crl",
                     "/crl/issuing/99999999999/1.crl", "/crl/nobody/3/0.crl", "/crl/nobody.crl",
                     "/crl/issuing/3/00.pem"):
            self.assert_problem(self.service.public(path), 404)

    def test_who_may_split_and_how(self):
        for client in (self.service.operator, self.service.auditor, self.machine):
            self.assert_problem(client.post("/v1/cas/issuing/crl-shards", {"shards": 4096}), 403)
        for shards in (0, 1, -1, 4097, "2", 2.5, None):
            answer = self.service.administrator.post("/v1/cas/issuing/crl-shards", {"shards": shards})
            self.assert_problem(answer, 400, "shards")


class HoldTests(RevocationTest):
    def test_openssl_sees_hold_release_and_end(self):
        serial, path = self.issue()
        self.revoke(serial, "certificateHold")
        self.wait_listed("/crl/issuing.crl", serial)
        self.assertIn("Certificate Hold", self.text_of("/crl/issuing.crl"))
        self.assertEqual(self.state(serial), "held")
        self.assertNotEqual(self.verify(path, "-crl_check", "-crl_download").returncode, 0)

        answer = self.service.operator.post(f"/v1/certificates/{serial}/release", {})
        self.assertEqual(expect(200, answer).json["reason"], "removeFromCRL")
        self.wait_listed("/crl/issuing.crl", serial, False)
        self.assertEqual(self.state(serial), "issued")
        self.assertEqual(self.verify(path, "-crl_check", "-crl_download").returncode, 0)
        # The delta that lists it on hold may still be the published one.
        wait_until(lambda: "Remove From CRL" in self.entry_of("/crl/issuing/delta.crl", serial),
                   "the delta says that it was released", 30)

        self.assert_problem(self.service.operator.post(f"/v1/certificates/{serial}/release", {}), 409,
                            "serial")
        self.revoke(serial, "keyCompromise")
        self.assertEqual(self.state(serial), "revoked")
        self.assert_problem(self.service.operator.post(f"/v1/certificates/{serial}/release", {}), 409)

    def test_a_machine_on_hold_is_refused_and_comes_back(self):
        identity, enrolled = self.service.enroll("held.example", Key.ec())
        client = self.service.client(identity)
        self.addCleanup(client.close)
        serial = enrolled["serial"]
        expect(200, client.get(f"/v1/certificates/{serial}"))
        answer = self.service.operator.post(f"/v1/certificates/{serial}/revoke",
                                            {"reason": "certificateHold"})
        self.assert_problem(answer, 400, "reason")  # its profile does not permit it
        self.revoke(serial, "superseded")
        self.assert_problem(client.get(f"/v1/certificates/{serial}"), 401)

    def state(self, serial):
        return expect(200, self.service.auditor.get(f"/v1/certificates/{serial}")).json["state"]

    def test_reasons_and_dates_that_are_refused(self):
        serial, _ = self.issue()
        path = f"/v1/certificates/{serial}/revoke"
        for body, field in (({"reason": "removeFromCRL"}, "reason"),
                            ({"reason": "superseded", "invalidity_date": "yesterday"},
                             "invalidity_date"),
                            ({"reason": "superseded", "invalidity_date": "2001-01-01T00:00:00Z"},
                             "invalidity_date"),
                            ({"reason": "superseded", "invalidity_date": "2101-01-01T00:00:00Z"},
                             "invalidity_date")):
            self.assert_problem(self.service.operator.post(path, body), 400, field)
        row = expect(200, self.service.auditor.get(f"/v1/certificates/{serial}")).json
        answer = self.revoke(serial, "keyCompromise", invalidity_date=row["not_before"])
        self.assertEqual(answer["invalidity_date"], row["not_before"])
        self.wait_listed("/crl/issuing.crl", serial)
        self.assertIn("Invalidity Date", self.text_of("/crl/issuing.crl"))


class DeltaTests(RevocationTest):
    def test_openssl_uses_the_delta(self):
        serial, path = self.issue()
        base = self.files / "base.crl"
        base.write_bytes(self.fetch("/crl/issuing.pem").body)
        self.revoke(serial, "keyCompromise")
        self.wait_listed("/crl/issuing/delta.crl", serial)
        delta = self.files / "delta.crl"
        delta.write_bytes(self.fetch("/crl/issuing/delta.pem").body)
        # The old list alone does not know; with the delta it does.
        alone = self.verify(path, "-crl_check", "-CRLfile", base)
        self.assertEqual(alone.returncode, 0, alone)
        both = self.verify(path, "-crl_check", "-extended_crl", "-use_deltas", "-CRLfile", base,
                           "-CRLfile", delta)
        self.assertIn(b"certificate revoked", both.stdout + both.stderr)
        self.assertIn("Delta CRL Indicator: critical", self.text_of("/crl/issuing/delta.crl"))
        self.assertIn("/crl/issuing/delta.crl", self.text_of("/crl/issuing.crl"))


class CachingTests(RevocationTest):
    def get(self, path, **headers):
        client = service.Client(("127.0.0.1", self.service.public_port), timeout=10)
        try:
            return client.get(path, **headers)
        finally:
            client.close()

    def of_one_list(self, path, check):
        """check(), again where a new list came meanwhile: earlier tests' revocations bring one."""
        def once():
            etag = self.get(path).headers["ETag"]
            failure = None
            try:
                check()
            except AssertionError as error:
                failure = error
            if self.get(path).headers["ETag"] != etag:
                return False
            if failure:
                raise failure
            return True
        wait_until(once, "no new list meanwhile", 60)

    def test_conditional_requests(self):
        def by_etag(path):
            etag = expect(200, self.get(path)).headers["ETag"]
            for known in (etag, "W/" + etag, f'"other", {etag}', "*"):
                again = self.get(path, **{"If-None-Match": known})
                self.assertEqual((again.status, again.body), (304, b""), known)
            self.assertEqual(self.get(path, **{"If-None-Match": '"other"'}).status, 200)

        def by_date(path):
            date = self.get(path).headers["Last-Modified"]
            self.assertEqual(self.get(path, **{"If-Modified-Since": date}).status, 304)
            for older in ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06", ""):
                self.assertEqual(self.get(path, **{"If-Modified-Since": older}).status, 200)
            # The ETag decides where both are there.
            self.assertEqual(self.get(path, **{"If-None-Match": '"other"',
                                               "If-Modified-Since": date}).status, 200)

        for path in ("/crl/issuing.crl", "/crl/issuing.pem", "/ca/issuing.crt", "/ca/issuing.pem"):
            self.of_one_list(path, lambda path=path: by_etag(path))
        self.of_one_list("/crl/issuing.crl", lambda: by_date("/crl/issuing.crl"))

    def test_compressed_where_that_is_smaller(self):
        path = "/crl/issuing.crl"
        for _ in range(40):
            self.revoke(self.issue()[0], "superseded")
        wait_until(lambda: "gzip" in self.get(path, **{"Accept-Encoding": "gzip"})
                   .headers.get("Content-Encoding", ""), "a compressed list", 30)

        def same_in_both():
            packed = self.get(path, **{"Accept-Encoding": "br;q=1, gzip;q=0.5"})
            plain = self.get(path, **{"Accept-Encoding": "gzip;q=0"})
            self.assertEqual(packed.headers.get("Content-Encoding"), "gzip")
            self.assertNotIn("Content-Encoding", plain.headers)
            self.assertEqual(gzip.decompress(packed.body), plain.body)
            self.assertLess(len(packed.body), len(plain.body))
            self.assertNotEqual(packed.headers["ETag"], plain.headers["ETag"])
            self.assertIn("Accept-Encoding", packed.headers["Vary"])

        self.of_one_list(path, same_in_both)

    def test_the_log_verifies(self):
        self.service.verify_log()


if __name__ == "__main__":
    missing = [name for name in ("openssl",) if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"missing programs: {missing}; scripts/setup installs them")
    service.main()
