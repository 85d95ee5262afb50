"""Every route of the served OpenAPI document, by every method and as everybody: entries reach auditors
alone, and nothing changes or removes one."""

import json
import sqlite3

import service
from csr import Key
from machine_test import NAME, MachineTest
from service import base64, expect, wait_until

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# The routes by which an auditor gets the entry of somebody else's signature or certificate.
ROUTES_WITH_ENTRIES = {"/v1/audit/entries", "/v1/audit/search", "/v1/audit/log/tile/{tile}",
                       "/v1/receipts/{entry}", "/v1/requests/{request}/receipt",
                       "/v1/certificates/{serial}/receipt"}


class AuditRolesTests(MachineTest):
    def setUp(self):
        super().setUp()
        answer = expect(200, self.machine.post(f"/v1/keys/{NAME}.k/sign", {"data": "AAAA"})).json
        self.index = answer["outcome"]
        serial = self.enrolled["serial"]
        entries = self.texts()
        issued = next(text for text in entries if json.loads(text).get("serial") == serial
                      and json.loads(text)["kind"] == "outcome")
        # What stands in these entries and nowhere else, as it is and within a receipt.
        self.secrets = [json.loads(entries[self.index])["signature_sha256"].encode(),
                        base64(entries[self.index].encode()).encode(),
                        base64(issued.encode()).encode()]
        group, place = divmod(self.index, 256)
        self.values = {"entry": self.index, "tile": f"entries/{group:03}.p/{place + 1}",
                       "serial": serial, "request": json.loads(entries[self.index])["request"],
                       "ca": "issuing", "incident": "inc-1", "approval": "apr-1", "name": f"{NAME}.k",
                       "version": "0" * 64, "shards": 1, "shard": 0}
        self.wait_published(self.index)
        self.document = expect(200, self.service.auditor.get("/v1/openapi.json")).json["paths"]
        identity, _ = self.service.enroll(f"{self._testMethodName.replace('_', '-')[:40]}.example",
                                          Key.ec())
        self.callers = {"nobody": self.service.client(), "machine": self.service.client(identity)}
        for name in ("admin", "operator", "auditor"):
            self.callers[name] = self.service.client(self.service.identity(name))
        for client in self.callers.values():
            self.addCleanup(client.close)

    def wait_published(self, index):
        wait_until(lambda: int(self.service.public("/log/checkpoint").body.splitlines()[1]) > index,
                   "a checkpoint covers the entry")

    def texts(self):
        """All entries, as they stand in the database."""
        copy = self.service.copy_database()
        database = sqlite3.connect(copy)
        rows = database.execute("SELECT text FROM entry ORDER BY number").fetchall()
        database.close()
        copy.unlink()
        return [text for text, in rows]

    def url(self, path):
        for name, value in self.values.items():
            path = path.replace("{" + name + "}", str(value))
        self.assertNotIn("{", path, "a parameter that this test does not know")
        queries = {"/v1/audit/entries": f"?first={self.index}&count=1",
                   "/v1/audit/search": f"?request={self.values['request']}"}
        return path + queries.get(path, "")

    def ask(self, client, method, path):
        return client.request(method, self.url(path), {} if method == "POST" else None)

    def shows_entries(self, answer):
        return any(secret in answer.body for secret in self.secrets)

    def test_entries_reach_auditors_alone(self):
        for path, operations in self.document.items():
            for method in METHODS:
                if method.lower() not in operations:
                    continue
                for name, client in self.callers.items():
                    with self.subTest(path=path, method=method, caller=name):
                        shown = self.shows_entries(self.ask(client, method, path))
                        self.assertEqual(shown, name == "auditor" and path in ROUTES_WITH_ENTRIES)
            if "get" in operations:
                self.assertFalse(self.shows_entries(self.service.public(self.url(path))), path)
        self.assertLessEqual(ROUTES_WITH_ENTRIES, self.document.keys())

    def test_nothing_changes_or_removes_an_entry(self):
        before = self.texts()
        for path, operations in self.document.items():
            for method in METHODS:
                known = method.lower() in operations
                self.assertFalse(known and method in ("PUT", "PATCH", "DELETE"), (method, path))
                for name, client in self.callers.items():
                    with self.subTest(path=path, method=method, caller=name):
                        answer = self.ask(client, method, path)
                        self.assertTrue(known or answer.status >= 400, answer)
        after = self.texts()
        self.assertEqual(after[:len(before)], before)
        self.assertGreater(len(after), len(before))
        # The administrator has changed the log's keys: they are in force from the next checkpoint on.
        self.wait_published(len(after) - 1)
        self.service.verify_log()


if __name__ == "__main__":
    service.main()
