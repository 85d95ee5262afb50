"""A new policy or configuration: taken over whole and at once, or refused with its line."""

import hashlib
import shutil
import signal

import service
from csr import Key
from policy_service import EXTRA, PolicyTest
from service import expect, run, wait_until


class ReloadTests(PolicyTest):
    def test_new_policy_is_in_force_at_once(self):
        self.assert_problem(self.issue(), 403)
        answer = expect(200, self.load(self.original + EXTRA)).json
        self.assertTrue(answer["changed"])
        issued = expect(201, self.issue()).json
        intent = self.service.entries(issued["intent"])[0]
        self.assertEqual((intent["grant"], intent["policy"]), ("extra", answer["version"]))
        expect(200, self.load(self.original))
        self.assert_problem(self.issue(), 403)

    def test_same_policy_changes_nothing(self):
        before = self.service.log_size()
        answer = expect(200, self.load(self.original)).json
        self.assertFalse(answer["changed"])
        self.assertEqual(self.policy_entries(before), [])
        look = next(entry for entry in self.service.entries(before) if entry["kind"] == "read")
        self.assertEqual((look["operation"], look["asked"]), ("policy.change", f"policy {self.version()}"))

    def test_policy_in_force_is_shown_as_it_was_loaded(self):
        text = self.original + EXTRA + "# Ä comment\n"
        version = expect(200, self.load(text)).json["version"]
        self.file.write_text("version: 1\n")  # not loaded
        shown = expect(200, self.service.auditor.get("/v1/policy")).json
        self.assertEqual((shown["text"], shown["version"]), (text, version))

    def test_signal(self):
        before = self.version()
        self.file.write_text(self.original + EXTRA)
        self.service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.version() != before, "the new policy is in force")
        expect(201, self.issue())

    def test_signal_with_a_bad_policy(self):
        before = self.version()
        first = self.service.log_size()
        self.file.write_text(self.original + "  - nam: x\n")
        self.service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.policy_entries(first), "the refusal is in the log")
        self.assertEqual(self.version(), before)
        wait_until(lambda: "the policy stays: policy.yaml:" in self.service.log(),
                   "the service says why")

    def test_bad_policy_leaves_the_old_one_in_force(self):
        expect(200, self.load(self.original + EXTRA))
        lines = self.original.count("\n")
        grant = (self.original + EXTRA).replace("dns_names: [extra.example]",
                                                "dns_name: [extra.example]")
        for what, text, place in (
                ("unknown member", grant, f"policy.yaml:{lines + 8}:7:"),
                ("not YAML", self.original + "\t- :\n", f"policy.yaml:{lines + 1}:"),
                ("unknown profile", self.original.replace("tls-client]", "tls-clint]"),
                 "policy.yaml:"),
                ("unknown issuer", self.original.replace("issuers: [issuing]", "issuers: [isuing]"),
                 'grants[0].issuers[0]: there is no issuer "isuing"; did you mean "issuing"?'),
                ("names that no profile allows", grant.replace("dns_name: [", "emails: [a@"),
                 'grants[4].when.emails: none of the profiles ["tls-server"] allows'),
                ("a name twice", self.original + EXTRA + EXTRA, "policy.yaml:"),
                ("another version", self.original.replace("version: 1", "version: 2"),
                 "policy.yaml:2:"),
                ("nothing", "", "policy.yaml"),
                ("not UTF-8", None, "policy.yaml")):
            with self.subTest(what=what):
                before, first = self.version(), self.service.log_size()
                if text is None:
                    self.file.write_bytes(b"version: 1 # \xff\n")
                    answer = self.service.administrator.post("/v1/policy/reload", {})
                else:
                    answer = self.load(text)
                self.assert_problem(answer, 400, detail=place)
                self.assertEqual(self.version(), before)
                expect(201, self.issue())  # by the grant of the policy that stayed
                entries = self.policy_entries(first)
                self.assertEqual([e["result"] for e in entries], ["rejected"])
                self.assertEqual(entries[0]["reason"], answer.json["detail"])

    def test_auditor_with_another_role_is_refused(self):
        for role in ("administrator", "operator"):
            with self.subTest(role=role):
                text = self.original.replace("auditor: [auditor]", "auditor: [auditor, judge]")
                text = text.replace(f"{role}: [", f"{role}: [judge, ")
                self.assert_problem(self.load(text), 400, detail="judge")

    def test_policy_file_that_is_gone(self):
        before = self.version()
        self.file.rename(self.file.with_suffix(".gone"))
        answer = self.service.administrator.post("/v1/policy/reload", {})
        self.file.with_suffix(".gone").rename(self.file)
        self.assert_problem(answer, 400, detail="policy.yaml cannot be read")
        self.assertNotIn(str(self.service.home), answer.json["detail"])
        self.assertEqual(self.version(), before)


