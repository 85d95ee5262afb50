"""Policies that are applied, rolled back, asked in the shadow and replayed, on a real service."""

import json
import signal

import service
from csr import Key, alt_names, common_name
from policy_service import EXTRA, NAME, PolicyTest
from service import ServiceTest, expect, run, sha256_hex, wait_until

LOCKED = "version: 1\nroles:\n  auditor: [auditor]\n"


class ToolsTest(PolicyTest):
    def apply(self, text, caller=None, **members):
        return (caller or self.service.administrator).post("/v1/policy", {"text": text, **members})

    def chancery(self, name, *arguments, check=True, **options):
        return run([service.bin_folder / "chancery", "--url", f"https://127.0.0.1:{self.service.api_port}",
                    "--identity", self.service.identity(name), *arguments], check=check, timeout=60, **options)

    def assert_in_force(self, text):
        """In force, in the home, and after a restart."""
        self.assertEqual(self.version(), sha256_hex(text.encode()))
        self.assertEqual(self.file.read_text(), text)


class ApplyTests(ToolsTest):
    def test_apply(self):
        first, before = self.service.log_size(), self.version()
        text = self.original + EXTRA
        self.assert_problem(self.issue(), 403)
        answer = expect(200, self.apply(text, replaces=before)).json
        self.assertEqual(answer, {"version": sha256_hex(text.encode()), "changed": True})
        self.assert_in_force(text)
        expect(201, self.issue())
        applying, entry = self.policy_entries(first)
        self.assertEqual((applying["event"], applying["candidate"]), ("applying", answer["version"]))
        self.assertEqual((entry["machine"], entry["grant"], entry["policy"], entry["version"], entry["operation"]),
                         ("admin", "role:administrator", before, answer["version"], "policy.change"))
        self.assertEqual((self.file.stat().st_mode & 0o777), 0o600)
        self.assertFalse(expect(200, self.apply(text)).json["changed"])
        self.service.verify_log()

    def test_it_stays_over_a_restart(self):
        text = self.original + EXTRA + "# stays\n"
        expect(200, self.apply(text))
        self.service.kill()
        self.service.start()
        self.assert_in_force(text)

    def test_a_crash_before_it_was_recorded(self):
        """As it is between the new file and its entry."""
        text = self.original + EXTRA + "# half done\n"
        self.file.write_text(text)
        first = self.service.log_size()
        self.service.kill()
        self.service.start()
        self.assert_in_force(text)
        entry, = self.policy_entries(first)
        self.assertEqual((entry["version"], entry["machine"]), (sha256_hex(text.encode()), "self"))

    def test_who_may(self):
        for caller, status in ((self.service.operator, 403), (self.service.auditor, 403), (self.machine, 403)):
            with self.subTest(status=status):
                self.assert_problem(self.apply(self.original + EXTRA, caller), status)
                self.assert_problem(caller.post("/v1/policy/rollback", {}), status)
                self.assert_problem(caller.post("/v1/policy/shadow", {"text": LOCKED}), status)
                self.assert_problem(caller.post("/v1/policy/shadow/stop", {}), status)
        self.assert_in_force(self.original)

    def test_bad_policies(self):
        lines = self.original.count("\n")
        for what, text, place in (("an unknown member", self.original + "  - nam: x\n", f"policy.yaml:{lines + 1}:5:"),
                                  ("an unknown profile", self.original.replace("tls-client]", "tls-clint]"),
                                   'did you mean "tls-client"'),
                                  ("nothing", "", "policy.yaml")):
            with self.subTest(what):
                first = self.service.log_size()
                answer = self.apply(text)
                self.assert_problem(answer, 400, detail=place)
                entry, = self.policy_entries(first)
                self.assertEqual((entry["result"], entry["reason"]), ("rejected", answer.json["detail"]))
                self.assert_in_force(self.original)
        self.assert_problem(self.service.administrator.post("/v1/policy", {"text": self.original, "txt": ""}), 400, "txt")
        self.assert_problem(self.service.administrator.post("/v1/policy", {}), 400, "text")

    def test_dry_run(self):
        first = self.service.log_size()
        self.assertFalse(expect(200, self.apply(self.original + EXTRA, dry_run=True)).json["changed"])
        self.assert_problem(self.apply(self.original + "  - nam: x\n", dry_run=True), 400)
        self.assert_problem(self.apply(LOCKED, dry_run=True), 409, "allow_lockout")
        self.assert_in_force(self.original)
        reads = [e for e in self.service.entries(first) if e.get("asked", "").startswith("check ")]
        self.assertEqual(len(reads), 3)

    def test_another_version_is_in_force(self):
        other, first = sha256_hex(b"another"), self.service.log_size()
        answer = self.apply(self.original + EXTRA, replaces=other)
        self.assert_problem(answer, 409, "replaces", self.version())
        entry, = self.policy_entries(first)
        self.assertEqual((entry["result"], entry["reason"], entry["request"]),
                         ("rejected", answer.json["detail"], self.request_id(answer)))
        self.assert_in_force(self.original)

    def test_files_that_were_changed_and_not_loaded(self):
        edited = self.original + "# somebody is at work here\n"
        self.file.write_text(edited)
        self.assert_problem(self.apply(self.original + EXTRA), 409, detail="reload")
        self.assertEqual(self.file.read_text(), edited)
        # What stands there may be put in force.
        expect(200, self.apply(edited))
        self.assert_in_force(edited)

    def test_nobody_locks_himself_out(self):
        self.assert_problem(self.apply(LOCKED), 409, "allow_lockout", "could not change it again")
        self.assert_in_force(self.original)
        expect(200, self.apply(LOCKED, allow_lockout=True))
        self.assert_problem(self.apply(self.original), 403)
        # Who holds the home can always.
        self.file.write_text(self.original)
        self.service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.service.administrator.get("/v1/status").status == 200, "the policy is back")

    def test_text_that_is_too_long(self):
        answer = self.apply(self.original + "#" * (1 << 20))
        self.assert_problem(answer, 413)

    def test_command(self):
        new = self.service.folder / "new.yaml"
        new.write_text(self.original + EXTRA)
        said = self.chancery("admin", "policy", "apply", "--dry-run", new).stdout.decode()
        self.assertIn("is good", said)
        self.assert_in_force(self.original)
        self.assertIn("is now in force", self.chancery("admin", "policy", "apply", "--yes", new).stdout.decode())
        self.assert_in_force(self.original + EXTRA)
        self.chancery("admin", "policy", "rollback", "--yes")
        self.assert_in_force(self.original)
        result = self.chancery("operator", "policy", "apply", "--yes", new, check=False)
        self.assertEqual(result.returncode, 1)


