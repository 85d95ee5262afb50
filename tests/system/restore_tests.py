"""A backup of the database is put back: the service refuses, until its administrator says that this
is meant. The gap stays visible to everyone who remembers a checkpoint. docs/operations.md tells."""

import shutil
import unittest

import service
from csr import Key
from service import Service, expect, run, wait_until


class RestoreTests(unittest.TestCase):
    def setUp(self):
        self.service = Service()
        self.addCleanup(self.service.remove)
        self.service.start()
        self.memory = self.service.folder / "remembered-by-the-auditor"

    def audit(self):
        """What the auditor's program says, who keeps the last checkpoint it saw."""
        return run([service.bin_folder / "chancery", "--url",
                    f"https://127.0.0.1:{self.service.api_port}", "--identity",
                    self.service.identity("auditor"), "audit", "verify", "--vkeys",
                    self.service.home / "log-keys", "--remember", self.memory], check=False)

    def restore(self, backup):
        database = self.service.home / "chancery.db"
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        shutil.copy(backup, database)

    def start_is_refused(self):
        self.service.start(ready=False)
        self.assertEqual(self.service.process.wait(60), 1, self.service.log())
        self.service.process = None
        self.assertIn("last-checkpoint", self.service.log())

    def wait_for_checkpoint(self):
        """Until a signed one covers every entry of now."""
        size = self.service.log_size()
        wait_until(lambda: self.signed_size() >= size, "a checkpoint covers the log", 10)

    def signed_size(self):
        return int(expect(200, self.service.public("/log/checkpoint")).body.splitlines()[1])

    def test_a_backup_is_accepted_by_removing_the_last_checkpoint(self):
        before, kept = self.service.enroll("before.example", Key.ec())
        backup = self.service.copy_database()
        expect(200, self.service.operator.post(f"/v1/certificates/{kept['serial']}/revoke",
                                               {"reason": "superseded"}))
        after, lost = self.service.enroll("after.example", Key.ec())
        self.wait_for_checkpoint()
        result = self.audit()
        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(self.service.stop(), 0)

        self.restore(backup)
        self.start_is_refused()
        self.start_is_refused()  # and that changed nothing
        (self.service.home / "last-checkpoint").unlink()
        self.service.start()
        self.service.verify_log()  # by itself the log is good
        self.read_own(before, kept, 200)  # its revocation is lost
        self.assert_lost(after, lost)

        # Who remembers more than the backup has sees it for ever, however long the log becomes.
        self.assert_found("entries, the checkpoint in")
        while self.service.log_size() <= 2 * self.remembered():
            self.service.enroll(f"new-{self.service.log_size()}.example", Key.ec())
        self.wait_for_checkpoint()
        self.assert_found("has another root than the entries")

    def read_own(self, identity, certificate, status):
        client = self.service.client(identity)
        self.addCleanup(client.close)
        return expect(status, client.get(f"/v1/certificates/{certificate['serial']}"))

    def assert_lost(self, identity, certificate):
        """It is nobody's any more, and cannot be revoked; its machine can enrol anew."""
        answer = self.read_own(identity, certificate, 401)
        self.assertIn("not in the inventory", answer.json["detail"])
        path = f"/v1/certificates/{certificate['serial']}"
        expect(404, self.service.operator.get(path))
        expect(404, self.service.operator.post(f"{path}/revoke", {"reason": "superseded"}))
        self.read_own(*self.service.enroll("after.example", Key.ec()), 200)

    def remembered(self):
        return int(self.memory.read_text(encoding="utf-8").splitlines()[1])

    def assert_found(self, what):
        remembered = self.memory.read_bytes()
        result = self.audit()
        self.assertEqual(result.returncode, 1, result)
        self.assertIn(what, result.stdout.decode())
        self.assertEqual(self.memory.read_bytes(), remembered)


if __name__ == "__main__":
    service.main()
