"""The command line: what is a usage error, and that every command explains itself."""

import base64
import hashlib
import json
import os
import re
import shutil
import tempfile
import unittest

from fake_service import CHANCERY, main, run

IDENTITY = ("--identity", "/nowhere")

# Name, arguments, and what the message must say.
USAGE_ERRORS = [
    ("no command", [], "subcommand"),
    ("unknown command", ["sing"], "sing"),
    ("unknown option", ["status", "--frobnicate"], "frobnicate"),
    ("a group alone", ["key"], "subcommand"),
    ("no identity", ["status"], "--identity"),
    ("identity that is not there", [*IDENTITY, "status"], "cert.pem"),
    ("address that is not https", ["--url", "http://127.0.0.1", "--ca", "/dev/null", "enroll", "--token",
                                   "t", "--out", "/tmp/x"], "https"),
    ("approve without an id", [*IDENTITY, "approve"], "id"),
    ("approve of what is no id", [*IDENTITY, "approve", "APR 1"], "approval"),
    ("an approval that is no id", [*IDENTITY, "--approval", "APR 1", "status"], "approval"),
    ("init without home", ["init"], "--home"),
    ("init with a bad address", ["init", "--home", "h", "--api", "8443"], "ADDRESS:PORT"),
    ("init with a port too large", ["init", "--home", "h", "--api", "127.0.0.1:65536"], "ADDRESS:PORT"),
    ("enroll without token", ["enroll", "--out", "d"], "exactly one"),
    ("enroll with two tokens", ["enroll", "--out", "d", "--token", "a", "--token-file", "b"], "exactly one"),
    ("enroll without out", ["enroll", "--token", "a"], "--out"),
    ("token with spaces", ["enroll", "--out", "d", "--token", "a b"], "one word"),
    ("token file that is not there", ["enroll", "--out", "d", "--token-file", "/nowhere"], "/nowhere"),
    ("ca file that is not there", ["--ca", "/nowhere", "enroll", "--out", "d", "--token", "t"], "--ca"),
    ("unknown key type", ["enroll", "--token", "a", "--out", "d", "--key-type", "dsa"], "rsa-2048"),
    ("issue without names", [*IDENTITY, "issue"], "--dns"),
    ("issue with a bad name", [*IDENTITY, "issue", "--dns", "a_b..c"], "--dns"),
    ("issue with a bad address", [*IDENTITY, "issue", "--ip", "1.2.3"], "--ip"),
    ("issue with csr and name", [*IDENTITY, "issue", "--csr", "f", "--dns", "a.example"], "exclude"),
    ("issue for what names no directory", [*IDENTITY, "issue", "--uri", "spiffe://a/b"], "--out"),
    ("validity without unit", [*IDENTITY, "issue", "--dns", "a.example", "--validity", "24"], "24"),
    ("validity of zero", [*IDENTITY, "renew", "--validity", "0h"], "0h"),
    ("same key and key type", [*IDENTITY, "renew", "--same-key", "--key-type", "ec-p256"], "exclude"),
    ("daemon and once", ["renew", "--daemon", "--once", "/tmp"], "exclude"),
    ("status with a hook", ["renew", "--status", "/tmp", "--hook", "/bin/true"], "exclude"),
    ("directories of one renewal by hand", [*IDENTITY, "renew", "/tmp"], "--daemon"),
    ("renewal of nothing", ["renew", "--daemon"], "--identity"),
    ("renewal in a directory that is not there", ["renew", "--once", "/nowhere"], "/nowhere"),
    ("hook that is not there", ["renew", "--once", "/tmp", "--hook", "/nowhere"], "--hook"),
    ("hook without its path", ["renew", "--once", "/tmp", "--hook", "true"], "--hook"),
    ("metrics in a directory that is not there", ["renew", "--once", "/tmp", "--metrics", "/nowhere/x"],
     "--metrics"),
    ("signature in a directory that is not there",
     [*IDENTITY, "sign", "--key", "k", "/dev/null", "--out", "/nowhere/x"], "/nowhere/x"),
    ("receipt in a directory that is not there",
     [*IDENTITY, "sign", "--key", "k", "/dev/null", "--receipt", "/nowhere/x"], "--receipt"),
    ("receipt of a certificate in such a directory",
     [*IDENTITY, "issue", "--dns", "a.example", "--receipt", "/nowhere/x"], "--receipt"),
    ("signature in place of a directory", [*IDENTITY, "sign", "--key", "k", "/dev/null", "--out", "/tmp"],
     "/tmp"),
    ("token in a directory that is not there",
     [*IDENTITY, "machine", "add", "m", "--token-out", "/nowhere/x"], "--token-out"),
    ("sign without file", [*IDENTITY, "sign", "--key", "k"], "exactly one"),
    ("sign with file and digest", [*IDENTITY, "sign", "--key", "k", "--digest", "00", "f"], "exactly one"),
    ("digest that is not hexadecimal", [*IDENTITY, "sign", "--key", "k", "--digest", "0g"], "0g"),
    ("key name in capitals", [*IDENTITY, "key", "show", "Release"], "Release"),
    ("unknown message class", [*IDENTITY, "key", "create", "k", "--message-class", "jws"], "ssh-certificate"),
    ("key name that is a path", [*IDENTITY, "key", "show", "../cas"], "../cas"),
    ("verify without key", ["verify", "--signature", "s", "f"], "exactly one"),
    ("unknown reason", [*IDENTITY, "revoke", "00", "--reason", "boredom"], "keyCompromise"),
    ("neither serial nor file", [*IDENTITY, "revoke", "1234"], "certificate"),
    ("one and a list of them", [*IDENTITY, "revoke", "00", "--serials", "/dev/null"], "exclude"),
    ("one and all of a machine", [*IDENTITY, "revoke", "00", "--machine", "web-1"], "exclude"),
    ("a list, and narrower", [*IDENTITY, "revoke", "--serials", "/dev/null", "--machines", "web-*"], "exclude"),
    ("a list, and a time", [*IDENTITY, "revoke", "--serials", "/dev/null", "--issued-before",
                            "2026-11-01T00:00:00Z"], "exclude"),
    ("a report of one", [*IDENTITY, "revoke", "01" * 20, "--report", "f"], "--report"),
    ("an incident of one", [*IDENTITY, "revoke", "01" * 20, "--incident", "i"], "--incident"),
    ("a pace for one", [*IDENTITY, "revoke", "01" * 20, "--per-second", "1"], "--per-second"),
    ("page of nothing", [*IDENTITY, "cert", "list", "--limit", "0"], "--limit"),
    ("page too large", [*IDENTITY, "cert", "list", "--limit", "1001"], "--limit"),
    ("database without keys", ["audit", "verify", "--database", "/dev/null"], "--vkeys"),
    ("bad verifier key", ["audit", "verify", "--database", "/dev/null", "--vkey", "x"], "--vkey"),
    ("endless object", [*IDENTITY, "audit", "tail", "--follow", "--json"], "--follow"),
    ("idempotency key with a space", [*IDENTITY, "--idempotency-key", "a b", "status"], "idempotency"),
]


