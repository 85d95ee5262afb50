"""I1, as the kernel saw it: the intent is on the disk before the token is asked, and the outcome
before the answer leaves. strace writes down what the daemon asks of the kernel, in order."""

import os
import re
import signal
import subprocess

import service
from service import ServiceTest, expect, wait_until

REQUESTS = 20
# "1234  1700000000.000000 fdatasync(8</tmp/x/chancery.db-wal>) = 0", or in two parts.
CALL = re.compile(r"^(\d+) +[\d.]+ (?:<\.\.\. )?(\w+)(.*)$")


def calls(path):
    """(thread, call, its text) in the order in which the calls ended; the part that names the file
    joined with the part that gives the result."""
    begun = {}
    for line in path.read_text(errors="replace").splitlines():
        match = CALL.match(line)
        if not match:
            continue
        thread, name, rest = match.groups()
        if rest.endswith("<unfinished ...>"):
            begun[thread] = rest
        elif "resumed>" in rest:
            yield thread, name, begun.pop(thread, "") + rest
        else:
            yield thread, name, rest


class DurabilityTests(ServiceTest):
    def trace(self, action):
        """The system calls of the daemon while `action` runs."""
        path = self.service.folder / "strace"
        tracer = subprocess.Popen(
            ["strace", "-f", "-ttt", "-yy", "-s", "0", "-o", path, "-e",
             "trace=fdatasync,fsync,sendto,recvfrom,write", "-p", str(self.service.process.pid)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            self.assertIn("attached", tracer.stderr.readline())
            threads = len(os.listdir(f"/proc/{self.service.process.pid}/task"))
            wait_until(lambda: self.traced() == threads, "every thread is traced")
            action()
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=60)
        return list(calls(path))

    def traced(self):
        folder = f"/proc/{self.service.process.pid}/task"
        count = 0
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/status", encoding="ascii") as status:
                count += "TracerPid:\t0\n" not in status.read()
        return count

    def test_what_is_signed_and_answered_is_on_the_disk_before(self):
        expect(201, self.service.administrator.post(
            "/v1/keys", {"name": "admin.k", "type": "ec-p256"}))
        client = self.service.administrator
        seen = self.trace(lambda: [
            expect(200, client.post("/v1/keys/admin.k/sign", {"data": "AAAA"}))
            for _ in range(REQUESTS)])

        synced = 0  # of the write-ahead log, since the last step of the request
        steps = []
        for thread, call, text in seen:
            if call in ("fdatasync", "fsync"):
                if "chancery.db-wal" in text and text.endswith("= 0"):
                    synced += 1
            elif call == "sendto" and "UNIX" in text:
                steps.append((thread, "token", synced))
            elif call == "recvfrom" and "UNIX" in text:
                steps.append((thread, "signature", synced))
            elif call == "write" and f":{self.service.api_port}->" in text:
                steps.append((thread, "answer", synced))

        answered = 0
        for number, (thread, step, count) in enumerate(steps):
            if step != "answer":
                continue
            own = [(s, c) for t, s, c in steps[:number] if t == thread]
            # The last that this thread did before: asked the token and got the signature.
            self.assertGreaterEqual(len(own), 2, steps)
            (asked, at_asking), (signed, at_signature) = own[-2:]
            self.assertEqual((asked, signed), ("token", "signature"), steps)
            self.assertGreater(count, at_signature, "answered before the outcome was on the disk")
            before = max((c for t, s, c in steps[:number] if s == "answer"), default=0)
            self.assertGreater(at_asking, before, "signed before the intent was on the disk")
            answered += 1
        self.assertEqual(answered, REQUESTS)


if __name__ == "__main__":
    service.main()
