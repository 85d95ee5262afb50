"""`chancery audit search`, `export`, `prove`, `tail` and receipts by request, against a service."""

import contextlib
import json
import queue
import sqlite3
import subprocess
import threading
import unittest
from pathlib import Path

import service
from csr import Key, alt_names, common_name
from service import Service, expect, run, wait_until

TILES_VERIFIER = Path(service.__file__).parent.parent / "tiles_verifier.py"


class AuditSearchTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service()
        cls.addClassCleanup(cls.service.remove)
        cls.service.start()
        cls.folder = cls.service.folder
        cls.vkeys = cls.service.home / "log-keys"
        cls.identity, cls.enrolled = cls.service.enroll("web.example", Key.ec())
        cls.machine = cls.service.client(cls.identity)
        cls.addClassCleanup(cls.machine.close)

    def audit(self, *arguments, who="auditor", check=True):
        return run([service.bin_folder / "chancery", "--json", "--url",
                    f"https://127.0.0.1:{self.service.api_port}", "--identity",
                    self.service.identity(who), "audit", *arguments], check=check)

    def search(self, *arguments):
        return json.loads(self.audit("search", *arguments).stdout)["entries"]

    def published(self):
        return int(expect(200, self.service.public("/log/checkpoint")).body.splitlines()[1])

    def wait_published(self):
        size = self.service.log_size()
        wait_until(lambda: self.published() >= size, "a checkpoint covers the log")

    def test_search_by_everything(self):
        serial = self.enrolled["serial"]
        rows = self.search("--serial", serial)
        self.assertEqual([json.loads(row["entry"])["kind"] for row in rows], ["intent", "outcome"])
        request = json.loads(rows[0]["entry"])["request"]
        self.assertEqual([row["index"] for row in self.search("--request", request)],
                         [row["index"] for row in rows])
        self.assertEqual(self.search("--serial", serial, "--kind", "outcome"), rows[1:])
        self.assertTrue(self.search("--machine", "web.example"))
        self.assertEqual(self.search("--machine", "nobody.example"), [])
        self.assertEqual(self.search("--from", "2101-01-01T00:00:00Z"), [])
        for row in self.search("--kind", "ca"):
            entry = self.service.entries(row["index"])[0]
            self.assertEqual({**json.loads(row["entry"]), "index": row["index"]}, entry)
        grant = json.loads(rows[0]["entry"])["grant"]
        self.assertIn(rows[0], self.search("--grant", grant))

    def test_a_search_is_recorded_with_what_was_asked(self):
        self.search("--machine", "somebody.example", "--kind", "denial")
        rows = self.search("--kind", "read", "--machine", "auditor")
        asked = [json.loads(row["entry"]).get("asked", "") for row in rows]
        self.assertTrue(any("machine=somebody.example" in one and "kind=denial" in one
                            for one in asked), asked)

    def test_only_auditors_search(self):
        for client in (self.service.administrator, self.service.operator, self.machine):
            self.assertEqual(client.get("/v1/audit/search?kind=read").status, 403)
            self.assertEqual(client.get("/v1/audit/entries?first=0&count=1").status, 403)
        for query in ("kind=nothing", "first=x", "limit=0", "limit=1001", "from=now", "colour=red",
                      "request=", "serial=12"):
            self.assertEqual(self.service.auditor.get(f"/v1/audit/search?{query}").status, 400, query)

    def test_a_receipt_by_request(self):
        answer = self.machine.get(f"/v1/certificates/{self.enrolled['serial']}")
        self.assertEqual(answer.status, 200)
        row = self.search("--serial", self.enrolled["serial"], "--kind", "outcome")[0]
        request = json.loads(row["entry"])["request"]
        self.wait_published()
        receipt = self.folder / "receipt"
        self.audit("receipt", "--request", request, "--out", receipt)
        checked = self.audit("verify-receipt", "--vkeys", self.vkeys, receipt)
        self.assertEqual(json.loads(checked.stdout)["entry"]["index"], row["index"])
        # Its own machine has it, another does not, nor whether it exists.
        self.assertEqual(self.machine.get(f"/v1/requests/{request}/receipt").status, 200)
        identity, _ = self.service.enroll("other.example", Key.ec())
        other = self.service.client(identity)
        self.addCleanup(other.close)
        for wanted in (request, "req-" + 32 * "0"):
            self.assertEqual(other.get(f"/v1/requests/{wanted}/receipt").status, 403)
        self.assertEqual(self.service.auditor.get(f"/v1/requests/req-{32 * '0'}/receipt").status, 404)

    def test_a_machines_own_request_is_found_without_the_index(self):
        self.search("--kind", "start")

        def indexed():
            with contextlib.closing(sqlite3.connect(
                    f"file:{self.service.home}/audit-index.db?mode=ro", uri=True)) as index:
                return index.execute("SELECT indexed FROM progress").fetchone()[0]
        before = indexed()
        body = {"csr": Key.ec().csr(common_name("web.example"), alt_names("web.example")),
                "profile": "tls-server"}
        answer = expect(201, self.machine.post("/v1/certificates", body, key="own-request-1"))
        self.wait_published()
        receipt = expect(200, self.machine.get(f"/v1/requests/{answer.json['request_id']}/receipt"))
        self.assertIn(f"index {answer.json['outcome']}\n".encode(), receipt.body)
        self.assertEqual(indexed(), before)
        # Without such a key, the index is asked, for this machine too.
        answer = expect(201, self.machine.post("/v1/certificates", body))
        self.wait_published()
        path = f"/v1/requests/{answer.json['request_id']}/receipt"
        wait_until(lambda: self.machine.get(path).status == 200, "the index comes up to it")
        self.assertGreater(indexed(), before)

    def test_one_verification_at_a_time(self):
        """Many at once: each is told the same, or to come again."""
        answers = []

        def verify():
            client = self.service.client(self.service.identity("auditor"))
            try:
                answers.append(client.post("/v1/audit/verify", {}))
            finally:
                client.close()
        threads = [threading.Thread(target=verify) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(answers), 12)
        for answer in answers:
            if answer.status == 429:
                self.assertEqual(answer.headers["Retry-After"], "1")
            else:
                self.assertTrue(expect(200, answer).json["good"])
        self.assertIn(200, [answer.status for answer in answers])

    def test_an_export_is_complete_and_says_so(self):
        while self.service.log_size() < 300:
            expect(200, self.service.operator.get("/v1/certificates?limit=1"))
        self.wait_published()
        out = self.folder / "log.jsonl"
        for options in ((), ("--first", "100", "--count", "150"), ("--first", "256"),
                        ("--from", "2000-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00Z")):
            done = json.loads(self.audit("export", "--out", out, *options).stdout)
            lines = out.read_text().splitlines()
            self.assertEqual(len(lines), done["count"])
            self.assertEqual({**json.loads(lines[0]), "index": done["first"]},
                             self.service.entries(done["first"])[0])
            self.audit("verify-export", "--vkeys", self.vkeys, out)
        for spoil in (lambda text: text.replace(b"operator", b"operatoR", 1),
                      lambda text: text[text.index(b"\n") + 1:],
                      lambda text: text[:-1], lambda text: text + b"{}\n"):
            good = out.read_bytes()
            out.write_bytes(spoil(good))
            bad = self.audit("verify-export", "--vkeys", self.vkeys, out, check=False)
            self.assertEqual(bad.returncode, 1, bad)
            self.assertFalse(json.loads(bad.stdout)["good"])
            out.write_bytes(good)
        without = self.audit("verify-export", out, check=False)
        self.assertEqual(without.returncode, 2)

    def test_the_log_goes_on_from_a_checkpoint_that_was_kept(self):
        kept = self.folder / "kept"
        kept.write_bytes(expect(200, self.service.public("/log/checkpoint")).body)
        for _ in range(5):
            expect(200, self.service.operator.get("/v1/certificates?limit=1"))
        self.wait_published()
        done = json.loads(self.audit("prove", "--from", kept, "--vkeys", self.vkeys).stdout)
        self.assertTrue(done["good"])
        self.assertGreater(done["size"], done["from"])
        # One that the log never had, although of this size.
        lines = kept.read_text().split("\n")
        kept.write_text("\n".join([lines[0], str(int(lines[1]) - 1), *lines[2:]]))
        bad = self.audit("prove", "--from", kept, "--vkeys", self.vkeys, check=False)
        self.assertEqual(bad.returncode, 1, bad)

    def test_a_tail_that_follows_is_silent_where_nothing_happens(self):
        tail = subprocess.Popen(
            [service.bin_folder / "chancery", "--url", f"https://127.0.0.1:{self.service.api_port}",
             "--identity", self.service.identity("auditor"), "audit", "tail", "--count", "0",
             "--follow"], stdout=subprocess.PIPE)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in tail.stdout],
                         daemon=True).start()

        def shows_what_the_machine_does():
            answer = self.machine.get(f"/v1/certificates/{self.enrolled['serial']}")
            self.assertEqual(answer.status, 200)
            try:
                return b"web.example" in lines.get(timeout=2)
            except queue.Empty:
                return False
        wait_until(shows_what_the_machine_does, "what the machine did")
        self.wait_published()
        # From now on nobody asks for anything but checkpoints: the log stays as it is.
        before = wait_until(self.settled, "the log at rest", 30)
        self.assertEqual(self.published(), before)

    def settled(self):
        """The published size, once it stays the same over several looks of the one who follows."""
        first = self.published()
        for _ in range(4):
            service.time.sleep(1)
            if self.published() != first:
                return None
        return first

    def test_entries_for_everybody_where_configured(self):
        self.wait_published()
        self.assertEqual(self.service.public("/log/tile/entries/000.p/1").status, 404)


