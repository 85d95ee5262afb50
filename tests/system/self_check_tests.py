"""The service's look at what it publishes, through somebody who changes it, and the clock of what is to
be revoked."""

import json
import sqlite3

import service
from between import Between
from csr import Key, alt_names, common_name
from service import ServiceTest, expect, run, wait_until

NAME = "web.example"


def flip(body):
    """One bit of the signature, which is at the end."""
    return body[:-1] + bytes([body[-1] ^ 1])


class SelfCheckTest(ServiceTest):
    CONFIG = ""

    @classmethod
    def set_up_installation(cls, installation):
        cls.between = Between(installation.public_port)
        cls.addClassCleanup(cls.between.close)
        path = installation.home / "config.yaml"
        text = path.read_text().replace("\ncrl:\n", "\ncrl:\n  delta: true\n", 1)
        path.write_text(text + "\nself_check:\n  interval: 1s\n" +
                        f"  url: {cls.between.url}\n" + cls.CONFIG)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.identity, _ = cls.service.enroll(NAME, Key.ec())
        cls.machine = cls.service.client(cls.identity)
        cls.addClassCleanup(cls.machine.close)

    def setUp(self):
        # A case that failed leaves its changes.
        if hasattr(self, "between"):
            self.between.changes = {}
        for path in ("/crl/issuing.crl", "/crl/root.crl"):
            wait_until(lambda p=path: self.service.public(p).status == 200, f"{path} is made", 30)

    def wait_published(self):
        wait_until(lambda: self.service.metric("chancery_crl_behind") == 0, "all is published", 60)

    def issue(self):
        return expect(201, self.machine.post("/v1/certificates", {
            "csr": Key.ec().csr(common_name(NAME), alt_names(NAME)), "profile": "tls-server"})).json[
                "serial"]

    def revoke(self, serial):
        expect(200, self.service.operator.post(f"/v1/certificates/{serial}/revoke",
                                               {"reason": "superseded"}))

    def good(self, face, ca="issuing"):
        labels = f'ca="{ca}",face="{face}"' if ca else f'face="{face}"'
        return self.service.metric(f"chancery_face_good{{{labels}}}")

    def wait_looks(self, count=2):
        """Until everything was looked at again."""
        def seen():
            return sum(path == "/log/checkpoint" for _, path, _ in self.between.seen)
        before = seen()
        wait_until(lambda: seen() >= before + count, "the service looks", 60)

    def alarms(self):
        """The alarms in the log, as [(event, alarm, ca, face)], without being recorded for it."""
        database = sqlite3.connect(f"file:{self.service.home / 'chancery.db'}?mode=ro", uri=True)
        try:
            rows = database.execute("SELECT text FROM entry WHERE "
                                    "json_extract(text, '$.kind') = 'alarm' ORDER BY number")
            entries = [json.loads(text) for text, in rows]
        finally:
            database.close()
        return [tuple(entry.get(name) for name in ("event", "alarm", "ca", "face"))
                for entry in entries]


