"""SIGKILL of the daemon and of keyholders under load: what was released is recorded, for ever.

Nothing here depends on what was under way when the signal came, only on what clients were told
before. The seed of the random moments is printed; CHANCERY_SEED sets it.
"""

import http.client
import os
import random
import signal
import threading
import time

import csr
import service
from csr import Key, alt_names, common_name
from service import ServiceTest, expect, wait_until

ROUNDS = 50 if service.LONG else 4
SIGNERS = 4
ISSUERS = 4


class Released:
    """What clients got, from all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.certificates = []  # JSON answers
        self.signatures = []
        self.other = []         # unexpected answers

    def add(self, kind, answer):
        with self.lock:
            kind.append(answer)

    def count(self):
        with self.lock:
            return len(self.certificates) + len(self.signatures)


class LoadTest(ServiceTest):
    """Machines that sign and get certificates as fast as they can, through every failure."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machines = []
        for number in range(max(SIGNERS, ISSUERS)):
            name = f"m{number}.example"
            key = Key.ec()
            identity, _ = cls.service.enroll(name, key)
            expect(201, cls.service.administrator.post("/v1/keys", {"name": f"{name}.k",
                                                                    "type": "ec-p256"}))
            cls.machines.append((name, identity, key.csr(common_name(name), alt_names(name))))

    def setUp(self):
        self.released = Released()
        self.ending = threading.Event()
        self.threads = []

    def begin_load(self):
        self.ending.clear()
        self.threads = [threading.Thread(target=self.sign_on, args=(self.machines[i],))
                        for i in range(SIGNERS)]
        self.threads += [threading.Thread(target=self.issue_on, args=(self.machines[i],))
                         for i in range(ISSUERS)]
        for thread in self.threads:
            thread.start()

    def end_load(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        self.assertEqual(self.released.other, [])

    def sign_on(self, machine):
        name, identity, _ = machine
        count = 0

        def ask(client):
            nonlocal count
            count += 1
            data = f"{name} {time.monotonic_ns()} {count}".encode()
            answer = client.post(f"/v1/keys/{name}.k/sign", {"data": service.base64(data)})
            if answer.status == 200:
                self.released.add(self.released.signatures, (data, answer.json))
            return answer

        self.repeat(identity, ask)

    def issue_on(self, machine):
        _, identity, request = machine

        def ask(client):
            answer = client.post("/v1/certificates", {"profile": "tls-server", "csr": request})
            if answer.status == 201:
                self.released.add(self.released.certificates, answer.json)
            return answer

        self.repeat(identity, ask)

    def repeat(self, identity, ask):
        client = self.service.client(identity)
        while not self.ending.is_set():
            try:
                answer = ask(client)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)  # the daemon is gone for the moment
                continue
            if answer.status in (429, 503):
                time.sleep(0.05)
            elif answer.status not in (200, 201):
                self.released.add(self.released.other, answer)
        client.close()

    def wait_for_releases(self, count):
        target = self.released.count() + count
        wait_until(lambda: self.released.count() >= target, f"{count} more releases", 60)

    # What must hold of what was released

    def check_released(self, entries):
        by_index = {entry["index"]: entry for entry in entries}
        inventory = self.service.certificates()
        serials = [answer["serial"] for answer in self.released.certificates]
        self.assertEqual(len(serials), len(set(serials)), "a serial was released twice")
        for answer in self.released.certificates:
            self.assertEqual(inventory[answer["serial"]]["state"], "issued")
            intent, outcome = by_index[answer["intent"]], by_index[answer["outcome"]]
            self.assert_pair(intent, outcome)
            self.assertEqual(intent["serial"], answer["serial"])
            self.assertEqual(outcome["certificate_sha256"],
                             service.sha256_hex(service.der(answer["certificate"])))
        for data, answer in self.released.signatures:
            intent, outcome = by_index[answer["intent"]], by_index[answer["outcome"]]
            self.assert_pair(intent, outcome)
            self.assertEqual(intent["digest"], service.sha256_hex(data))
            self.assertEqual(outcome["signature_sha256"],
                             service.sha256_hex(service.unbase64(answer["signature"])))

    def assert_pair(self, intent, outcome):
        self.assertEqual(intent["kind"], "intent")
        self.assertEqual((outcome["kind"], outcome["intent"], outcome["result"]),
                         ("outcome", intent["index"], "ok"))

    def check_log(self, entries):
        """Every intent has one outcome; no serial stands in two intents."""
        intents = {e["index"]: e for e in entries if e["kind"] == "intent"}
        concluded = [e["intent"] for e in entries if e["kind"] == "outcome"]
        self.assertEqual(len(concluded), len(set(concluded)), "an intent was concluded twice")
        self.assertEqual(set(concluded), set(intents), "intents without an outcome")
        serials = [e["serial"] for e in intents.values() if "serial" in e]
        self.assertEqual(len(serials), len(set(serials)), "a serial was allocated twice")

    def unknown_serials(self, entries):
        intents = {e["index"]: e for e in entries if e["kind"] == "intent"}
        return {intents[e["intent"]]["serial"] for e in entries
                if e["kind"] == "outcome" and e["result"] == "unknown"
                and "serial" in intents[e["intent"]]}

    def check_unknown(self, entries):
        """Listed, without a certificate, and exactly those of the log."""
        rows = self.service.certificates()
        listed = {serial for serial, row in rows.items() if row["state"] == "unknown"}
        revoked = {serial for serial, row in rows.items() if row["state"] == "revoked"}
        unknown = self.unknown_serials(entries)
        self.assertEqual(unknown - revoked, listed)
        released = {answer["serial"] for answer in self.released.certificates}
        self.assertEqual(unknown & released, set(), "released, yet said to be unknown")
        return listed

    def revoke_unknown(self, serial):
        path = f"/v1/certificates/{serial}"
        self.assertNotIn("certificate", expect(200, self.service.operator.get(path)).json)
        expect(200, self.service.operator.post(path + "/revoke", {"reason": "unspecified"}))
        shown = expect(200, self.service.operator.get(path)).json
        self.assertEqual(shown["state"], "revoked")
        wait_until(lambda: serial.upper() in self.revoked_serials(), "the CRL lists it")

    def revoked_serials(self):
        crl = self.service.public("/crl/issuing.pem").body
        text = csr.openssl("crl", "-noout", "-text", input=crl).decode()
        return {line.split()[2] for line in text.splitlines() if "Serial Number:" in line}

    def openssl_verifies(self):
        """Each released certificate has a good chain, and each signature a good key."""
        issuing, root = self.service.chain()
        files = []
        for number, answer in enumerate(self.released.certificates):
            files.append(self.service.folder / f"released-{number}.pem")
            files[-1].write_text(answer["certificate"])
        for begin in range(0, len(files), 500):
            some = files[begin:begin + 500]
            said = csr.openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", root,
                               "-untrusted", issuing, *some).decode()
            self.assertEqual(said.count(": OK"), len(some))
        sample = random.sample(self.released.signatures, min(50, len(self.released.signatures)))
        for data, answer in sample:
            key = self.service.folder / f"{answer['key']}.pem"
            if not key.exists():
                shown = expect(200, self.service.administrator.get(f"/v1/keys/{answer['key']}"))
                key.write_text(shown.json["public_key"])
            signature = self.service.folder / "released.sig"
            signature.write_bytes(service.unbase64(answer["signature"]))
            csr.openssl("dgst", "-sha256", "-verify", key, "-signature", signature, input=data)


