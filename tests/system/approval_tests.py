"""Approvals by signature, with real identities: asked for by one, signed by others with keys of each type,
used once. And break-glass."""

import hashlib
import json

import csr
import service
from csr import Key
from service import ServiceTest, expect, run, wait_until

RULES = """
approvals:
  - name: keys
    operations: [key.create]
    needed: 3
    from: [alice, bob, carol]
    expires: 1h
"""
GRANTS = """
  - name: create-keys
    machines: [builder]
    operations: [key.create]
    keys: [builder.*]
"""
# With the people in place: then only an administrator adds machines of their names.
EMERGENCY = """
  - name: emergency
    machines: [builder]
    operations: [key.sign]
    keys: [sealed.*]
    approvals: {needed: 2, from: [alice, bob, carol]}
    break_glass: 1h
"""
NEW_KEY = {"name": "builder.new", "type": "ec-p256"}


class ApprovalTest(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        policy = installation.home / "policy.yaml"
        policy.write_text(policy.read_text().rstrip() + "\n" + GRANTS)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.people = {}
        for name, key in (("alice", Key.ec()), ("bob", Key.rsa()), ("carol", Key.ed25519()),
                          ("builder", Key.ec())):
            cls.people[name], _ = cls.service.enroll(name, key)
            # What the command line wants beside them.
            (cls.people[name] / "chain.pem").write_text(
                (cls.service.identity("admin") / "chain.pem").read_text())
        expect(201, cls.service.administrator.post("/v1/keys",
                                                   {"name": "sealed.k", "type": "ec-p256"}))
        policy = cls.service.home / "policy.yaml"
        policy.write_text(policy.read_text() + EMERGENCY + RULES)
        expect(200, cls.service.administrator.post("/v1/policy/reload", {}))

    def client(self, name):
        client = self.service.client(self.people[name])
        self.addCleanup(client.close)
        return client

    def chancery(self, name, *arguments, check=True):
        return run([service.bin_folder / "chancery", "--url",
                    f"https://127.0.0.1:{self.service.api_port}", "--identity", self.people[name],
                    *arguments], check=check)

    def ask(self, path="/v1/keys", body=None):
        """The approval that builder is told to get."""
        answer = self.client("builder").post(path, body or NEW_KEY)
        self.needed(answer)
        return answer.json

    def needed(self, answer):
        """Its id."""
        self.assert_problem(answer, 403)
        self.assertEqual(answer.json["type"], "urn:chancery:problem:approval-needed")
        return answer.json["approval"]

    def with_approval(self, approval, path="/v1/keys", body=None):
        return self.client("builder").request("POST", path, body or NEW_KEY,
                                              {"Chancery-Approval": approval})

    def test_three_people_with_keys_of_three_types_agree(self):
        asked = self.ask()
        self.assertEqual((asked["needed"], asked["given"]), (3, 0))
        approval = asked["approval"]
        shown = self.chancery("alice", "approve", approval, check=False)
        self.assertEqual(shown.returncode, 1, "nothing is signed without --yes")
        self.assertIn(b"chancery-approval/v1", shown.stdout)
        for name in ("alice", "bob", "carol"):
            self.assert_problem(self.with_approval(approval), 403)
            self.chancery(name, "approve", approval, "--yes")
        again = self.chancery("alice", "approve", approval, "--yes", check=False)
        self.assertIn(b"enough have agreed", again.stderr)
        changed = self.with_approval(approval, body={"name": "builder.other", "type": "ec-p256"})
        self.assert_problem(changed, 409, field="Chancery-Approval")
        self.assertEqual(self.with_approval(approval).status, 201)
        used = json.loads(self.chancery("alice", "--json", "approvals", "show", approval).stdout)
        self.assertEqual(used["state"], "used")
        self.verify_signatures(approval, {"alice", "bob", "carol"})
        self.service.verify_log()

    def verify_signatures(self, approval, approvers):
        """From the log alone, with openssl."""
        given = [entry for entry in self.service.entries()
                 if entry["kind"] == "approval" and entry.get("event") == "given"
                 and entry["approval"] == approval]
        self.assertEqual({entry["machine"] for entry in given}, approvers)
        for entry in given:
            folder = self.service.folder
            (folder / "spki.der").write_bytes(service.unbase64(entry["spki"]))
            (folder / "signature").write_bytes(service.unbase64(entry["signature"]))
            (folder / "statement").write_text(entry["statement"])
            if entry["algorithm"] == "ed25519":
                csr.openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", folder / "spki.der",
                            "-keyform", "DER", "-sigfile", folder / "signature", "-in",
                            folder / "statement")
            else:
                csr.openssl("dgst", "-sha256", "-verify", folder / "spki.der", "-keyform", "DER",
                            "-signature", folder / "signature", folder / "statement")
            self.assertIn(f"\nid {approval}\n", entry["statement"])

    def test_a_session_alone_does_not_approve(self):
        approval = self.ask(body={"name": "builder.session", "type": "ec-p256"})["approval"]
        path = f"/v1/approvals/{approval}/approve"
        for name, status in (("alice", 400), ("builder", 403)):
            with self.subTest(name):
                answer = self.client(name).post(path, {"signature": service.base64(b"no")})
                self.assert_problem(answer, status)
        self.assert_problem(self.client("alice").post(path, {}), 400, field="signature")
        cancelled = self.client("builder").post(f"/v1/approvals/{approval}/cancel", {})
        self.assertEqual(expect(200, cancelled).json["state"], "cancelled")

    def test_a_reload_is_agreed_to_for_one_policy(self):
        admin, path = self.service.administrator, "/v1/policy/reload"
        policy = self.service.home / "policy.yaml"
        before = policy.read_text()
        self.addCleanup(policy.write_text, before)
        rule = "  - {name: policy, operations: [policy.change], needed: 2, from: [alice, bob]}\n"
        policy.write_text(before + rule)
        expect(200, admin.post(path, {}))
        policy.write_text(before + "# once more\n")
        self.assert_problem(admin.post(path, {}), 400, field="version")
        self.assert_problem(admin.post("/v1/policy/rollback", {}), 400, field="version")
        version = hashlib.sha256(policy.read_bytes()).hexdigest()
        approval = self.needed(admin.post(path, {"version": version}))
        for name in ("alice", "bob"):
            self.chancery(name, "approve", approval, "--yes")
        agreed = {"Chancery-Approval": approval}
        policy.write_text(before + "# other\n")
        other = hashlib.sha256(policy.read_bytes()).hexdigest()
        for changed in ({"version": other}, {"version": version}):
            self.assert_problem(admin.request("POST", path, changed, agreed), 409)
        policy.write_text(before + "# once more\n")
        answer = admin.request("POST", path, {"version": version}, agreed)
        self.assertEqual(expect(200, answer).json, {"version": version, "changed": True})
        in_force = [entry for entry in self.service.entries()
                    if entry["kind"] == "policy" and entry.get("version") == version]
        self.assertEqual([(entry["approval"], entry["grant"]) for entry in in_force],
                         [(approval, "role:administrator")])
        shown = expect(200, self.service.auditor.get(f"/v1/approvals/{approval}")).json
        self.assertEqual(shown["summary"]["details"], f"policy {version}")

    def test_nobody_becomes_an_approver_by_a_token(self):
        answer = self.service.operator.post("/v1/machines/carol/token", {"profile": "machine"})
        self.assert_problem(answer, 403)
        self.assertIn("approves what others ask for", answer.json["detail"])

    def test_who_sees_it(self):
        approval = self.ask(body={"name": "builder.seen", "type": "ec-p256"})["approval"]
        stranger, _ = self.service.enroll("stranger", Key.ec())
        client = self.service.client(stranger)
        self.addCleanup(client.close)
        self.assert_problem(client.get(f"/v1/approvals/{approval}"), 403)
        self.assertEqual(expect(200, client.get("/v1/approvals")).json["approvals"], [])
        for name in ("alice", "builder"):
            self.assertEqual(expect(200, self.client(name).get(f"/v1/approvals/{approval}")).json["id"],
                             approval)
        self.assertIn(approval, [one["id"] for one in expect(
            200, self.service.auditor.get("/v1/approvals")).json["approvals"]])

    def test_break_glass_opens_and_rings(self):
        path, body = "/v1/keys/sealed.k/sign", {"data": service.base64(b"hello")}
        approval = self.ask(path, body)["approval"]
        for name in ("alice", "carol"):
            self.chancery(name, "approve", approval, "--yes")
        expect(200, self.with_approval(approval, path, body))
        other = {"data": service.base64(b"something else")}
        expect(200, self.client("builder").post(path, other))
        self.assertEqual([one["approval"] for one in self.service.status()["break_glass"]], [approval])
        self.assertEqual(self.service.metric("chancery_break_glass_uses_total"), 2)
        wait_until(lambda: self.service.metric("chancery_break_glass_open") == 1, "it shows")
        alarms = [entry for entry in self.service.entries()
                  if entry["kind"] == "alarm" and entry["alarm"] == "break-glass"]
        self.assertEqual([entry["approval"] for entry in alarms], [approval, approval])
        # Over a restart, until somebody closes it.
        self.service.kill()
        self.service.start()
        expect(200, self.client("builder").post(path, other))
        expect(200, self.service.administrator.post(f"/v1/approvals/{approval}/cancel", {}))
        self.assert_problem(self.client("builder").post(path, other), 403)
        self.assertEqual(self.service.status()["break_glass"], [])


if __name__ == "__main__":
    service.main()
