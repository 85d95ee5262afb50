"""The token's signatures never outnumber the intents (I2), also when the daemon is killed.

The keyholder is run apart, as an administrator would, so that it outlives the daemon; its own count
of the signatures that it has made is asked for over a lane of this test's.
"""

import os
import random
import socket
import sqlite3
import struct
import subprocess
import time

import service
from kill_tests import LoadTest
from service import expect, wait_until

ROUNDS = 20 if service.LONG else 3
DAEMON_LANES = 4


class Keyholder:
    """chancery-keyholder at a socket, on the installation's token."""

    def __init__(self, installation):
        self.path = installation.home / "keyholder.sock"
        home = installation.home
        self.process = subprocess.Popen(
            [service.bin_folder / "chancery-keyholder", "serve", "--module",
             "/usr/lib/softhsm/libsofthsm2.so", "--label", "chancery", "--pin-file", home / "pin",
             "--listen", self.path, "--peer-uid", str(os.getuid()), "--lanes",
             str(DAEMON_LANES + 1)],
            env={**os.environ, "SOFTHSM2_CONF": str(home / "token" / "softhsm2.conf")},
            stdin=subprocess.DEVNULL)
        wait_until(self.path.exists, "the keyholder listens")

    def end(self):
        self.process.terminate()
        self.process.wait()

    def _ask(self, request):
        """One frame there and back (pkcs11/PROTOCOL.md)."""
        lane = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            lane.settimeout(60)
            lane.connect(str(self.path))
            lane.send(request)
            return lane.recv(65536)
        finally:
            lane.close()

    @staticmethod
    def _frame(op, parameter=0, key=bytes(16), payload=b""):
        return struct.pack(">IBBBBQ", 28 + len(payload), 1, op, parameter, 0, 1) + key + payload

    def signatures(self):
        """How many it has made since it began. The lane may still be closing of another asker."""
        reply = wait_until(lambda: self._ask(self._frame(1)), "a lane is free")
        return struct.unpack(">Q", reply[24:32])[0]

    def sign(self, key, digest):
        reply = wait_until(lambda: self._ask(self._frame(2, 7, key, digest)), "a lane is free")
        assert reply[6] == 0, reply


class SignatureCountTests(LoadTest):
    behind_the_back = 0  # signatures that the tests had the keyholder make

    @classmethod
    def set_up_installation(cls, installation):
        config = installation.home / "config.yaml"
        lines = []
        for line in config.read_text().splitlines():
            if line.startswith("  keyholders:"):
                line = "  socket: keyholder.sock"
            if line.startswith("  lanes:"):
                line = f"  lanes: {DAEMON_LANES}"
            lines.append(line)
        config.write_text("\n".join(lines) + "\n")
        cls.recorded_before = cls.recorded(installation)
        cls.keyholder = Keyholder(installation)
        cls.addClassCleanup(cls.keyholder.end)

    @staticmethod
    def recorded(installation):
        """(intents, checkpoints) that the database holds; each checkpoint is signed by two keys."""
        database = sqlite3.connect(installation.copy_database())
        try:
            intents = database.execute("SELECT count(*) FROM entry WHERE "
                                       "json_extract(text, '$.kind') = 'intent'").fetchone()[0]
            return intents, database.execute("SELECT count(*) FROM checkpoint").fetchone()[0]
        finally:
            database.close()

    def check_count(self):
        """Of a daemon that does not run."""
        made = self.keyholder.signatures()
        intents, checkpoints = (now - before for now, before in zip(
            self.recorded(self.service), self.recorded_before))
        self.assertLessEqual(made, intents + 2 * checkpoints + self.behind_the_back)
        return made

    def test_the_token_has_signed_no_more_than_was_recorded(self):
        seed = int(os.environ.get("CHANCERY_SEED") or random.SystemRandom().randrange(1 << 32))
        print(f"\nCHANCERY_SEED={seed}", flush=True)
        moments = random.Random(seed)
        self.addCleanup(self.ending.set)
        for _ in range(ROUNDS):
            self.begin_load()
            self.wait_for_releases(moments.randrange(50, 150))
            time.sleep(moments.uniform(0, 0.2))
            self.service.kill()
            self.end_load()
            self.assertGreaterEqual(self.check_count(), self.released.count())
            self.service.start()
        self.assertEqual(self.service.stop(), 0)
        # Nothing was under way now: each intent had its signature, or its outcome says otherwise.
        made = self.check_count()
        self.assertGreaterEqual(made, self.released.count())
        self.service.start()
        print(f"{made} signatures of the token, {self.released.count()} released", flush=True)

    def test_a_signature_behind_the_daemons_back_is_reported(self):
        self.assertEqual(self.unaccounted(), 0)
        name = f"{self.machines[0][0]}.k"
        database = sqlite3.connect(self.service.copy_database())
        key = database.execute("SELECT id FROM key WHERE name = ?", [name]).fetchone()[0]
        database.close()
        self.keyholder.sign(key, bytes(32))
        type(self).behind_the_back += 1
        client = self.service.client(self.machines[0][1])
        self.addCleanup(client.close)
        # The next reply brings the count.
        expect(200, client.post(f"/v1/keys/{name}/sign", {"data": "AAAA"}))
        wait_until(lambda: self.unaccounted() == 1, "the metric shows it")
        wait_until(lambda: [e for e in self.service.entries()
                            if e["kind"] == "token" and e["event"] == "unaccounted"],
                   "an entry tells of it")

    def unaccounted(self):
        text = self.service.public("/metrics").body.decode()
        [line] = [line for line in text.splitlines()
                  if line.startswith("chancery_token_unaccounted_signatures ")]
        return int(float(line.split()[1]))


if __name__ == "__main__":
    service.main()
