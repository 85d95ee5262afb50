"""Quotas of the policy over HTTP: exact with 64 clients at once, and through kills of the service."""

import http.client
import threading
import time

import service
from csr import Key
from service import ServiceTest, expect, wait_until

CLIENTS = 64
LIMIT = 600
NAME = "web-1.example"
GRANTS = f"""
  - name: counted
    machines: [{NAME}]
    operations: [key.sign]
    keys: [counted.*]
    quotas:
      - {{limit: {LIMIT}, per: ever}}

  - name: hourly
    machines: [{NAME}]
    operations: [key.sign]
    keys: [hourly.*]
    quotas:
      - {{limit: 2, per: hour, for: grant}}
"""
BODY = {"data": service.base64(b"hello")}


class QuotaTest(ServiceTest):
    @classmethod
    def set_up_installation(cls, installation):
        policy = installation.home / "policy.yaml"
        policy.write_text(policy.read_text().rstrip() + "\n" + GRANTS)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.identity, _ = cls.service.enroll(NAME, Key.ec())
        for key in ("counted.k", "hourly.k"):
            expect(201, cls.service.administrator.post("/v1/keys",
                                                       {"name": key, "type": "ec-p256"}))

    def intents(self, key):
        return [entry for entry in self.service.entries()
                if entry["kind"] == "intent" and entry["operation"] == "key.sign" and entry.get("key") == key]

    def test_what_is_used_up_says_until_when(self):
        client = self.service.client(self.identity)
        self.addCleanup(client.close)
        answers = [client.post("/v1/keys/hourly.k/sign", BODY) for _ in range(5)]
        # The window may begin anew in between.
        refused = [answer for answer in answers if answer.status == 429]
        self.assertTrue(refused, answers)
        self.assert_problem(refused[0], 429, detail="hourly/1")
        self.assertEqual(refused[0].json["type"], "urn:chancery:problem:quota-exceeded")
        self.assertEqual(refused[0].json["quota"], "hourly/1")
        self.assertEqual(refused[0].json["limit"], 2)
        self.assertRegex(refused[0].json["until"], r"^20..-..-..T..:00:00Z$")
        self.assertTrue(1 <= int(refused[0].headers["Retry-After"]) <= 3600, refused[0].headers)
        denial = next(entry for entry in self.service.entries()
                      if entry.get("request") == self.request_id(refused[0]))
        self.assertEqual((denial["kind"], denial["quota"]), ("denial", "hourly/1"))

    def sign_until_refused(self, released, lock):
        """Until the quota is used up; what breaks on the way is asked again."""
        client = None
        while True:
            try:
                client = client or self.service.client(self.identity)
                answer = client.post("/v1/keys/counted.k/sign", BODY)
            except (OSError, http.client.HTTPException):
                client = None
                time.sleep(0.05)  # it starts again
                continue
            if answer.status == 200:
                with lock:
                    released.append(answer.json)
            elif answer.status == 429 and answer.json["type"].endswith(":quota-exceeded"):
                client.close()
                return

    def test_many_clients_and_kills_use_exactly_what_there_is(self):
        released, lock = [], threading.Lock()
        threads = [threading.Thread(target=self.sign_until_refused, args=(released, lock))
                   for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for share in (0.2, 0.5, 0.8):
            wait_until(lambda share=share: len(released) > share * LIMIT, "signatures", 120)
            self.service.kill()
            self.service.start()
        for thread in threads:
            thread.join()
        # A kill takes answers with it, but no use: each is an intent.
        self.assertEqual(len(self.intents("counted.k")), LIMIT)
        self.assertLessEqual(len(released), LIMIT)
        self.assertEqual(len({answer["request_id"] for answer in released}), len(released))
        self.service.verify_log()


if __name__ == "__main__":
    service.main()
