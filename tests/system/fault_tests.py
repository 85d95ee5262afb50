"""Each write, flush, cut and rename of the daemon's files fails once, or the daemon is killed at it.

strace makes the kernel's answer to the Nth such call of a thread, from the daemon's start on. After
each, a start without faults finds everything that clients were given, and the log verifies. Some N
are taken of those that a run reaches; CHANCERY_LONG=1 takes all of them.
"""

import http.client
import re
import shutil

import service
from csr import Key, alt_names, common_name
from service import ServiceTest, base64, expect, sha256_hex, unbase64, wait_until

NAME = "web.example"
SIGNATURES = 3
MANY = 10000
FILES = ("chancery.db", "chancery.db-wal", "last-checkpoint", "last-checkpoint.new", "reserve")
SAMPLE = (1, 2, 4, 7, 12, 20, 33, 54, 88, 143)

# (call, what happens instead, whether the daemon may end of it once it is ready)
FAULTS = (
    ("pwrite64", "error=EIO", False),
    ("pwrite64", "error=ENOSPC", False),
    ("pwrite64", "signal=SIGKILL", True),
    ("pwrite64", "delay_enter=200000", False),
    ("fdatasync", "error=EIO", True),
    ("fdatasync", "signal=SIGKILL", True),
    ("fsync", "error=EIO", True),
    ("write", "error=ENOSPC", False),
    ("ftruncate", "error=EIO", False),
    ("rename", "error=EIO", False),
    ("rename", "signal=SIGKILL", True),
    ("fallocate", "error=ENOSPC", False),
)


