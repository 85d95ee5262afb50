"""The verifier of approvals finds each way in which they can be wrong."""

import base64
import subprocess
import tempfile
import unittest
from pathlib import Path

from approval_verifier import Approvals

ASKED = {"kind": "approval", "event": "requested", "approval": "apr-1", "rule": "approval:keys", "requester": "web-1",
         "operation": "key.create", "request_sha256": "00" * 32, "needed": 2, "expires_at": "2030-01-01T00:00:00Z"}
STATEMENT = ("chancery-approval/v1\nlog l\nid apr-1\nrule approval:keys\nrequester web-1\noperation key.create\n"
             f"request_sha256 {'00' * 32}\nexpires 2030-01-01T00:00:00Z\n")
DONE = {"kind": "intent", "approval": "apr-1", "request": "req-1"}


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout


class ApprovalVerifierTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="approval-verifier-")
        cls.keys = {}
        for name, algorithm, options in (("alice", "ecdsa-p256-sha256", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
                                         ("bob", "ed25519", ["ED25519"]),
                                         ("carol", "rsa-pkcs1-sha256", ["RSA"])):
            path = Path(cls.folder.name) / name
            openssl("genpkey", "-algorithm", *options, "-out", path)
            cls.keys[name] = (path, algorithm)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def given(self, name, statement=STATEMENT, **members):
        path, algorithm = self.keys[name]
        text = Path(self.folder.name) / "statement"
        text.write_text(statement)
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", path, "-in", text) if algorithm == "ed25519" \
            else openssl("dgst", "-sha256", "-sign", path, text)
        return {"kind": "approval", "event": "given", "approval": "apr-1", "machine": name, "algorithm": algorithm,
                "statement": statement, "signature": base64.b64encode(signature).decode(),
                "spki": base64.b64encode(openssl("pkey", "-in", path, "-pubout", "-outform", "DER")).decode(),
                **members}

    def findings(self, *entries):
        found = []
        approvals = Approvals(found.append)
        for index, entry in enumerate(entries):
            approvals.check(index, entry)
        return found

    def test_what_is_right(self):
        alice, bob, carol = (self.given(name) for name in self.keys)
        self.assertEqual(self.findings(ASKED, alice, bob, DONE, DONE), [])
        self.assertEqual(self.findings({**ASKED, "needed": 3}, alice, bob, carol, DONE), [])
        opened = {**ASKED, "opens_for": "1h"}
        self.assertEqual(self.findings(opened, alice, bob, DONE, {**DONE, "request": "req-2"}), [])

    def test_what_is_wrong(self):
        alice, bob = self.given("alice"), self.given("bob")
        other = STATEMENT.replace("key.create", "key.delete")
        for name, entries, finding in (
                ("one is missing", [ASKED, alice, DONE], "too few"),
                ("one twice", [ASKED, alice, alice, DONE], "too few"),
                ("afterwards", [ASKED, alice, DONE, bob], "too few"),
                ("nobody has asked", [alice], "nobody has asked"),
                ("nobody has asked for what is done", [DONE], "too few"),
                ("another statement", [ASKED, {**alice, "statement": other}], "has not signed"),
                ("a statement about something else", [ASKED, self.given("alice", other)], "has not signed"),
                ("another's signature", [ASKED, {**alice, "signature": bob["signature"]}], "has not signed"),
                ("no signature", [ASKED, {**alice, "signature": ""}], "has not signed"),
                ("who has asked", [ASKED, {**alice, "machine": "web-1"}], "who has asked agrees"),
                ("twice", [ASKED, alice, bob, DONE, {**DONE, "request": "req-2"}], "another request")):
            with self.subTest(name):
                found = self.findings(*entries)
                self.assertEqual(len(found), 1, found)
                self.assertIn(finding, found[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