class DirectoryTests(PolicyTest):
    """The same policy in several files."""

    def setUp(self):
        super().setUp()
        self.directory = self.service.home / "policy"
        (self.directory / "teams").mkdir(parents=True)
        self.addCleanup(self.load, self.original)
        self.addCleanup(shutil.rmtree, self.directory)
        self.file.unlink()
        self.write("policy.yaml", self.original.replace("version: 1\n", "version: 1\nimports: ['teams/*.yaml']\n"))
        self.write("teams/extra.yaml", "version: 1\ngrants:\n" + EXTRA)
        self.write("teams/extra.tests.yaml", "cases: [none]\n")

    def write(self, name, text):
        (self.directory / name).write_text(text)

    def reload(self):
        return self.service.administrator.post("/v1/policy/reload", {})

    def test_in_force_and_shown(self):
        version = expect(200, self.reload()).json["version"]
        issued = expect(201, self.issue()).json
        intent = self.service.entries(issued["intent"])[0]
        self.assertEqual((intent["grant"], intent["policy"]), ("extra", version))
        text = expect(200, self.service.auditor.get("/v1/policy")).json["text"]
        self.assertEqual(hashlib.sha256(text.encode()).hexdigest(), version)
        self.assertRegex(text, r"^#%file policy\.yaml [0-9]+\n")
        self.assertIn("\n#%file teams/extra.yaml ", text)
        self.assertFalse(expect(200, self.reload()).json["changed"])
        checked = run([service.bin_folder / "chanceryd", "check", "--home", self.service.home])
        self.assertIn(version, checked.stdout.decode())
        self.service.verify_log()

    def test_what_is_wrong_has_its_file_and_line(self):
        before = self.version()
        for what, name, text, said in (
                ("a member", "teams/extra.yaml", "version: 1\ngrant: []\n",
                 'teams/extra.yaml:2:1: grant: unknown field; did you mean "grants"?'),
                ("a file that nothing imports", "b.yaml", "version: 1\n",
                 "b.yaml:1:1: nothing imports this file"),
                ("a file of another ending", "b.yml", "version: 1\n", "b.yml: the files of a policy end"),
                ("both", "../policy.yaml", self.original, "both policy.yaml and the directory policy")):
            with self.subTest(what=what):
                path = self.directory / name
                old = path.read_text() if path.exists() else None
                self.write(name, text)
                answer = self.reload()
                path.unlink()
                if old is not None:
                    self.write(name, old)
                self.assert_problem(answer, 400, detail=said)
                self.assertNotIn(str(self.service.home), answer.json["detail"])
                self.assertEqual(self.version(), before)

    def test_a_start(self):
        version = expect(200, self.reload()).json["version"]
        self.service.stop()
        self.service.start()
        self.assertEqual(self.version(), version)


