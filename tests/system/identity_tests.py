"""Who asks, and whether it asked before: client certificates and idempotency keys."""

import time

import csr
import service
from csr import Key, alt_names, common_name
from machine_test import NAME, MachineTest, at_once
from service import ServiceTest, expect

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class IdempotencyTests(MachineTest):
    def sign(self, data, key):
        return self.machine.post(f"/v1/keys/{NAME}.k/sign", {"data": data}, key=key)

    def test_repeat_gets_the_same_answer_and_no_second_signature(self):
        first = expect(200, self.sign("AAAA", "same"))
        again = expect(200, self.sign("AAAA", "same"))
        for member in ("signature", "intent", "request_id"):
            self.assertEqual(first.json[member], again.json[member], member)
        intents = [e for e in self.service.entries(first.json["intent"])
                   if e["kind"] == "intent" and e.get("key") == f"{NAME}.k"]
        self.assertEqual([e["index"] for e in intents], [first.json["intent"]])

    def test_repeat_of_what_has_a_name_makes_no_second(self):
        key = {"name": f"{NAME}.repeated", "type": "ec-p256"}
        made = expect(201, self.service.administrator.post("/v1/keys", key, key="make"))
        self.assert_problem(self.service.administrator.post("/v1/keys", key, key="make"), 409,
                            "name")
        shown = expect(200, self.service.administrator.get(f"/v1/keys/{key['name']}"))
        self.assertEqual(shown.json, made.json)

    def test_repeat_of_an_issuance(self):
        body = {"profile": "tls-server", "csr": self.key.csr(common_name(NAME), alt_names(NAME))}
        first = expect(201, self.machine.post("/v1/certificates", body, key="issue"))
        again = expect(201, self.machine.post("/v1/certificates", body, key="issue"))
        self.assertEqual(first.json, again.json)

    def test_repeat_names_its_outcome(self):
        first = expect(200, self.sign("AAAA", "outcome"))
        again = expect(200, self.sign("AAAA", "outcome"))
        self.assertEqual(first.json["outcome"], again.json["outcome"])

    def test_repeat_with_another_body(self):
        expect(200, self.sign("AAAA", "another"))
        self.assert_problem(self.sign("AAAB", "another"), 422, "Idempotency-Key")

    def test_repeat_at_another_path(self):
        expect(201, self.service.administrator.post(
            "/v1/keys", {"name": f"{NAME}.second", "type": "ec-p256"}))
        expect(200, self.sign("AAAA", "path"))
        answer = self.machine.post(f"/v1/keys/{NAME}.second/sign", {"data": "AAAA"}, key="path")
        self.assert_problem(answer, 422, "Idempotency-Key")

    def test_same_key_of_another_machine_is_another_request(self):
        name = "twin.example"
        identity, _ = self.service.enroll(name, Key.ec())
        expect(201, self.service.administrator.post("/v1/keys",
                                                    {"name": f"{name}.k", "type": "ec-p256"}))
        expect(200, self.sign("AAAA", "shared"))
        twin = self.service.client(identity)
        self.addCleanup(twin.close)
        expect(200, twin.post(f"/v1/keys/{name}.k/sign", {"data": "AAAB"}, key="shared"))

    def test_key_that_is_none(self):
        for key in ("a b", "a" * 129):
            self.assert_problem(self.sign("AAAA", key), 400, "Idempotency-Key")
        self.assert_problem(self.sign("AAAA", "\x7f"), 400)

    def test_at_once_from_many(self):
        answers = at_once(16, lambda _: self.send_from_own_connection("race"))
        self.assertTrue(all(a.status in (200, 429) for a in answers), answers)
        good = [a.json for a in answers if a.status == 200]
        self.assertTrue(good)
        self.assertEqual(len({(a["signature"], a["intent"]) for a in good}), 1)

    def send_from_own_connection(self, key):
        client = self.service.client(self.identity)
        try:
            return client.post(f"/v1/keys/{NAME}.k/sign", {"data": "AAAA"}, key=key)
        finally:
            client.close()


