"""What `chanceryd init`, `check` and a start make of their arguments and files: refused with its
place, and nothing left behind that was not there before."""

import hashlib
import os
import shutil
import socket
import unittest
from pathlib import Path

import service
from service import Service, run

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


def daemon(*options, **others):
    return run([service.bin_folder / "chanceryd", *options], check=False, timeout=60, **others)


class FileTests(unittest.TestCase):
    """An installation whose service does not run, and changes of its files that are taken back."""

    @classmethod
    def setUpClass(cls):
        cls.service = Service()
        cls.home = cls.service.home

    @classmethod
    def tearDownClass(cls):
        cls.service.remove()

    def setUp(self):
        for name in ("config.yaml", "policy.yaml"):
            path = self.home / name
            self.addCleanup(path.write_bytes, path.read_bytes())

    def change(self, *replacements):
        """config.yaml with each first part replaced by the second; "" stands for its end."""
        path = self.home / "config.yaml"
        text = path.read_text()
        for old, new in replacements:
            self.assertIn(old, text)
            text = text.replace(old, new, 1) if old else text + new
        path.write_text(text)
        return text

    def place(self, text, begin):
        lines = text.splitlines()
        return f"config.yaml:{1 + next(i for i, line in enumerate(lines) if line.startswith(begin))}:"

    def assert_refused(self, result, code, *said):
        self.assertEqual(result.returncode, code, result)
        text = result.stderr.decode()
        for one in said:
            self.assertIn(one, text)
        return text

    def check(self):
        return daemon("check", "--home", self.home)


class CheckTests(FileTests):
    def test_good(self):
        self.assertEqual(self.check().returncode, 0)

    def test_what_cannot_start(self):
        (self.home / "nothing.pem").write_text("no certificate\n")
        module = str(SOFTHSM)
        for what, replacements, begin, said in (
                ("a CA that is not there", [("  ca: issuing", "  ca: isuing")], "  ca:",
                 'enrollment.ca: there is no CA "isuing"'),
                ("a profile that is not there", [("  profile: machine", "  profile: machin")],
                 "  profile:", 'enrollment.profile: there is no profile "machin"'),
                ("a module that is not there", [(module, "lib/none.so")], "  module:",
                 f"token.module: {self.home}/lib/none.so: No such file"),
                ("a PIN that is not there", [('pin_file: "pin"', "pin_file: pim")], "  pin_file:",
                 f"token.pin_file: {self.home}/pim: No such file"),
                ("a trust anchor that is not there",
                 [("", "trust_anchors: [ca/root.pem, ca/rot.pem]\n")], "trust_anchors:",
                 f"trust_anchors[1]: {self.home}/ca/rot.pem: No such file"),
                ("a trust anchor that is none", [("", "trust_anchors: [nothing.pem]\n")],
                 "trust_anchors:", f"trust_anchors[0]: {self.home}/nothing.pem has no certificate"),
                ("blocked keys that are not there", [("", "blocked_keys: blocked\n")],
                 "blocked_keys:", f"blocked_keys: {self.home}/blocked: No such file"),
                ("blocked keys that are none", [("", "blocked_keys: nothing.pem\n")],
                 "blocked_keys:", f"blocked_keys: {self.home}/nothing.pem:1: not the SHA-256"),
                ("a witness policy that is not there", [("", "witness_policy: witnesses\n")],
                 "witness_policy:", f"witness_policy: cannot read {self.home}/witnesses"),
                ("a witness policy that is none", [("", "witness_policy: policy.yaml\n")],
                 "witness_policy:", f"witness_policy: {self.home}/policy.yaml: line "),
                ("two keyholders at a socket", [("  keyholders: 2", "  keyholders: 2\n  socket: s")],
                 "  keyholders:", "token.keyholders: must be 1"),
                ("another origin of the log", [('origin: "chancery.internal/log"', "origin: other")],
                 "log_origin:", 'log_origin: is "other", but this log\'s checkpoints are signed as '
                 '"chancery.internal/log"'),
                ("backdated too far", [("backdate: 60s", "backdate: 2h")], "backdate:",
                 "backdate: must be at most 1h"),
                ("a deadline too long", [("deadline: 10s", "deadline: 61m")], "  deadline:",
                 "token.deadline: must be at most 1h")):
            with self.subTest(what=what):
                text = self.change(*replacements)
                error = self.assert_refused(self.check(), 2, self.place(text, begin), said)
                self.assertEqual(error.count(said.split(":")[0] + ":"), 1, "named twice")
            self.doCleanups()
            self.setUp()

    def test_an_issuer_that_is_not_there(self):
        path = self.home / "policy.yaml"
        path.write_text(path.read_text().replace("issuers: [issuing]", "issuers: [isuing]", 1))
        said = ("policy.yaml:", 'grants[0].issuers[0]: there is no issuer "isuing"; did you mean '
                '"issuing"?')
        self.assert_refused(self.check(), 2, *said)
        self.assert_refused(daemon("--home", self.home), 2, *said)

    def test_without_a_database(self):
        database = self.home / "chancery.db"
        database.rename(self.home / "away.db")
        self.addCleanup((self.home / "away.db").rename, database)
        for arguments in (("check",), (), ("identity", "admin", "--out", self.home / "admin")):
            with self.subTest(arguments=arguments):
                result = daemon(*arguments, "--home", self.home)
                self.assert_refused(result, 1, f"{database} cannot be read")
                self.assertFalse(database.exists())