def commands(*path):
    """Every command below `path`, as --help lists them."""
    text = run(*path, "--help").stdout
    listed = text.split("Subcommands:\n")[1] if "Subcommands:\n" in text else ""
    names = []
    for line in listed.splitlines():
        if not line.startswith("  "):
            break
        if match := re.match(r"  ([a-z-]+)", line):
            names.append(match.group(1))
    found = []
    for name in names:
        found += [(*path, name), *commands(*path, name)]
    return found


class Usage(unittest.TestCase):
    def test_usage_errors(self):
        for name, arguments, says in USAGE_ERRORS:
            with self.subTest(name):
                done = run(*arguments)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(says, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_usage_errors_as_json(self):
        for name, arguments, says in USAGE_ERRORS:
            if arguments[:1] == ["init"]:
                continue  # what it does not know is the daemon's to refuse
            with self.subTest(name):
                done = run("--json", *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(says, json.loads(done.stderr)["detail"] +
                              json.loads(done.stderr).get("field", ""))

    def test_every_command_has_help_with_examples(self):
        every = commands()
        self.assertGreaterEqual(len(every), 34, every)
        for path in [(), *every]:
            with self.subTest(" ".join(path)):
                done = run(*path, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
                examples = done.stdout.split("Examples:\n")[1]
                self.assertRegex(examples.splitlines()[0], r"^  .*chancery .*" + (path[-1] if path else ""))

    def test_version(self):
        self.assertRegex(run("--version").stdout, r"^chancery \d+\.\d+\.\d+\n$")

    def test_the_environment_names_address_and_identity(self):
        done = run("status", CHANCERY_URL="http://127.0.0.1", CHANCERY_IDENTITY="/nowhere/at/all")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nowhere/at/all", done.stderr)

    def test_a_file_that_is_no_database(self):
        key = b"\x01" + bytes(32)
        key_id = hashlib.sha256(b"log\n" + key).hexdigest()[:8]
        vkey = f"log+{key_id}+{base64.b64encode(key).decode()}"
        done = run("audit", "verify", "--database", "/etc/passwd", "--vkey", vkey)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, "cannot read /etc/passwd: .*not an SQLite database")

    def test_problems_of_our_own_as_json(self):
        done = run("--json", "status")
        self.assertEqual(done.returncode, 2)
        self.assertIn('"field":"--identity"', done.stderr)


class Daemon(unittest.TestCase):
    """What only the daemon can do goes to the chanceryd beside this program."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="chancery-cli-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.program = shutil.copy(CHANCERY, self.folder)

    def daemon(self, script):
        path = os.path.join(self.folder, "chanceryd")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(path, 0o755)

    def test_init_passes_everything_on(self):
        self.daemon('for a; do echo "[$a]"; done; exit 7\n')
        pin = os.path.join(self.folder, "pin")
        open(pin, "w", encoding="utf-8").close()
        done = run("init", "--home", "h", "--api", "127.0.0.1:0", "--public", "[::1]:8080", "--token-label",
                   "a b", "--module", pin, "--pin-file", pin, "--later-option", "x", program=self.program)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertEqual(done.stdout.split("\n")[:-1],
                         ["[init]", "[--home]", "[h]", "[--api]", "[127.0.0.1:0]", "[--public]", "[[::1]:8080]",
                          "[--module]", f"[{pin}]", "[--token-label]", "[a b]", "[--pin-file]", f"[{pin}]",
                          "[--later-option]", "[x]"])

    def test_output_of_the_daemon_as_json(self):
        self.daemon('echo "made $1"; echo " done"; echo problem >&2; exit 2\n')
        for arguments in (["--json", "init", "--home", "h"], ["init", "--home", "h", "--json"]):
            done = run(*arguments, program=self.program)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (2, "", '{"detail":"problem","output":["made init"," done"]}\n'))
        self.daemon('echo "made $1"; echo "mind this" >&2\n')
        done = run("--json", "init", "--home", "h", program=self.program)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, '{"output":["made init"]}\n', "mind this\n"))
        self.daemon("kill -9 $$\n")
        self.assertEqual(run("--json", "init", "--home", "h", program=self.program).returncode, 1)

    def test_policy_check(self):
        self.daemon('echo "$@"\n')
        done = run("policy", "check", "--home", self.folder, program=self.program)
        self.assertEqual((done.returncode, done.stdout), (0, f"check --home {self.folder}\n"))

    def test_without_a_daemon(self):
        done = run("init", "--home", "h", program=self.program)
        self.assertEqual(done.returncode, 1)
        self.assertIn("chanceryd must be installed beside chancery", done.stderr)


main()
