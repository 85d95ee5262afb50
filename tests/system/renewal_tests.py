"""`chancery renew --daemon`, `--once` and `--status`: certificates that are renewed when the service asks,
with a hook, through kills, a service that is down, and what cannot be renewed."""

import json
import os
import signal
import subprocess
from pathlib import Path

import csr
import service
from service import ServiceTest, run, wait_until

# The calls that change files, and those that speak to the service: killed before each of them.
KILLED_CALLS = ("mkdir", "rename", "symlink", "fsync", "unlink", "unlinkat", "sendto", "recvfrom", "clone3",
                "vfork", "clone", "waitid", "wait4")


def serial_of(directory):
    said = csr.openssl("x509", "-noout", "-serial", "-in", directory / "cert.pem").decode()
    return said.strip().partition("=")[2].lower().rjust(40, "0")


class RenewalTest(ServiceTest):
    """Each test has a machine with an identity of its own, made by `chancery enroll`."""

    number = 0

    def setUp(self):
        RenewalTest.number += 1
        self.name = f"m{RenewalTest.number}.example"
        self.folder = self.service.folder / self.name
        self.folder.mkdir()
        self.directory = self.folder / "identity"
        self.hook_log = self.folder / "hook.log"
        self.hook = self.script("hook", f"env | grep ^CHANCERY_ | sort | tr '\\n' ' ' >> {self.hook_log}\n"
                                        f"echo >> {self.hook_log}\n")
        self.enroll()

    def enroll(self, *options):
        token = self.folder / "token"
        verb = ("token",) if options else ("add",)
        token.write_text(json.loads(self.as_operator("machine", *verb, self.name, "--json"))["token"])
        run([*self.chancery, "--ca", self.service.root, "enroll", "--token-file", token, "--out",
             self.directory, *options])

    def script(self, name, text):
        path = self.folder / name
        fresh = path.with_suffix(".new")
        fresh.write_text("#!/bin/sh\n" + text)
        fresh.chmod(0o755)
        fresh.rename(path)
        return path

    @property
    def chancery(self):
        return [service.bin_folder / "chancery", "--url", f"https://127.0.0.1:{self.service.api_port}"]

    def as_operator(self, *arguments):
        return run([*self.chancery, "--identity", self.service.identity("operator"), *arguments]).stdout

    def once(self, *arguments, under=(), check=False, **options):
        return run([*under, *self.chancery, "renew", "--once", *(arguments or [self.directory]),
                    "--hook", self.hook], check=check, **options)

    def daemon(self, *arguments):
        """Ends with the test."""
        log = open(self.folder / "daemon.log", "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen([str(part) for part in
                                    [*self.chancery, "renew", "--daemon", *(arguments or [self.directory]),
                                     "--hook", self.hook]],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()

    def log(self):
        return (self.folder / "daemon.log").read_text()

    def status(self, directory=None):
        """(exit status, the one row)"""
        done = run([*self.chancery, "renew", "--status", directory or self.directory, "--json"], check=False)
        row, = json.loads(done.stdout)["certificates"]
        return done.returncode, row

    def status_is(self, what, true, directory=None):
        return wait_until(lambda: (lambda row: row if true(row) else None)(self.status(directory)[1]), what, 60)

    def tell_to_renew(self, serial):
        self.as_operator("cert", "replace", serial, "--deadline", "2099-01-01T00:00:00Z", "--explanation",
                         "https://wiki.example/7")

    def hooks(self):
        """The environment of each run, in order."""
        if not self.hook_log.exists():
            return []
        return [dict(pair.split("=", 1) for pair in line.split())
                for line in self.hook_log.read_text().splitlines()]

    def certificates_of_machine(self):
        return {serial for serial, row in self.service.certificates().items() if row["machine"] == self.name}

    def assert_pair(self, directory):
        """Certificate and key belong together, and openssl finds the way to the root."""
        certified = csr.openssl("x509", "-noout", "-pubkey", "-in", directory / "cert.pem")
        self.assertEqual(certified, csr.openssl("pkey", "-pubout", "-in", directory / "key.pem"))
        csr.openssl("verify", "-CAfile", self.service.root, "-untrusted", directory / "chain.pem",
                    directory / "cert.pem")
        self.assertEqual((directory / "key.pem").stat().st_mode & 0o777, 0o600)


