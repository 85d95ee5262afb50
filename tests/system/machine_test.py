"""What the cases about one machine's requests have in common."""

import threading

from csr import Key
from service import ServiceTest, expect

NAME = "web.example"


class MachineTest(ServiceTest):
    """A service with one machine, web.example, that holds the key web.example.k in the token."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = Key.ec()
        cls.identity, cls.enrolled = cls.service.enroll(NAME, cls.key)
        expect(201, cls.service.administrator.post("/v1/keys",
                                                   {"name": f"{NAME}.k", "type": "ec-p256"}))

    def setUp(self):
        self.machine = self.service.client(self.identity)
        self.addCleanup(self.machine.close)

    def tearDown(self):
        # Whatever was sent, the service goes on, and signs.
        answer = self.service.client(self.identity)
        expect(200, answer.post(f"/v1/keys/{NAME}.k/sign", {"data": "AAAA"}))
        answer.close()

    def issue(self, request, **members):
        body = {"profile": "tls-server", "csr": request, **members}
        return self.machine.post("/v1/certificates", body)

    def refuse_issue(self, request, status, field, **members):
        """Refused before anything was to be decided; a machine's broken CSR is recorded."""
        answer = self.issue(request, **members)
        self.assert_problem(answer, status, field)
        if field.startswith("csr"):
            self.assert_recorded(answer, "failure", field=field)
        return answer

    def assert_recorded(self, answer, kind, **members):
        """The log has the refusal under its request's id."""
        entry = self.entry_of(self.request_id(answer))
        self.assertEqual(entry["kind"], kind, entry)
        self.assertEqual(entry["machine"], NAME)
        for name, value in members.items():
            self.assertEqual(entry.get(name), value, entry)
        return entry

    def entry_of(self, request):
        first = max(0, self.service.log_size() - 200)
        found = [e for e in self.service.entries(first) if e.get("request") == request]
        self.assertEqual(len(found), 1, f"entries of {request}")
        return found[0]

    def refuse_recorded(self, answer, status, kind, field=None, **members):
        self.assert_problem(answer, status, field)
        entry = self.assert_recorded(answer, kind, **members)
        if kind == "failure":
            self.assertEqual(entry["field"], answer.json["field"])
        return entry


def at_once(count, action):
    """What `count` threads got that began together."""
    answers = [None] * count
    gate = threading.Barrier(count)

    def one(number):
        gate.wait()
        answers[number] = action(number)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
