"""SoftHSM writes a token's own file anew at each login; what a kill or power cut in that moment
leaves of it is no token. The daemon has a copy of its own token's file, and touches no other's."""

import unittest

import service
from csr import Key
from service import Service, wait_until


class TokenFileTests(unittest.TestCase):
    def setUp(self):
        self.service = Service()
        self.addCleanup(self.service.remove)
        self.file, = self.service.home.glob("token/tokens/*/token.object")
        self.content = self.file.read_bytes()

    def assert_issues(self):
        self.service.enroll(f"web-{len(self.service.certificates())}.example", Key.ec())

    def mended(self):
        """What the audit log says of files put back."""
        return [entry["reason"] for entry in self.service.entries()
                if (entry["kind"], entry.get("event")) == ("token", "mended")]

    def test_a_file_that_was_cut_off_is_put_back(self):
        for times, left in enumerate((b"", self.content[:100], bytes(len(self.content))), 1):
            self.file.write_bytes(left)
            self.service.start()
            self.assert_issues()
            self.assertGreaterEqual(self.file.stat().st_size, len(self.content))
            self.assertEqual(self.service.log().count("WARNING"), times, self.service.log())
            self.assertIn(str(self.file), self.service.log())
            reasons = wait_until(lambda n=times: len(self.mended()) == n and self.mended(),
                                 "the log says that it was put back", 10)
            self.assertIn(str(self.file), reasons[-1])
            self.assertEqual(self.service.stop(), 0)
        self.service.verify_log()

    def test_a_whole_file_is_not_touched(self):
        for _ in range(2):
            self.service.start()
            self.assert_issues()
            self.assertEqual(self.mended(), [])
            self.assertEqual(self.service.stop(), 0)
        self.assertNotIn("WARNING", self.service.log())
        self.assertNotEqual(self.file.read_bytes(), self.content)  # SoftHSM did, at each login

    def test_a_token_elsewhere_is_not_touched(self):
        elsewhere = self.service.folder / "elsewhere.conf"
        elsewhere.write_text((self.service.home / "token" / "softhsm2.conf").read_text())
        config = self.service.home / "config.yaml"
        config.write_text(config.read_text().replace('"token/softhsm2.conf"', f'"{elsewhere}"'))
        self.service.start()
        self.assert_issues()
        self.assertEqual(self.service.stop(), 0)
        self.file.write_bytes(b"")
        self.service.start(ready=False)
        answer = wait_until(self.health, "the daemon answers")
        self.assertEqual(answer.status, 503, answer)
        self.assertEqual(self.file.read_bytes(), b"")
        self.assertNotIn("WARNING", self.service.log())

    def health(self):
        try:
            return self.service.public("/readyz")
        except OSError:
            return None


if __name__ == "__main__":
    service.main()
