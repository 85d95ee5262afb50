"""Connections that are closed without an answer, and what /metrics says of them."""

import contextlib
import socket
import time

import service
from service import Client, ServiceTest, expect

BOUND = 8  # connections; the least that config.yaml takes


class ConnectionTests(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        config = installation.home / "config.yaml"
        config.write_text(config.read_text() + f"\nconnections: {BOUND}\n")

    def setUp(self):
        service.wait_until(lambda: self.count("") == 0, "no connection is open")

    def count(self, what, listener="api"):
        """A counter of connections, or without name the gauge of open ones."""
        name = f"chancery_http_connections{what and f'_{what}_total'}"
        for line in expect(200, self.service.public("/metrics")).body.decode().splitlines():
            if line.startswith(f'{name}{{listener="{listener}"}} '):
                return int(float(line.rpartition(" ")[2]))
        return self.fail(f"no {name} of {listener}")

    def wait_for(self, what, expected, seconds=30):
        service.wait_until(lambda: self.count(what) >= expected, what, seconds)
        self.assertEqual(self.count(what), expected)

    def connect(self, stack, count):
        """Open connections without a handshake."""
        return [stack.enter_context(socket.create_connection(self.service.address, timeout=60))
                for _ in range(count)]

    def begin_requests(self, stack, count):
        """Connections that are within a request, and so not idle."""
        clients = []
        for _ in range(count):
            client = Client(self.service.address, self.service.root)
            stack.callback(client.close)
            client.connection.connect()
            client.connection.putrequest("GET", "/v1/openapi.json")
            client.connection.sock.sendall(b"GET /v1/openapi.json HTTP/1.1\r\n")
            clients.append(client)
        time.sleep(0.5)  # until the service has read so far
        return clients

    def test_failed_handshake(self):
        before = self.count("failed_handshakes")
        with contextlib.ExitStack() as stack:
            connection, = self.connect(stack, 1)
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(4096):  # an alert, then the end
                    pass
        self.wait_for("failed_handshakes", before + 1)

    def test_overdue(self):
        before = self.count("overdue")
        with contextlib.ExitStack() as stack:
            connection, = self.connect(stack, 1)
            begin = time.monotonic()
            self.assertEqual(connection.recv(1), b"")
            self.assertGreater(time.monotonic() - begin, 9)
        self.wait_for("overdue", before + 1)

    def test_evicted(self):
        before = self.count("evicted")
        with contextlib.ExitStack() as stack:
            idle = self.connect(stack, BOUND)
            self.wait_for("", BOUND)
            more = self.connect(stack, 2)
            self.wait_for("evicted", before + 2)
            self.assertEqual([one.recv(1) for one in idle[:2]], [b"", b""])
            more[0].close()
        self.assertEqual(self.count("turned_away"), 0)

    def test_turned_away(self):
        evicted = self.count("evicted")
        with contextlib.ExitStack() as stack:
            clients = self.begin_requests(stack, BOUND)
            refused, = self.connect(stack, 1)
            self.assertEqual(refused.recv(1), b"")
            self.wait_for("turned_away", 1)
            self.assertEqual(self.count("evicted"), evicted)
            for client in clients:  # whose requests go on
                client.connection.sock.sendall(b"Host: service\r\n\r\n")
                self.assertIn(b"200", client.connection.sock.recv(4096).partition(b"\r\n")[0])

    def test_public_listener(self):
        self.assertEqual(self.count("turned_away", "public"), 0)
        self.assertGreaterEqual(self.count("", "public"), 1)  # the one that asks


if __name__ == "__main__":
    service.main()