class FaceTests(SelfCheckTest):
    def test_faces_turn_bad_and_good_again(self):
        self.revoke(self.issue())
        self.wait_looks(3)
        before = self.alarms()
        self.wait_looks(3)
        self.assertEqual(self.alarms(), before)
        lines = [line for line in self.service.log().splitlines() if "of issuing" in line]
        for face, ca, path in (("crl", "issuing", "/crl/issuing.crl"),
                               ("delta", "root", "/crl/root/delta.crl"),
                               ("certificate", "issuing", "/ca/issuing.crt"),
                               ("checkpoint", None, "/log/checkpoint")):
            before = len(self.alarms())
            self.assertEqual(self.good(face, ca), 1)
            self.between.changes = {path: flip if ca else (lambda body: body.replace(b"=", b"A"))}
            wait_until(lambda f=face, c=ca: self.good(f, c) == 0, f"{face} is bad", 30)
            self.wait_looks()
            shown = [one for one in self.service.status()["faces"] if "problem" in one]
            self.assertEqual([(one["face"], one.get("ca")) for one in shown], [(face, ca)])
            done = run([service.bin_folder / "chancery", "--url",
                        f"https://127.0.0.1:{self.service.api_port}", "--identity",
                        self.service.identity("operator"), "status"])
            self.assertIn(face + (f" of {ca}" if ca else "") + ": ", done.stdout.decode())
            self.between.changes = {}
            wait_until(lambda f=face, c=ca: self.good(f, c) == 1, f"{face} is good", 30)
            self.wait_looks()
            self.assertEqual(self.alarms()[before:], [("raised", "face", ca, face),
                                                      ("cleared", "face", ca, face)])
        told = [line for line in self.service.log().splitlines() if "of issuing" in line]
        told = told[len(lines):]
        self.assertEqual(len(told), 4, told)
        self.assertTrue(told[0].startswith("chanceryd: crl of issuing is not as it should be: "))
        self.assertEqual(told[1], "chanceryd: crl of issuing is good again")
        self.service.verify_log()

    def test_looking_costs_no_entries_and_no_lists(self):
        self.revoke(self.issue())
        self.wait_published()
        self.wait_looks(3)
        size = self.service.metric("chancery_log_size")
        asked = len(self.between.seen)
        self.wait_looks(5)
        lists = [status for _, path, status in self.between.seen[asked:]
                 if path.startswith("/crl/")]
        self.assertGreater(len(lists), 10)
        self.assertEqual(set(lists), {304})
        self.assertEqual(self.service.metric("chancery_log_size"), size)
        age = self.service.metric('chancery_face_age_seconds{ca="issuing",face="crl"}')
        self.assertLess(age, 600)
        at = self.service.metric(
            'chancery_face_checked_timestamp_seconds{ca="issuing",face="crl"}')
        self.assertGreater(at, 1_700_000_000)

    def test_a_list_that_withholds_a_revocation(self):
        serial = self.issue()
        self.wait_published()
        old = expect(200, self.service.public("/crl/issuing.crl")).body
        self.between.changes = {"/crl/issuing.crl": lambda _: old}
        self.revoke(serial)
        wait_until(lambda: self.good("crl") == 0, "the list is bad", 120)
        problem, = [one["problem"] for one in self.service.status()["faces"]
                    if (one["face"], one.get("ca")) == ("crl", "issuing")]
        self.assertRegex(problem, f"certificate {serial}, revoked at|its number went back")
        self.between.changes = {}
        wait_until(lambda: self.good("crl") == 1, "the list is good", 30)


class OwnListenerTests(SelfCheckTest):
    """Without a URL in config.yaml."""

    @classmethod
    def set_up_installation(cls, installation):
        path = installation.home / "config.yaml"
        path.write_text(path.read_text() + "\nself_check:\n  interval: 1s\n")

    def test_it_looks_at_its_own_listener(self):
        name = 'chancery_face_checked_timestamp_seconds{ca="issuing",face="ocsp"}'
        wait_until(lambda: self.service.metric(name) > 0, "OCSP is looked at", 60)
        faces = self.service.status()["faces"]
        self.assertTrue(all(face["good"] for face in faces), faces)
        self.assertEqual({(face.get("ca"), face["face"]) for face in faces},
                         {(ca, face) for ca in ("root", "issuing")
                          for face in ("certificate", "crl", "ocsp")} | {(None, "checkpoint")})


class DisabledTests(SelfCheckTest):
    @classmethod
    def set_up_installation(cls, installation):
        path = installation.home / "config.yaml"
        path.write_text(path.read_text() + "\nself_check:\n  enabled: false\n  interval: 1s\n")

    def test_nobody_looks(self):
        self.assertEqual(self.service.status()["faces"], [])
        metrics = self.service.public("/metrics").body
        self.assertNotIn(b"chancery_face_", metrics)
        self.assertIn(b"chancery_revocation_overdue 0", metrics)