class DirectoryTests(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        (installation.home / "policy").mkdir()
        (installation.home / "policy.yaml").rename(installation.home / "policy" / "policy.yaml")

    def test_apply_and_rollback(self):
        directory = self.service.home / "policy"
        main = (directory / "policy.yaml").read_text()
        before = self.service.status()["policy"]["version"]
        text = main + "# changed\n"
        expect(200, self.service.administrator.post("/v1/policy", {"text": text}))
        self.assertEqual((directory / "policy.yaml").read_text(), text)
        self.service.kill()
        self.service.start()
        self.assertEqual(self.service.status()["policy"]["version"], sha256_hex(text.encode()))
        expect(200, self.service.administrator.post("/v1/policy/rollback", {}))
        self.assertEqual(self.service.status()["policy"]["version"], before)
        self.assertEqual([path.name for path in directory.iterdir()], ["policy.yaml"])


class RollbackTests(ToolsTest):
    def test_rollback(self):
        first, second = self.version(), None
        text = self.original + EXTRA + "# rollback\n"
        second = expect(200, self.apply(text)).json["version"]
        self.assertEqual(expect(200, self.service.administrator.post("/v1/policy/rollback", {})).json,
                         {"version": first, "changed": True})
        self.assert_in_force(self.original)
        # Once more goes forward again: it is the last other one.
        expect(200, self.service.administrator.post("/v1/policy/rollback", {}))
        self.assert_in_force(text)
        expect(200, self.service.administrator.post("/v1/policy/rollback", {"version": first}))
        self.assert_in_force(self.original)
        versions = expect(200, self.service.auditor.get("/v1/policy/versions")).json
        self.assertEqual(versions["in_force"], first)
        self.assertEqual([row["version"] for row in versions["versions"][:2]], [first, second])
        self.assertEqual({row["by"] for row in versions["versions"][:2]}, {"admin"})
        shown = expect(200, self.service.auditor.get(f"/v1/policy/versions/{second}")).json
        self.assertEqual(shown["text"], text)

    def test_what_there_was_not(self):
        other = sha256_hex(b"another")
        self.assert_problem(self.service.administrator.post("/v1/policy/rollback", {"version": other}), 404, "version")
        self.assert_problem(self.service.administrator.post("/v1/policy/rollback", {"version": "x"}), 400, "version")
        self.assert_problem(self.service.auditor.get(f"/v1/policy/versions/{other}"), 404, "version")
        self.assert_problem(self.service.operator.get("/v1/policy/versions"), 403)

    def test_order_outlives_a_restart(self):
        expect(200, self.apply(self.original + "# newer\n"))
        before = expect(200, self.service.auditor.get("/v1/policy/versions")).json["versions"]
        self.service.kill()
        self.service.start()
        after = expect(200, self.service.auditor.get("/v1/policy/versions")).json["versions"]
        self.assertEqual([(row["version"], row["loaded_at"]) for row in before],
                         [(row["version"], row["loaded_at"]) for row in after])


class ShadowTests(ToolsTest):
    def tearDown(self):
        self.service.administrator.post("/v1/policy/shadow/stop", {})

    def start(self, text):
        return expect(200, self.service.administrator.post("/v1/policy/shadow", {"text": text})).json["candidate"]

    def report(self):
        return expect(200, self.service.auditor.get("/v1/policy/shadow")).json

    def entry_of(self, answer):
        request = answer.headers["X-Request-Id"]
        return [e for e in self.service.entries(max(0, self.service.log_size() - 100)) if e.get("request") == request]

    def test_differences_are_recorded_and_change_nothing(self):
        metric = "chancery_policy_shadow_differences_total"
        first, before = self.service.log_size(), self.service.metric(metric)
        candidate = self.start(self.original + EXTRA)
        refused = self.issue()
        self.assert_problem(refused, 403)
        entry, = self.entry_of(refused)
        self.assertEqual((entry["kind"], entry["shadow"]), ("denial", f"{candidate[:16]}: allowed by extra"))
        report = self.report()
        self.assertEqual((report["candidate"], report["started_by"], report["differences"]), (candidate, "admin", 1))
        self.assertEqual((report["allowed"], report["refused"]), ({"extra": 1}, {}))
        self.assertEqual(report["last"][0]["machine"], NAME)
        self.assertGreater(report["decisions"], 1)
        self.assertEqual(self.service.metric(metric) - before, 1)
        # Where both say the same, nothing is recorded.
        same = expect(200, self.service.administrator.get("/v1/status"))
        self.assertFalse(any("shadow" in e for e in self.entry_of(same)))
        expect(200, self.service.administrator.post("/v1/policy/shadow/stop", {}))
        self.assertEqual([(e["event"], e["candidate"], e["machine"]) for e in self.policy_entries(first)],
                         [("shadow-started", candidate, "admin"), ("shadow-stopped", candidate, "admin")])
        self.assert_problem(self.service.auditor.get("/v1/policy/shadow"), 404)
        self.assertEqual(self.service.metric(metric) - before, 1)
        self.assert_in_force(self.original)
        self.service.verify_log()

    def test_what_it_would_refuse(self):
        expect(200, self.apply(self.original + EXTRA))
        candidate = self.start(self.original)
        issued = expect(201, self.issue())
        intent = self.service.entries(issued.json["intent"])[0]
        self.assertTrue(intent["shadow"].startswith(f"{candidate[:16]}: refused: grant "), intent)
        self.assertEqual(self.report()["refused"], {"extra": 1})

    def test_it_ends_when_it_comes_into_force(self):
        self.start(self.original + EXTRA)
        expect(200, self.apply(self.original + "# another\n"))
        self.report()  # goes on beside another policy
        expect(200, self.apply(self.original + EXTRA))
        self.assert_problem(self.service.auditor.get("/v1/policy/shadow"), 404)

    def test_refusals(self):
        self.assert_problem(self.service.administrator.post("/v1/policy/shadow", {"text": self.original}), 409, "text")
        self.assert_problem(self.service.administrator.post("/v1/policy/shadow", {"text": "x"}), 400)
        self.assert_problem(self.service.administrator.post("/v1/policy/shadow/stop", {}), 404)
        self.assert_problem(self.service.operator.get("/v1/policy/shadow"), 403)

    def test_command(self):
        new = self.service.folder / "shadow.yaml"
        new.write_text(self.original + EXTRA)
        self.chancery("admin", "policy", "shadow", new)
        self.assert_problem(self.issue(), 403)
        shown = self.chancery("auditor", "policy", "shadow", "--show").stdout.decode()
        self.assertIn("1 of ", shown)
        self.assertIn("  1  extra", shown)
        self.chancery("admin", "policy", "shadow", "--stop")


class ReplayTests(ToolsTest):
    def replay(self, text, since="1d"):
        file = self.service.folder / "replay.yaml"
        file.write_text(text)
        said = self.chancery("auditor", "--json", "policy", "replay", "--policy", file, "--since", since)
        return json.loads(said.stdout)

    def test_which_decisions_flip(self):
        refused = self.issue()
        self.assert_problem(refused, 403)
        expect(200, self.apply(self.original + EXTRA))
        issued = expect(201, self.issue()).json
        wider = self.replay(self.original + EXTRA)
        flips = {flip["request"]: flip for flip in wider["flips"]}
        flip = flips[self.request_id(refused)]
        self.assertTrue(flip["was"].startswith("refused: grant "), flip)
        self.assertEqual((flip["would_be"], flip["machine"], flip["operation"]),
                         ("allowed by extra", NAME, "certificate.issue"))
        self.assertEqual(wider["refused"], 0)
        narrower = self.replay(self.original)
        flip, = [f for f in narrower["flips"] if f["entry"] == issued["intent"]]
        self.assertEqual(flip["was"], "allowed by extra")
        self.assertEqual(narrower["allowed"], 0)
        for answer in (wider, narrower):
            self.assertEqual(answer["decisions"], answer["same"] + answer["allowed"] + answer["refused"]
                             + answer["undecided"])
            self.assertGreater(answer["same"], 5)  # enrolments, and what administrators and auditors read
            # Another case asks for an e-mail address.
            reasons = [r for r in answer["undecided_reasons"] if "e-mail" not in r["reason"]]
            self.assertEqual(reasons, [])

    def test_the_same_policy_flips_nothing(self):
        self.assert_problem(self.issue(), 403)
        answer = self.replay(self.original)
        same = [f for f in answer["flips"] if "extra" not in f["was"]]
        self.assertEqual(same, [])

    def test_what_the_log_does_not_say(self):
        first = self.service.log_size()
        request = self.key.csr(common_name(NAME), alt_names("a.example", (0x81, b"bob@people.example")))
        self.assert_problem(self.machine.post("/v1/certificates", {"csr": request, "profile": "tls-client"}), 403)
        answer = self.replay(self.original)
        reason, = [r for r in answer["undecided_reasons"] if "e-mail" in r["reason"]]
        self.assertEqual(reason["count"], 1)
        self.assertGreaterEqual(reason["first"], first)

    def test_refusals(self):
        file = self.service.folder / "replay.yaml"
        file.write_text(self.original)
        result = self.chancery("operator", "policy", "replay", "--policy", file, "--since", "1d", check=False)
        self.assertEqual(result.returncode, 1, result)


if __name__ == "__main__":
    service.main()
