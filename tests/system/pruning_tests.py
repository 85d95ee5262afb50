"""`chancery audit prune` with the real daemon: what is old goes, and everything still verifies, here and
in a mirror, by Chancery and by the verifiers in Python. The daemon's clock is put ahead, so that entries
are old enough."""

import json
import os
import sqlite3
import ssl
import sys
import unittest
from pathlib import Path

import service
from csr import Key
from service import Service, expect, run, wait_until

TILES_VERIFIER = Path(service.__file__).parent.parent / "tiles_verifier.py"
RETENTION = "\nlog:\n  retention: {certificates: 1d, other: 1d}\n"
THREE_DAYS = 3 * 86400


NO_CHECK_TIME = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME


class LaterService(Service):
    """The daemon is ahead of this process: its certificates begin in the future."""

    def client(self, identity=None, **options):
        context = ssl.create_default_context(cafile=str(self.root))
        context.verify_flags |= NO_CHECK_TIME
        if identity is not None:
            context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
        return super().client(identity, context=context, **options)


class PruningTests(unittest.TestCase):
    def setUp(self):
        self.service = LaterService()
        self.environment = {}
        self.addCleanup(self.service.remove)
        self.vkeys = self.service.home / "log-keys"
        self.mirror = self.service.folder / "mirror"

    def configure(self):
        with open(self.service.home / "config.yaml", "a", encoding="utf-8") as config:
            config.write(RETENTION)

    def start_later(self):
        """The daemon, three days on."""
        shim = service.bin_folder.resolve().parent / "lib" / "libclock_shift.so"
        self.assertTrue(shim.exists(), shim)
        sanitizer = os.environ.get("ASAN_OPTIONS", "")
        self.environment = {
            "LD_PRELOAD": str(shim), "CHANCERY_CLOCK_SHIFT": str(THREE_DAYS),
            "ASAN_OPTIONS": f"{sanitizer + ':' if sanitizer else ''}verify_asan_link_order=0"}
        self.service.start(under=["env", *(f"{name}={value}" for name, value in self.environment.items())])

    def chancery(self, who, *arguments, code=0):
        done = run([service.bin_folder / "chancery", "--json", "--url",
                    f"https://127.0.0.1:{self.service.api_port}", "--identity",
                    self.service.identity(who), *arguments], check=False,
                   env={**os.environ, **self.environment})
        self.assertEqual(done.returncode, code, done)
        return json.loads(done.stdout) if code == 0 else done.stderr.decode()

    def audit(self, *arguments, code=0):
        return self.chancery("auditor", "audit", *arguments, code=code)

    def prune(self, *arguments, who="admin", code=0):
        return self.chancery(who, "audit", "prune", *arguments, code=code)

    def grow(self, more):
        for _ in range(more):
            expect(200, self.service.operator.get("/v1/certificates?limit=1"))
        self.wait_published()

    def published(self):
        return int(expect(200, self.service.public("/log/checkpoint")).body.splitlines()[1])

    def wait_published(self):
        size = self.service.log_size()
        wait_until(lambda: self.published() >= size, "a checkpoint covers the log")

    def is_done(self):
        return all(one["done"] for one in self.audit("prunings")["prunings"])

    def independently(self, folder):
        done = run([sys.executable, TILES_VERIFIER, folder, *self.vkeys.read_text().split()],
                   check=False)
        self.assertNotIn(b"Traceback", done.stderr)
        return done.returncode == 0, done.stdout

    def verify_tiles(self, folder):
        self.assertTrue(self.audit("verify", "--tiles", folder, "--vkeys", self.vkeys)["good"])
        self.assertEqual(self.independently(folder)[0], True, self.independently(folder))

    def test_without_retention_nothing_goes(self):
        self.service.start()
        self.assertIn("log.retention", self.prune(code=1))
        self.assertIn("log.retention", self.prune("--confirm", code=1))
        self.assertEqual(self.audit("prunings")["prunings"], [])

    def test_what_is_old_goes_and_the_rest_verifies(self):
        self.configure()
        self.service.start()
        _, enrolled = self.service.enroll("web.example", Key.ec())
        self.grow(400)
        self.audit("mirror", "--out", self.mirror, "--vkeys", self.vkeys)
        state = self.service.folder / "verified.json"
        self.audit("verify", "--vkeys", self.vkeys, "--resume", state)
        young = self.prune()
        self.assertEqual((young["minimum"], young["entries"]), (0, 0))
        self.assertEqual(self.service.stop(), 0)

        self.start_later()
        self.grow(10)
        for who in ("operator", "auditor"):
            self.prune("--confirm", who=who, code=1)
        said = self.prune()
        self.assertGreaterEqual(said["minimum"], 256)
        self.assertGreater(said["entries"], 200)
        self.assertNotIn("entry", said)
        begun = self.prune("--confirm")
        self.assertEqual(begun["entries"], said["entries"])
        wait_until(self.is_done, "the entries are removed")
        self.check_what_is_there(begun, enrolled)
        self.check_every_verifier(state)
        self.check_a_start()

    def check_what_is_there(self, begun, enrolled):
        page = expect(200, self.service.auditor.get("/v1/audit/entries?first=0&count=1")).json
        self.assertEqual((page["first"], page["minimum"]), (begun["minimum"], begun["minimum"]))
        bundle = expect(404, self.service.auditor.get("/v1/audit/log/tile/entries/000"))
        self.assertIn(str(begun["minimum"]), bundle.json["detail"])
        self.assertEqual(len(expect(200, self.service.public("/log/tile/0/000")).body), 8192)
        # The certificate is in use: it, its entries and its receipt stay.
        serial = enrolled["serial"]
        found = self.audit("search", "--serial", serial)["entries"]
        self.assertEqual([json.loads(one["entry"])["kind"] for one in found], ["intent", "outcome"])
        self.assertLess(found[0]["index"], begun["minimum"])
        receipt = self.service.folder / "receipt"
        self.audit("receipt", "--serial", serial, "--out", receipt)
        self.audit("verify-receipt", "--vkeys", self.vkeys, receipt)
        entry = json.loads(self.audit("search", "--kind", "log")["entries"][-1]["entry"])
        self.assertEqual((entry["event"], entry["minimum"]), ("pruned", begun["minimum"]))
        with sqlite3.connect(f"file:{self.service.home / 'chancery.db'}?mode=ro", uri=True) as database:
            gone = begun["minimum"] - database.execute(
                "SELECT count(*) FROM entry WHERE number < ?", [begun["minimum"]]).fetchone()[0]
        self.assertEqual(gone, begun["entries"])

    def check_every_verifier(self, state):
        self.wait_published()
        self.service.verify_log()
        self.assertTrue(self.audit("verify", "--vkeys", self.vkeys)["good"])
        self.assertTrue(self.audit("verify", "--vkeys", self.vkeys, "--resume", state)["good"])
        # The mirror from before goes on and keeps what it has; a new one begins at the minimum.
        before = (self.mirror / "tile/entries/000").read_bytes()
        self.audit("mirror", "--out", self.mirror, "--vkeys", self.vkeys)
        self.assertEqual((self.mirror / "tile/entries/000").read_bytes(), before)
        self.verify_tiles(self.mirror)
        fresh = self.service.folder / "fresh"
        self.audit("mirror", "--out", fresh, "--vkeys", self.vkeys)
        self.assertFalse((fresh / "tile/entries/000").exists())
        self.verify_tiles(fresh)
        # Of a bundle that no pruning accounts for, both say that it is missing.
        min(path for path in (fresh / "tile/entries").rglob("*") if path.is_file()).unlink()
        self.audit("verify", "--tiles", fresh, "--vkeys", self.vkeys, code=1)
        self.assertFalse(self.independently(fresh)[0])
        export = self.service.folder / "log.jsonl"
        self.audit("export", "--out", export)
        self.audit("verify-export", "--vkeys", self.vkeys, export)
        self.assertIn("removed", self.audit("export", "--first", "0", "--out", export, code=2))
        kept = self.service.folder / "kept"
        kept.write_bytes((self.mirror / "checkpoint").read_bytes())
        self.audit("prove", "--from", kept, "--vkeys", self.vkeys)

    def check_a_start(self):
        self.assertEqual(self.service.stop(), 0)
        self.start_later()
        self.service.enroll("other.example", Key.ec())
        self.wait_published()
        self.service.verify_log()

    def test_a_kill_while_it_removes(self):
        self.configure()
        self.service.start()
        self.grow(1500)
        self.assertEqual(self.service.stop(), 0)
        self.start_later()
        self.grow(1)
        begun = self.prune("--confirm")
        self.service.kill()
        self.service.verify_log()
        self.start_later()
        wait_until(self.is_done, "the entries are removed")
        self.wait_published()
        self.service.verify_log()
        self.assertEqual(self.audit("prunings")["prunings"][-1]["entries"], begun["entries"])


if __name__ == "__main__":
    service.main()