class DaemonTests(RenewalTest):
    def test_it_renews_when_the_service_asks(self):
        old = serial_of(self.directory)
        metrics = self.folder / "chancery.prom"
        daemon = self.daemon(self.directory, "--metrics", metrics)
        row = self.status_is("a moment is chosen", lambda row: "chosen" in row)
        self.assertEqual((row["serial"], row["window"]["from"], row["running"]), (old, "service", True))
        self.assertLessEqual(row["window"]["start"], row["chosen"])
        self.assertLess(row["chosen"], row["window"]["end"])
        self.assertEqual(self.hooks(), [])

        self.tell_to_renew(old)
        daemon.send_signal(signal.SIGHUP)
        row = self.status_is("the hook ran", lambda row: row["hook"]["state"] == "done")
        new = serial_of(self.directory)
        self.assertNotEqual(new, old)
        self.assertEqual((row["serial"], row["renewals_total"], row["failures_total"]), (new, 1, 0))
        self.assertEqual(self.hooks(), [{
            "CHANCERY_CERTIFICATE": f"{self.directory}/cert.pem", "CHANCERY_KEY": f"{self.directory}/key.pem",
            "CHANCERY_CHAIN": f"{self.directory}/chain.pem", "CHANCERY_SERIAL": new,
            "CHANCERY_PREVIOUS_SERIAL": old, "CHANCERY_NOT_AFTER": row["not_after"]}])
        self.assertIn("https://wiki.example/7", self.log())
        self.assertEqual(self.certificates_of_machine(), {old, new})
        self.assert_pair(self.directory)
        self.assert_pair(self.directory / "previous")
        self.assertEqual(serial_of(self.directory / "previous"), old)
        self.assertFalse((self.directory / "pending").exists())
        self.assertEqual(self.status()[0], 0)

        row = self.status_is("the next moment is chosen", lambda row: "chosen" in row)
        wait_until(lambda: f'serial="{new}"' in metrics.read_text(), "metrics of the new certificate")
        self.assertIn(f'chancery_renewal_failures_total{{directory="{self.directory}"}} 0\n', metrics.read_text())
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(timeout=30), 0)
        code, row = self.status()
        self.assertEqual((code, row["running"]), (0, False))

    def test_a_restart_does_not_move_the_moment(self):
        daemon = self.daemon()
        chosen = self.status_is("a moment is chosen", lambda row: "chosen" in row)["chosen"]
        daemon.kill()
        daemon.wait()
        for _ in range(3):
            self.once(check=True)
            self.assertEqual(self.status()[1]["chosen"], chosen)

    def test_one_program_renews_a_directory(self):
        daemon = self.daemon()
        self.status_is("it runs", lambda row: row["running"])
        second = self.once()
        self.assertEqual(second.returncode, 1, second)
        self.assertIn(b"being renewed by another process", second.stderr)
        daemon.send_signal(signal.SIGINT)
        self.assertEqual(daemon.wait(timeout=30), 0)
        self.once(check=True)

    def test_a_service_that_is_down_and_back(self):
        old = serial_of(self.directory)
        self.service.stop()
        self.addCleanup(lambda: self.service.process or self.service.start())
        daemon = self.daemon()
        row = self.status_is("its own reckoning", lambda row: "window" in row)
        self.assertEqual(row["window"]["from"], "client")
        self.assertIn("cannot connect", row["look_error"])
        self.assertEqual(self.status()[0], 0)  # nothing was due
        # A moment that has come, as if the service were away for days.
        daemon.kill()
        daemon.wait()
        path = self.directory / "renewal.json"
        state = json.loads(path.read_text())
        state.update(window_start="2020-01-01T00:00:00Z", window_end="2020-01-02T00:00:00Z",
                     chosen="2020-01-01T12:00:00Z")
        path.write_text(json.dumps(state))
        daemon = self.daemon()
        row = self.status_is("a try failed", lambda row: row["failures"] > 0)
        self.assertIn("cannot connect", row["last_error"])
        self.assertEqual(self.status()[0], 1)
        self.assertEqual(serial_of(self.directory), old)
        begun = json.loads((self.directory / "pending" / "request.json").read_text())

        self.service.start()
        self.tell_to_renew(old)
        daemon.send_signal(signal.SIGHUP)
        row = self.status_is("it is renewed", lambda row: row["hook"]["state"] == "done")
        self.assertGreaterEqual(row["failures_total"], 1)
        self.assertEqual(row["failures"], 0)
        self.assertEqual(self.certificates_of_machine(), {old, serial_of(self.directory)})
        # The request that began in vain is the one that was answered.
        public = csr.openssl("req", "-noout", "-pubkey", input=begun["body"]["csr"].encode())
        self.assertEqual(public, csr.openssl("x509", "-noout", "-pubkey", "-in", self.directory / "cert.pem"))
        self.assertEqual(self.status()[0], 0)

    def test_a_hook_that_fails_and_is_mended(self):
        old = serial_of(self.directory)
        self.script("hook", "exit 7\n")
        metrics = self.folder / "chancery.prom"
        self.tell_to_renew(old)
        daemon = self.daemon(self.directory, "--metrics", metrics)
        row = self.status_is("the hook failed", lambda row: row["hook"]["state"] == "failed")
        new = serial_of(self.directory)
        self.assertNotEqual(new, old)  # it is good, and stays
        self.assertIn("ended with status 7", row["hook"]["error"])
        self.assertEqual(self.status()[0], 1)
        failed = f'chancery_renewal_hook_failed{{directory="{self.directory}"}} '
        wait_until(lambda: metrics.exists() and failed + "1\n" in metrics.read_text(), "a metric says so")
        self.script("hook", f"echo CHANCERY_SERIAL=$CHANCERY_SERIAL >> {self.hook_log}\n")
        daemon.send_signal(signal.SIGHUP)
        self.status_is("the hook ran", lambda row: row["hook"]["state"] == "done")
        self.assertEqual(self.hooks(), [{"CHANCERY_SERIAL": new}])
        self.assertEqual(serial_of(self.directory), new)
        self.assertEqual(self.status()[0], 0)
        wait_until(lambda: failed + "0\n" in metrics.read_text(), "the metric is well again")

    def test_it_ends_while_the_hook_runs(self):
        started = self.folder / "started"
        self.script("hook", f"echo $$ > {started}.new; mv {started}.new {started}; exec sleep 3600\n")
        self.tell_to_renew(serial_of(self.directory))
        daemon = self.daemon()
        wait_until(started.exists, "the hook runs")
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(timeout=30), 0)
        hook = Path("/proc") / started.read_text().strip() / "cmdline"
        # Nobody of ours waits for it any more: gone, or a zombie without a command line.
        wait_until(lambda: not hook.exists() or hook.read_bytes() == b"", "the hook ends too")
        self.assertEqual(self.status()[1]["hook"]["state"], "pending")
        self.script("hook", f"echo CHANCERY_SERIAL=$CHANCERY_SERIAL >> {self.hook_log}\n")
        self.once(check=True)
        self.assertEqual(self.hooks(), [{"CHANCERY_SERIAL": serial_of(self.directory)}])


