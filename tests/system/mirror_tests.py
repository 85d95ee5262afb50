"""`chancery audit mirror` and what can be verified in the directory that it makes; verifications
that go on where the last one stopped. Chancery's verifier and the one in Python agree."""

import json
import shutil
import sys
import unittest
from pathlib import Path

import service
from csr import Key
from service import Service, expect, run, wait_until

TILES_VERIFIER = Path(service.__file__).parent.parent / "tiles_verifier.py"


class MirrorTests(unittest.TestCase):
    def setUp(self):
        self.service = Service()
        self.addCleanup(self.service.remove)
        self.service.start()
        self.mirror = self.service.folder / "mirror"
        self.state = self.service.folder / "verified.json"
        self.vkeys = self.service.home / "log-keys"

    def audit(self, *arguments):
        return run([service.bin_folder / "chancery", "--json", "--url",
                    f"https://127.0.0.1:{self.service.api_port}", "--identity",
                    self.service.identity("auditor"), "audit", *arguments, "--vkeys", self.vkeys],
                   check=False)

    def succeeds(self, *arguments):
        done = self.audit(*arguments)
        self.assertEqual(done.returncode, 0, done)
        return json.loads(done.stdout)

    def finds(self, what, *arguments):
        done = self.audit(*arguments)
        self.assertEqual(done.returncode, 1, done)
        report = json.loads(done.stdout)
        self.assertFalse(report["good"])
        self.assertIn(what, "\n".join(report["findings"]))

    def grow(self, size):
        """Until a published checkpoint covers as many entries and all there are."""
        while self.service.log_size() < size:
            expect(200, self.service.operator.get("/v1/certificates?limit=1"))
        size = self.service.log_size()
        wait_until(lambda: self.published() >= size, "a checkpoint covers the log")

    def published(self):
        return int(expect(200, self.service.public("/log/checkpoint")).body.splitlines()[1])

    def independently(self, folder):
        """What the verifier in Python says of the directory: good or not."""
        done = run([sys.executable, TILES_VERIFIER, folder, *self.vkeys.read_text().split()],
                   check=False)
        self.assertNotIn(b"Traceback", done.stderr)
        return done.returncode == 0

    def files(self):
        return sorted(path for path in self.mirror.rglob("*") if path.is_file())

    def test_a_mirror_grows_and_is_verified(self):
        self.grow(280)
        first = self.succeeds("mirror", "--out", self.mirror)
        report = self.succeeds("verify", "--tiles", self.mirror, "--resume", self.state)
        self.assertEqual((report["entries"], report["root"]), (first["entries"], first["root"]))
        self.assertTrue(report["entries_read"])
        self.assertTrue(self.independently(self.mirror))
        full = self.mirror / "tile/entries/000"
        before = full.stat().st_mtime_ns, full.stat().st_ino

        self.grow(first["entries"] + 10)
        second = self.succeeds("mirror", "--out", self.mirror)
        self.assertGreater(second["entries"], first["entries"])
        # The partial tiles of levels 0 and 1, and of the entries; that of level 1 is the same.
        self.assertEqual(second["fetched"], 2)
        self.assertEqual((full.stat().st_mtime_ns, full.stat().st_ino), before)
        # Four tiles and those entries, the checkpoint, and how the log's keys changed.
        self.assertEqual(len(self.files()), 7, self.files())
        resumed = self.succeeds("verify", "--tiles", self.mirror, "--resume", self.state)
        self.assertEqual(resumed["root"], second["root"])
        self.assertTrue(self.independently(self.mirror))
        self.check_every_file()
        self.check_without_entries()

    def check_every_file(self):
        for path in self.files():
            good = path.read_bytes()
            for position in {0, 1, len(good) // 3, len(good) // 2, len(good) - 1}:
                with self.subTest(path=path.name, position=position):
                    changed = bytearray(good)
                    changed[position] ^= 1
                    path.write_bytes(changed)
                    self.assertEqual(self.audit("verify", "--tiles", self.mirror).returncode, 1)
                    self.assertFalse(self.independently(self.mirror))
            for other in (good[:-1], good + b"x"):
                path.write_bytes(other)
                self.assertEqual(self.audit("verify", "--tiles", self.mirror).returncode, 1)
                self.assertFalse(self.independently(self.mirror))
            path.unlink()
            # These keys have not changed, and need nothing that leads to them.
            self.assertEqual(self.audit("verify", "--tiles", self.mirror).returncode,
                             0 if path.name == "key-changes" else 1)
            path.write_bytes(good)
        self.succeeds("verify", "--tiles", self.mirror)

    def check_without_entries(self):
        shutil.rmtree(self.mirror / "tile/entries")
        report = self.succeeds("verify", "--tiles", self.mirror)
        self.assertFalse(report["entries_read"])
        self.assertIn("entries were not there", report["summary"])
        self.assertTrue(self.independently(self.mirror))
        self.assertEqual(self.audit("verify", "--tiles", self.mirror, "--resume", self.state)
                         .returncode, 2)
        tile = self.mirror / "tile/0/000"
        tile.write_bytes(tile.read_bytes()[::-1])
        self.finds("another root", "verify", "--tiles", self.mirror)
        self.assertFalse(self.independently(self.mirror))

    def test_a_log_that_was_set_back_is_not_mirrored(self):
        self.grow(20)
        backup = self.service.copy_database()
        self.grow(self.service.log_size() + 20)
        kept = self.succeeds("mirror", "--out", self.mirror)
        checkpoint = (self.mirror / "checkpoint").read_bytes()
        files = self.files()
        self.assertEqual(self.service.stop(), 0)
        database = self.service.home / "chancery.db"
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        shutil.copy(backup, database)
        (self.service.home / "last-checkpoint").unlink()
        self.service.start()

        self.grow(21)
        self.refuses_to_mirror(b"was cut or replaced")
        self.grow(kept["entries"] + 5)
        self.refuses_to_mirror(b"not consistent")
        self.assertEqual((self.mirror / "checkpoint").read_bytes(), checkpoint)
        self.assertEqual(self.files(), files)
        self.assertTrue(self.independently(self.mirror))

    def refuses_to_mirror(self, why):
        done = self.audit("mirror", "--out", self.mirror)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(why, done.stderr)

    def test_verifications_go_on_where_they_stopped(self):
        for source, arguments in (("service", lambda: []),
                                  ("database", lambda: ["--database", self.service.copy_database()])):
            with self.subTest(source):
                self.state.unlink(missing_ok=True)
                verify = lambda: ("verify", *arguments(), "--resume", self.state)
                self.service.enroll(f"{source}.example", Key.ec())
                self.grow(self.service.log_size() + 5)
                first = self.succeeds(*verify())
                state = json.loads(self.state.read_text())
                self.assertEqual(state["source"], source)
                # Twice without anything new, then with.
                self.succeeds(*verify())
                self.service.enroll(f"again.{source}.example", Key.ec())
                self.grow(self.service.log_size() + 5)
                second = self.succeeds(*verify())
                self.assertGreater(second["entries"], first["entries"])
                full = self.succeeds(*verify(), "--full")
                self.assertGreaterEqual(full["entries"], second["entries"])
                self.check_bad_states(verify)

    def check_bad_states(self, verify):
        good = self.state.read_text()
        state = json.loads(good)
        for name, text in [("empty", ""), ("no JSON", "{"), ("cut", good[:len(good) // 2]),
                           ("another version", json.dumps({**state, "v": 2})),
                           ("another tree", json.dumps({**state, "tree": ["AAAA"]})),
                           ("no tree", json.dumps({**state, "tree": []})),
                           ("another source", json.dumps({**state, "source": "tiles"})),
                           ("a text for a number", json.dumps({**state, "intents": "1"})),
                           ("an intent that is none", json.dumps({**state, "open_intents": [[0, "x"]]}))]:
            with self.subTest(name):
                self.state.write_text(text)
                done = self.audit(*verify())
                self.assertEqual(done.returncode, 2, done)
                self.assertIn(b"--resume", done.stderr)
        # Well-formed, and not what the log says: found, and kept as it was.
        note = state["checkpoint"].splitlines(keepends=True)
        forged = json.dumps({**state, "checkpoint": "".join(note[:-1])})
        self.state.write_text(forged)
        self.finds("no valid signature", *verify())
        self.assertEqual(self.state.read_text(), forged)
        self.succeeds(*verify(), "--full")

    def test_a_log_that_was_set_back_contradicts_what_was_verified(self):
        self.grow(20)
        backup = self.service.copy_database().rename(self.service.folder / "backup.db")
        self.grow(self.service.log_size() + 20)
        copy = self.service.copy_database()
        self.succeeds("verify", "--database", copy, "--resume", self.state)
        self.finds("the log is shorter", "verify", "--database", backup, "--resume", self.state)


if __name__ == "__main__":
    service.main()
