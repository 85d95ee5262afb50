"""A service whose policy changes, and a machine that asks it for one certificate."""

from csr import Key, alt_names, common_name
from service import ServiceTest, expect

NAME = "web.example"
# Allows it.
EXTRA = """
  - name: extra
    machines: [web.example]
    operations: [certificate.issue]
    issuers: [issuing]
    profiles: [tls-server]
    when:
      dns_names: [extra.example]
"""


class PolicyTest(ServiceTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = cls.service.home / "policy.yaml"
        cls.original = cls.file.read_text()
        cls.key = Key.ec()
        cls.identity, _ = cls.service.enroll(NAME, cls.key)
        cls.request = cls.key.csr(common_name(NAME), alt_names("extra.example"))

    def setUp(self):
        self.machine = self.service.client(self.identity)
        self.addCleanup(self.machine.close)
        expect(200, self.load(self.original))

    def load(self, text):
        self.file.write_text(text)
        return self.service.administrator.post("/v1/policy/reload", {})

    def version(self):
        return self.service.status()["policy"]["version"]

    def issue(self):
        return self.machine.post("/v1/certificates",
                                 {"csr": self.request, "profile": "tls-server"})

    def policy_entries(self, first):
        return [e for e in self.service.entries(first) if e["kind"] == "policy"]
