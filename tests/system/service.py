"""An installation of Chancery in a temporary directory, its service while it runs, and its clients.

A test program is called with the folder of chanceryd, chancery and chancery-keyholder:

    service.main()  # instead of unittest.main()

CHANCERY_LONG=1 in the environment selects the long version of a test that has one.
"""

import binascii
import contextlib
import ctypes
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

LONG = os.environ.get("CHANCERY_LONG") == "1"
START_SECONDS = 60
AUDIT_VERIFIER = Path(__file__).resolve().parent.parent / "audit_verifier.py"

_C_LIBRARY = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1

bin_folder = Path("build/release/bin")


def main():
    global bin_folder
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        bin_folder = Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)


def run(command, check=True, **options):
    """CompletedProcess with both outputs; what failed says why."""
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"{command} ended with {result.returncode}:\n"
                             f"{_text(result.stdout)}\n{_text(result.stderr)}")
    return result


def _text(output):
    return output.decode(errors="replace") if isinstance(output, bytes) else output


def wait_until(true, what, seconds=30, pause=0.05):
    """The first value of true() that counts as true; a test fails where none comes."""
    deadline = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def _free_port(taken):
    # Below the ephemeral range: no client's socket takes it while the service restarts.
    for port in random.sample(range(16000, 32000), 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            if port != taken:
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError("no free port")


class Answer:
    """What came back: status, headers, body; and json where the body is JSON."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body
        kind = (response.headers.get("Content-Type") or "").partition(";")[0]
        self.json = json.loads(body) if kind in ("application/json",
                                                 "application/problem+json") else None
        self.is_problem = kind == "application/problem+json"

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


class Client:
    """A keep-alive connection; with an identity (a folder with cert.pem and key.pem), mutual TLS.

    What fails on the way raises OSError or http.client.HTTPException, and nothing is repeated.
    """

    def __init__(self, address, trust=None, identity=None, timeout=60, context=None):
        if context is None and trust is not None:
            context = ssl.create_default_context(cafile=str(trust))
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            if identity is not None:
                context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
        self.context = context
        if context is None:
            self.connection = http.client.HTTPConnection(*address, timeout=timeout)
        else:
            self.connection = http.client.HTTPSConnection(*address, timeout=timeout,
                                                          context=context)

    def request(self, method, path, body=None, headers=()):
        """`body` is bytes as they are, or what is sent as JSON."""
        headers = dict(headers)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            return Answer(response, response.read())
        except BaseException:
            self.connection.close()  # the next request opens another
            raise

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=None, key=None):
        return self.request("POST", path, body, {"Idempotency-Key": key} if key else {})

    def close(self):
        self.connection.close()


class Service:
    """An installation, made by the constructor, and chanceryd on it between start() and stop()."""

    def __init__(self, *init_options):
        self.folder = Path(tempfile.mkdtemp(prefix="chancery-system-"))
        self.home = self.folder / "home"
        self.root = self.home / "ca" / "root.pem"
        self.log_path = self.folder / "chanceryd.log"
        self.process = None
        self.api_port = _free_port(None)
        self.public_port = _free_port(self.api_port)
        self._clients = {}
        run([bin_folder / "chanceryd", "init", "--home", self.home,
             "--api", f"127.0.0.1:{self.api_port}", "--public", f"127.0.0.1:{self.public_port}",
             *init_options])

    # The process

    def start(self, ready=True, before=lambda: None, under=()):
        """`before` is called in the new process, ahead of chanceryd; `under` is a command that
        becomes chanceryd."""
        def prepare():
            # A test that runs out of time is killed, and its daemon must not outlive it.
            _C_LIBRARY.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            before()

        for name in ("api.port", "public.port"):
            (self.home / "run" / name).unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*under, bin_folder / "chanceryd", "--home", self.home], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=prepare)
        if ready:
            self.wait_until_ready()

    def wait_until_ready(self):
        try:
            wait_until(self.is_ready, "the service is ready", START_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"chanceryd ended with {self.process.returncode}:\n{self.log()}")
        if not all((self.home / "run" / name).exists() for name in ("api.port", "public.port")):
            return False
        try:
            return self.public("/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self):
        """In order; its exit code."""
        self._drop_clients()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process = None
        return code

    def kill(self):
        self._drop_clients()
        self.process.kill()
        self.process.wait()
        self.process = None

    def kill_if_running(self):
        if self.process is not None:
            self.kill()

    def remove(self):
        self.kill_if_running()
        self._drop_clients()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return self.log_path.read_text(errors="replace")[-4000:]

    def keyholders(self):
        """Process ids of the keyholders that serve this daemon."""
        pids = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                # "pid (name) state ppid …": the name may hold blanks and brackets.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.process.pid and fields[0] != "Z":
                    pids.append(int(entry.name))
        return pids

    # Clients

    @property
    def address(self):
        return "127.0.0.1", self.api_port

    def identity(self, name):
        return self.home / "identities" / name

    def client(self, identity=None, **options):
        """A new connection of its own; the caller closes it. Without identity: no certificate."""
        return Client(self.address, self.root, identity, **options)

    def _kept(self, name):
        if name not in self._clients:
            self._clients[name] = self.client(self.identity(name))
        return self._clients[name]

    def _drop_clients(self):
        for client in self._clients.values():
            client.close()
        self._clients = {}

    @property
    def administrator(self):
        return self._kept("admin")

    @property
    def operator(self):
        return self._kept("operator")

    @property
    def auditor(self):
        return self._kept("auditor")

    def public(self, path):
        client = Client(("127.0.0.1", self.public_port), timeout=10)
        try:
            return client.get(path)
        finally:
            client.close()

    # What a test often needs

    def metric(self, name):
        """The value of a metric, named with its labels as /metrics shows them."""
        lines = expect(200, self.public("/metrics")).body.decode().splitlines()
        value, = [line[len(name) + 1:] for line in lines if line.startswith(name + " ")]
        return float(value)

    def status(self):
        return expect(200, self.administrator.get("/v1/status")).json

    def add_machine(self, name):
        """The enrolment token of a new machine."""
        return expect(201, self.operator.post("/v1/machines", {"name": name})).json["token"]

    def enroll(self, name, key):
        """A new machine's identity as a folder, and what the service answered."""
        token = self.add_machine(name)
        client = self.client()
        try:
            answer = expect(201, client.post("/v1/enroll", {"token": token, "csr": key.csr()}))
        finally:
            client.close()
        return self.keep_identity(name, answer.json["certificate"], key), answer.json

    def keep_identity(self, name, certificate, key):
        folder = self.folder / "machines" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cert.pem").write_text(certificate)
        shutil.copy(key.path, folder / "key.pem")
        return folder

    def entries(self, first=0):
        """The log's entries from `first`, as the auditor reads them, each with its "index"."""
        found = []
        while True:
            answer = expect(200, self.auditor.get(
                f"/v1/audit/entries?first={first + len(found)}&count=1000")).json
            found += [json.loads(text) for text in answer["entries"]]
            # Reading is itself an entry: the end moves, but each page comes nearer.
            if len(answer["entries"]) < 1000:
                return [dict(entry, index=first + i) for i, entry in enumerate(found)]

    def log_size(self):
        return self.status()["log"]["size"]

    def certificates(self):
        """All of the inventory, as {serial: row}."""
        rows, after = {}, ""
        while True:
            answer = expect(200, self.auditor.get(
                f"/v1/certificates?limit=1000{after and '&after=' + after}")).json
            for row in answer["certificates"]:
                rows[row["serial"]] = row
            after = answer.get("next")
            if not after:
                return rows

    def chain(self):
        """The issuing CA's certificate and the root's, as files."""
        return self.home / "ca" / "issuing.pem", self.root

    def copy_database(self):
        """A consistent copy of the database of a running, stopped or killed service."""
        copy = self.folder / "copy.db"
        copy.unlink(missing_ok=True)
        source = sqlite3.connect(f"file:{self.home / 'chancery.db'}?mode=ro", uri=True)
        target = sqlite3.connect(copy)
        source.backup(target)
        source.close()
        target.execute("PRAGMA journal_mode=DELETE")
        target.close()
        return copy

    def verifiers(self, copy):
        """The two commands that verify a copy: Chancery's and the one that shares no code with it."""
        vkeys = self.home / "log-keys"
        return ([bin_folder / "chancery", "audit", "verify", "--database", copy, "--vkeys", vkeys],
                [sys.executable, AUDIT_VERIFIER, copy, *vkeys.read_text().split()])

    def verify_log(self, independently=True):
        copy = self.copy_database()
        own, other = self.verifiers(copy)
        run(own)
        if independently:
            run(other)
        copy.unlink()


def base64(data):
    return binascii.b2a_base64(data, newline=False).decode()


def unbase64(text):
    return binascii.a2b_base64(text, strict_mode=True)


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()


def der(pem):
    return ssl.PEM_cert_to_DER_cert(pem)


def expect(status, answer):
    """The answer, where it has this status."""
    if answer.status != status:
        raise AssertionError(f"{status} was expected: {answer!r}")
    return answer


class ServiceTest(unittest.TestCase):
    """Cases that share one running installation; set_up_installation() may change its files."""

    @classmethod
    def setUpClass(cls):
        cls.service = Service()
        try:
            cls.set_up_installation(cls.service)
            cls.service.start()
        except BaseException:
            cls.service.remove()
            raise

    @classmethod
    def set_up_installation(cls, installation):
        pass

    @classmethod
    def tearDownClass(cls):
        cls.service.remove()

    def assert_problem(self, answer, status, field=None, detail=None):
        """An RFC 9457 problem document that says what is wrong, and where."""
        self.assertEqual(answer.status, status, answer)
        self.assertTrue(answer.is_problem, answer.headers)
        self.assertEqual(answer.json["status"], status)
        self.assertTrue(answer.json["type"].startswith("urn:chancery:problem:"), answer.json)
        self.assertTrue(answer.json["instance"].startswith("urn:chancery:request:"), answer.json)
        self.assertTrue(answer.json["detail"], answer.json)
        if field is not None:
            self.assertEqual(answer.json.get("field"), field, answer.json)
        if detail is not None:
            self.assertIn(detail, answer.json["detail"])

    @staticmethod
    def request_id(answer):
        return answer.json["instance"].rpartition(":")[2]
