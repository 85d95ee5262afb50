"""The renewing client against a service that this test plays: what is not taken, what is asked again and
with which key, and when."""

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

from fake_service import Answer, ServiceTest, main, openssl, problem, run

NAMES = "subjectAltName=DNS:machine.example"


def window(begin, end, **members):
    """From `begin` hours to `end` hours from now."""
    def text(hours):
        return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"suggestedWindow": {"start": text(begin), "end": text(end)}, **members}


PASSED = {"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-01T00:00:01Z"}}


def seconds_between(first, second):
    return (datetime.fromisoformat(second.replace("Z", "+00:00")) -
            datetime.fromisoformat(first.replace("Z", "+00:00"))).total_seconds()


class RenewalTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.directory = self.authority.identity(os.path.basename(self.folder))
        self.old = self.serial()
        self.number = self.authority.serial
        self.renewal(self.old, PASSED)
        self.service.on("POST", f"/v1/certificates/{self.old}/renew", self.renew)

    def renewal(self, serial, *answers):
        self.service.on("GET", f"/v1/certificates/{serial}/renewal", *answers)

    def serial(self, directory=None):
        said = openssl("x509", "-noout", "-serial", "-in", (directory or self.directory) + "/cert.pem").decode()
        return said.strip().partition("=")[2].lower().rjust(40, "0")

    def renew(self, body, extension=NAMES, subject=None):
        """A certificate for the request, with the names of the one before."""
        self.authority.serial += 1
        serial = f"01{self.authority.serial:038x}"
        (self.authority.folder / "extensions").write_text(extension + "\n")
        openssl("x509", "-req", "-CA", self.authority.path("issuing.pem"), "-CAkey",
                self.authority.path("issuing.key"), "-set_serial", "0x" + serial, "-days", "7", "-subj",
                subject or f"/CN={os.path.basename(self.folder)}", "-extfile", self.authority.path("extensions"),
                "-out", self.authority.path("renewed.pem"), stdin=body["csr"].encode())
        self.new = serial
        if (("GET", f"/v1/certificates/{serial}/renewal")) not in self.service.answers:
            self.renewal(serial, window(100, 120))
        return {"request_id": "req-1", "serial": serial, "certificate": self.authority.read("renewed.pem"),
                "chain": self.authority.chain}

    def once(self, status, *options):
        done = run("--url", self.service.url, "renew", "--once", self.directory, *options)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def status(self):
        return json.loads(run("renew", "--status", self.directory, "--json").stdout)["certificates"][0]

    def posts(self):
        return [(headers["Idempotency-Key"], body) for method, _, headers, body, _ in self.service.requests
                if method == "POST"]

    def test_one_request_one_certificate(self):
        self.once(0)
        self.assertEqual((self.serial(), self.serial(self.directory + "/previous")), (self.new, self.old))
        # Asked for with the old certificate, tried out with the new one, and looked at again.
        self.assertTrue(all(peer for *_, peer in self.service.requests))
        self.assertEqual([(method, path.split("/")[3]) for method, path, *_ in self.service.requests],
                         [("GET", self.old), ("POST", self.old), ("GET", self.new), ("GET", self.new)])

    def test_a_certificate_that_is_not_taken(self):
        for name, options, says in (
                ("other names", {"extension": "subjectAltName=DNS:other.example"}, "its names are not those"),
                ("another subject", {"subject": "/CN=other"}, "its names are not those"),
        ):
            with self.subTest(name):
                self.service.requests.clear()
                self.service.on("POST", f"/v1/certificates/{self.old}/renew",
                                lambda body, options=options: self.renew(body, **options))
                self.once(1)
                self.assertIn(says, self.status()["last_error"])
                self.assertEqual(self.serial(), self.old)
                self.assertFalse(Path(self.directory, "versions").exists())
                # It is not asked for again at once; after five tries it is.
                for _ in range(4):
                    self.once(1)
                self.assertEqual(len(self.posts()), 1)
                self.once(1)
                self.assertEqual(len(self.posts()), 2)
                for _ in range(4):
                    self.once(1)
        self.service.on("POST", f"/v1/certificates/{self.old}/renew", self.renew)
        self.once(0)
        self.assertEqual(self.serial(), self.new)

    def test_of_another_root(self):
        stranger = type(self.authority)(Path(self.folder) / "stranger")

        def answer(body):
            certificate, serial = stranger.certify("x", body["csr"])
            return {"request_id": "r", "serial": serial, "certificate": certificate, "chain": stranger.chain}

        Path(self.directory, "cert.pem").chmod(0o644)
        self.service.on("POST", f"/v1/certificates/{self.old}/renew", answer)
        self.once(1)
        self.assertRegex(self.status()["last_error"], "not taken")
        self.assertEqual(self.serial(), self.old)

    def test_the_old_one_stays_until_the_new_one_is_accepted(self):
        new = f"01{self.number + 1:038x}"
        self.renewal(new, problem(401, detail="the client certificate is not in the inventory"),
                     problem(503, detail="busy"), window(100, 120))
        self.once(1)
        self.assertIn("not in the inventory", self.status()["last_error"])
        self.assertEqual(self.serial(), self.old)
        self.once(1)
        self.assertIn("busy", self.status()["last_error"])
        self.assertEqual((self.serial(), self.status()["failures"]), (self.old, 2))
        self.once(0)
        self.assertEqual((self.serial(), len(self.posts())), (new, 1))

    def test_one_that_may_not_read_its_own_is_accepted(self):
        new = f"01{self.number + 1:038x}"
        self.renewal(new, problem(403, detail="no grant"))
        self.once(0)
        row = self.status()
        self.assertEqual((row["serial"], row["window"]["from"], row["look_error"]), (new, "client", "no grant"))

    def test_a_request_without_an_answer_is_repeated_as_it_was(self):
        self.service.on("POST", f"/v1/certificates/{self.old}/renew", Answer(drop=True), Answer(drop=True),
                        Answer(drop=True), self.renew)
        self.once(1)
        self.once(0, "--validity", "36h")
        sent = self.posts()
        self.assertEqual(len(sent), 4)
        self.assertEqual(len(set(sent)), 1)

    def test_a_request_that_was_refused_is_made_anew(self):
        for status in (400, 403, 409, 422):
            with self.subTest(status):
                self.service.requests.clear()
                self.service.on("POST", f"/v1/certificates/{self.old}/renew", problem(status, detail="no"))
                self.once(1)
                self.once(1)
                (first, one), (second, other) = self.posts()
                self.assertNotEqual(first, second)
                self.assertNotEqual(json.loads(one)["csr"], json.loads(other)["csr"])

    def test_retry_after_is_obeyed(self):
        self.service.on("POST", f"/v1/certificates/{self.old}/renew",
                        Answer({}, 503, headers={"Retry-After": "1000"}))
        self.once(1)
        row = self.status()
        self.assertGreaterEqual(seconds_between(row["last_try"], row["next"]), 1000)
        self.assertLessEqual(seconds_between(row["last_try"], row["next"]), 1012)

    def test_looks_are_as_the_service_says(self):
        for asked, least, most in (("500", 500, 510), ("0", 10, 20), ("9999999", 86400, 86410)):
            with self.subTest(asked):
                self.renewal(self.old, Answer(window(100, 120), headers={"Retry-After": asked}))
                begun = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                self.once(0)
                delay = seconds_between(begun, self.status()["next_look"])
                self.assertGreaterEqual(delay, least)
                self.assertLessEqual(delay, most)

    def test_a_window_that_moves_is_chosen_from_anew(self):
        first, second = window(90, 100), window(110, 120, explanationURL="https://wiki.example/7")
        self.renewal(self.old, first, first, second, second)
        chosen = []
        for _ in range(4):
            self.once(0)
            chosen.append(self.status()["chosen"])
        self.assertEqual((chosen[0], chosen[2]), (chosen[1], chosen[3]))
        self.assertLess(first["suggestedWindow"]["start"], chosen[0])
        self.assertLess(chosen[0], first["suggestedWindow"]["end"])
        self.assertLess(second["suggestedWindow"]["start"], chosen[2])
        self.assertEqual(self.status()["explanation_url"], "https://wiki.example/7")

    def test_bad_renewal_information(self):
        self.renewal(self.old, window(5, 5), Answer("[]"), Answer(b"\xff"), {"suggestedWindow": 1})
        for _ in range(4):
            self.once(0)
            row = self.status()
            self.assertEqual(row["window"]["from"], "client")
            self.assertTrue(row["look_error"])

    def test_a_clock_that_is_wrong_makes_no_loop(self):
        """The window of the fresh certificate is over too, and the service has not said: at once."""
        # It ends after the certificate begins, and all but a millionth of it has passed.
        recent = window(-50000, 0.01)
        self.renewal(self.old, recent)
        self.renewal(f"01{self.number + 1:038x}", recent)
        self.once(0)
        self.assertEqual(self.serial(), self.new)
        for _ in range(3):
            self.once(0)
        self.assertEqual(len(self.posts()), 1)

    def test_events_as_json(self):
        lines = [json.loads(line) for line in self.once(0, "--json").splitlines()]
        self.assertEqual([line["event"] for line in lines], ["planned", "renewed", "planned"])
        self.assertEqual({line["directory"] for line in lines}, {os.path.realpath(self.directory)})

    def test_metrics_that_cannot_be_written(self):
        metrics = os.path.join(self.folder, "metrics")
        self.once(0, "--metrics", metrics)
        self.assertIn("chancery_renewal_problem{", Path(metrics).read_text(encoding="utf-8"))
        self.assertIn("--metrics", run("--url", self.service.url, "renew", "--once", self.directory, "--metrics",
                                       "/nowhere/x").stderr)


main()
