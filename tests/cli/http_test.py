"""What the client does when the network, the service or somebody between them does not do as it should."""

import json

from fake_service import Answer, Authority, FakeService, ServiceTest, main, problem, run

STATUS = {"version": "1", "ready": True, "token": {"up": True, "lanes": 8, "lanes_busy": 0, "restarts": 0,
                                                   "signatures": 3},
          "log": {"healthy": True, "size": 12, "root": "", "waiting": 0},
          "policy": {"version": "ab" * 32, "loaded_at": "2030-01-01T00:00:00Z"}}
SIGNED = {"signature": "AAEC", "algorithm": "ed25519", "key": "k", "request_id": "req-1", "intent": 1, "outcome": 2}


class Http(ServiceTest):
    def sign(self, *arguments):
        return self.chancery("sign", "--key", "k", "--digest", "00", *arguments)

    def on_sign(self, *answers):
        self.service.on("POST", "/v1/keys/k/sign", *answers)

    def idempotency_keys(self):
        return [headers["Idempotency-Key"] for _, _, headers, _, _ in self.service.requests]

    # Repeating

    def test_what_is_repeated(self):
        def busy(status, retry_after=None):
            return Answer({}, status, headers={"Retry-After": retry_after} if retry_after else {})

        for name, answers, requests, status in [
            ("nothing", [SIGNED], 1, 0),
            ("dropped once", [Answer(drop=True), SIGNED], 2, 0),
            ("cut off once", [Answer(SIGNED, missing=1000), SIGNED], 2, 0),
            ("busy once", [busy(503, "0"), SIGNED], 2, 0),
            ("too many once", [busy(429, "1"), SIGNED], 2, 0),
            ("dropped, then busy", [Answer(drop=True), busy(503, "0"), SIGNED], 3, 0),
            ("always dropped", [Answer(drop=True)], 3, 1),
            ("always cut off", [Answer(SIGNED, missing=1000)], 3, 1),
            ("always busy", [busy(503, "0")], 3, 1),
            ("busy without a time", [busy(503), SIGNED], 1, 1),
            ("busy for an hour", [busy(503, "3600"), SIGNED], 1, 1),
            ("busy until a date", [busy(503, "Fri, 31 Dec 2100 23:59:59 GMT"), SIGNED], 1, 1),
            ("refused", [problem(403), SIGNED], 1, 1),
            ("broken", [problem(500), SIGNED], 1, 1),
            ("redirected", [Answer({}, 302, headers={"Location": "/v1/keys/k/sign"}), SIGNED], 1, 1),
        ]:
            with self.subTest(name):
                self.service.requests.clear()
                self.on_sign(*answers)
                done = self.sign()
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertEqual(len(self.service.requests), requests)
                self.assertEqual(len(set(self.idempotency_keys())), 1, "one request, one key")
                self.assertEqual(len({body for _, _, _, body, _ in self.service.requests}), 1)

    def test_each_request_has_its_own_key_unless_named(self):
        self.on_sign(SIGNED)
        self.sign()
        self.sign()
        self.sign("--idempotency-key", "deploy-42")
        first, second, named = self.idempotency_keys()
        self.assertNotEqual(first, second)
        self.assertRegex(first, r"^[0-9a-f]{32}$")
        self.assertEqual(named, "deploy-42")

    def test_an_answer_that_never_came_names_the_key_to_repeat_with(self):
        self.on_sign(Answer(drop=True))
        stderr = self.sign().stderr
        self.assertIn(f"--idempotency-key {self.idempotency_keys()[0]}", stderr)

    def test_a_key_that_was_made_here_is_not_repeated_by_hand(self):
        self.service.on("POST", "/v1/certificates", Answer(drop=True))
        stderr = self.fails("issue", "--dns", "web-1.example", "--out", f"{self.folder}/new")
        self.assertNotIn("--idempotency-key", stderr)
        self.assertIn("is gone", stderr)

    def test_a_long_wait_is_the_callers_to_plan(self):
        self.on_sign(Answer(problem(503).body, 503, "application/problem+json", {"Retry-After": "3600"}))
        self.assertIn("next: try again in 3600 s", self.sign().stderr)

    # Answers that are none

    def test_bad_answers(self):
        for name, answer, says in [
            ("not JSON", "<html>", "not a complete JSON object"),
            ("an array", "[1]", "not a complete JSON object"),
            ("half an object", '{"version": "1', "not a complete JSON object"),
            ("a member twice", '{"ready": true, "ready": true}', "not a complete JSON object"),
            ("empty", "", "not a complete JSON object"),
            ("a member of another kind", {"ready": "yes"}, '"ready"'),
            ("a member that is missing", {}, '"ready"'),
            ("too deep", '{"a":' * 40 + "1" + "}" * 40, "not a complete JSON object"),
        ]:
            with self.subTest(name):
                self.service.on("GET", "/v1/status", Answer(answer))
                self.assertIn(says, self.fails("status"))

    def test_an_oversized_answer(self):
        self.service.on("GET", "/v1/status", Answer(b"x" * (65 << 20)))
        self.assertIn("larger than 67108864 bytes", self.fails("status"))
        self.assertEqual(len(self.service.requests), 1)

    # Problems

    def test_a_problem_document(self):
        self.on_sign(problem(403, detail="validity 48h is above 24h", field="validity", grant="web-servers"))
        self.assertEqual(self.sign().stderr.splitlines(), [
            "chancery: Test: validity 48h is above 24h",
            "  field: validity",
            "  nearest grant: web-servers",
            "  request: urn:chancery:request:req-42",
            "  next: ask an administrator for a grant in policy.yaml; an auditor sees why with "
            "`chancery policy explain --request ID`"])
        done = self.sign("--json")
        document = json.loads(done.stderr)
        self.assertEqual((document["status"], document["grant"], document["field"]), (403, "web-servers", "validity"))
        self.assertIn("next", document)
        self.assertEqual(done.stdout, "")

    def test_every_status_says_what_to_do_next(self):
        for status in (400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 429, 431, 500, 503, 504):
            with self.subTest(status):
                self.on_sign(problem(status, detail="so it is"))
                self.assertRegex(self.sign().stderr, r"^chancery: Test: so it is\n(.*\n)*  next: .{10,}\n$")

    def test_a_status_without_a_document(self):
        self.on_sign(Answer("<html>\x1b[31m", 502, "text/html", {"X-Request-Id": "req-7"}))
        stderr = self.sign().stderr
        self.assertIn("the service answered 502", stderr)
        self.assertIn("request: req-7", stderr)

    def test_text_from_elsewhere_does_not_command_the_terminal(self):
        self.on_sign(problem(400, detail="\x1b]0;title\x07 \x9b31m red", title="a\x00b"))
        stderr = self.sign().stderr
        self.assertFalse(set(stderr) & set("\x1b\x07\x00\x9b"), stderr)
        self.assertIn("31m red", stderr)

    # Whom to trust

    def test_another_root_is_not_trusted(self):
        stranger = Authority(f"{self.folder}/stranger")
        for arguments in (["--identity", stranger.identity("machine")],
                          ["--identity", self.identity, "--ca", stranger.path("root.pem")]):
            done = run("--url", self.service.url, *arguments, "status")
            self.assertEqual(done.returncode, 1)
            self.assertIn("is not whom we trust", done.stderr)
        done = run("--url", self.service.url, "enroll", "--token", "t", "--out", f"{self.folder}/out")
        self.assertEqual(done.returncode, 1, "without --ca, only the operating system's roots count")
        self.assertIn("is not whom we trust", done.stderr)
        self.assertEqual(self.service.requests, [])

    def test_another_name_is_not_trusted(self):
        self.service.on("GET", "/v1/status", STATUS)
        url = self.service.url.replace("127.0.0.1", "localhost")  # the certificate has the address only
        done = run("--url", url, "--identity", self.identity, "status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not whom we trust", done.stderr)

    def test_a_refused_client_certificate(self):
        stranger = Authority(f"{self.folder}/stranger")
        identity = stranger.identity("machine")
        with open(f"{identity}/chain.pem", "a", encoding="utf-8") as chain:
            chain.write(self.authority.read("root.pem"))  # it trusts the service, not the other way round
        service = FakeService(self.authority, require_certificate=True)
        self.addCleanup(service.close)
        done = run("--url", service.url, "--identity", identity, "status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("refused our client certificate", done.stderr)
        self.assertEqual(service.requests, [])

    def test_nobody_there(self):
        self.service.close()
        done = run("--url", self.service.url, "--identity", self.identity, "status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot connect", done.stderr)

    def test_one_connection_for_many_requests(self):
        self.service.on("GET", "/v1/keys/k", {"public_key": PUBLIC_KEY, "algorithms": ["ecdsa-p256-sha256"]})
        self.on_sign(SIGNED)
        self.succeeds("sign", "--key", "k", "--prehash", self.file("data", "hello"))
        self.assertEqual(len(self.service.requests), 2)
        self.assertEqual(len(self.service.connections), 1)


PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""

main()
