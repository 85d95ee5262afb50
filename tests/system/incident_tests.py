"""Many certificates revoked at once, by the command line: what a dry run says, the run, a kill in the
middle, the report, and machines that have time to renew."""

import json
import secrets
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import service
from csr import Key, alt_names, common_name
from service import ServiceTest, expect, run, wait_until


# A second person, and one whose scope is eu-*.example.
GRANTS = """
  - name: second
    machines: [second.example]
    operations: [incident.open, certificate.revoke]
    when: {owner: any}
  - name: scoped
    machines: [scoped.example]
    operations: [incident.open, incident.read, certificate.revoke, certificate.read]
    when: {owner: ["eu-*.example"]}
"""


class IncidentTest(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        path = installation.home / "config.yaml"
        path.write_text(path.read_text() + "\nincidents:\n  second_person_above: 25\n")
        path = installation.home / "policy.yaml"
        path.write_text(path.read_text() + GRANTS)

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
                    who if isinstance(who, Path) else self.service.identity(who), *arguments],
                   check=check, text=True)

    def identity(self, name):
        folder = self.service.enroll(name, Key.ec())[0]
        shutil.copy(self.service.identity("operator") / "chain.pem", folder)
        return folder

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

    def test_a_second_person_agrees_to_a_number(self):
        name = "throng.example"
        machine = self.machine(name)
        serials = self.issue(machine, name, 26)
        self.chancery("revoke", "--machine", name, "--profile", "tls-server", "--confirm",
                      "--incident", "inc-throng")
        second = self.identity("second.example")
        shown = self.chancery("incident", "approve", "inc-throng", "--dry-run", who=second)
        self.assertIn("26 certificates of 1 machines would be revoked", shown.stdout)
        self.assertEqual(self.show("inc-throng")["state"], "waiting")
        client = self.service.client(second)
        self.addCleanup(client.close)
        path = "/v1/incidents/inc-throng/approve"
        self.assert_problem(client.post(path, {"matched": 25}), 409, "matched")
        serials += self.issue(machine, name)
        self.assert_problem(client.post(path), 409, "matched")
        agreed = self.chancery("incident", "approve", "inc-throng", who=second)
        self.assertIn("27 certificates", agreed.stdout)
        wait_until(lambda: self.show("inc-throng")["state"] == "finished", "it has finished")
        self.assertEqual(self.revoked(serials), serials)

    def test_a_command_that_is_given_again_goes_on(self):
        name = "again.example"
        serials = self.issue(self.machine(name), name, 3)
        command = ("revoke", "--machine", name, "--profile", "tls-server", "--confirm",
                   "--incident", "inc-again")
        self.chancery(*command)
        again = json.loads(self.chancery("--json", *command).stdout)
        self.assertEqual((again["state"], again["revoked"]), ("finished", 3))
        other = self.chancery(*command, "--reason", "superseded", check=False)
        self.assertEqual(other.returncode, 1, other)
        self.assertEqual(self.revoked(serials), serials)

    def test_a_long_list_is_gone_on_with(self):
        """Of the first part there is nothing, as where an earlier run had revoked it."""
        serials = self.issue(self.machine("long.example"), "long.example", 2)
        listed = self.files / "long"
        nobodys = [f"01{secrets.token_hex(19)}" for _ in range(20_000)]
        listed.write_text("\n".join(nobodys + serials) + "\n")
        command = ("revoke", "--serials", listed, "--confirm", "--incident", "inc-long")
        done = self.chancery(*command)
        self.assertIn("inc-long-1: nothing of this part is left", done.stderr)
        self.assertEqual(self.revoked(serials), serials)
        again = self.chancery(*command)
        self.assertIn("inc-long-2: nothing of this part is left", again.stderr)

    def test_the_same_post_opens_one(self):
        name = "twice.example"
        self.issue(self.machine(name), name)
        body = {"selector": {"machine": name, "profile": "tls-server"}, "reason": "superseded"}
        first = expect(201, self.service.operator.post("/v1/incidents", body, key="twice-1")).json
        again = expect(200, self.service.operator.post("/v1/incidents", body, key="twice-1")).json
        self.assertEqual((first["name"], first["entry"]), (again["name"], again["entry"]))
        body["per_second"] = 7
        self.assert_problem(self.service.operator.post("/v1/incidents", body, key="twice-1"), 422)

    def test_what_no_machine_renews_is_not_asked_for(self):
        deadline = (datetime.now(timezone.utc) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = self.chancery("revoke", self.issuing, "--replace-by", deadline, who="admin",
                               check=False)
        self.assertEqual(answer.returncode, 1, answer)
        self.assertIn("no machine renews", answer.stderr)
        name = "alive.example"
        self.issue(self.machine(name), name)  # the CA issues

    def test_who_is_left_is_named(self):
        name = "left.example"
        serial = self.issue(self.machine(name), name)[0]
        deadline = (datetime.now(timezone.utc) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.chancery("revoke", serial, "--replace-by", deadline, "--incident", "inc-left")
        shown = self.chancery("incident", "show", "inc-left").stdout
        self.assertIn(f"{serial} of {name} has not been renewed", shown)
        listed = json.loads(self.chancery("--json", "cert", "replacements").stdout)
        self.assertIn("inc-left", [row.get("incident") for row in listed["replacements"]
                                   if row["serial"] == serial])
        self.chancery("incident", "cancel", "inc-left")

    def test_incidents_beyond_ones_scope(self):
        serials = self.issue(self.machine("us-1.example"), "us-1.example", 3)
        scoped = self.service.client(self.identity("scoped.example"))
        self.addCleanup(scoped.close)
        body = {"selector": {"machine": "us-1.example", "profile": "tls-server"},
                "name": "inc-us", "per_second": 1}
        expect(201, self.service.operator.post("/v1/incidents", body))
        self.assert_problem(scoped.post("/v1/incidents/inc-us/cancel"), 403)
        self.assert_problem(scoped.get("/v1/incidents/inc-us"), 403)
        wait_until(lambda: self.show("inc-us")["state"] == "finished", "it has finished")
        self.assertEqual(self.revoked(serials), serials)
        self.assert_problem(scoped.get("/v1/incidents/inc-us/report?first=1"), 403)
        rows = expect(200, scoped.get("/v1/incidents?state=all&limit=1000")).json["incidents"]
        self.assertIn("inc-us", [row["name"] for row in rows])
        self.assertFalse(any("selector" in row for row in rows))
        rows = expect(200, self.service.operator.get("/v1/incidents?state=all&limit=1000")).json
        self.assertTrue(all("selector" in row for row in rows["incidents"]))
        self.issue(self.machine("eu-1.example"), "eu-1.example")
        own = {"selector": {"machine": "eu-1.example"}, "name": "inc-eu"}
        expect(201, scoped.post("/v1/incidents", own))
        expect(200, scoped.get("/v1/incidents/inc-eu"))

    def test_every_part_of_a_report_that_is_read_is_recorded(self):
        name = "read.example"
        self.issue(self.machine(name), name)
        self.chancery("revoke", "--machine", name, "--confirm", "--incident", "inc-read")
        expect(200, self.service.auditor.get("/v1/incidents/inc-read/report?first=1"))
        self.assertIn("report of inc-read from 1",
                      [entry.get("asked") for entry in self.service.entries()
                       if entry["kind"] == "read"])

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
