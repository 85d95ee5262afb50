"""Many certificates revoked at once, by the command line: what a dry run says, the run, a kill in the
middle, the report, and machines that have time to renew."""

import json
from datetime import datetime, timedelta, timezone

import service
from csr import Key, alt_names, common_name
from service import ServiceTest, expect, run, wait_until


class IncidentTest(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        path = installation.home / "config.yaml"
        path.write_text(path.read_text() + "\nincidents:\n  second_person_above: 25\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = cls.service.folder
        cls.issuing, cls.root = cls.service.chain()

    def machine(self, name):
        identity, _ = self.service.enroll(name, Key.ec())
        client = self.service.client(identity)
        self.addCleanup(client.close)
        return client

    def issue(self, machine, name, count=1, key=None):
        """Serials of new certificates."""
        serials = []
        for _ in range(count):
            answer = expect(201, machine.post("/v1/certificates", {
                "csr": (key or Key.ec()).csr(common_name(name), alt_names(name)),
                "profile": "tls-server"})).json
            (self.files / f"{answer['serial']}.pem").write_text(answer["certificate"])
            serials.append(answer["serial"])
        return serials

    def chancery(self, *arguments, who="operator", check=True):
        return run([service.bin_folder / "chancery", "--url",
                    f"https://127.0.0.1:{self.service.api_port}", "--identity",
                    self.service.identity(who), *arguments], check=check, text=True)

    def show(self, name):
        return expect(200, self.service.auditor.get(f"/v1/incidents/{name}")).json

    def revoked(self, serials):
        return [serial for serial in serials if self.state(serial) == "revoked"]

    def state(self, serial):
        return expect(200, self.service.auditor.get(f"/v1/certificates/{serial}")).json["state"]

    def ocsp_says(self, serial):
        answer = run(["openssl", "ocsp", "-issuer", self.issuing, "-cert",
                      self.files / f"{serial}.pem", "-CAfile", self.root, "-url",
                      f"http://127.0.0.1:{self.service.public_port}/ocsp"], check=False)
        return answer.stdout.decode()

    def verify_report(self, report, good=True):
        vkeys = self.files / "vkeys"
        vkeys.write_text((self.service.home / "log-keys").read_text())
        answer = run([service.bin_folder / "chancery", "audit", "verify-receipt", "--vkeys", vkeys,
                      "--report", report, f"{self.files}/report.tlog-proof"], check=False)
        self.assertEqual(answer.returncode, 0 if good else 1, answer)

    def test_a_dry_run_then_the_run_and_its_report(self):
        web = self.machine("web-1.example")
        serials = self.issue(web, "web-1.example", 3)
        other = self.issue(self.machine("db-1.example"), "db-1.example")
        dry = self.chancery("revoke", "--machines", "web-*.example", "--profile", "tls-server",
                            "--reason", "keyCompromise")
        self.assertIn("3 certificates of 1 machines would be revoked", dry.stdout)
        self.assertIn("machine web-1.example: 3", dry.stdout)
        self.assertIn("--confirm", dry.stderr)
        self.assertEqual(self.revoked(serials), [])

        report = self.files / "report"
        done = self.chancery("--json", "revoke", "--machines", "web-*.example", "--profile",
                             "tls-server", "--reason", "superseded", "--confirm", "--incident",
                             "inc-web", "--report", report)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["state"], answer["revoked"]), ("finished", 3))
        self.assertEqual(self.revoked(serials + other), serials)
        for serial in serials:
            wait_until(lambda s=serial: ": revoked" in self.ocsp_says(s), "OCSP says revoked")
        lines = [json.loads(line) for line in report.read_text().splitlines()]
        self.assertEqual(lines[0]["selector"], {"machines": "web-*.example",
                                                "profile": "tls-server"})
        self.assertEqual(sorted(line["serial"] for line in lines[1:-1]), sorted(serials))
        self.assertEqual(lines[-1], {"revoked": 3})

        # The receipt of the entry with its hash is the report's signature.
        self.verify_report(report)
        report.write_text(report.read_text().replace("web-1", "web-2"))
        self.verify_report(report, good=False)
        again = self.chancery("incident", "report", "inc-web", "--out", report, who="auditor")
        self.assertIn("receipt", again.stdout)
        self.verify_report(report)
        listed = self.chancery("incident", "list", "--all", who="auditor").stdout
        self.assertRegex(listed, r"inc-web +finished +superseded +3 +operator")

    def test_a_shared_key_is_revoked_everywhere_and_blocked(self):
        key = Key.ec()
        machine = self.machine("shared.example")
        serials = self.issue(machine, "shared.example", 2, key)
        self.chancery("revoke", "--key", self.files / f"{serials[0]}.pem", "--reason",
                      "keyCompromise", "--confirm")
        self.assertEqual(self.revoked(serials), serials)
        answer = machine.post("/v1/certificates", {
            "csr": key.csr(common_name("shared.example"), alt_names("shared.example")),
            "profile": "tls-server"})
        self.assert_problem(answer, 400, "csr.public_key")

    def test_serials_from_a_file(self):
        serials = self.issue(self.machine("file.example"), "file.example", 3)
        listed = self.files / "serials"
        listed.write_text("# inc-9\n" + "\n".join(serials[:2]) + "  # and no more\n")
        self.chancery("revoke", "--serials", listed, "--confirm")
        self.assertEqual(self.revoked(serials), serials[:2])
        listed.write_text(f"{serials[2]}\nnonsense\n")
        bad = self.chancery("revoke", "--serials", listed, "--confirm", check=False)
        self.assertEqual(bad.returncode, 2, bad)
        self.assertIn(":2:", bad.stderr)
        self.assertEqual(self.revoked(serials[2:]), [])

    def test_killed_in_the_middle_it_finishes_and_each_is_revoked_once(self):
        machine = self.machine("many.example")
        serials = self.issue(machine, "many.example", 24)
        self.chancery("revoke", "--machine", "many.example", "--profile", "tls-server",
                      "--confirm", "--incident", "inc-many", "--per-second", "4", "--detach")
        wait_until(lambda: 0 < self.show("inc-many")["revoked"] < 24, "some are revoked", pause=0.01)
        self.service.kill()
        self.service.start()
        wait_until(lambda: self.show("inc-many")["state"] == "finished", "it has finished", 60)
        self.assertEqual(self.revoked(serials), serials)
        revocations = [entry["serial"] for entry in self.service.entries()
                       if entry["kind"] == "revocation" and entry.get("incident") == "inc-many"]
        self.assertEqual(sorted(revocations), sorted(serials))

    def test_machines_renew_before_theirs_are_revoked(self):
        name = "slow.example"
        machine = self.machine(name)
        serials = self.issue(machine, name, 2)
        deadline = (datetime.now(timezone.utc) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = self.chancery("revoke", "--machine", name, "--profile", "tls-server", "--confirm",
                             "--incident", "inc-slow", "--replace-by", deadline, "--explanation",
                             "https://wiki.example/inc-slow")
        self.assertIn("2 have not", told.stdout)
        left = self.chancery("cert", "replacements").stdout
        for serial in serials:
            self.assertIn(serial, left)
            answer = expect(200, machine.get(f"/v1/certificates/{serial}/renewal")).json
            self.assertLess(answer["suggestedWindow"]["end"], deadline)
            self.assertEqual(answer["explanationURL"], "https://wiki.example/inc-slow")
        renewed = []
        for serial in serials:
            self.assertEqual(self.show("inc-slow")["state"], "replacing")
            self.assertEqual(self.revoked(serials), [])
            answer = expect(201, machine.post(f"/v1/certificates/{serial}/renew", {
                "csr": Key.ec().csr(common_name(name), alt_names(name))})).json
            renewed.append(answer["serial"])
        wait_until(lambda: self.show("inc-slow")["state"] == "finished", "all are replaced")
        self.assertEqual(self.revoked(serials), serials)
        self.assertEqual(self.revoked(renewed), [])
        self.assertEqual(self.show("inc-slow")["left"], 0)

    def test_more_than_so_many_need_a_second_person(self):
        name = "crowd.example"
        serials = self.issue(self.machine(name), name, 26)
        waits = self.chancery("revoke", "--machine", name, "--profile", "tls-server", "--confirm",
                              "--incident", "inc-crowd")
        self.assertIn("second person", waits.stdout)
        self.assertEqual(self.revoked(serials), [])
        self.assertEqual(self.chancery("incident", "approve", "inc-crowd", check=False).returncode, 1)
        cancelled = self.chancery("incident", "cancel", "inc-crowd")
        self.assertIn("cancelled", cancelled.stdout)
        self.assertEqual(self.chancery("incident", "watch", "inc-crowd", check=False).returncode, 1)

    def test_what_is_refused(self):
        for arguments, code in ((("revoke",), 2), (("revoke", "--policy", "7"), 1),
                                (("revoke", "--machine", "nobody.example", "--confirm"), 1),
                                (("revoke", "--machines", "a**b"), 1),
                                (("revoke", "--serials", "/nonexistent"), 2),
                                (("revoke", "--key", "/nonexistent"), 2),
                                (("incident", "show", "inc-none"), 1)):
            with self.subTest(arguments=arguments):
                answer = self.chancery(*arguments, check=False)
                self.assertEqual(answer.returncode, code, answer)
                self.assertNotEqual(answer.stderr, "")
        machine = self.machine("nosy.example")
        for path in ("/v1/incidents", "/v1/incidents/inc-web"):
            self.assert_problem(machine.get(path), 403)
        for body in ({}, {"selector": {}}, {"selector": {"colour": "red"}},
                     {"selector": {"machine": "a"}, "reason": "certificateHold"},
                     {"selector": {"machine": "a"}, "per_second": 0},
                     {"selector": {"serials": ["1"]}}, {"selector": "all"},
                     {"selector": {"machine": "a"}, "replace_by": "tomorrow"}):
            self.assert_problem(self.service.operator.post("/v1/incidents", body), 400)

    def test_the_log_verifies(self):
        self.service.verify_log()


if __name__ == "__main__":
    service.main()