class RoleTests(PolicyTest):
    """docs/policy.md's table of roles, over HTTP."""

    def test_roles(self):
        _, victim = self.service.enroll("victim.example", Key.ec())
        shown = f"/v1/certificates/{victim['serial']}"
        table = [
            # method, path, body                              admin, operator, auditor, machine
            ("GET", "/v1/status", None, 200, 200, 200, 403),
            ("GET", "/v1/policy", None, 200, 403, 200, 403),
            ("POST", "/v1/policy/reload", {}, 200, 403, 403, 403),
            ("GET", "/v1/audit/entries?first=0&count=1", None, 403, 403, 200, 403),
            ("GET", "/v1/audit/keys", None, 403, 403, 200, 403),
            ("POST", "/v1/audit/verify", {}, 403, 403, 200, 403),
            ("GET", "/v1/keys", None, 200, 200, 200, 403),
            ("GET", "/v1/machines", None, 200, 200, 200, 403),
            ("GET", "/v1/certificates", None, 200, 200, 200, 403),
            ("GET", shown, None, 200, 200, 200, 403),
            ("POST", shown + "/revoke", {"reason": "superseded"}, 403, 200, 403, 403),
        ]
        callers = (self.service.administrator, self.service.operator, self.service.auditor,
                   self.machine)
        for method, path, body, *expected in table:
            with self.subTest(method=method, path=path):
                got = [caller.request(method, path, body).status for caller in callers]
                self.assertEqual(got, expected)

    def test_making_something(self):
        for number, (caller, key, machine, holder) in enumerate((
                (self.service.administrator, 201, 403, 201),
                (self.service.operator, 403, 201, 403),
                (self.service.auditor, 403, 403, 403),
                (self.machine, 403, 403, 403))):
            with self.subTest(caller=number):
                body = {"name": f"role-test-{number}", "type": "ec-p256"}
                self.assertEqual(caller.post("/v1/keys", body).status, key)
                answer = caller.post("/v1/machines", {"name": f"m{number}.example"})
                self.assertEqual(answer.status, machine, answer)
                # Who gets the token of somebody with a role gets the role.
                answer = caller.post("/v1/machines/operator/token", {"profile": "identity"})
                self.assertEqual(answer.status, holder, answer)


class ConfigurationTests(PolicyTest):
    """chanceryd check, and a start on a bad file: exit code 2 and the place."""

    def check(self, *options):
        return run([service.bin_folder / "chanceryd", *options], check=False, timeout=60)

    def with_config(self, change):
        path = self.service.home / "config.yaml"
        original = path.read_text()
        path.write_text(change(original))
        try:
            return self.check("check", "--home", self.service.home)
        finally:
            path.write_text(original)

    def test_good(self):
        result = self.check("check", "--home", self.service.home)
        self.assertEqual(result.returncode, 0, result)
        self.assertIn(self.version(), result.stdout.decode())

    def test_mistakes(self):
        original = (self.service.home / "config.yaml").read_text().splitlines()

        def line(text):
            return 1 + next(i for i, one in enumerate(original) if one.startswith(text))

        for what, change, place in (
                ("unknown member", lambda t: t.replace("backdate:", "backdat:"),
                 f"config.yaml:{line('backdate:')}:1: backdat"),
                ("wrong type", lambda t: t.replace("lanes: 4", "lanes: many"),
                 f"config.yaml:{line('  lanes:')}:"),
                ("out of bounds", lambda t: t.replace("keyholders: 2", "keyholders: 0"),
                 f"config.yaml:{line('  keyholders:')}:"),
                ("inconsistent profile", lambda t: t.replace("default_validity: 7d",
                                                             "default_validity: 40d", 1),
                 "default_validity"),
                ("missing", lambda t: t.replace("log_origin:", "description:"), "log_origin")):
            with self.subTest(what=what):
                result = self.with_config(change)
                self.assertEqual(result.returncode, 2, result)
                self.assertIn(place, result.stderr.decode())

    def test_bad_policy(self):
        self.file.write_text(self.original + "  - nam: x\n")
        result = self.check("check", "--home", self.service.home)
        self.assertEqual(result.returncode, 2, result)
        self.assertIn(f"policy.yaml:{self.original.count(chr(10)) + 1}:", result.stderr.decode())

    def test_no_installation(self):
        result = self.check("--home", self.service.folder / "nowhere")
        self.assertEqual(result.returncode, 2, result)
        self.assertIn("init", result.stderr.decode())

    def test_init_on_an_installation_changes_nothing(self):
        before = (self.service.home / "config.yaml").read_bytes()
        result = self.check("init", "--home", self.service.home)
        self.assertEqual(result.returncode, 1, result)
        self.assertIn("installation already", result.stderr.decode())
        self.assertEqual((self.service.home / "config.yaml").read_bytes(), before)

    def test_bad_command_line(self):
        self.assertEqual(self.check("--hom", "x").returncode, 2)


if __name__ == "__main__":
    service.main()