class ClockTests(SelfCheckTest):
    CONFIG = "\nincidents:\n  second_person_above: 1\n  alarm_after: 2s\n"

    def state(self, serial):
        return expect(200, self.service.auditor.get(f"/v1/certificates/{serial}")).json["state"]

    def detail(self, serial):
        return expect(200, self.service.auditor.get(f"/v1/certificates/{serial}")).json["revocation"]

    def test_a_revocation_says_when_it_was_published(self):
        serial = self.issue()
        before = self.service.metric("chancery_revocation_published_seconds_count")
        run([service.bin_folder / "chancery", "--url", f"https://127.0.0.1:{self.service.api_port}",
             "--identity", self.service.identity("operator"), "revoke", serial, "--reason",
             "superseded", "--reported-at", "2026-11-01T09:00:00Z"])
        shown = wait_until(lambda: self.detail(serial).get("published") and self.detail(serial),
                           "it is published", 30)
        self.assertGreaterEqual(shown["published_at"], shown["revoked_at"])
        self.assertNotIn("requested_at", shown)
        done = run([service.bin_folder / "chancery", "--url",
                    f"https://127.0.0.1:{self.service.api_port}", "--identity",
                    self.service.identity("auditor"), "cert", "show", serial])
        self.assertIn(", reported 2026-11-01T09:00:00Z, published " + shown["published_at"],
                      done.stdout.decode())
        self.assertGreater(self.service.metric("chancery_revocation_published_seconds_count"),
                           before)
        self.assertGreater(self.service.metric("chancery_revocation_published_seconds_sum"), 0)
        self.assertEqual(self.service.metric("chancery_revocation_overdue"), 0)

    def test_an_incident_that_nobody_approves_is_overdue(self):
        serials = [self.issue() for _ in range(3)]
        opened = expect(201, self.service.operator.post("/v1/incidents", {
            "name": "inc-clock", "selector": {"serials": serials}, "reason": "superseded"})).json
        self.assertEqual(opened["state"], "waiting")
        wait_until(lambda: self.service.metric("chancery_revocation_overdue") == 1, "overdue", 30)
        self.assertGreater(self.service.metric("chancery_incident_oldest_open_seconds"), 2)
        wait_until(lambda: ("raised", "overdue", None, None) in self.alarms(), "an entry", 30)
        expect(200, self.service.operator.post("/v1/incidents/inc-clock/cancel", {}))
        wait_until(lambda: self.service.metric("chancery_revocation_overdue") == 0, "done", 60)
        self.assertEqual(self.service.metric("chancery_incident_oldest_open_seconds"), 0)
        wait_until(lambda: ("cleared", "overdue", None, None) in self.alarms(), "an entry", 30)
        self.assertIn("chanceryd: overdue: incident inc-clock, opened at ", self.service.log())

    def test_a_certificate_of_an_incident_says_when_it_was_reported(self):
        serial = self.issue()
        opened = expect(201, self.service.operator.post("/v1/incidents", {
            "selector": {"serials": [serial]}, "reason": "superseded",
            "reported_at": "2026-11-01T08:00:00Z"})).json
        shown = wait_until(lambda: self.state(serial) == "revoked"
                           and self.detail(serial).get("published") and self.detail(serial),
                           "it is published", 60)
        self.assertEqual(shown["incident"], opened["name"])
        self.assertEqual(shown["requested_at"], opened["opened_at"])
        self.assertEqual(shown["reported_at"], "2026-11-01T08:00:00Z")
        self.assertLessEqual(shown["requested_at"], shown["revoked_at"])
        self.assertLessEqual(shown["revoked_at"], shown["published_at"])
        refused = self.service.operator.post("/v1/incidents", {
            "selector": {"serials": [self.issue()]}, "reason": "superseded",
            "reported_at": "2101-01-01T00:00:00Z"})
        self.assert_problem(refused, 400, "reported_at")
        self.service.verify_log()


if __name__ == "__main__":
    service.main()
