"""A fresh installation of Chancery in a temporary directory, and its service while it runs."""

import http.client
import json
import os
import shutil
import signal
import sqlite3
import ssl
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path


def run(command, **options):
    """The standard output; raises CalledProcessError with both outputs in it."""
    result = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=True, **options)
    return result.stdout


class Installation:
    """Context manager: initialised and serving inside, stopped and removed after."""

    def __init__(self, bin_folder):
        self.bin = bin_folder
        self.folder = Path(tempfile.mkdtemp(prefix="chancery-bench-"))
        self.home = self.folder / "home"
        self.root_certificate = self.home / "ca" / "root.pem"
        self.api = None
        self.process = None

    def __enter__(self):
        try:
            run([self.bin / "chancery", "init", "--home", self.home, "--api", "127.0.0.1:0",
                 "--public", "127.0.0.1:0"])
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        for port in ("api.port", "public.port"):
            (self.home / "run" / port).unlink(missing_ok=True)
        with open(self.folder / "chanceryd.log", "ab") as log:
            self.process = subprocess.Popen([self.bin / "chanceryd", "--home", self.home],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 300
        while not (self._port("api") and self._port("public")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / "chanceryd.log").read_text(errors="replace")
                raise RuntimeError(f"chanceryd did not start:\n{log[-4000:]}")
            time.sleep(0.05)
        self.api = f"https://127.0.0.1:{self._port('api')}"

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def administrator(self, *command):
        return self._client(self.home / "identities" / "admin", *command)

    def operator(self, *command):
        return self._client(self.home / "identities" / "operator", *command)

    def enroll(self, name):
        """A new machine's identity, as a directory with cert.pem and key.pem."""
        token = self.folder / f"{name}.token"
        identity = self.folder / name
        self.operator("machine", "add", name, "--token-out", token)
        run([self.bin / "chancery", "--url", self.api, "--ca", self.root_certificate, "enroll",
             "--token-file", token, "--out", identity])
        return identity

    def verify_log(self):
        """What was measured was recorded: the log verifies, else this raises."""
        self._client(self.home / "identities" / "auditor", "audit", "verify")

    def cpu_seconds(self):
        """CPU time so far of the daemon and of its keyholders together."""
        keyholders = sum(_cpu_of(child) for child in _children_of(self.process.pid))
        return {"daemon": _cpu_of(self.process.pid), "keyholders": keyholders}

    def public_url(self, path):
        return f"http://127.0.0.1:{self._port('public')}{path}"

    def public(self, path, compressed=False):
        """What the public listener answers, as it was sent."""
        headers = {"Accept-Encoding": "gzip"} if compressed else {}
        request = urllib.request.Request(self.public_url(path), headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def metric(self, name):
        for line in self.public("/metrics").decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise RuntimeError(f"there is no metric {name}")

    def peak_megabytes(self):
        """Of the daemon's memory, since it was started."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the kernel does not say how much memory the daemon has")

    def good_serials(self, after, count):
        """Of machines' certificates that are not revoked, from the first after number `after`."""
        return [row[0] for row in self._query(
            "SELECT lower(hex(serial)) FROM certificate WHERE number > ? AND machine <> 'self'"
            " AND serial NOT IN (SELECT serial FROM revocation) ORDER BY number LIMIT ?",
            after, count)]

    def count_entries(self, part):
        """Entries of the log with this in their text."""
        return self._query("SELECT count(*) FROM entry WHERE instr(text, ?) > 0", part)[0][0]

    def certificates(self):
        return self._query("SELECT count(*) FROM certificate")[0][0]

    def _query(self, sql, *parameters):
        database = sqlite3.connect(f"file:{self.home}/chancery.db?mode=ro", uri=True)
        try:
            return database.execute(sql, parameters).fetchall()
        finally:
            database.close()

    def revoke_one_by_one(self, serials):
        """Latency and the daemon's CPU time of a revocation."""
        identity = self.home / "identities" / "operator"
        context = ssl.create_default_context(cafile=self.root_certificate)
        context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
        connection = http.client.HTTPSConnection(self.api.removeprefix("https://"), context=context)
        times, before = [], self.cpu_seconds()["daemon"]
        for serial in serials:
            began = time.monotonic()
            connection.request("POST", f"/v1/certificates/{serial}/revoke",
                               json.dumps({"reason": "superseded"}),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"revoking {serial}: {answer.status}")
            times.append(time.monotonic() - began)
        spent = self.cpu_seconds()["daemon"] - before
        connection.close()
        return {"revoke p50 ms": statistics.median(times) * 1e3,
                "cpu us": spent / len(serials) * 1e6}

    def _client(self, identity, *command):
        return run([self.bin / "chancery", "--url", self.api, "--identity", identity, *command])

    def _port(self, name):
        path = self.home / "run" / f"{name}.port"
        return path.read_text().strip() if path.exists() else ""


def _stat_of(pid):
    # "pid (name) state ppid …": the name may hold blanks and brackets.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_of(pid):
    fields = _stat_of(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children_of(pid):
    children = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if int(_stat_of(entry.name)[1]) == pid:
                children.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return children