class StartTests(FileTests):
    def started(self):
        """The newest entry `start`, and what /metrics says, of a service that ran once."""
        self.service.start()
        try:
            entry = [e for e in self.service.entries() if e["kind"] == "start"][-1]
            return entry, self.service.metric("chancery_config_changed")
        finally:
            self.service.stop()

    def test_another_configuration_is_recorded_and_an_alarm(self):
        before = hashlib.sha256((self.home / "config.yaml").read_bytes()).hexdigest()
        entry, alarm = self.started()
        self.assertEqual((entry["config_sha256"], alarm), (before, 0))
        self.assertNotIn("config_before", entry)
        text = self.change(("", "# a comment counts\n"))
        entry, alarm = self.started()
        self.assertEqual((entry["config_before"], alarm), (before, 1))
        self.assertEqual(entry["config_sha256"], hashlib.sha256(text.encode()).hexdigest())
        # The change is told once.
        entry, alarm = self.started()
        self.assertEqual(alarm, 0)
        self.assertNotIn("config_before", entry)
        self.service.verify_log()

    def test_another_origin_of_the_log(self):
        text = self.change(('log_origin: "chancery.internal/log"', "log_origin: other.internal"))
        before = (self.home / "last-checkpoint").read_bytes()
        self.assert_refused(daemon("--home", self.home), 2, self.place(text, "log_origin:"),
                            '"other.internal"', '"chancery.internal/log"')
        self.assertEqual((self.home / "last-checkpoint").read_bytes(), before)
        self.service.verify_log(independently=False)

    def test_another_enrolment_ca(self):
        text = self.change(("  ca: issuing", "  ca: other"))
        self.assert_refused(daemon("--home", self.home), 2, self.place(text, "  ca:"), "enrollment.ca")

    def test_a_file_that_is_not_there(self):
        text = self.change(("", "blocked_keys: blocked\n"))
        self.assert_refused(daemon("--home", self.home), 2, self.place(text, "blocked_keys:"))

    def test_a_port_that_is_taken(self):
        for port in (self.service.api_port, self.service.public_port):
            with self.subTest(port=port), socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(("127.0.0.1", port))
                other.listen()
                self.assert_refused(daemon("--home", self.home), 1,
                                    f"cannot listen on 127.0.0.1 port {port}: another process does")


class InitTests(FileTests):
    """A second installation on the first one's token, as one on a token of one's own."""

    def setUp(self):
        super().setUp()
        self.folder = self.service.folder / "second"
        self.folder.mkdir()
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "module.so").symlink_to(SOFTHSM)
        self.pin((self.home / "pin").read_text())

    def pin(self, text):
        path = self.folder / "pin"
        path.write_text(text)
        path.chmod(0o600)

    def init(self):
        environment = {**os.environ, "SOFTHSM2_CONF": str(self.home / "token" / "softhsm2.conf")}
        return run([service.bin_folder / "chancery", "init", "--home", "new",
                    "--api", "127.0.0.1:0", "--public", "127.0.0.1:0", "--module", "./module.so",
                    "--pin-file", "./pin"], check=False, cwd=self.folder, env=environment)

    def test_paths_are_relative_to_where_one_stands(self):
        result = self.init()
        self.assertEqual(result.returncode, 0, result)
        text = (self.folder / "new" / "config.yaml").read_text()
        self.assertIn(f'pin_file: "{self.folder}/./pin"', text)
        self.assertIn(f'module: "{self.folder}/./module.so"', text)
        self.assertEqual(daemon("check", "--home", self.folder / "new").returncode, 0)

    def test_a_failure_is_no_obstacle_to_the_next_one(self):
        good = (self.folder / "pin").read_text()
        self.pin("wrong\n")
        (self.folder / "new").mkdir()
        self.assert_refused(self.init(), 1, "PIN")
        self.assertEqual(list((self.folder / "new").iterdir()), [])
        (self.folder / "new").rmdir()
        self.assert_refused(self.init(), 1, "PIN")
        self.assertFalse((self.folder / "new").exists())
        self.pin(good)
        self.assertEqual(self.init().returncode, 0)

    def test_a_folder_with_other_things(self):
        letter = self.folder / "new" / "letter"
        letter.parent.mkdir()
        letter.write_text("dear")
        self.assert_refused(self.init(), 1, "is not empty: it has letter")
        self.assertEqual(list(letter.parent.iterdir()), [letter])


if __name__ == "__main__":
    service.main()