class KeyRotationTests(unittest.TestCase):
    """From the first keys of the log to the second, with auditors who know either."""

    def setUp(self):
        self.service = Service()
        self.addCleanup(self.service.remove)
        self.service.start()
        self.first = (self.service.home / "log-keys").read_text()

    def change(self, how, who="admin"):
        return run([service.bin_folder / "chancery", "--json", "--url",
                    f"https://127.0.0.1:{self.service.api_port}", "--identity",
                    self.service.identity(who), "audit", how], check=False)

    def signatures(self):
        """Of a checkpoint that covers all that there is now."""
        size = self.service.log_size()
        def covering():
            note = expect(200, self.service.public("/log/checkpoint")).body.decode()
            return note if int(note.splitlines()[1]) >= size else None
        return wait_until(covering, "a checkpoint covers the log").count("\n\u2014 ")

    def verify_with(self, vkeys):
        path = self.service.folder / "vkeys"
        path.write_text(vkeys)
        copy = self.service.copy_database()
        own = run([service.bin_folder / "chancery", "audit", "verify", "--database", copy, "--vkeys",
                   path], check=False)
        other = run([service.sys.executable, service.AUDIT_VERIFIER, copy, *vkeys.split()],
                    check=False)
        copy.unlink()
        self.assertEqual(own.returncode, other.returncode, (own, other))
        return own.returncode

    def test_rotate_and_retire(self):
        self.assertEqual(self.change("retire-keys").returncode, 1)
        for who in ("operator", "auditor"):
            self.assertEqual(self.change("rotate-keys", who).returncode, 1)
        self.assertEqual(self.signatures(), 2)
        done = self.change("rotate-keys")
        self.assertEqual(done.returncode, 0, done)
        both = json.loads(done.stdout)["vkeys"]
        self.assertEqual(len(both), 4)
        self.assertEqual((self.service.home / "log-keys").read_text().split(), both)
        self.assertEqual(self.signatures(), 4)
        self.service.stop()
        self.service.start()
        self.assertEqual(self.signatures(), 4)
        self.assertEqual(self.change("retire-keys").returncode, 0)
        self.assertEqual(self.signatures(), 2)
        second = (self.service.home / "log-keys").read_text()
        self.assertEqual(set(self.first.split()) | set(second.split()), set(both))
        self.assertFalse(set(self.first.split()) & set(second.split()))
        for vkeys in (self.first, second, self.first + second):
            self.assertEqual(self.verify_with(vkeys), 0, vkeys)
        other = Service()
        self.addCleanup(other.remove)
        self.assertEqual(self.verify_with((other.home / "log-keys").read_text()), 1)


    def audit(self, *arguments, code=0):
        done = run([service.bin_folder / "chancery", "--json", "--url",
                    f"https://127.0.0.1:{self.service.api_port}", "--identity",
                    self.service.identity("auditor"), "audit", *arguments], check=False)
        self.assertEqual(done.returncode, code, done)
        return done.stdout.decode() + done.stderr.decode()

    def keep(self, name):
        """A receipt, an export and a checkpoint of now."""
        self.signatures()
        kept = {what: self.service.folder / f"{name}.{what}"
                for what in ("receipt", "export", "checkpoint")}
        self.audit("receipt", "--entry", "1", "--out", kept["receipt"])
        self.audit("export", "--out", kept["export"])
        self.audit("checkpoint", "--out", kept["checkpoint"])
        return kept

    def test_keys_of_one_time_lead_to_a_checkpoint_of_another(self):
        folder = self.service.folder
        first = folder / "first"
        first.write_text(self.first)
        before = self.keep("before")
        self.audit("mirror", "--out", folder / "mirror", "--vkeys", first)
        for how in ("rotate-keys", "retire-keys"):
            self.assertEqual(self.change(how).returncode, 0)
        after = self.keep("after")
        second, changes = folder / "second", folder / "key-changes"
        self.audit("keys", "--out", second)
        self.audit("keys", "--changes", "--out", changes)
        self.assertEqual(len(changes.read_text().split("c2sp.org/tlog-proof@v1\n")), 4)
        for vkeys, kept in ((first, after), (second, before)):
            for what in ("receipt", "export"):
                command = [f"verify-{what}", "--vkeys", vkeys, kept[what]]
                self.assertIn("name --key-changes", self.audit(*command, code=1))
                self.audit(*command, "--key-changes", changes)
            self.audit("prove", "--from", before["checkpoint"], "--vkeys", vkeys)
            self.audit("verify", "--vkeys", vkeys)
            self.audit("mirror", "--out", folder / "mirror", "--vkeys", vkeys)
            self.audit("verify", "--tiles", folder / "mirror", "--vkeys", vkeys)
            run([service.sys.executable, TILES_VERIFIER, folder / "mirror",
                 *vkeys.read_text().split()])
        other = Service()
        self.addCleanup(other.remove)
        stranger = ["--vkeys", other.home / "log-keys"]
        self.audit("verify-receipt", *stranger, "--key-changes", changes, after["receipt"], code=1)
        self.audit("verify", "--tiles", folder / "mirror", *stranger, code=1)
        header = "c2sp.org/tlog-proof@v1\n"
        parts = changes.read_text().split(header)
        changes.write_text(header.join(parts[:2] + parts[3:]))  # without the time of both
        self.audit("verify-receipt", "--vkeys", second, "--key-changes", changes, before["receipt"],
                   code=1)


class PublicEntriesTests(unittest.TestCase):
    def test_entries_for_everybody(self):
        installation = Service()
        self.addCleanup(installation.remove)
        path = installation.home / "config.yaml"
        text = path.read_text()
        self.assertNotIn("\nlog:\n", text)
        path.write_text(text + "\nlog:\n  entries: public\n")
        installation.start()
        wait_until(lambda: installation.public("/log/checkpoint").status == 200, "a checkpoint")
        tile = expect(200, installation.public("/log/tile/entries/000.p/1"))
        self.assertIn("public", tile.headers["Cache-Control"])
        self.assertTrue(tile.body[2:].startswith(b"{"))


if __name__ == "__main__":
    service.main()
