"""`chancery status SERIAL|FILE`: every face of a certificate, as they are and as somebody in between
makes them."""

import json

import csr
import service
from between import Between
from csr import Key, alt_names, common_name
from service import ServiceTest, expect, run, wait_until

NAME = "web.example"
SHARDS = 3
FACES = ["crl", "delta", "shard", "ocsp", "ocsp-kept"]


def flip(body):
    """One bit of the signature, which is at the end."""
    return body[:-1] + bytes([body[-1] ^ 1])


class CertificateStatusTest(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        path = installation.home / "config.yaml"
        text = path.read_text()
        text = text.replace("\ncrl:\n", "\ncrl:\n  delta: true\n", 1)
        text = text.replace("\n  tls-server:\n", "\n  tls-server:\n    hold: true\n", 1)
        path.write_text(text + "\nocsp:\n  fresh_per_second: 100000\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.identity, _ = cls.service.enroll(NAME, Key.ec())
        cls.machine = cls.service.client(cls.identity)
        expect(200, cls.service.administrator.post("/v1/cas/issuing/crl-shards",
                                                   {"shards": SHARDS}))
        for shard in range(SHARDS):
            wait_until(lambda s=shard: cls.service.public(f"/crl/issuing/{SHARDS}/{s}.crl").status
                       == 200, f"list {shard}")
        cls.between = Between(cls.service.public_port)

    @classmethod
    def tearDownClass(cls):
        cls.between.close()
        cls.machine.close()
        super().tearDownClass()

    def setUp(self):
        self.between.changes = {}

    def issue(self):
        """The serial, and the certificate as a file."""
        answer = expect(201, self.machine.post("/v1/certificates", {
            "csr": Key.ec().csr(common_name(NAME), alt_names(NAME)), "profile": "tls-server"})).json
        path = self.service.folder / f"{answer['serial']}.pem"
        path.write_text(answer["certificate"])
        return answer["serial"], path

    def revoke(self, serial, reason):
        expect(200, self.service.operator.post(f"/v1/certificates/{serial}/revoke",
                                               {"reason": reason}))

    def run_status(self, what, *options, identity="auditor"):
        command = [service.bin_folder / "chancery", "--url",
                   f"https://127.0.0.1:{self.service.api_port}"]
        if identity:
            command += ["--identity", self.service.identity(identity)]
        return run([*command, "status", what, *options], check=False)

    def status(self, what, *options, **named):
        """Exit code, the answer, and {face: what is said of it}."""
        done = self.run_status(what, "--json", *options, **named)
        self.assertIn(done.returncode, (0, 1), done)
        answer = json.loads(done.stdout)
        return done.returncode, answer, {face["face"]: face for face in answer["faces"]}

    def wait_for(self, status, what, *options, **named):
        """All faces agree on it, within seconds; until then they are behind, and nothing worse."""
        def look():
            code, answer, faces = self.status(what, *options, **named)
            self.assertEqual(code, 0 if answer["verdict"] == "agrees" else 1)
            self.assertIn(answer["verdict"], ("agrees", "behind"), answer)
            return (answer, faces) if answer["verdict"] == "agrees" else None
        answer, faces = wait_until(look, f"all agree: {status}")
        self.assertEqual(answer["status"], status, answer)
        return faces


class AgreeingTests(CertificateStatusTest):
    def test_good_hold_release_and_revoked(self):
        serial, path = self.issue()
        faces = self.wait_for("good", serial)
        self.assertEqual(list(faces), ["inventory", *FACES])
        for name in FACES:
            self.assertEqual(faces[name]["status"],
                             "good" if name.startswith("ocsp") else "not listed", name)
            for member in ("url", "as_of", "next_update", "bytes"):
                self.assertTrue(faces[name][member], (name, member))
        shard = int(serial[-8:], 16) % SHARDS
        self.assertTrue(faces["shard"]["url"].endswith(f"/crl/issuing/{SHARDS}/{shard}.crl"))

        self.revoke(serial, "certificateHold")
        faces = self.wait_for("on hold", serial)
        self.assertEqual({face["status"] for face in faces.values()}, {"on hold"})
        expect(200, self.service.operator.post(f"/v1/certificates/{serial}/release", {}))
        self.wait_for("good", path)

        self.revoke(serial, "keyCompromise")
        faces = self.wait_for("revoked", path)
        self.assertEqual({face["reason"] for face in faces.values()}, {"keyCompromise"})
        self.assertEqual(len({face["since"] for face in faces.values()}), 1, faces)

    def test_a_file_alone_is_enough(self):
        serial, path = self.issue()
        faces = self.wait_for("good", path, identity=None)
        self.assertEqual(list(faces), FACES)
        self.revoke(serial, "superseded")
        self.wait_for("revoked", path, identity=None)
        # DER as well, and through another address than the certificate's.
        der = path.with_suffix(".der")
        der.write_bytes(service.der(path.read_text()))
        faces = self.wait_for("revoked", der, "--public-url", self.between.url, identity=None)
        for face in faces.values():
            self.assertTrue(face["url"].startswith(self.between.url), face)

    def test_for_people(self):
        serial, path = self.issue()
        self.wait_for("good", path)
        done = self.run_status(path)
        self.assertEqual(done.returncode, 0, done)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(lines[0], serial)
        self.assertEqual([line.split()[0] for line in lines[1:-1]], ["inventory", *FACES])
        self.assertEqual(lines[-1], "all agree: good")

    def test_a_certificate_that_there_is_not(self):
        serial = "01" + 38 * "7"
        done = self.run_status(serial)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b"there is no certificate", done.stderr)
        code, answer, faces = self.status(serial, "--issuer", "issuing")
        self.assertEqual((code, answer["status"], answer["verdict"]), (0, "unknown", "agrees"))
        self.assertEqual(faces["ocsp"]["status"], "unknown")
        self.assertEqual(faces["crl"]["status"], "not listed")
        self.assertEqual(self.run_status(serial, "--issuer", "nobody").returncode, 2)

    def test_a_ca(self):
        code, _, faces = self.status(self.service.home / "ca" / "issuing.pem")
        self.assertEqual(code, 0, faces)
        self.assertTrue(faces["crl"]["url"].endswith("/crl/root.crl"), faces)

    def test_wrong_use(self):
        nothing = self.service.folder / "nothing.pem"
        nothing.write_text("this is no certificate")
        for what in (nothing, self.service.folder / "absent.pem", "0157ab", self.service.root):
            done = self.run_status(what, identity=None)
            self.assertEqual(done.returncode, 2, done)
        self.assertIn(b"names no CRL", done.stderr)  # a root
        self.assertEqual(self.run_status("01" + 38 * "7", identity=None).returncode, 2)
        _, path = self.issue()
        self.assertEqual(self.run_status(path, "--public-url", "ftp://x").returncode, 2)
        # Without a certificate it is about the service, as ever.
        health = run([service.bin_folder / "chancery", "--url",
                      f"https://127.0.0.1:{self.service.api_port}", "--identity",
                      self.service.identity("operator"), "status"])
        self.assertTrue(health.stdout.startswith(b"ready: chanceryd"), health)


class ChangedTests(CertificateStatusTest):
    """The faces through somebody who changes them."""

    def look(self, path, **changes):
        """The exit code and what is said of each face, with {path prefix: change} in between."""
        self.between.changes = changes["changes"]
        code, answer, faces = self.status(path, "--public-url", self.between.url)
        return code, answer, faces

    def assert_unavailable(self, path, changes, wrong, why):
        code, answer, faces = self.look(path, changes=changes)
        self.assertEqual((code, answer["verdict"]), (1, "unavailable"), answer)
        for name, face in faces.items():
            if name in wrong:
                self.assertEqual(face["status"], "unavailable", face)
                self.assertIn(why, face["problem"])
            else:
                self.assertEqual(face["verdict"], "agrees", face)

    def test_what_does_not_verify_is_named_with_why(self):
        _, path = self.issue()
        self.wait_for("good", path)
        of_all, shard, delta = "/crl/issuing.crl", f"/crl/issuing/{SHARDS}/", "/crl/issuing/delta.crl"
        self.assert_unavailable(path, {of_all: flip}, {"crl"}, "does not verify")
        self.assert_unavailable(path, {shard: flip}, {"shard"}, "does not verify")
        self.assert_unavailable(path, {delta: flip}, {"delta"}, "does not verify")
        self.assert_unavailable(path, {shard: lambda body: body[:-100]}, {"shard"}, "cut off")
        self.assert_unavailable(path, {shard: lambda _: b"<html>"}, {"shard"}, "")
        self.assert_unavailable(path, {shard: None}, {"shard"}, "HTTP status 503")
        self.assert_unavailable(path, {"/ocsp": lambda _: b"0\x03\n\x01\x03"}, {"ocsp", "ocsp-kept"},
                                "tryLater")
        self.assert_unavailable(path, {"/ocsp/": lambda _: b"?"}, {"ocsp-kept"}, "not an OCSP")

    def test_lists_that_are_others(self):
        _, path = self.issue()
        self.wait_for("good", path)
        fetch = self.service.public
        root_list = fetch("/crl/root.crl").body
        of_all = fetch("/crl/issuing.crl").body
        self.assert_unavailable(path, {f"/crl/issuing/{SHARDS}/": lambda _: root_list}, {"shard"},
                                "another issuer's")
        self.assert_unavailable(path, {f"/crl/issuing/{SHARDS}/": lambda _: of_all}, {"shard"},
                                "names another list")
        self.assert_unavailable(path, {"/crl/issuing/delta.crl": lambda _: of_all}, {"delta"},
                                "does not say the changes")

    def test_another_cas_certificate_verifies_nothing(self):
        _, path = self.issue()
        self.wait_for("good", path)
        root = service.der(self.service.root.read_text())
        self.assert_unavailable(path, {"/ca/issuing.crt": lambda _: root}, set(FACES),
                                "the certificate of another CA")

    def test_a_list_of_before_is_behind_and_an_old_answer_disagrees(self):
        serial, path = self.issue()
        self.wait_for("good", path)
        old = self.service.public("/crl/issuing.crl").body
        self.revoke(serial, "superseded")
        self.wait_for("revoked", path)
        withheld = {"/crl/issuing.crl": lambda _: old}
        code, answer, faces = self.look(path, changes=withheld)
        self.assertEqual((code, answer["verdict"]), (1, "behind"), answer)
        self.assertEqual(faces["crl"]["verdict"], "behind")
        self.assertEqual(faces["shard"]["verdict"], "agrees")

    def test_a_service_that_is_down(self):
        serial, path = self.issue()
        self.wait_for("good", path)
        code, answer, faces = self.status(path, "--public-url", "http://127.0.0.1:9")
        self.assertEqual((code, answer["verdict"]), (1, "unavailable"), answer)
        self.assertEqual(faces["inventory"]["verdict"], "agrees")
        self.assertIn("there is no answer", faces["crl"]["problem"])


class StaleTests(CertificateStatusTest):
    """The lists end while nobody makes new ones: the token is gone."""

    @classmethod
    def set_up_installation(cls, installation):
        super().set_up_installation(installation)
        path = installation.home / "config.yaml"
        text = path.read_text()
        for old, new in (("lifetime: 24h", "lifetime: 12s"), ("refresh: 12h", "refresh: 5s")):
            assert old in text, text
            text = text.replace(old, new, 1)
        path.write_text(text)

    def test_a_list_whose_time_is_over_is_stale(self):
        _, path = self.issue()
        kept = {}

        def first(name):
            return lambda body: kept.setdefault(name, body)

        self.between.changes = {"/crl/issuing.crl": first("crl")}

        def stale():
            _, answer, faces = self.status(path, "--public-url", self.between.url)
            return answer["verdict"] == "stale" and faces["crl"]["verdict"] == "stale" and faces
        faces = wait_until(stale, "the list is stale", 40, 0.5)
        self.assertEqual(faces["shard"]["verdict"], "agrees", faces)


if __name__ == "__main__":
    service.main()
