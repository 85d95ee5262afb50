"""The commands that explain and compare policies, on a real service and its log."""

import json

import service
from csr import Key, alt_names, common_name
from service import ServiceTest, expect, run

NAME = "web.example"
EXTRA = """
  - name: once
    machines: [web.example]
    operations: [certificate.issue]
    issuers: [issuing]
    profiles: [tls-server]
    when:
      dns_names: [once.example]
    quotas:
      - {limit: 1, per: day}
  - name: shop-keys
    machines: [group:shop]
    operations: [key.create]
    keys: ["shop.*"]
    when:
      key_types: [ec-p256]
    approvals: {needed: 1, from: [operator]}
  - name: never-used
    machines: [web.example]
    operations: [key.sign]
    keys: ["unused.*"]
groups:
  shop:
    attributes: {team: [shop]}
denials:
  - name: no-offline
    machines: ["**"]
    operations: [certificate.issue]
    when:
      dns_names: [offline.example]
"""


class CommandTests(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        file = installation.home / "policy.yaml"
        file.write_text(file.read_text() + EXTRA)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = Key.ec()
        cls.identity, _ = cls.service.enroll(NAME, cls.key)
        cls.machine = cls.service.client(cls.identity)
        cls.addClassCleanup(cls.machine.close)
        expect(200, cls.service.operator.post(f"/v1/machines/{NAME}/attributes", {"attributes": {"team": "shop"}}))
        cls.file = cls.service.home / "policy.yaml"

    def issue(self, dns):
        request = self.key.csr(common_name(NAME), alt_names(dns))
        return self.machine.post("/v1/certificates", {"csr": request, "profile": "tls-server"})

    def policy(self, *arguments, who="auditor", status=0):
        """What a command of the group says, as JSON."""
        said = run([service.bin_folder / "chancery", "--url", f"https://127.0.0.1:{self.service.api_port}",
                    "--identity", self.service.identity(who), "--json", "policy", *arguments], check=False, timeout=60)
        self.assertEqual(said.returncode, status, said)
        return json.loads(said.stdout if said.stdout else said.stderr)

    def changed(self, old, new):
        """A file with the policy in force, but for one text."""
        text = self.file.read_text()
        self.assertIn(old, text)
        file = self.service.folder / "changed.yaml"
        file.write_text(text.replace(old, new, 1))
        return file

    def test_explain(self):
        answer = self.policy("explain", "--machine", NAME, "--operation", "certificate.issue", "--issuer", "issuing",
                             "--profile", "tls-server", "--dns", "db.example", "--key-type", "ec-p256")
        self.assertFalse(answer["allowed"])
        self.assertIn("db.example", answer["reason"])
        self.assertTrue(answer["changes"])

    def test_explain_takes_the_attributes_of_the_inventory(self):
        ask = ("explain", "--operation", "key.create", "--key", "shop.a", "--key-type", "ec-p256", "--machine")
        answer = self.policy(*ask, NAME)
        self.assertEqual(answer["grant"], "shop-keys", answer)
        self.assertIn("1 approval (grant:shop-keys, from operator)", answer["duties"][0])
        answer = self.policy(*ask, "nobody.example")
        self.assertFalse(answer["allowed"])
        self.assertIn("the inventory has no machine nobody.example", answer["note"])

    def test_explain_needs_a_machine(self):
        self.policy("explain", "--operation", "key.create", status=2)
        self.policy("what-can", status=2)

    def test_explain_a_denied_request(self):
        refused = self.issue("offline.example")
        self.assert_problem(refused, 403)
        answer = self.policy("explain", "--request", self.request_id(refused))
        self.assertEqual((answer["allowed"], answer["machine"]), (False, NAME))
        self.assertEqual([d["denial"] for d in answer["denials"]], ["no-offline"])
        self.assertIn("narrow denial", answer["hint"])

    def test_explain_under_the_policy_of_then(self):
        refused = self.issue("later.example")
        self.assert_problem(refused, 403)
        before = self.file.read_text()
        changed = self.changed("dns_names: [once.example]", "dns_names: [once.example, later.example]")
        self.policy("apply", "--yes", changed, who="admin")
        ask = ("explain", "--request", self.request_id(refused))
        self.assertFalse(self.policy(*ask)["allowed"])
        self.assertEqual(self.policy(*ask, "--policy", "current")["grant"], "once")
        self.policy("rollback", "--yes", who="admin")
        self.assertEqual(self.file.read_text(), before)

    def test_explain_what_a_quota_refused(self):
        expect(201, self.issue("once.example"))
        refused = self.issue("once.example")
        self.assert_problem(refused, 429)
        answer = self.policy("explain", "--request", self.request_id(refused))
        self.assertEqual((answer["allowed"], answer["grant"], answer["quota"]), (True, "once", "once/1"))

    def test_who_can(self):
        answer = self.policy("who-can", "key.create", "on", "key=shop.a", "--inventory")
        rules = {rule["rule"]: rule for rule in answer["rules"]}
        self.assertEqual(rules["grant:shop-keys"]["known"], [NAME])
        self.assertIn("role:administrator", rules)
        self.assertNotIn("grant:once", rules)

    def test_what_can(self):
        rules = {rule["rule"] for rule in self.policy("what-can", NAME)["rules"]}
        self.assertLessEqual({"grant:shop-keys", "grant:own-keys", "grant:once"}, rules)
        self.assertNotIn("grant:identities", rules)
        rules = {rule["rule"] for rule in self.policy("what-can", "nobody.example")["rules"]}
        self.assertNotIn("grant:shop-keys", rules)

    def test_diff(self):
        changed = self.changed("dns_names: [once.example]", "dns_names: [twice.example]")
        answer = self.policy("diff", "current", changed)
        self.assertEqual({(r["kind"], r["rule"]) for r in answer["regions"]},
                         {("allowed", "grant:once"), ("refused", "grant:once")})
        self.assertEqual(self.policy("diff", "current", self.file), {"regions": [], "exact": True, "doubts": []})

    def test_dry_run_shows_other_approvers(self):
        changed = self.changed("from: [operator]", "from: [admin]")
        regions = self.policy("apply", "--dry-run", changed, who="admin")["regions"]
        asked = [region for region in regions if region["kind"] == "duties"]
        self.assertTrue(asked)
        for region in asked:
            self.assertIn("from operator", region["before"])
            self.assertIn("from admin", region["after"])

    def test_apply_what_is_in_force(self):
        first = self.service.log_size()
        answer = self.policy("apply", "--yes", self.file, who="admin")
        self.assertFalse(answer["changed"])
        self.assertFalse([e for e in self.service.entries(first) if e["kind"] == "policy"])

    def test_conflicts(self):
        changed = self.changed("  - name: never-used", "  - name: shadowed\n    machines: [web.example]\n"
                               "    operations: [key.read]\n    keys: [\"web.example.a\"]\n  - name: never-used")
        answer = self.policy("conflicts", changed, status=1)
        self.assertIn("grant:shadowed", {conflict["rule"] for conflict in answer["conflicts"]})

    def test_unused(self):
        said = json.dumps(self.policy("unused", "--days", "1"))
        self.assertIn("never-used", said)


if __name__ == "__main__":
    service.main()