class ClientCertificateTests(MachineTest):
    def status_with(self, identity):
        client = self.service.client(identity)
        try:
            return client.get("/v1/keys")
        finally:
            client.close()

    def assert_refused(self, identity):
        """With an explanation; the log has that somebody was turned away."""
        self.assert_problem(self.status_with(identity), 401)
        failures = [e for e in self.service.entries() if e["kind"] == "authentication"]
        self.assertTrue(failures)
        self.assertEqual(failures[0]["source"], "127.0.0.1")

    def test_none(self):
        self.assert_refused(None)

    def test_of_a_foreign_ca(self):
        self.assert_refused(self.foreign("-subj", f"/CN={NAME}"))

    def test_of_a_foreign_ca_with_our_issuers_name(self):
        self.assert_refused(self.foreign("-subj", self.issuers_subject()))

    def issuers_subject(self):
        text = csr.openssl("x509", "-in", self.service.home / "ca" / "issuing.pem", "-noout",
                           "-subject", "-nameopt", "compat").decode()
        return text.partition("=")[2].strip()

    def foreign(self, *options):
        folder = self.service.folder / f"foreign-{time.monotonic_ns()}"
        folder.mkdir()
        csr.openssl("req", "-x509", *NEW_KEY, "-days", "1", *options, "-keyout",
                    folder / "key.pem", "-out", folder / "cert.pem")
        return folder

    def test_expired(self):
        # One connection was opened while it was valid: it ends with the certificate.
        # (A second, more than a second before its end, for the sake of slow machines.)
        name = "short.example"
        identity, enrolled = self.service.enroll(name, Key.ec())
        first = self.service.client(identity)
        key = Key.ec()
        answer = expect(201, first.post(f"/v1/certificates/{enrolled['serial']}/renew",
                                        {"csr": key.csr(), "validity": "5s"}))
        first.close()
        short = self.service.client(self.service.keep_identity("short", answer.json["certificate"],
                                                               key))
        self.addCleanup(short.close)
        path = f"/v1/certificates/{answer.json['serial']}"
        expect(200, short.get(path))
        service.wait_until(lambda: short.get(path).status == 401, "the certificate's end", 20, 0.5)
        self.assert_refused(self.service.folder / "machines" / "short")

    def test_revoked(self):
        identity, enrolled = self.service.enroll("gone.example", Key.ec())
        client = self.service.client(identity)
        self.addCleanup(client.close)
        path = f"/v1/certificates/{enrolled['serial']}"
        expect(200, client.get(path))
        expect(200, self.service.operator.post(path + "/revoke", {"reason": "keyCompromise"}))
        self.assert_problem(client.get(path), 401)  # on the connection that was open
        self.assert_refused(identity)
        answer = self.service.operator.post(path + "/revoke", {"reason": "superseded"})
        self.assertTrue(expect(200, answer).json["already"])
        self.assertEqual(answer.json["reason"], "keyCompromise")

    def test_flood_of_strangers_does_not_fill_the_log(self):
        before = self.service.log_size()
        stranger = self.service.client()
        self.addCleanup(stranger.close)
        for _ in range(500):
            self.assert_problem(stranger.get("/v1/keys"), 401)
        refused = [e for e in self.service.entries(before) if e["kind"] == "authentication"]
        self.assertLessEqual(len(refused), 2)


class SpiffeTests(ServiceTest):
    """Machines of another CA that the configuration trusts, named by their SPIFFE IDs."""

    ID = "spiffe://cluster.example/ns/shop/sa/web"

    @classmethod
    def set_up_installation(cls, installation):
        cls.authority = installation.folder / "authority"
        cls.authority.mkdir()
        csr.openssl("req", "-x509", *NEW_KEY, "-days", "1", "-subj", "/CN=cluster", "-addext",
                    "keyUsage=critical,keyCertSign", "-keyout", cls.authority / "key.pem",
                    "-out", cls.authority / "cert.pem")
        config = installation.home / "config.yaml"
        config.write_text(f"{config.read_text()}\ntrust_anchors: [{cls.authority / 'cert.pem'}]\n")

    def workload(self, *uris):
        """An identity with these names, signed by the other CA."""
        folder = self.service.folder / f"workload-{time.monotonic_ns()}"
        folder.mkdir()
        csr.openssl("req", "-new", *NEW_KEY, "-subj", "/O=shop", "-keyout", folder / "key.pem",
                    "-out", folder / "csr.pem")
        (folder / "extensions").write_text(
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n"
            f"subjectAltName={','.join(f'URI:{uri}' for uri in uris)}\n")
        csr.openssl("x509", "-req", "-in", folder / "csr.pem", "-days", "1", "-CA",
                    self.authority / "cert.pem", "-CAkey", self.authority / "key.pem", "-extfile",
                    folder / "extensions", "-out", folder / "cert.pem")
        return folder

    def ask(self, identity):
        client = self.service.client(identity)
        self.addCleanup(client.close)
        return client.get("/v1/keys")

    def test_one_id(self):
        # Known, and granted nothing.
        for uris in ((self.ID,), (self.ID, "https://web.example/"), ("https://web.example/", self.ID)):
            with self.subTest(uris=uris):
                self.assert_problem(self.ask(self.workload(*uris)), 403, detail=f'"{self.ID}"')

    def test_several_ids(self):
        for others in (["spiffe://cluster.example/ns/shop/sa/admin"], [self.ID],
                       ["https://web.example/", "spiffe://other.example/x"]):
            with self.subTest(others=others):
                answer = self.ask(self.workload(self.ID, *others))
                self.assert_problem(answer, 401, detail="more than one SPIFFE ID")
        first, *_ = (e for e in self.service.entries() if e["kind"] == "authentication")
        self.assertIn("more than one SPIFFE ID", first["reason"])
        self.assertEqual(first["source"], "127.0.0.1")


if __name__ == "__main__":
    service.main()