class OnceTests(RenewalTest):
    def test_nothing_is_due(self):
        before = {path.name for path in self.directory.iterdir()}
        done = self.once(check=True)
        self.assertIn(b"planned", done.stdout)
        self.assertEqual({path.name for path in self.directory.iterdir()},
                         before | {"renewal.json", "renewal.lock"})
        self.assertEqual(self.certificates_of_machine(), {serial_of(self.directory)})

    def test_several_directories_with_one_identity(self):
        self.script("hook", f"echo CHANCERY_CERTIFICATE=$CHANCERY_CERTIFICATE >> {self.hook_log}\n")
        servers = [self.folder / f"tls-{number}" for number in range(2)]
        for server in servers:
            run([*self.chancery, "--identity", self.directory, "issue", "--profile", "tls-server", "--dns",
                 self.name, "--key-type", "rsa-2048", "--out", server])
        empty = self.folder / "empty"
        empty.mkdir()
        old = [serial_of(server) for server in servers]
        for serial in old:
            self.tell_to_renew(serial)
        done = self.once("--identity", self.directory, empty, self.directory, *servers)
        self.assertEqual(done.returncode, 1, done)  # for the empty one
        self.assertIn(f"{empty}: trouble: cannot read {empty}/cert.pem".encode(), done.stdout)
        for server, serial in zip(servers, old):
            self.assertNotEqual(serial_of(server), serial)
            self.assertEqual(serial_of(server / "previous"), serial)
            self.assert_pair(server)
            # The kind of key is kept.
            self.assertIn(b"rsaEncryption", csr.openssl("x509", "-noout", "-text", "-in", server / "cert.pem"))
        self.assertEqual([hook["CHANCERY_CERTIFICATE"] for hook in self.hooks()],
                         [f"{server}/cert.pem" for server in servers])
        self.assertFalse((self.directory / "versions").exists())
        self.once("--identity", self.directory, self.directory, *servers, check=True)
        self.assertEqual(len(self.certificates_of_machine()), 5)

    def test_a_server_certificate_without_an_identity(self):
        server = self.folder / "tls"
        run([*self.chancery, "--identity", self.directory, "issue", "--profile", "tls-server", "--dns", self.name,
             "--out", server])
        done = self.once(server)
        self.assertEqual(done.returncode, 1, done)
        code, row = self.status(server)
        self.assertEqual(code, 1)
        self.assertIn("unsuitable certificate purpose", row["last_error"])
        self.assertEqual(row["window"]["from"], "client")

    def test_a_renewal_by_hand_in_between(self):
        self.tell_to_renew(serial_of(self.directory))
        self.once(check=True)
        run([*self.chancery, "--identity", self.directory, "renew"])
        by_hand = serial_of(self.directory)
        self.assertFalse((self.directory / "cert.pem").is_symlink())
        self.once(check=True)
        self.assertEqual(self.status()[1]["serial"], by_hand)
        self.tell_to_renew(by_hand)
        self.once(check=True)
        self.assertEqual(serial_of(self.directory / "previous"), by_hand)
        self.assert_pair(self.directory)
        self.assertTrue((self.directory / "cert.pem").is_symlink())
        self.assertEqual(len(self.certificates_of_machine()), 4)

    def test_the_same_key_where_the_profile_wants_another(self):
        old = serial_of(self.directory)
        self.tell_to_renew(old)
        done = self.once(self.directory, "--same-key")
        self.assertEqual(done.returncode, 1, done)
        code, row = self.status()
        self.assertEqual((code, row["failures"]), (1, 1))
        self.assertIn("wants a new key at renewal", row["last_error"])
        self.assertEqual(serial_of(self.directory), old)
        self.once(check=True)
        self.assertNotEqual(serial_of(self.directory), old)
        self.assertEqual(self.status()[0], 0)

    def test_revoked(self):
        old = serial_of(self.directory)
        self.once(check=True)
        self.as_operator("revoke", old, "--reason", "superseded")
        done = self.once()
        self.assertEqual(done.returncode, 1, done)
        code, row = self.status()
        self.assertEqual((code, row["failures"]), (1, 1))
        self.assertRegex(row["last_error"], "revoked")
        self.assertEqual(serial_of(self.directory), old)
        self.assertFalse((self.directory / "current").exists())
        # A new enrolment is all that helps, and is seen.
        self.enroll("--force")
        self.once(check=True)
        code, row = self.status()
        self.assertEqual((code, row["serial"]), (0, serial_of(self.directory)))

    def test_expired(self):
        run([*self.chancery, "--identity", self.directory, "renew", "--validity", "2s"])
        wait_until(lambda: self.status()[1]["expired"], "it expires")
        old = serial_of(self.directory)
        for failures in (1, 2):
            done = self.once()
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(b"AND IT HAS EXPIRED", done.stdout)
            code, row = self.status()
            self.assertEqual((code, row["failures"], row["serial"]), (1, failures, old))
            self.assertIn("expired", row["problem"])
            self.assertGreater(row["next"], row["last_try"])  # it does not give up

    def test_a_state_that_is_not_ours(self):
        path = self.directory / "renewal.json"
        path.write_text('{"version": 1, "colour": "red"}')
        done = self.once()
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(f"{path}: ".encode(), done.stdout)
        self.assertIn(b"remove it", done.stdout)
        self.assertEqual(self.status()[0], 1)
        path.unlink()
        self.once(check=True)

    def test_status_for_people(self):
        self.once(check=True)
        done = run([*self.chancery, "renew", "--status", self.directory])
        text = done.stdout.decode()
        self.assertIn(f"{self.directory}: good", text)
        for word in (serial_of(self.directory), self.name, "window", "chosen", "next", "NO PROGRAM"):
            self.assertIn(word, text)


