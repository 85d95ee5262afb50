"""Two installations that watch each other: each has a witness, and the other submits to it. A
witness that is down delays nothing but what its log's policy says; one that remembers more than a
database ends the service on it."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import threading
import unittest

import service
from csr import Key, alt_names, common_name
from service import Client, Service, expect, run, wait_until


class Witness:
    """`chancery witness` in a folder of its own, a process between start() and stop()."""

    def __init__(self, folder, name):
        self.folder = folder / "witness"
        self.process = None
        self.port = 0
        self.log_path = folder / "witness.log"
        made = run([service.bin_folder / "chancery", "witness", "init", "--name", name, "--out",
                    self.folder])
        self.vkey = made.stdout.decode().strip()

    def watch(self, installation):
        with open(self.folder / "logs", "ab") as logs:
            logs.write((installation.home / "log-keys").read_bytes())

    def start(self):
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [service.bin_folder / "chancery", "witness", "serve", "--dir", self.folder,
                 "--listen", f"127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        wait_until(lambda: port_file.exists() or self.process.poll() is not None,
                   "the witness listens")
        assert self.process.poll() is None, self.log_path.read_text()
        self.port = int(port_file.read_text())  # the same one after a restart

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.process = None
        return code

    def remove(self):
        if self.process is not None:
            self.kill()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def post(self, body, **headers):
        client = Client(("127.0.0.1", self.port), timeout=10)
        try:
            return client.request("POST", "/add-checkpoint", body, headers)
        finally:
            client.close()


def configure(installation, text):
    """The installation's witness policy; "" takes it away."""
    path = installation.home / "witness-policy"
    config = installation.home / "config.yaml"
    lines = [line for line in config.read_text().splitlines()
             if not line.startswith("witness_policy:")]
    path.write_text(text)
    config.write_text("\n".join(lines + (["witness_policy: witness-policy"] if text else [])) + "\n")