class FaultTests(ServiceTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        key = Key.ec()
        cls.identity, _ = cls.service.enroll(NAME, key)
        cls.request = key.csr(common_name(NAME), alt_names(NAME))
        expect(201, cls.service.administrator.post("/v1/keys", {"name": f"{NAME}.k",
                                                                "type": "ec-p256"}))
        cls.service.stop()
        cls.pristine = cls.service.folder / "pristine"
        shutil.copytree(cls.service.home, cls.pristine, symlinks=True)

    def test_each_step(self):
        for call, fault, may_end in FAULTS:
            with self.subTest(call=call, fault=fault):
                self.each(call, fault, may_end)

    def each(self, call, fault, may_end):
        reached, self.ready, self.suspended, self.ended = 0, 0, 0, 0
        for number in range(1, MANY) if service.LONG else SAMPLE:
            try:
                if not self.one(call, f"{fault}:when={number}", may_end):
                    break
            except BaseException:
                print(f"{call} {fault}:when={number}\n{self.service.log()}", flush=True)
                self.service.kill_if_running()
                raise
            reached += 1
        print(f"{call} {fault}: {reached} faults; {self.ready} after the start was done, "
              f"{self.suspended} times suspended, {self.ended} times ended", flush=True)
        self.assertGreater(reached, 0, f"nothing fails of {call}")
        if call == "pwrite64" and fault.startswith("error"):
            self.assertGreater(self.suspended, 0, "no fault came while it served")
        if may_end:
            self.assertGreater(self.ended, 0, "it went on")

    def one(self, call, fault, may_end):
        """Whether the run came to the fault."""
        shutil.rmtree(self.service.home)
        shutil.copytree(self.pristine, self.service.home, symlinks=True)
        trace = self.service.folder / "strace"
        trace.unlink(missing_ok=True)
        paths = [part for name in FILES for part in ("-P", self.service.home / name)]
        self.service.start(ready=False, under=[
            "strace", "-D", "-f", "-q", "-y", "-o", trace, *paths, "-e", f"trace={call}",
            "-e", f"inject={call}:{fault}"])
        self.given = []
        started = self.wait_for_start()
        if started:
            self.ready += 1
            self.ask_for_everything()
            if not may_end:
                self.check_goes_on()
            if (call, fault.partition(":")[0]) == ("fdatasync", "error=EIO") and hit(trace):
                self.assertEqual(self.service.process.wait(timeout=60), 1, "it ends by itself")
        reached = self.end(may_end or not started, trace)
        self.service.start()
        self.check_given()
        self.assertEqual(self.service.stop(), 0)
        self.service.verify_log()
        return reached

    def wait_for_start(self):
        """False where it ended instead."""
        def started():
            return self.service.process.poll() is not None or self.service.is_ready()

        wait_until(started, "the service is ready or has ended", service.START_SECONDS)
        return self.service.process.poll() is None

    def ask_for_everything(self):
        """Signatures, a certificate and its revocation, and a checkpoint over them."""
        machine = self.service.client(self.identity)
        operator = self.service.client(self.service.identity("operator"))
        for number in range(SIGNATURES):
            data = f"{number}".encode()
            answer = self.ask(machine, f"/v1/keys/{NAME}.k/sign", {"data": base64(data)})
            if answer:
                self.given.append(("signature", sha256_hex(data), answer))
        issued = self.ask(machine, "/v1/certificates",
                          {"profile": "tls-server", "csr": self.request})
        if issued:
            self.given.append(("certificate", None, issued))
            revoked = self.ask(operator, f"/v1/certificates/{issued['serial']}/revoke",
                               {"reason": "superseded"})
            if revoked:
                self.given.append(("revocation", issued["serial"], revoked))
        for client in (machine, operator):
            client.close()

    def ask(self, client, path, body):
        """What was given; nothing where the answer is an honest no, or the daemon is gone."""
        try:
            answer = client.post(path, body)
        except (OSError, http.client.HTTPException):
            return None
        if answer.status in (200, 201):
            return answer.json
        self.assert_problem(answer, 503)
        self.assertEqual(answer.json["type"], "urn:chancery:problem:store-unavailable")
        return None

    def check_goes_on(self):
        self.service.wait_until_ready()
        client = self.service.client(self.identity)

        def signs():
            answer = self.ask(client, f"/v1/keys/{NAME}.k/sign", {"data": "AAAA"})
            if answer:
                self.given.append(("signature", sha256_hex(bytes(3)), answer))
            return answer

        wait_until(signs, "it signs again")
        self.suspended += self.service.metric("chancery_log_suspensions_total") > 0
        client.close()

    def end(self, may_have_ended, trace):
        """In order; where the fault ends it, with 1 or killed. Whether there was a fault."""
        process = self.service.process
        if process.poll() is None:
            process.terminate()
        code = process.wait(timeout=60)
        self.service.process = None
        self.assertIn(code, (0, 1, -9) if may_have_ended else (0,), self.service.log())
        self.ended += code != 0
        wait_until(lambda: re.search(rf"^{process.pid} +\+\+\+ ", trace.read_text(), re.MULTILINE),
                   "strace is done")
        return hit(trace)

    def check_given(self):
        entries = self.service.entries()
        rows = self.service.certificates()
        intents = [entry["index"] for entry in entries if entry["kind"] == "intent"]
        concluded = [entry["intent"] for entry in entries if entry["kind"] == "outcome"]
        self.assertEqual(sorted(concluded), intents, "each intent has one outcome")
        for kind, about, answer in self.given:
            if kind == "revocation":
                self.assertEqual(rows[about]["state"], "revoked")
                continue
            intent, outcome = entries[answer["intent"]], entries[answer["outcome"]]
            self.assertEqual((outcome["intent"], outcome["result"]), (intent["index"], "ok"))
            if kind == "signature":
                self.assertEqual(intent["digest"], about)
                self.assertEqual(outcome["signature_sha256"],
                                 sha256_hex(unbase64(answer["signature"])))
            else:
                self.assertIn(rows[answer["serial"]]["state"], ("issued", "revoked"))


def hit(trace):
    return re.search("INJECTED|DELAYED|killed by SIGKILL", trace.read_text()) is not None


if __name__ == "__main__":
    service.main()