class KillTests(RenewalTest):
    """SIGKILL before each call that changes a file or speaks to the service, by strace."""

    def killed(self, call, number):
        trace = self.folder / "strace"
        # The leak sanitizer cannot work beside strace.
        options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        done = self.once(under=["strace", "-f", "-q", "-o", trace, "-e", f"trace={call}", "-e",
                                f"inject={call}:signal=SIGKILL:when={number}"],
                         env={**os.environ, "ASAN_OPTIONS": options})
        return "killed by SIGKILL" in trace.read_text(), done

    def test_killed_anywhere(self):
        rounds = 0
        issued = 1
        for call in KILLED_CALLS:
            number = 0
            while True:
                number += 1
                old = serial_of(self.directory)
                self.tell_to_renew(old)
                ran = len(self.hooks())
                killed, done = self.killed(call, number)
                where = f"{call} {number}"
                # Whatever moment: what is there can be used.
                self.assert_pair(self.directory)
                again = self.once()
                self.assertEqual(again.returncode, 0, f"{where}: {again}")
                new = serial_of(self.directory)
                self.assertNotEqual(new, old, where)
                issued += 1
                self.assertEqual(len(self.certificates_of_machine()), issued, where)
                self.assert_pair(self.directory)
                self.assertEqual(serial_of(self.directory / "previous"), old, where)
                self.assertFalse((self.directory / "pending").exists(), where)
                self.assertEqual(len(list((self.directory / "versions").iterdir())), 2, where)
                hooks = [hook["CHANCERY_SERIAL"] for hook in self.hooks()[ran:]]
                self.assertEqual(set(hooks), {new}, where)
                self.assertEqual(self.hooks()[-1]["CHANCERY_PREVIOUS_SERIAL"], old, where)
                rounds += 1
                if not killed:
                    self.assertEqual((done.returncode, len(hooks)), (0, 1), f"{where}: {done}")
                    break
        print(f"\n{rounds} rounds", flush=True)
        self.assertGreater(rounds, len(KILLED_CALLS) + 20)


if __name__ == "__main__":
    service.main()