class KillTests(LoadTest):
    def test_daemon_and_keyholders_killed_at_random_moments(self):
        seed = int(os.environ.get("CHANCERY_SEED") or random.SystemRandom().randrange(1 << 32))
        print(f"\nCHANCERY_SEED={seed}", flush=True)
        moments = random.Random(seed)
        unknown = set()
        self.addCleanup(self.ending.set)
        for number in range(ROUNDS):
            self.begin_load()
            self.wait_for_releases(moments.randrange(1, 60))
            if moments.random() < 0.5:
                self.kill_a_keyholder(moments)
                self.wait_for_releases(1)
            time.sleep(moments.uniform(0, 0.3))
            self.service.kill()
            self.end_load()
            self.service.verify_log(independently=number % 10 == 0)  # open intents and all
            self.service.start()
            entries = self.service.entries()
            self.check_log(entries)
            unknown |= self.check_unknown(entries)
        self.check_released(entries)
        self.openssl_verifies()
        print(f"{ROUNDS} rounds: {len(self.released.certificates)} certificates, "
              f"{len(self.released.signatures)} signatures released; {len(unknown)} unknown",
              flush=True)
        for serial in sorted(unknown)[:10]:
            self.revoke_unknown(serial)
        self.assertEqual(self.service.stop(), 0)
        self.service.verify_log()
        self.service.start()

    def kill_a_keyholder(self, moments):
        keyholders = self.service.keyholders()
        self.assertTrue(keyholders)
        os.kill(moments.choice(keyholders), signal.SIGKILL)


class KeyholderTests(LoadTest):
    """One fails: the others go on, and it is replaced without a restart of the daemon."""

    @classmethod
    def set_up_installation(cls, installation):
        path = installation.home / "config.yaml"
        path.write_text(path.read_text().replace("deadline: 10s", "deadline: 2s"))

    def test_each_keyholder_killed_under_load(self):
        self.addCleanup(self.ending.set)
        before = self.service.status()["token"]["restarts"]
        self.begin_load()
        lanes = self.service.status()["token"]["lanes"]
        for _ in range(3):
            self.wait_for_releases(20)
            wait_until(lambda: self.service.status()["token"]["lanes"] == lanes, "all serve", 60)
            for keyholder in self.service.keyholders():
                os.kill(keyholder, signal.SIGKILL)
        self.wait_for_releases(20)
        self.end_load()
        wait_until(self.service.is_ready, "ready again")
        self.assertGreaterEqual(self.service.status()["token"]["restarts"], before + 3)
        self.check_everything()

    def test_keyholders_stopped_while_they_sign(self):
        name, identity, request = self.machines[0]
        client = self.service.client(identity)
        self.addCleanup(client.close)
        old = self.service.keyholders()
        for keyholder in old:
            os.kill(keyholder, signal.SIGSTOP)
        begin = time.monotonic()
        answer = client.post(f"/v1/keys/{name}.k/sign", {"data": "AAAA"})
        self.assert_problem(answer, 503)
        self.assertIn("Retry-After", answer.headers)
        self.assertLess(time.monotonic() - begin, 30)
        wait_until(lambda: len(set(self.service.keyholders()) - set(old)) == len(old),
                   "all are replaced", 60)
        wait_until(self.service.is_ready, "ready again", 60)
        expect(201, client.post("/v1/certificates", {"profile": "tls-server", "csr": request}))
        self.assertFalse(set(old) & set(self.service.keyholders()))
        concluded = [e for e in self.service.entries() if e["kind"] == "outcome"
                     and e["request"] == self.request_id(answer)]
        self.assertEqual([e["result"] for e in concluded], ["unknown"])
        self.check_everything()

    def check_everything(self):
        entries = self.service.entries()
        self.check_log(entries)
        self.check_released(entries)
        self.check_unknown(entries)
        self.assertTrue([e for e in entries if e["kind"] == "token" and e["event"] == "replaced"])
        self.service.verify_log()


if __name__ == "__main__":
    service.main()