class WitnessTests(unittest.TestCase):
    def setUp(self):
        self.a, self.b = (self.installation(f"{name}.example/log") for name in "ab")
        # The log of A is watched beside B, and the other way round.
        self.beside_b = self.witness(self.b, "b.example/witness", watches=self.a)
        self.beside_a = self.witness(self.a, "a.example/witness", watches=self.b)
        configure(self.a, f"witness b {self.beside_b.vkey} {self.beside_b.url}\nquorum b\n")
        configure(self.b, f"witness a {self.beside_a.vkey} {self.beside_a.url}/\nquorum none\n")

    def installation(self, origin):
        made = Service("--log-origin", origin)
        self.addCleanup(made.remove)
        return made

    def witness(self, beside, name, watches):
        witness = Witness(beside.folder, name)
        self.addCleanup(witness.remove)
        witness.watch(watches)
        witness.start()
        return witness

    # What the two say

    @staticmethod
    def published(installation):
        """Size and signature lines of /log/checkpoint."""
        text = expect(200, installation.public("/log/checkpoint")).body.decode()
        body, _, lines = text.partition("\n\n")
        return int(body.splitlines()[1]), lines

    def wait_until_cosigned(self, installation, witness, at_least=0):
        name = witness.vkey.partition("+")[0]

        def cosigned():
            size, lines = self.published(installation)
            return size >= at_least and f"\u2014 {name} " in lines
        wait_until(cosigned, f"{name} cosigns {at_least} entries", 30)

    @staticmethod
    def issue(installation, name):
        """A new machine's certificate: signed and answered, whatever the witnesses do."""
        return installation.enroll(name, Key.ec())

    def receipt(self, installation, serial):
        return installation.auditor.get(f"/v1/certificates/{serial}/receipt")

    def verify_receipt(self, installation, receipt, policy):
        path = installation.folder / "receipt"
        path.write_bytes(receipt.body)
        policy_path = installation.folder / "policy-of-the-verifier"
        policy_path.write_text(policy)
        return run([service.bin_folder / "chancery", "audit", "verify-receipt", "--vkeys",
                    installation.home / "log-keys", "--witness-policy", policy_path, path],
                   check=False)

    def test_each_watches_the_other_and_none_delays_it(self):
        for installation in (self.a, self.b):
            installation.start()
        self.wait_until_cosigned(self.a, self.beside_b)
        self.wait_until_cosigned(self.b, self.beside_a)
        _, first = self.issue(self.a, "first.example")
        good = self.wait_for_receipt(self.a, first["serial"])
        self.check_verdicts(good)

        self.beside_a.kill()
        self.beside_b.kill()
        # B asks for no quorum: its checkpoints are published as before.
        _, alone = self.issue(self.b, "alone.example")
        self.wait_for_receipt(self.b, alone["serial"])
        # A's policy wants one: it signs and answers, and says that the receipt is not there yet.
        size, _ = self.published(self.a)
        _, later = self.issue(self.a, "later.example")
        self.assertEqual(self.receipt(self.a, later["serial"]).status, 404)
        wait_until(lambda: self.metric(self.a, "chancery_checkpoint_signed_size") > size + 3,
                   "A signs checkpoints on")
        self.assertEqual(self.published(self.a)[0], size)
        self.assertEqual(self.receipt(self.a, later["serial"]).status, 404)
        self.assertGreater(self.metric(self.a, 'chancery_witness_failures_total{witness="b"}'), 0)
        log, (witness,) = (self.a.status()[member] for member in ("log", "witnesses"))
        self.assertEqual((log["published"], witness["name"], witness["size"]), (size, "b", size))
        self.assertIn("no answer", witness["problem"])
        self.assertIn(b"; witness b: there is no answer", self.status_line(self.a))
        self.assertEqual(self.a.public("/readyz").status, 200)
        self.assertEqual(self.b.public("/readyz").status, 200)

        self.beside_b.start()
        answer = self.wait_for_receipt(self.a, later["serial"])
        self.check_verdicts(answer)
        for installation in (self.a, self.b):
            installation.verify_log()
        copy = self.a.copy_database()
        own, _ = self.a.verifiers(copy)
        self.assertIn(b" cosigned by b.example/witness", run(own).stdout)

    def test_receipts_that_do_not_come_do_not_take_the_workers(self):
        with open(self.a.home / "config.yaml", "a", encoding="utf-8") as config:
            config.write("workers: 4\n")
        self.a.start()
        self.wait_until_cosigned(self.a, self.beside_b)
        self.beside_b.kill()
        identity, _ = self.a.enroll("web.example", Key.ec())
        body = {"csr": Key.ec().csr(common_name("web.example"), alt_names("web.example")),
                "profile": "tls-server"}

        def issue(answers):
            client = self.a.client(identity)
            try:
                answers.append(client.request("POST", "/v1/certificates", body,
                                              {"Prefer": "receipt, wait=10"}))
            finally:
                client.close()
        refused = "chancery_receipts_not_waited_for_total"
        self.assertEqual(self.metric(self.a, refused), 0)
        answers = []
        for _ in range(10):  # one waits, and meanwhile another does not
            waiting = threading.Thread(target=issue, args=(answers,))
            waiting.start()
            wait_until(lambda thread=waiting: self.metric(self.a, "chancery_receipts_waited_for") == 1
                       or not thread.is_alive(), "one waits")
            issue(answers)
            waiting.join()
            if self.metric(self.a, refused) > 0:
                break
        self.assertGreater(self.metric(self.a, refused), 0)
        for answer in answers:
            expect(201, answer)
            self.assertIsNone(answer.headers["Preference-Applied"])
            self.assertNotIn("receipt", answer.json)

    @staticmethod
    def status_line(installation):
        return run([service.bin_folder / "chancery", "--url",
                    f"https://127.0.0.1:{installation.api_port}", "--identity",
                    installation.identity("admin"), "status"]).stdout

    def wait_for_receipt(self, installation, serial):
        def there():
            answer = self.receipt(installation, serial)
            return answer if answer.status == 200 else None
        return wait_until(there, "the receipt", 90)

    def check_verdicts(self, receipt):
        witness, stranger = self.beside_b.vkey, self.beside_a.vkey
        logs = "".join(f"log {line}\n" for line in
                       (self.a.home / "log-keys").read_text().splitlines())
        for policy, good in (
                (f"witness w {witness}\nquorum w\n", True),
                (f"{logs}witness w {witness}\nquorum w\n", True),
                (f"witness w {witness}\nwitness s {stranger}\ngroup g any w s\nquorum g\n", True),
                (f"witness w {witness}\nwitness s {stranger}\ngroup g all w s\nquorum g\n", False),
                (f"witness s {stranger}\nquorum s\n", False)):
            with self.subTest(policy):
                result = self.verify_receipt(self.a, receipt, policy)
                self.assertEqual(result.returncode, 0 if good else 1, result)
                if not good:
                    self.assertIn(b"lacks the cosignatures", result.stdout)

    @staticmethod
    def metric(installation, name):
        text = expect(200, installation.public("/metrics")).body.decode()
        return float(next(line for line in text.splitlines()
                          if line.startswith(name + " ")).rpartition(" ")[2])

    def test_a_database_that_was_set_back_is_refused(self):
        configure(self.a, (self.a.home / "witness-policy").read_text().replace("quorum b",
                                                                              "quorum none"))
        self.a.start()
        backup = self.a.copy_database()
        self.issue(self.a, "lost.example")
        self.wait_until_cosigned(self.a, self.beside_b, self.a.log_size())
        self.assertEqual(self.a.stop(), 0)

        # Whoever sets back the database and what is kept beside it deceives the start, not others.
        self.set_back(backup)
        self.a.start(ready=False)
        self.assertEqual(self.a.process.wait(60), 1, self.a.log())
        self.a.process = None
        self.assertIn("the witness b has signed a checkpoint of", self.a.log())
        identity = run([service.bin_folder / "chanceryd", "identity", "admin", "--home",
                        self.a.home, "--out", self.a.folder / "admin"], check=False)
        self.assertEqual(identity.returncode, 1, identity)
        self.assertIn(b"the witness b has signed a checkpoint of", identity.stderr)
        self.assertFalse((self.a.folder / "admin").exists())

        # With the witness down the start cannot know; the first answer ends it.
        self.beside_b.kill()
        self.set_back(backup)
        self.a.start()
        self.issue(self.a, "unnoticed.example")
        self.beside_b.start()
        wait_until(lambda: self.a.public("/readyz").status == 503, "the witness speaks", 60)
        self.assertIn(b"the witness b", self.a.public("/readyz").body)
        answer = self.a.operator.post("/v1/machines", {"name": "refused.example"})
        self.assertEqual(answer.status, 503, answer)
        self.a.kill()

        # A log that has grown beyond what the witness knows is found by its other history.
        self.beside_b.kill()
        self.set_back(backup)
        self.a.start()
        known = int(next((self.beside_b.folder / "state").iterdir()).read_text().splitlines()[1])
        while self.metric(self.a, "chancery_checkpoint_signed_size") <= known:
            self.issue(self.a, f"other-{self.a.log_size()}.example")
        self.beside_b.start()
        wait_until(lambda: self.a.public("/readyz").status == 503, "the witness speaks", 60)
        self.assertIn(b"holds another history", self.a.public("/readyz").body)

    def set_back(self, backup):
        database = self.a.home / "chancery.db"
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        shutil.copy(backup, database)
        (self.a.home / "last-checkpoint").unlink()

    def test_a_witness_of_many_answers_by_the_protocol(self):
        """As curl does: no Content-Type of ours."""
        self.a.start()
        self.wait_until_cosigned(self.a, self.beside_b)
        for body, status in ((b"", 400), (b"old 0\n\nx\n", 400), (b"x" * 200_000, 400)):
            self.assertEqual(self.beside_b.post(body, **{"Content-Type": "a/b"}).status, status)
        note = expect(200, self.a.public("/log/checkpoint")).body
        answer = self.beside_b.post(b"old 0\n\n" + note)
        self.assertEqual(answer.status, 409, answer)
        self.assertEqual(answer.headers["Content-Type"], "text/x.tlog.size")
        self.assertRegex(answer.body, rb"^[1-9][0-9]*\n$")
        self.assertEqual(self.beside_a.post(b"old 0\n\n" + note).status, 404)
        self.assertEqual(self.beside_b.stop(), 0)


class HeartbeatTests(unittest.TestCase):
    def test_silence_has_entries_and_checkpoints(self):
        quiet = Service()
        self.addCleanup(quiet.remove)
        with open(quiet.home / "config.yaml", "a", encoding="utf-8") as config:
            config.write("\nlog:\n  heartbeat: 1s\n")
        quiet.start()
        wait_until(lambda: self.under_checkpoint(quiet) >= 2, "heartbeats come", 60)
        beats = [entry for entry in quiet.entries() if entry["kind"] == "heartbeat"]
        self.assertGreaterEqual(len(beats), 2, beats)
        self.assertEqual({beat["interval"] for beat in beats}, {"1s"})
        quiet.verify_log()

    @staticmethod
    def under_checkpoint(quiet):
        """Heartbeats that are signed; read from the database, which nothing is recorded of."""
        with contextlib.closing(sqlite3.connect(quiet.copy_database())) as database:
            return database.execute(
                "SELECT count(*) FROM entry WHERE json_extract(text, '$.kind') = 'heartbeat'"
                " AND number < (SELECT max(size) FROM checkpoint WHERE note <> '')").fetchone()[0]


if __name__ == "__main__":
    service.main()
