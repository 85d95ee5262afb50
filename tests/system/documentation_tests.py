"""What docs/audit-format.md tells to type, typed; and that the tests that docs/compliance.md names are
there."""

import re
import shutil
import unittest
from pathlib import Path

import service
from service import Service, run, unbase64

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "audit-format.md"
COMPLIANCE = ROOT / "docs" / "compliance.md"


class ByHandTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service()
        cls.service.start()
        cls.service.stop()
        text = DOCUMENT.read_text(encoding="utf-8").partition("\n## By hand\n")[2]
        cls.root, cls.signature = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        # Type 0x01, Ed25519, is the page's; the log has one of type 0x02 too.
        cls.vkey, = [key for key in (cls.service.home / "log-keys").read_text().split()
                     if unbase64(key.split("+", 2)[2])[0] == 1]

    @classmethod
    def tearDownClass(cls):
        cls.service.remove()

    def setUp(self):
        self.folder = self.service.folder / "copy"
        self.folder.mkdir()
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("chancery.db", "last-checkpoint"):
            shutil.copy(self.service.home / name, self.folder)

    def type(self, text):
        return run(["bash", "-euo", "pipefail", "-c", text], check=False, cwd=self.folder,
                   env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "VKEY": self.vkey})

    def test_the_root(self):
        computed, published = self.type(self.root).stdout.splitlines()
        self.assertEqual(computed, published)

    def test_the_signature(self):
        result = self.type(self.signature)
        self.assertEqual((result.returncode, result.stdout),
                         (0, b"Signature Verified Successfully\n"), result)

    def test_a_wrong_signature(self):
        note = self.folder / "last-checkpoint"
        text = note.read_bytes()
        note.write_bytes(text.replace(b"chancery.internal/log\n", b"chancery.internal/lag\n", 1))
        self.assertNotEqual(self.type(self.signature).returncode, 0)


class ComplianceTests(unittest.TestCase):
    def test_each_test_that_is_named_is_there(self):
        named = re.findall(r"`(tests/[^`:]+): ([a-z0-9_]+)`", COMPLIANCE.read_text(encoding="utf-8"))
        self.assertGreater(len(named), 30)
        for path, case in named:
            text = (ROOT / path).read_text(encoding="utf-8")
            self.assertRegex(text, rf"(TEST_CASE\({case}\b|def {case}\()", f"{path}: {case}")


if __name__ == "__main__":
    service.main()
