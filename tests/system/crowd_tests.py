"""A crowd: machines that enrol and renew all at once. Refusals must be honest, no connection breaks and
nothing is lost.

200 machines for some rounds; CHANCERY_LONG=1: 1,000 machines for a minute.
"""

import collections
import http.client
import multiprocessing
import queue
import resource
import threading
import time
import uuid

import service
from csr import Key
from service import Client, ServiceTest, expect

MACHINES = 1000 if service.LONG else 200
SECONDS = 60 if service.LONG else 10
PROCESSES = 4
THREADS = 16  # of each process

Issued = collections.namedtuple("Issued", "serial machine certificate")


class Enquirer:
    """One thread of the crowd: its machines take turns, each on a connection of its own."""

    def __init__(self, address, root, folder, keys, report):
        self.address, self.root, self.folder, self.keys = address, root, folder, keys
        self.report = report  # (what, detail) to the test

    def insist(self, client, path, body):
        """The answer in the end: what is honestly refused for now is asked again, and so is what a
        connection took with it. The idempotency key makes that the same request: one certificate,
        whether or not the first one had come through."""
        key, answer = str(uuid.uuid4()), None
        for _ in range(100):
            try:
                answer = client.post(path, body, key)
            except (OSError, http.client.HTTPException) as error:
                self.report("broken", f"{path}: {error!r}")
                continue
            if answer.status == 201:
                return answer.json
            if answer.status == 409 and answer.json.get("field") == "Idempotency-Key":
                self.report("under way", path)
                time.sleep(0.5)
            elif answer.status in (429, 503) and answer.headers.get("Retry-After"):
                self.report("later", answer.status)
                time.sleep(min(int(answer.headers["Retry-After"]), 2))
            else:
                break
        self.report("refused", repr(answer))
        return None

    def enroll(self, name, token):
        client = Client(self.address, self.root)
        try:
            return self.keep(name, 0, self.insist(client, "/v1/enroll", {
                "token": token, "csr": self.keys[0][1]}))
        finally:
            client.close()

    def renew(self, name, turn, serial):
        """With the other key: the service wants a new one each time."""
        client = Client(self.address, self.root, self.folder / name)
        try:
            return self.keep(name, turn % 2, self.insist(
                client, f"/v1/certificates/{serial}/renew", {"csr": self.keys[turn % 2][1]}))
        finally:
            client.close()

    def keep(self, name, key, answer):
        if answer is None:
            return None
        identity = self.folder / name
        identity.mkdir(exist_ok=True)
        (identity / "cert.pem").write_text(answer["certificate"])
        (identity / "key.pem").write_bytes(self.keys[key][0])
        self.report("issued", Issued(answer["serial"], name, answer["certificate"]))
        return answer["serial"]

    def live(self, machines, end):
        """Enrols each of (name, token), then renews them in turn until the time is over."""
        serials = {}
        for name, token in machines:
            serials[name] = self.enroll(name, token)
        turn = 0
        while time.monotonic() < end:
            turn += 1
            for name, serial in serials.items():
                if serial is not None and time.monotonic() < end:
                    serials[name] = self.renew(name, turn, serial)


def crowd(address, root, folder, keys, machines, end, reports):
    """One process of it. What happened goes back as one list: a queue's lock would be the limit."""
    found = collections.deque()
    enquirers = [Enquirer(address, root, folder, keys, lambda *what: found.append(what))
                 for _ in range(THREADS)]
    threads = [threading.Thread(target=enquirer.live, args=(machines[i::THREADS], end))
               for i, enquirer in enumerate(enquirers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reports.put(list(found))


class CrowdTest(ServiceTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Requests without names fit every machine, and one pair of keys serves all of them.
        cls.keys = [(key.path.read_bytes(), key.csr()) for key in (Key.ec(), Key.ec())]
        cls.folder = cls.service.folder / "crowd"
        cls.folder.mkdir()

    def test_crowd(self):
        machines = [(name, self.service.add_machine(name))
                    for name in (f"m{i}.crowd.example" for i in range(MACHINES))]
        before = set(self.service.certificates())
        begin = time.monotonic()
        reports = self.run_crowd(machines, begin + SECONDS)
        seconds = time.monotonic() - begin
        happened = collections.Counter(what for what, _ in reports)
        self.assertEqual([report for report in reports if report[0] == "refused"], [])
        issued = [detail for what, detail in reports if what == "issued"]
        self.assertEqual([report for report in reports if report[0] == "broken"], [])
        print(f"\n{MACHINES} machines, {PROCESSES * THREADS} clients: {len(issued)} certificates in "
              f"{seconds:.1f} s, {happened['later']} times asked to come back", flush=True)
        self.assertEqual({one.machine for one in issued}, {name for name, _ in machines})
        self.check_inventory(issued, before)
        self.assertEqual(self.service.stop(), 0)
        self.service.verify_log()
        self.service.start()

    def run_crowd(self, machines, end):
        reports = multiprocessing.Queue()
        processes = [multiprocessing.Process(
            target=crowd, args=(self.service.address, self.service.root, self.folder, self.keys,
                                machines[i::PROCESSES], end, reports)) for i in range(PROCESSES)]
        for process in processes:
            process.start()
        found = []
        for _ in processes:
            try:
                found += reports.get(timeout=SECONDS + 400)
            except queue.Empty:
                self.fail("a part of the crowd did not come to its end")
        for process in processes:
            process.join()
        return found

    def check_inventory(self, issued, before):
        """What was answered is there, and nothing else: each request got exactly one."""
        rows = self.service.certificates()
        self.assertEqual(len(issued), len({one.serial for one in issued}))
        for one in issued:
            self.assertEqual((rows[one.serial]["machine"], rows[one.serial]["state"]),
                             (one.machine, "issued"))
        mine = {serial for serial, row in rows.items() if row["machine"] != "self"}
        self.assertEqual(mine - before, {one.serial for one in issued})
        for one in issued[::max(1, len(issued) // 20)]:
            shown = expect(200, self.service.auditor.get(f"/v1/certificates/{one.serial}")).json
            self.assertEqual(shown["certificate"], one.certificate)


class ConnectionTests(ServiceTest):
    """More connections than there are workers, most of them idle."""

    COUNT = 1000

    @classmethod
    def setUpClass(cls):
        # Ours and, inherited, the service's.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        super().setUpClass()

    def test_many_idle_connections(self):
        idle = []
        self.addCleanup(lambda: [client.close() for client in idle])
        context = Client(self.service.address, self.service.root,
                         self.service.identity("operator")).context
        for _ in range(self.COUNT):
            idle.append(Client(self.service.address, context=context))
            idle[-1].connection.connect()
        begin = time.monotonic()
        expect(200, self.service.administrator.get("/v1/status"))
        self.assertLess(time.monotonic() - begin, 5)
        for client in idle[::50]:  # they still serve
            expect(200, client.get("/v1/status"))


if __name__ == "__main__":
    service.main()
