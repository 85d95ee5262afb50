"""No room for records, two services on one database, a database set back: nothing is signed."""

import os
import resource
import shutil
import sqlite3

import service
from csr import Key
from service import Service, ServiceTest, base64, expect, run, unbase64

NAME = "web.example"


class StoreTest(ServiceTest):
    """A machine that signs; each case has an installation of its own."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.service = Service()
        self.addCleanup(self.service.remove)
        self.service.start()
        self.identity, _ = self.service.enroll(NAME, Key.ec())
        expect(201, self.service.administrator.post("/v1/keys",
                                                    {"name": f"{NAME}.k", "type": "ec-p256"}))
        self.released = []

    def sign(self, client):
        answer = client.post(f"/v1/keys/{NAME}.k/sign", {"data": base64(os.urandom(32))})
        if answer.status == 200:
            self.released.append(answer.json)
        return answer

    def sign_until_refused(self, client):
        for _ in range(20000):
            answer = self.sign(client)
            if answer.status != 200:
                return answer
        return self.fail("the store took everything")

    def check_released(self):
        """Everything that was released is in the log, with its hash."""
        entries = self.service.entries()
        for answer in self.released:
            outcome = entries[answer["outcome"]]
            self.assertEqual((outcome["kind"], outcome["result"], outcome["intent"]),
                             ("outcome", "ok", answer["intent"]))
            self.assertEqual(outcome["signature_sha256"],
                             service.sha256_hex(unbase64(answer["signature"])))

    def check_recovers(self):
        self.service.start()
        client = self.service.client(self.identity)
        self.addCleanup(client.close)
        self.check_released()
        expect(200, self.sign(client))
        self.service.stop()
        self.service.verify_log()


class PassingFaultTests(StoreTest):
    """Nothing is signed while it lasts, and the service goes on by itself when it is over."""

    def setUp(self):
        super().setUp()
        self.client = self.service.client(self.identity)
        self.addCleanup(self.client.close)
        expect(200, self.sign(self.client))

    def check_refuses_and_says_so(self, reason):
        refused = self.sign_until_refused(self.client)
        self.assert_problem(refused, 503, detail=reason)
        self.assertEqual(refused.json["type"], "urn:chancery:problem:store-unavailable")
        self.assertIn("Retry-After", refused.headers)
        ready = self.service.public("/readyz")
        self.assertEqual(ready.status, 503)
        self.assertTrue(ready.body.startswith(b"store: "), ready)
        self.assertIn(reason.encode(), ready.body)
        self.assertEqual(self.service.public("/healthz").status, 200)
        self.assertEqual(self.service.metric("chancery_log_healthy"), 0)
        self.assertEqual(self.service.metric(suspended(reason)), 1)

    def check_goes_on(self, reason):
        self.service.wait_until_ready()  # the same process, which would otherwise have ended
        expect(200, self.sign(self.client))
        self.assertEqual(self.service.metric("chancery_log_healthy"), 1)
        self.assertEqual(self.service.metric(suspended(reason)), 0)
        self.assertGreaterEqual(self.service.metric("chancery_log_suspensions_total"), 1)
        self.assertIn(("resumed", reason), [(entry["event"], entry.get("reason")) for entry in
                                            self.service.entries() if entry["kind"] == "log"])
        self.check_released()
        self.assertEqual(self.service.stop(), 0)
        self.service.verify_log()

    def test_file_that_may_not_grow(self):
        pid = self.service.process.pid
        most = (self.service.home / "chancery.db-wal").stat().st_size + (300 << 10)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        self.check_refuses_and_says_so("the database cannot be written")
        resource.prlimit(pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.check_goes_on("the database cannot be written")

    def test_database_that_another_process_locks(self):
        other = sqlite3.connect(self.service.home / "chancery.db", isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.check_refuses_and_says_so("the database is locked by another process")
        other.execute("ROLLBACK")
        self.check_goes_on("the database is locked by another process")


def suspended(reason):
    return f'chancery_log_refusing{{reason="{reason}"}}'


class InstallationTests(StoreTest):
    def refused(self):
        """What chanceryd says that does not start on this home."""
        result = run([service.bin_folder / "chanceryd", "--home", self.service.home], check=False,
                     timeout=60)
        self.assertEqual(result.returncode, 1, result)
        return result.stderr.decode()

    def test_second_service_on_one_home(self):
        self.assertIn("chancery.db", self.refused())
        client = self.service.client(self.identity)  # the first one does not mind
        self.addCleanup(client.close)
        expect(200, self.sign(client))

    def test_database_that_was_set_back(self):
        database = self.service.home / "chancery.db"
        self.service.stop()
        older = self.service.folder / "older.db"
        shutil.copy(database, older)
        self.service.start()
        client = self.service.client(self.identity)
        self.addCleanup(client.close)
        for _ in range(10):
            expect(200, self.sign(client))
        self.service.stop()  # with a last checkpoint
        newer = self.service.folder / "newer.db"
        shutil.move(database, newer)
        shutil.copy(older, database)
        self.assertIn("set back", self.refused())
        shutil.move(newer, database)
        self.check_recovers()

    def test_entry_that_was_changed_is_found(self):
        client = self.service.client(self.identity)
        self.addCleanup(client.close)
        answer = expect(200, self.sign(client)).json
        self.service.stop()
        self.service.verify_log()
        copy = self.service.copy_database()
        database = sqlite3.connect(copy)
        text, = database.execute("SELECT text FROM entry WHERE number = ?",
                                 (answer["intent"],)).fetchone()
        changed = text.replace(f"{NAME}.k", f"{NAME}.l")
        self.assertNotEqual(text, changed)
        database.execute("DROP TRIGGER entry_update")
        database.execute("UPDATE entry SET text = ? WHERE number = ?", (changed, answer["intent"]))
        database.commit()
        database.close()
        for verifier in self.service.verifiers(copy):
            self.assertEqual(run(verifier, check=False).returncode, 1)

    def test_stopped_in_order(self):
        client = self.service.client(self.identity)
        self.addCleanup(client.close)
        for _ in range(20):
            expect(200, self.sign(client))
        self.assertEqual(self.service.stop(), 0)
        self.check_recovers()


if __name__ == "__main__":
    service.main()
