"""A service for the command line client to talk to: TLS as the real one has it, answers as a test
wants them, including ones that break off."""

import base64
import contextlib
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
from dataclasses import dataclass, field
from pathlib import Path

CHANCERY = sys.argv.pop(1) if len(sys.argv) > 1 else None


def openssl(*arguments, stdin=None):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode()}")
    return done.stdout


class Authority:
    """A root, an issuing CA, the service's own certificate, and identities."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self._ca("root", None)
        self._ca("issuing", "root")
        self.chain = self.read("issuing.pem") + self.read("root.pem")
        self.serial = 0
        self.certify("server", self.new_key_csr("server"), "subjectAltName=IP:127.0.0.1")
        (self.folder / "server-chain.pem").write_text(self.read("server.pem") + self.read("issuing.pem"))

    def path(self, name):
        return str(self.folder / name)

    def read(self, name):
        return (self.folder / name).read_text()

    def _ca(self, name, issuer):
        key = self.path(f"{name}.key")
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        signer = ["-CA", self.path(f"{issuer}.pem"), "-CAkey", self.path(f"{issuer}.key")] if issuer else []
        openssl("req", "-x509", "-new", "-key", key, "-subj", f"/CN=Test {name}", "-days", "30",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", *signer, "-out", self.path(f"{name}.pem"))

    def new_key_csr(self, name):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.path(f"{name}.key"))
        return openssl("req", "-new", "-key", self.path(f"{name}.key"), "-subj", f"/CN={name}").decode()

    def certify(self, name, csr, extension="subjectAltName=DNS:machine.example"):
        """A certificate for whoever made the CSR; its PEM is also in NAME.pem."""
        self.serial += 1
        serial = f"01{self.serial:038x}"
        (self.folder / "extensions").write_text(extension + "\n")
        openssl("x509", "-req", "-CA", self.path("issuing.pem"), "-CAkey", self.path("issuing.key"),
                "-set_serial", "0x" + serial, "-days", "7", "-extfile", self.path("extensions"),
                "-out", self.path(f"{name}.pem"), stdin=csr.encode())
        return self.read(f"{name}.pem"), serial

    def identity(self, name):
        """A directory as `chancery enroll` makes it."""
        certificate, _ = self.certify(name, self.new_key_csr(name))
        directory = self.folder / f"identity-{name}"
        directory.mkdir()
        (directory / "cert.pem").write_text(certificate)
        (directory / "chain.pem").write_text(self.chain)
        shutil.copy(self.path(f"{name}.key"), directory / "key.pem")
        return str(directory)

    def certificate_answer(self, csr, **members):
        certificate, serial = self.certify("issued", csr)
        return {"request_id": "req-1", "serial": serial, "certificate": certificate, "chain": self.chain,
                "not_after": "2030-01-01T00:00:00Z", "intent": 4, "outcome": 5, **members}


@dataclass
class Answer:
    body: object = field(default_factory=dict)  # str and bytes go out as they are, the rest as JSON
    status: int = 200
    content_type: str = "application/json"
    headers: dict = field(default_factory=dict)
    drop: bool = False      # close instead of answering
    missing: int = 0        # bytes that Content-Length promises and that never come


def problem(status, **members):
    document = {"type": f"urn:chancery:problem:test-{status}", "title": "Test", "status": status,
                "instance": "urn:chancery:request:req-42", **members}
    return Answer(document, status, "application/problem+json")


class FakeService:
    """Answers each request with the next answer that was set for it; the last one repeats."""

    def __init__(self, authority, require_certificate=False, tls=True):
        self.requests = []  # (method, path, headers, body, whether a client certificate came)
        self.connections = set()  # the clients' ports
        self.answers = {}
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                peer = self.connection.getpeercert() if tls else None
                service.connections.add(self.client_address)
                service.requests.append((self.command, self.path, self.headers, body, bool(peer)))
                service.write(self, service.next_answer(self.command, self.path, body))

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # a client that hangs up is part of the tests
                pass

            def shutdown_request(self, request):
                # Closing with unread data would reset the connection, and what was sent would be lost.
                raw = socket.socket(fileno=os.dup(request.fileno()))
                raw.settimeout(10)
                with contextlib.suppress(OSError):
                    raw.shutdown(socket.SHUT_WR)
                    while raw.recv(65536):
                        pass
                raw.close()
                request.close()

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.path("server-chain.pem"), authority.path("server.key"))
            context.load_verify_locations(authority.path("root.pem"))
            context.verify_mode = ssl.CERT_REQUIRED if require_certificate else ssl.CERT_OPTIONAL
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def on(self, method, path, *answers):
        """An answer is an Answer, what an Answer's body may be, or a function of the request's body."""
        self.answers[(method, path)] = list(answers)

    def next_answer(self, method, path, body):
        queue = self.answers.get((method, path)) or self.answers.get((method, path.split("?")[0]))
        if not queue:
            return problem(404, detail=f"no answer for {method} {path}")
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if callable(answer):
            answer = answer(json.loads(body) if body else path)
        return answer if isinstance(answer, Answer) else Answer(answer)

    @staticmethod
    def write(handler, answer):
        handler.close_connection = answer.drop or answer.missing > 0
        if answer.drop:
            return
        body = answer.body
        if isinstance(body, str):
            body = body.encode()
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.content_type)
        handler.send_header("Content-Length", str(len(body) + answer.missing))
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def run(*arguments, stdin=None, program=None, **environment):
    """The client with these arguments, and nothing of the tester's own settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CHANCERY_")}
    return subprocess.run([program or CHANCERY, *arguments], input=stdin, capture_output=True, text=True,
                          env={**clean, **environment}, timeout=60, check=False)


class ServiceTest(unittest.TestCase):
    """Each test gets a folder, a service and an identity that it accepts."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="chancery-cli-")
        cls.authority = Authority(Path(cls.scratch.name) / "authority")
        cls.identity = cls.authority.identity("machine")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def setUp(self):
        self.service = FakeService(self.authority)
        self.addCleanup(self.service.close)
        self.folder = tempfile.mkdtemp(dir=self.scratch.name)

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def chancery(self, *arguments, **options):
        return run("--url", self.service.url, "--identity", self.identity, *arguments, **options)

    def succeeds(self, *arguments, **options):
        done = self.chancery(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def json_of(self, *arguments, **options):
        """What --json prints: one object on one line."""
        out = self.succeeds(*arguments, "--json", **options)
        self.assertEqual(out.count("\n"), 1, out)
        return json.loads(out)

    def fails(self, *arguments, status=1, **options):
        done = self.chancery(*arguments, **options)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stderr

    def bodies(self):
        return [json.loads(body) for _, _, _, body, _ in self.service.requests if body]


def b64(data):
    return base64.b64encode(data).decode()


def main():
    unittest.main(verbosity=1)
