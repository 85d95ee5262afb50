"""Revocation while something is broken: the last good list stays served, the state says so, and
nothing is forgotten once it works again."""

import os
import random
import signal
import subprocess
import time
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest import mock

import csr
import disk_full_tests
import service
from csr import Key, alt_names, common_name
from service import Service, ServiceTest, expect, run, wait_until

NAME = "web.example"
LIST = "/crl/issuing.crl"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


class RevocationFaultTest(ServiceTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.identity, _ = cls.service.enroll(NAME, Key.ec())
        wait_until(lambda: cls.service.public(LIST).status == 200, "the first list")

    def issue(self):
        machine = self.service.client(self.identity)
        try:
            answer = expect(201, machine.post("/v1/certificates", {
                "csr": Key.ec().csr(common_name(NAME), alt_names(NAME)), "profile": "tls-server"}))
        finally:
            machine.close()
        (self.service.folder / f"{answer.json['serial']}.pem").write_text(answer.json["certificate"])
        return answer.json["serial"]

    def revoke(self, serial, status=200):
        return expect(status, self.service.operator.post(f"/v1/certificates/{serial}/revoke",
                                                         {"reason": "superseded"}))

    def crl(self):
        """The published list's text, after openssl has verified its signature."""
        body = expect(200, self.service.public(LIST)).body
        done = run(["openssl", "crl", "-inform", "DER", "-noout", "-text", "-CAfile",
                    self.service.home / "ca" / "issuing.pem"], input=body)
        self.assertIn(b"verify OK", done.stderr)
        return done.stdout.decode()

    def listed(self, serial):
        return serial.upper() in self.crl()

    def wait_listed(self, *serials):
        for serial in serials:
            wait_until(lambda s=serial: self.listed(s), f"{serial} is listed", 60)
        self.assertEqual(self.service.metric("chancery_crl_published"), 1)

    def number(self):
        lines = self.crl().splitlines()
        place = next(i for i, line in enumerate(lines) if "CRL Number" in line)
        return int(lines[place + 1].strip(), 0)

    def ocsp(self, serial):
        """What the kept or a new answer says; "tryLater" where there is none."""
        done = run(["openssl", "ocsp", "-no_nonce", "-noverify", "-issuer",
                    self.service.home / "ca" / "issuing.pem", "-serial", f"0x{serial}", "-url",
                    f"http://127.0.0.1:{self.service.public_port}/ocsp"], check=False)
        text = (done.stdout + done.stderr).decode()
        for word in ("trylater", ": good", ": revoked", ": unknown"):
            if word in text:
                return word.removeprefix(": ")
        raise AssertionError(text)


class TokenDownTests(RevocationFaultTest):
    def break_token(self):
        self.service.home.joinpath("token").rename(self.service.home / "token-away")
        for keyholder in self.service.keyholders():
            os.kill(keyholder, signal.SIGKILL)
        wait_until(lambda: self.service.metric("chancery_token_up") == 0, "the token is down")

    def mend_token(self):
        self.service.home.joinpath("token-away").rename(self.service.home / "token")
        wait_until(lambda: self.service.metric("chancery_token_up") == 1, "the token is up", 60)

    def test_what_is_revoked_meanwhile_is_on_the_list_afterwards(self):
        asked, other = self.issue(), self.issue()
        self.assertEqual(self.ocsp(asked), "good")  # kept from now on
        before, number = expect(200, self.service.public(LIST)).body, self.number()
        self.break_token()
        self.revoke(asked)
        self.revoke(other)
        # The token signs nothing: what there is stays, and says so.
        self.assertEqual(expect(200, self.service.public(LIST)).body, before)
        self.assertGreater(self.service.metric("chancery_crl_behind"), 0)
        self.assertEqual(self.service.public("/readyz").status, 503)
        self.assertEqual(self.ocsp(asked), "trylater", "never good again")
        self.mend_token()
        self.wait_listed(asked, other)
        wait_until(lambda: self.ocsp(asked) == "revoked", "OCSP says so too", 30)
        self.assertGreater(self.number(), number)
        self.service.verify_log()


class ListFolderTests(RevocationFaultTest):
    def test_lists_that_cannot_be_written(self):
        folder = self.service.home / "crl"
        serial = self.issue()
        before = expect(200, self.service.public(LIST)).body
        folder.rename(self.service.home / "crl-away")
        folder.write_text("not a folder")
        self.revoke(serial)
        wait_until(lambda: self.service.metric("chancery_crl_published") == 0, "the alarm", 30)
        self.assertEqual(expect(200, self.service.public(LIST)).body, before)
        self.assertEqual(self.ocsp(serial), "revoked", "the other face is not held up")
        folder.unlink()
        self.service.home.joinpath("crl-away").rename(folder)
        self.wait_listed(serial)
        self.service.verify_log()


class FullDiskRevocationTests(RevocationFaultTest):
    set_up_installation = classmethod(disk_full_tests.DiskFullTests.set_up_installation.__func__)
    skip_all = classmethod(disk_full_tests.DiskFullTests.skip_all.__func__)
    fill = disk_full_tests.DiskFullTests.fill
    suspended = disk_full_tests.DiskFullTests.suspended

    def test_a_revocation_is_refused_whole_and_can_be_made_again(self):
        done, refused = self.issue(), self.issue()
        self.revoke(done)
        self.wait_listed(done)
        ballast = self.fill()

        def attempt():
            self.service.auditor.post(f"/v1/certificates/{refused}/revoke",
                                      {"reason": "superseded"})
            return self.suspended()

        # Each denial is an entry, until there is no room for one.
        wait_until(attempt, "the log is suspended", 120, 0)
        before = expect(200, self.service.public(LIST)).body
        self.revoke(refused, 503)
        self.assertEqual(expect(200, self.service.public(LIST)).body, before)
        self.assertTrue(self.listed(done))
        ballast.unlink()
        self.service.wait_until_ready()
        self.assertFalse(self.listed(refused))
        self.revoke(refused)
        self.wait_listed(done, refused)
        self.service.verify_log()


class KilledTests(RevocationFaultTest):
    def test_killed_while_lists_are_published(self):
        chance = random.Random(7)
        serials, number = [], self.number()
        for _ in range(20 if service.LONG else 6):
            serials.append(self.issue())
            self.revoke(serials[-1])
            # A list is made within a second or so.
            time.sleep(chance.random() * 1.2)
            self.service.kill()
            self.service.start()
            # What is served right after the start verifies, and is not older than what was.
            self.assertGreaterEqual(self.number(), number)
            number = self.number()
        self.wait_listed(*serials)
        self.assertEqual([name for name in self.service.home.joinpath("crl").iterdir()
                          if name.name.startswith("unnamed")], [])
        self.service.verify_log()


@unittest.skipUnless(FAKETIME.exists(), "libfaketime is not installed")
class ClockTests(unittest.TestCase):
    """The clock of the service is an hour, three hours and two hours behind the tests'."""

    crl, listed, number = (RevocationFaultTest.crl, RevocationFaultTest.listed,
                           RevocationFaultTest.number)
    issue, revoke, ocsp = (RevocationFaultTest.issue, RevocationFaultTest.revoke,
                           RevocationFaultTest.ocsp)
    wait_listed = RevocationFaultTest.wait_listed

    def set_clock(self, hours):
        """Hours behind."""
        replacement = self.clock.with_suffix(".new")
        replacement.write_text(f"-{hours * 3600}\n")
        replacement.rename(self.clock)

    def setUp(self):
        folder = Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True,
                                     text=True).stdout.strip())
        self.addCleanup(run, ["rm", "-rf", folder])
        self.clock = folder / "clock"
        environment = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                       "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.set_clock(3)
        with mock.patch.dict(os.environ, environment):
            self.service = Service()
        self.addCleanup(self.service.remove)
        self.set_clock(1)
        self.service.start(under=("env", *(f"{k}={v}" for k, v in environment.items())))
        self.identity, _ = self.service.enroll(NAME, Key.ec())

    def this_update(self, path):
        text = csr.openssl("crl", "-inform", "DER", "-noout", "-lastupdate",
                           input=expect(200, self.service.public(path)).body).decode()
        when = datetime.strptime(text.strip().partition("=")[2], "%b %d %H:%M:%S %Y GMT")
        return when.replace(tzinfo=timezone.utc)

    def test_set_back(self):
        first, kept, second = self.issue(), self.issue(), self.issue()
        self.revoke(first)
        self.wait_listed(first)
        self.assertEqual(self.ocsp(kept), "good")
        number, before = self.number(), self.this_update(LIST)
        self.set_clock(2)
        # A list of the future is made anew, whatever was revoked; its number grows all the same.
        limit = datetime.now(timezone.utc) - timedelta(hours=1, minutes=30)
        for path in (LIST, "/crl/root.crl"):
            wait_until(lambda p=path: self.this_update(p) < limit, f"{path} is of now", 60)
        self.assertLess(self.this_update(LIST), before)
        self.assertGreater(self.number(), number)
        self.assertTrue(self.listed(first))
        self.assertEqual(self.ocsp(kept), "good")
        self.revoke(second)
        self.revoke(kept)
        self.wait_listed(first, second, kept)
        self.assertEqual(self.ocsp(kept), "revoked")
        self.service.verify_log()
        # A restart with the clock behind the log's last entry.
        self.service.stop()
        self.set_clock(3)
        self.service.start()
        self.assertTrue(self.listed(second))
        self.service.verify_log()


if __name__ == "__main__":
    service.main()
