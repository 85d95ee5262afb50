"""Holds what was done with an approval against what its approvers signed (docs/audit-format.md, kind "approval"), as a part
of audit_verifier.py; Python's standard library, and openssl(1) for the signatures."""

import base64
import subprocess
import tempfile
from pathlib import Path

DONE = {"intent", "read", "policy", "ca", "machine", "revocation", "replacement", "incident", "log"}
DIGESTS = {"sha256", "sha384", "sha512"}


def is_signed(spki, algorithm, signature, statement):
    with tempfile.TemporaryDirectory(prefix="approval-") as folder:
        paths = {name: Path(folder) / name for name in ("spki", "signature", "statement")}
        for name, content in (("spki", spki), ("signature", signature), ("statement", statement)):
            paths[name].write_bytes(content)
        key = ["-keyform", "DER"]
        if algorithm == "ed25519":
            command = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", paths["spki"], *key,
                       "-sigfile", paths["signature"], "-in", paths["statement"]]
        else:
            digest = algorithm.rpartition("-")[2]
            if digest not in DIGESTS:
                return False
            padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] \
                if "-pss-" in algorithm else []
            command = ["dgst", f"-{digest}", "-verify", paths["spki"], *key, *padding,
                       "-signature", paths["signature"], paths["statement"]]
        return subprocess.run(["openssl", *command], capture_output=True, check=False).returncode == 0


class Approvals:
    """What the log says of each approval so far; `find` takes a finding."""

    def __init__(self, find):
        self.find, self.asked, self.keys, self.used_by = find, {}, {}, {}

    def check(self, index, entry):
        if entry.get("kind") == "approval":
            self.check_event(index, entry)
        elif entry.get("kind") in DONE and "approval" in entry:
            self.check_use(index, entry)

    def check_event(self, index, entry):
        approval, event = entry.get("approval"), entry.get("event")
        if event == "requested":
            self.asked[approval] = entry
            self.keys[approval] = set()
        elif event == "given":
            self.check_given(index, entry, self.asked.get(approval))

    def check_given(self, index, entry, asked):
        if asked is None:
            self.find(f"entry {index}: agrees to what nobody has asked for")
            return
        try:
            spki, signature = (base64.b64decode(entry[name], validate=True) for name in ("spki", "signature"))
            statement = entry["statement"]
            good = is_signed(spki, entry["algorithm"], signature, statement.encode())
        except (KeyError, ValueError):
            spki, statement, good = b"", "", False
        lines = statement.split("\n")
        said = {name: f"{name} {asked.get(name)}" in lines for name in
                ("rule", "requester", "operation", "request_sha256")}
        said["id"] = f"id {entry.get('approval')}" in lines
        said["expires"] = f"expires {asked.get('expires_at')}" in lines
        if not good or not all(said.values()):
            self.find(f"entry {index}: the approver has not signed what was asked for")
        elif entry.get("machine") == asked.get("requester"):
            self.find(f"entry {index}: who has asked agrees")
        else:
            self.keys[entry["approval"]].add(spki)

    def check_use(self, index, entry):
        approval = entry["approval"]
        asked = self.asked.get(approval)
        if asked is None or len(self.keys[approval]) < asked.get("needed", 0):
            self.find(f"entry {index}: too few have agreed to what was done")
            return
        if "opens_for" in asked:
            return
        request = self.used_by.setdefault(approval, entry.get("request"))
        if request != entry.get("request"):
            self.find(f"entry {index}: uses an approval that another request has used")
