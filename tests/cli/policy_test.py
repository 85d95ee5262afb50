"""`chancery policy …` without a service, and what the commands about a service's policy ask it for."""

import json
import re
from pathlib import Path

from fake_service import ServiceTest, main, problem

POLICY = """\
version: 1
grants:
  - name: web-tls
    machines: ["web-*.example.com"]
    operations: [certificate.issue]
    issuers: [issuing]
    profiles: [tls-server]
    when:
      dns_names: ["{machine.name}"]
      max_validity: 24h
"""
CASES = """\
policy: web.yaml
cases:
  - name: its own name
    machine: {name: web-1.example.com}
    ask: {operation: certificate.issue, issuer: issuing, profile: tls-server, dns_names: [web-1.example.com],
          validity: 24h, key_type: ec-p256}
    expect: allowed
    grant: web-tls
  - name: another's name
    machine: {name: web-1.example.com}
    ask: {operation: certificate.issue, issuer: issuing, profile: tls-server, dns_names: [db.example.com],
          validity: 24h, key_type: ec-p256}
    expect: refused
    reason: db.example.com
"""
ROOT = Path(__file__).resolve().parents[2]
VERSION, OTHER = "ab" * 32, "cd" * 32


class Offline(ServiceTest):
    def setUp(self):
        super().setUp()
        self.policy = self.file("web.yaml", POLICY)
        self.cases = self.file("web.tests.yaml", CASES)

    def test_cases_that_pass(self):
        done = self.succeeds("policy", "test", self.cases)
        self.assertEqual(done.splitlines(), [f"ok    {self.cases}:3: its own name",
                                             f"ok    {self.cases}:9: another's name", "2 passed, 0 failed"])
        answer = self.json_of("policy", "test", self.cases)
        self.assertEqual((answer["passed"], answer["failed"]), (2, 0))
        self.assertEqual([(case["name"], case["allowed"]) for case in answer["cases"]],
                         [("its own name", True), ("another's name", False)])
        self.assertEqual(self.service.requests, [])

    def test_a_case_that_fails(self):
        wider = self.file("wider.yaml", POLICY.replace("{machine.name}", "**.example.com"))
        done = self.chancery("policy", "test", "--policy", wider, self.cases)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(f"FAIL  {self.cases}:9: another's name: expected to be refused, but allowed by \"web-tls\"",
                      done.stdout)
        self.assertIn("1 passed, 1 failed", done.stdout)
        done = self.chancery("--json", "policy", "test", "--policy", wider, self.cases)
        self.assertEqual((done.returncode, json.loads(done.stdout)["failed"]), (1, 1))

    def test_bad_files(self):
        table = [
            ("a bad case", self.policy, CASES.replace("expect: refused", "expect: no"), "cases[1].expect"),
            ("a bad policy", self.file("bad.yaml", POLICY.replace("grants", "grant")), CASES, "bad.yaml:2:1: grant"),
            ("an unknown profile", self.file("profile.yaml", POLICY.replace("tls-server", "tls-sever")), CASES,
             'did you mean "tls-server"?'),
            ("a policy that is not there", "/nowhere.yaml", CASES, "/nowhere.yaml"),
        ]
        for name, policy, cases, message in table:
            with self.subTest(name):
                file = self.file("bad.tests.yaml", cases)
                done = self.chancery("policy", "test", "--policy", policy, file)
                self.assertIn(done.returncode, (1, 2), done)
                self.assertIn(message, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_what_the_documentation_shows(self):
        page = (ROOT / "docs" / "policy-tools.md").read_text()
        cases, = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        shown, = re.findall(r"^\$ chancery policy test web.tests.yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        self.file("web.tests.yaml", cases)
        self.assertEqual(self.succeeds("policy", "test", self.cases).replace(self.cases, "web.tests.yaml"), shown)

    def test_no_policy_is_named(self):
        file = self.file("lost.tests.yaml", CASES.partition("\n")[2])
        self.assertIn("--policy", self.fails("policy", "test", file, status=2))

    def test_what_is_not_there(self):
        for command in (("policy", "diff", "/nowhere.yaml", self.policy), ("policy", "test", "/nowhere.tests.yaml"),
                        ("policy", "apply", "--yes", "/nowhere.yaml")):
            with self.subTest(command=command):
                self.assertIn("/nowhere", self.fails(*command, status=2))
        self.assertIn("is a policy", self.fails("policy", "test", self.policy, status=2))

    def test_who_is_asked_about(self):
        explain = ("policy", "explain", "--policy", self.policy)
        self.assertIn("say which machine", self.fails(*explain, "--operation", "key.sign", status=2))
        self.assertIn("say which machine", self.fails("policy", "what-can", "--policy", self.policy, status=2))
        self.assertEqual(self.succeeds("policy", "what-can", "db", "--policy", self.policy).strip(), "nothing")

    def test_misspelt_names(self):
        explain = ("policy", "explain", "--policy", self.policy, "--machine", "web-1.example.com", "--operation")
        for what, options, guess in (("operation", ("key.sing",), "key.sign"),
                                     ("key type", ("key.create", "--key-type", "ec-p265"), "ec-p256"),
                                     ("profile", ("certificate.issue", "--profile", "tls-servr"), "tls-server"),
                                     ("issuer", ("certificate.issue", "--issuer", "issuin", "--issuer-name", "issuing"),
                                      "issuing")):
            with self.subTest(what):
                self.assertIn(f'did you mean "{guess}"?', self.fails(*explain, *options, status=2))
        self.assertIn('did you mean "key.sign"?',
                      self.fails("policy", "who-can", "key.sing", "--policy", self.policy, status=2))

    def test_issuers_that_there_are(self):
        self.succeeds("policy", "test", "--issuer-name", "issuing", self.cases)
        self.assertIn('there is no issuer "issuing"',
                      self.fails("policy", "test", "--issuer-name", "root", self.cases, status=2))

    def test_profiles_of_a_configuration(self):
        file = self.file("config.yaml", "version: 1\n")
        self.assertIn("config.yaml", self.fails("policy", "test", "--config", file, self.cases, status=2))

    def test_a_policy_of_the_service(self):
        self.service.on("GET", "/v1/policy", {"version": VERSION, "text": POLICY, "loaded_at": "x"})
        self.service.on("GET", f"/v1/policy/versions/{OTHER}", {"version": OTHER, "text": POLICY, "loaded_at": "x"})
        self.succeeds("policy", "test", "--policy", "current", self.cases)
        self.succeeds("policy", "test", "--policy", OTHER, self.cases)


class Changes(ServiceTest):
    def setUp(self):
        super().setUp()
        self.policy = self.file("new.yaml", POLICY)
        for path in ("/v1/policy", f"/v1/policy/versions/{VERSION}"):
            self.service.on("GET", path, {"version": VERSION, "text": "version: 1\n", "loaded_at": "x"})

    def test_apply(self):
        self.service.on("POST", "/v1/policy", {"version": VERSION, "changed": False},
                        {"version": OTHER, "changed": True})
        self.assertIn(f"policy {OTHER} is now in force", self.succeeds("policy", "apply", "--yes", self.policy))
        self.assertEqual(self.bodies(), [{"text": POLICY, "replaces": VERSION, "dry_run": True},
                                         {"text": POLICY, "replaces": VERSION}])

    def test_apply_is_not_done_unasked(self):
        self.service.on("POST", "/v1/policy", {"version": VERSION, "changed": False})
        self.assertIn("--yes", self.fails("policy", "apply", self.policy, status=2))
        self.assertEqual(len(self.bodies()), 1)  # the dry run
        self.assertIn("is good", self.succeeds("policy", "apply", "--dry-run", self.policy))
        self.assertTrue(all(body["dry_run"] for body in self.bodies()))

    def test_apply_that_is_refused(self):
        self.service.on("POST", "/v1/policy", problem(409, detail="the policy in force is another by now"))
        self.assertIn("another by now", self.fails("policy", "apply", "--yes", "--replaces", OTHER, "--allow-lockout",
                                                   self.policy))
        self.assertEqual(self.bodies(), [{"text": POLICY, "replaces": OTHER, "dry_run": True, "allow_lockout": True}])

    def test_apply_what_is_in_force(self):
        present = self.file("present.yaml", "version: 1\n")
        self.assertIn("already in force", self.succeeds("policy", "apply", "--yes", present))
        self.assertEqual(self.bodies(), [])

    def test_attributes_of_the_inventory(self):
        shop = POLICY.replace("grants:", "groups: {shop: {attributes: {team: [shop]}}}\ngrants:") + """\
  - {name: shop, machines: [group:shop], operations: [key.sign], keys: [shop]}
"""
        for version in ("", f"/versions/{VERSION}"):
            self.service.on("GET", f"/v1/policy{version}", {"version": VERSION, "text": shop, "loaded_at": "x"})
        self.service.on("GET", "/v1/machines/web-1", {"name": "web-1", "attributes": {"team": "shop"}})
        self.service.on("GET", "/v1/machines/web-2", problem(404, detail="there is none"))
        self.assertIn("grant:shop", self.succeeds("policy", "what-can", "web-1"))
        self.assertIn("the inventory has no machine web-2", self.succeeds("policy", "what-can", "web-2"))

    def test_rollback(self):
        self.service.on("GET", "/v1/policy/versions", {"in_force": VERSION, "versions": [
            {"version": VERSION, "loaded_at": "2030-01-02T00:00:00Z", "by": "admin"},
            {"version": OTHER, "loaded_at": "2030-01-01T00:00:00Z"}]})
        self.service.on("POST", "/v1/policy/rollback", {"version": OTHER, "changed": True})
        self.succeeds("policy", "rollback", "--yes")
        self.succeeds("policy", "rollback", "--yes", OTHER)
        self.assertEqual(self.bodies(), [{}, {"version": OTHER}])
        self.assertIn("--yes", self.fails("policy", "rollback", status=2))

    def test_versions(self):
        self.service.on("GET", "/v1/policy/versions", {"in_force": VERSION, "versions": [
            {"version": VERSION, "loaded_at": "2030-01-02T00:00:00Z", "by": "admin"},
            {"version": OTHER, "loaded_at": "2030-01-01T00:00:00Z"}]})
        self.assertEqual(self.succeeds("policy", "versions").splitlines()[0],
                         f"{VERSION}  2030-01-02T00:00:00Z  admin")

    def test_shadow(self):
        self.service.on("POST", "/v1/policy/shadow", {"candidate": OTHER})
        self.service.on("POST", "/v1/policy/shadow/stop", {})
        self.service.on("GET", "/v1/policy/shadow", {
            "candidate": OTHER, "started_by": "admin", "since": "2030-01-01T00:00:00Z", "decisions": 9,
            "differences": 2, "refused": {"web-tls": 2}, "allowed": {},
            "last": [{"time": "2030-01-01T00:00:01.000000Z", "machine": "web-1", "operation": "key.sign",
                      "in_force": "allowed by web-tls", "candidate": "refused: no"}]})
        self.assertIn(OTHER, self.succeeds("policy", "shadow", self.policy))
        shown = self.succeeds("policy", "shadow", "--show")
        self.assertIn("2 of 9 decisions", shown)
        self.assertIn("  2  web-tls\n", shown)
        self.assertIn("web-1 key.sign: allowed by web-tls; it would be refused: no", shown)
        self.succeeds("policy", "shadow", "--stop")
        self.assertIn("exactly one", self.fails("policy", "shadow", status=2))
        self.assertIn("exactly one", self.fails("policy", "shadow", "--show", "--stop", status=2))


class Replay(ServiceTest):
    def test_bad_times(self):
        for since in ("yesterday", "30", "2030-13-01T00:00:00Z"):
            with self.subTest(since):
                self.assertIn("how long ago", self.fails("policy", "replay", "--policy", "x", "--since", since, status=2))


if __name__ == "__main__":
    main()
