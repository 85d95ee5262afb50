"""Each kind of bad input: the exact refusal, what the log says of it, and that the service goes on."""

import base64
import json
import socket
import ssl
import threading
import time

import csr
import service
from csr import Key, alt_names, common_name
from service import ServiceTest, expect

NAME = "web.example"


class BadInputTest(ServiceTest):
    """A service with one machine, web.example, that holds the key web.example.k in the token."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = Key.ec()
        cls.identity, cls.enrolled = cls.service.enroll(NAME, cls.key)
        expect(201, cls.service.administrator.post("/v1/keys",
                                                   {"name": f"{NAME}.k", "type": "ec-p256"}))

    def setUp(self):
        self.machine = self.service.client(self.identity)
        self.addCleanup(self.machine.close)

    def tearDown(self):
        # Whatever was sent, the service goes on, and signs.
        answer = self.service.client(self.identity)
        expect(200, answer.post(f"/v1/keys/{NAME}.k/sign", {"data": "AAAA"}))
        answer.close()

    def issue(self, request, **members):
        body = {"profile": "tls-server", "csr": request, **members}
        return self.machine.post("/v1/certificates", body)

    def refuse_issue(self, request, status, field, **members):
        """Refused before anything was to be decided: no word of it in the log."""
        answer = self.issue(request, **members)
        self.assert_problem(answer, status, field)
        return answer

    def assert_recorded(self, answer, kind, **members):
        """The log has the refusal under its request's id."""
        entry = self.entry_of(self.request_id(answer))
        self.assertEqual(entry["kind"], kind, entry)
        self.assertEqual(entry["machine"], NAME)
        for name, value in members.items():
            self.assertEqual(entry.get(name), value, entry)
        return entry

    def entry_of(self, request):
        first = max(0, self.service.log_size() - 200)
        found = [e for e in self.service.entries(first) if e.get("request") == request]
        self.assertEqual(len(found), 1, f"entries of {request}")
        return found[0]

    def refuse_recorded(self, answer, status, kind, field=None, **members):
        self.assert_problem(answer, status, field)
        entry = self.assert_recorded(answer, kind, **members)
        if kind == "failure":
            self.assertEqual(entry["field"], answer.json["field"])
        return entry


class BodyTests(BadInputTest):
    def post(self, body, **headers):
        return self.machine.request("POST", f"/v1/keys/{NAME}.k/sign", body, headers)

    def test_json_cut_off(self):
        whole = json.dumps({"data": "AAAA", "algorithm": "ecdsa-p256-sha256"}).encode()
        for size in range(1, len(whole)):
            with self.subTest(size=size):
                self.assert_problem(self.post(whole[:size]), 400, "body")

    def test_no_body(self):
        self.assert_problem(self.post(b""), 400, "body")

    def test_not_an_object(self):
        for body in (b"[]", b"1", b'"data"', b"null", b"\xff\xfe{}", b'{"data":"AAAA"}x',
                     b'{"data":"\xff"}', b"[" * 100 + b"]" * 100):
            with self.subTest(body=body):
                self.assert_problem(self.post(body), 400, "body")

    def test_member_twice(self):
        self.assert_problem(self.post(b'{"data":"AAAA","data":"AAAA"}'), 400, "data")

    def test_unknown_member(self):
        answer = self.post({"data": "AAAA", "algoritm": "ecdsa-p256-sha256"})
        self.assert_problem(answer, 400, "algoritm")

    def test_wrong_type(self):
        self.assert_problem(self.post({"data": 1}), 400, "data")
        self.assert_problem(self.post({"data": None}), 400, "data")

    def test_not_base64(self):
        for text in ("A", "AA", "AA=", "A-_A", "AAAA\n", "AB=="):
            with self.subTest(text=text):
                self.assert_problem(self.post({"data": text}), 400, "data")

    def test_both_or_neither_of_data_and_digest(self):
        digest = base64.b64encode(bytes(32)).decode()
        self.assert_problem(self.post({}), 400, "data")
        self.assert_problem(self.post({"data": "AAAA", "digest": digest}), 400, "data")

    def test_another_content_type(self):
        headers = {"Content-Type": "text/plain"}
        self.assert_problem(self.post(b'{"data":"AAAA"}', **headers), 415)

    def test_body_over_the_bound(self):
        self.assert_problem(self.post(b" " * ((1 << 20) + 1)), 413)

    def test_data_over_the_bound(self):
        data = base64.b64encode(bytes((512 << 10) + 1)).decode()
        self.assert_problem(self.post({"data": data}), 413, "data")

    def test_length_over_the_bound_is_refused_before_the_body_comes(self):
        with self.raw() as channel:
            channel.sendall(b"POST /v1/certificates HTTP/1.1\r\nHost: x\r\n"
                            b"Content-Type: application/json\r\n"
                            b"Content-Length: 99999999999999\r\n\r\n")
            self.assertTrue(self.status_line(channel).startswith(b"HTTP/1.1 413 "))

    def test_chunks_over_the_bound(self):
        with self.raw() as channel:
            channel.sendall(b"POST /v1/certificates HTTP/1.1\r\nHost: x\r\n"
                            b"Content-Type: application/json\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n")
            self.assertTrue(self.status_line(channel).startswith(b"HTTP/1.1 413 "))

    def test_request_cut_off_by_the_client(self):
        before = self.service.log_size()
        body = b'{"data":"AAAA"}'
        head = (f"POST /v1/keys/{NAME}.k/sign HTTP/1.1\r\nHost: x\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        for size in range(1, len(head + body), 10):
            with self.raw() as channel:
                channel.sendall((head + body)[:size])
        whole = expect(200, self.post(body))
        self.assertEqual([e["index"] for e in self.service.entries(before)
                          if e["kind"] == "intent" and e["key"] == f"{NAME}.k"],
                         [whole.json["intent"]])

    def raw(self):
        context = ssl.create_default_context(cafile=str(self.service.root))
        context.load_cert_chain(self.identity / "cert.pem", self.identity / "key.pem")
        plain = socket.create_connection(self.service.address, timeout=30)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

    @staticmethod
    def status_line(channel):
        text = b""
        while b"\r\n" not in text:
            piece = channel.recv(4096)
            if not piece:
                break
            text += piece
        return text


class PathTests(BadInputTest):
    def test_unknown_path(self):
        for path in ("/", "/v1", "/v2/certificates", "/v1/keys/a/b/c", "/crl/issuing.crl"):
            with self.subTest(path=path):
                self.assert_problem(self.machine.get(path), 404)

    def test_path_in_another_form(self):
        for path in ("/v1/", "/v1/certificates/", "/v1//keys", "/v1/../v1/keys",
                     "/v1/%2e%2e/keys", "/v1/keys/..", "/v1/keys/%00", "/v1/keys/%zz"):
            with self.subTest(path=path):
                self.assert_problem(self.machine.get(path), 400)

    def test_wrong_method(self):
        for method, path, allowed in (("PUT", "/v1/certificates", "GET, HEAD, POST"),
                                      ("DELETE", "/v1/keys", "GET, HEAD, POST"),
                                      ("GET", "/v1/enroll", "POST"),
                                      ("POST", "/v1/status", "GET, HEAD")):
            with self.subTest(method=method, path=path):
                answer = self.machine.request(method, path)
                self.assert_problem(answer, 405)
                self.assertEqual(answer.headers["Allow"], allowed)

    def test_target_too_long(self):
        self.assert_problem(self.machine.get("/" + "a" * 3000), 414)

    def test_header_fields_too_large(self):
        answer = self.machine.request("GET", "/v1/keys", headers={"X-Large": "a" * 20000})
        self.assert_problem(answer, 431)

    def test_names_that_cannot_be(self):
        self.assert_problem(self.machine.get("/v1/certificates/abc"), 400, "serial")
        answer = self.service.operator.post("/v1/machines", {"name": "Not A Name"})
        self.assert_problem(answer, 400, "name")
        answer = self.machine.get("/v1/certificates?limit=0")
        self.assert_problem(answer, 400, "limit")

    def test_public_listener_has_no_api(self):
        self.assert_problem(self.service.public("/v1/status"), 404)
        self.assert_problem(self.service.public("/crl/unknown.crl"), 404)


class RequestTests(BadInputTest):
    """CSRs that are wrong by themselves."""

    def test_no_csr_at_all(self):
        for text in ("", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"
                     "-----END CERTIFICATE REQUEST-----\n"):
            with self.subTest(text=text):
                self.refuse_issue(text, 400, "csr")
        self.assert_problem(self.machine.post("/v1/certificates", {"profile": "tls-server"}),
                            400, "csr")

    def test_cut_off(self):
        whole = self.key.request(common_name(NAME), alt_names(NAME))
        for size in range(0, len(whole), 7):
            with self.subTest(size=size):
                answer = self.issue(csr.pem(whole[:size], "CERTIFICATE REQUEST"))
                self.assertEqual(answer.status, 400, answer)
                self.assertTrue(answer.json["field"].startswith("csr"), answer)

    def test_bytes_after_the_end(self):
        whole = self.key.request(common_name(NAME), alt_names(NAME))
        self.refuse_issue(csr.pem(whole + b"\0", "CERTIFICATE REQUEST"), 400, "csr")

    def test_bad_signature(self):
        request = self.key.csr(common_name(NAME), alt_names(NAME), damage=True)
        self.refuse_issue(request, 400, "csr.signature")

    def test_key_of_another(self):
        request = self.key.csr(common_name(NAME), alt_names(NAME), spki=Key.ec().spki)
        self.refuse_issue(request, 400, "csr.signature")

    def test_wrong_version(self):
        request = self.key.csr(common_name(NAME), alt_names(NAME), version=1)
        self.refuse_issue(request, 400, "csr.version")

    def test_asks_to_be_a_ca(self):
        for wanted in (csr.asks_for_ca(), csr.asks_for_ca(b"\x02\x01\x00")):
            request = self.key.csr(common_name(NAME), alt_names(NAME), wanted)
            self.refuse_issue(request, 400, "csr.basicConstraints")

    def test_extension_that_is_not_known(self):
        unknown = csr.extension("name_constraints", csr.sequence())
        self.refuse_issue(self.key.csr(common_name(NAME), alt_names(NAME), unknown), 400,
                          "csr.extensions")

    def test_extension_twice(self):
        request = self.key.csr(common_name(NAME), alt_names(NAME), alt_names(NAME))
        self.refuse_issue(request, 400, "csr.extensions")

    def test_10000_names(self):
        # As addresses they fit a request of the largest size; as DNS names they do not.
        addresses = [(csr.IP, (0x0a000000 + i).to_bytes(4, "big")) for i in range(10000)]
        self.refuse_issue(self.key.csr(common_name(NAME), alt_names(*addresses)), 400,
                          "csr.subject_alt_name")
        names = [f"host-{i}.{NAME}" for i in range(10000)]
        self.refuse_issue(self.key.csr(common_name(NAME), alt_names(*names)), 413, "csr")

    def test_one_name_too_many(self):
        names = [f"h{i}.{NAME}" for i in range(101)]
        self.refuse_issue(self.key.csr(common_name(NAME), alt_names(*names)), 400,
                          "csr.subject_alt_name")
        expect(201, self.issue(self.key.csr(common_name(NAME), alt_names(*names[:100]))))

    def test_names_that_no_dns_name_is(self):
        for name in (b"web.example\0.evil.test", b"w\xc3\xa4b.example", b"w\xe4b.example", b"",
                     b" web.example", b"web..example", b".web.example", b"web.example.",
                     b"-web.example", b"a" * 64 + b".web.example", b"*", b"a.*.web.example",
                     b"w*b.web.example"):
            with self.subTest(name=name):
                request = self.key.csr(common_name(NAME), alt_names((csr.DNS, name)))
                self.refuse_issue(request, 400, "csr.subject_alt_name")

    def test_name_twice(self):
        request = self.key.csr(common_name(NAME), alt_names(NAME, NAME.upper()))
        self.refuse_issue(request, 400, "csr.subject_alt_name")

    def test_address_of_five_octets(self):
        request = self.key.csr(common_name(NAME), alt_names((csr.IP, bytes(5))))
        self.refuse_issue(request, 400, "csr.subject_alt_name")

    def test_common_names_that_deceive(self):
        for text in (b"web.example\0.evil.test", b"\xff", b"web\xe2\x80\xaeexample", b" web", b"",
                     b"a" * 65, b"\xc0\x80"):
            with self.subTest(text=text):
                request = self.key.csr(common_name(text), alt_names(NAME))
                self.refuse_issue(request, 400, "csr.subject.common_name")

    def test_common_name_of_another_string_type(self):
        request = self.key.csr(common_name(NAME.encode("utf-16-be"), csr.BMP), alt_names(NAME))
        self.refuse_issue(request, 400, "csr.subject.common_name")

    def test_attribute_twice(self):
        name = csr.subject(("common_name", b"a", csr.UTF8), ("common_name", b"b", csr.UTF8))
        self.refuse_issue(self.key.csr(name, alt_names(NAME)), 400, "csr.subject.common_name")

    def test_keys_of_types_that_are_not_signed(self):
        for what, key in (("secp256k1", Key.ec("secp256k1")), ("RSA-1024", Key.rsa(1024)),
                          ("e = 3", Key.rsa(2048, 3)), ("DSA", Key.dsa()),
                          ("P-224", Key.ec("P-224"))):
            with self.subTest(what=what):
                self.refuse_issue(key.csr(common_name(NAME), alt_names(NAME)), 400,
                                  "csr.public_key")


class DecisionTests(BadInputTest):
    """Well-formed requests for what must not be: refused and recorded."""

    def good(self, *names):
        return self.key.csr(common_name(NAME), alt_names(*(names or (NAME,))))

    def test_another_machines_name(self):
        answer = self.issue(self.good("bank.example"))
        entry = self.refuse_recorded(answer, 403, "denial", names=[f"cn:{NAME}",
                                                                   "dns:bank.example"])
        self.assertIn("bank.example", answer.json["detail"])
        self.assertIn("own-certificates", answer.json["detail"])
        self.assertEqual(entry["grant"], "own-certificates")

    def test_own_name_and_another(self):
        self.refuse_recorded(self.issue(self.good(NAME, "bank.example")), 403, "denial")

    def test_own_name_as_a_suffix_only_in_text(self):
        self.refuse_recorded(self.issue(self.good("evil" + NAME)), 403, "denial")

    def test_common_name_of_another(self):
        request = self.key.csr(common_name("bank.example"), alt_names(NAME))
        self.refuse_recorded(self.issue(request), 403, "denial")

    def test_common_name_that_looks_alike(self):
        request = self.key.csr(common_name("wеb.example"), alt_names(NAME))  # a Cyrillic e
        self.refuse_recorded(self.issue(request), 403, "denial")

    def test_wildcard_the_policy_does_not_grant(self):
        self.refuse_recorded(self.issue(self.good("*.bank.example")), 403, "denial")

    def test_wildcard_the_profile_does_not_allow(self):
        for profile in ("tls-client", "machine"):
            answer = self.issue(self.good(f"*.{NAME}"), profile=profile)
            self.refuse_recorded(answer, 400, "failure", profile=profile)

    def test_kind_of_name_the_profile_does_not_allow(self):
        request = self.key.csr(common_name(NAME), alt_names((csr.IP, bytes([10, 0, 0, 1]))))
        answer = self.issue(request, profile="tls-client")
        self.refuse_recorded(answer, 400, "failure", profile="tls-client")

    def test_address_the_policy_does_not_grant(self):
        request = self.key.csr(common_name(NAME), alt_names((csr.IP, bytes([10, 0, 0, 1]))))
        self.refuse_recorded(self.issue(request), 403, "denial")

    def test_subject_the_profile_does_not_allow(self):
        name = csr.subject(("organization", b"Bank", csr.UTF8),
                           ("common_name", NAME.encode(), csr.UTF8))
        answer = self.issue(self.key.csr(name, alt_names(NAME)))
        self.refuse_recorded(answer, 400, "failure")

    def test_validity_that_is_none(self):
        for text in ("-1h", "0s", "0h", "", "h", "1", "1w", "1.5h", "9999999999999y", "101y", "1 h",
                     "１h"):
            with self.subTest(text=text):
                self.refuse_issue(self.good(), 400, "validity", validity=text)

    def test_validity_of_another_type(self):
        self.refuse_issue(self.good(), 400, "validity", validity=-3600)

    def test_validity_beyond_the_profile(self):
        for text in ("91d", "100y"):
            answer = self.issue(self.good(), validity=text)
            self.refuse_recorded(answer, 400, "failure", "validity")

    def test_unknown_profile(self):
        answer = self.issue(self.good(), profile="tls-servre")
        self.refuse_recorded(answer, 400, "failure", "profile", profile="tls-servre")
        self.assertIn("tls-server", answer.json["detail"])

    def test_profile_the_policy_does_not_grant(self):
        request = self.key.csr(common_name(NAME))
        self.refuse_recorded(self.issue(request, profile="intermediate-ca"), 403, "denial")
        self.refuse_recorded(self.issue(request, profile="code-signing"), 403, "denial")

    def test_unknown_issuer(self):
        answer = self.issue(self.good(), issuer="isuing")
        self.refuse_recorded(answer, 404, "failure", issuer="isuing")

    def test_issuer_the_policy_does_not_grant(self):
        self.refuse_recorded(self.issue(self.good(), issuer="root"), 403, "denial")

    def test_key_type_the_profile_does_not_allow(self):
        request = Key.ec("P-521").csr(common_name(NAME), alt_names(NAME))
        answer = self.issue(request, profile="machine")
        self.refuse_recorded(answer, 400, "failure", key_type="ec-p521")

    def test_key_of_another_machine(self):
        expect(201, self.service.administrator.post(
            "/v1/keys", {"name": "other.example.k", "type": "ec-p256"}))
        answer = self.machine.post("/v1/keys/other.example.k/sign", {"data": "AAAA"})
        self.refuse_recorded(answer, 403, "denial", key="other.example.k")

    def test_key_that_does_not_exist(self):
        answer = self.machine.post(f"/v1/keys/{NAME}.none/sign", {"data": "AAAA"})
        self.refuse_recorded(answer, 404, "failure", key=f"{NAME}.none")

    def test_keys_of_the_service(self):
        for key in expect(200, self.service.auditor.get("/v1/keys")).json["keys"]:
            if key["purpose"] == "data":
                continue
            with self.subTest(key=key["name"]):
                answer = self.machine.post(f"/v1/keys/{key['name']}/sign", {"data": "AAAA"})
                self.refuse_recorded(answer, 403, "denial", key=key["name"])

    def test_digest_that_is_not_granted(self):
        digest = base64.b64encode(bytes(32)).decode()
        answer = self.machine.post(f"/v1/keys/{NAME}.k/sign", {"digest": digest})
        self.refuse_recorded(answer, 403, "denial", operation="key.sign-digest")

    def test_algorithm_of_another_type_of_key(self):
        answer = self.machine.post(f"/v1/keys/{NAME}.k/sign",
                                   {"data": "AAAA", "algorithm": "rsa-pss-sha256"})
        self.refuse_recorded(answer, 400, "failure", "algorithm")

    def test_algorithm_that_does_not_exist(self):
        answer = self.machine.post(f"/v1/keys/{NAME}.k/sign", {"data": "AAAA", "algorithm": "md5"})
        self.assert_problem(answer, 400, "algorithm")

    def test_renewal_of_another_machines_certificate(self):
        _, other = self.service.enroll("neighbour.example", Key.ec())
        answer = self.machine.post(f"/v1/certificates/{other['serial']}/renew",
                                   {"csr": Key.ec().csr()})
        self.refuse_recorded(answer, 403, "denial", owner="neighbour.example")
        answer = self.machine.post(f"/v1/certificates/{other['serial']}/revoke",
                                   {"reason": "superseded"})
        self.refuse_recorded(answer, 403, "denial", owner="neighbour.example")
        answer = self.machine.get(f"/v1/certificates/{other['serial']}")
        self.refuse_recorded(answer, 403, "denial", owner="neighbour.example")

    def test_renewal_with_the_same_key(self):
        answer = self.machine.post(f"/v1/certificates/{self.enrolled['serial']}/renew",
                                   {"csr": self.key.csr()})
        self.refuse_recorded(answer, 400, "failure", "csr.public_key")

    def test_renewal_that_asks_for_another_name(self):
        request = Key.ec().csr(common_name("bank.example"), alt_names("bank.example"))
        answer = self.machine.post(f"/v1/certificates/{self.enrolled['serial']}/renew",
                                   {"csr": request})
        self.refuse_recorded(answer, 400, "failure", "csr.subject_alt_name")

    def test_revocation_for_a_reason_that_is_none(self):
        for reason in ("KeyCompromise", "", "certificateHold", "removeFromCRL"):
            answer = self.machine.post(f"/v1/certificates/{self.enrolled['serial']}/revoke",
                                       {"reason": reason})
            self.assert_problem(answer, 400, "reason")

    def test_machine_that_exists(self):
        answer = self.service.operator.post("/v1/machines", {"name": NAME})
        self.assert_problem(answer, 409, "name")
        self.assertEqual(self.entry_of(self.request_id(answer))["kind"], "failure")

    def test_token_life(self):
        for life in ("8d", "0s", "-1h"):
            answer = self.service.operator.post("/v1/machines",
                                                {"name": "late.example", "token_life": life})
            self.assert_problem(answer, 400, "token_life")


class IdempotencyTests(BadInputTest):
    def sign(self, data, key):
        return self.machine.post(f"/v1/keys/{NAME}.k/sign", {"data": data}, key=key)

    def test_repeat_gets_the_same_answer_and_no_second_signature(self):
        first = expect(200, self.sign("AAAA", "same"))
        again = expect(200, self.sign("AAAA", "same"))
        for member in ("signature", "intent", "request_id"):
            self.assertEqual(first.json[member], again.json[member], member)
        intents = [e for e in self.service.entries(first.json["intent"])
                   if e["kind"] == "intent" and e.get("key") == f"{NAME}.k"]
        self.assertEqual([e["index"] for e in intents], [first.json["intent"]])

    def test_repeat_of_what_has_a_name_makes_no_second(self):
        key = {"name": f"{NAME}.repeated", "type": "ec-p256"}
        made = expect(201, self.service.administrator.post("/v1/keys", key, key="make"))
        self.assert_problem(self.service.administrator.post("/v1/keys", key, key="make"), 409,
                            "name")
        shown = expect(200, self.service.administrator.get(f"/v1/keys/{key['name']}"))
        self.assertEqual(shown.json, made.json)

    def test_repeat_of_an_issuance(self):
        body = {"profile": "tls-server", "csr": self.key.csr(common_name(NAME), alt_names(NAME))}
        first = expect(201, self.machine.post("/v1/certificates", body, key="issue"))
        again = expect(201, self.machine.post("/v1/certificates", body, key="issue"))
        self.assertEqual(first.json, again.json)

    def test_repeat_names_its_outcome(self):
        first = expect(200, self.sign("AAAA", "outcome"))
        again = expect(200, self.sign("AAAA", "outcome"))
        self.assertEqual(first.json["outcome"], again.json["outcome"])

    def test_repeat_with_another_body(self):
        expect(200, self.sign("AAAA", "another"))
        self.assert_problem(self.sign("AAAB", "another"), 422, "Idempotency-Key")

    def test_repeat_at_another_path(self):
        expect(201, self.service.administrator.post(
            "/v1/keys", {"name": f"{NAME}.second", "type": "ec-p256"}))
        expect(200, self.sign("AAAA", "path"))
        answer = self.machine.post(f"/v1/keys/{NAME}.second/sign", {"data": "AAAA"}, key="path")
        self.assert_problem(answer, 422, "Idempotency-Key")

    def test_same_key_of_another_machine_is_another_request(self):
        name = "twin.example"
        identity, _ = self.service.enroll(name, Key.ec())
        expect(201, self.service.administrator.post("/v1/keys",
                                                    {"name": f"{name}.k", "type": "ec-p256"}))
        expect(200, self.sign("AAAA", "shared"))
        twin = self.service.client(identity)
        self.addCleanup(twin.close)
        expect(200, twin.post(f"/v1/keys/{name}.k/sign", {"data": "AAAB"}, key="shared"))

    def test_key_that_is_none(self):
        for key in ("a b", "a" * 129):
            self.assert_problem(self.sign("AAAA", key), 400, "Idempotency-Key")
        self.assert_problem(self.sign("AAAA", "\x7f"), 400)

    def test_at_once_from_many(self):
        answers = at_once(16, lambda _: self.send_from_own_connection("race"))
        self.assertTrue(all(a.status in (200, 409) for a in answers), answers)
        good = [a.json for a in answers if a.status == 200]
        self.assertTrue(good)
        self.assertEqual(len({(a["signature"], a["intent"]) for a in good}), 1)

    def send_from_own_connection(self, key):
        client = self.service.client(self.identity)
        try:
            return client.post(f"/v1/keys/{NAME}.k/sign", {"data": "AAAA"}, key=key)
        finally:
            client.close()


class EnrollmentTests(BadInputTest):
    def enroll(self, token, request=None):
        client = self.service.client()
        try:
            return client.post("/v1/enroll", {"token": token, "csr": request or self.key.csr()})
        finally:
            client.close()

    def test_token_twice(self):
        token = self.service.add_machine("once.example")
        expect(201, self.enroll(token))
        self.assert_problem(self.enroll(token), 401, "token")

    def test_token_that_was_never_made(self):
        for token in ("", "x", "A" * 43, "A" * 10000):
            self.assert_problem(self.enroll(token), 401, "token")

    def test_token_that_has_expired(self):
        answer = expect(201, self.service.operator.post(
            "/v1/machines", {"name": "late.test", "token_life": "1s"}))
        time.sleep(1.1)
        self.assert_problem(self.enroll(answer.json["token"]), 401, "token")

    def test_token_at_once_from_16(self):
        for name in ("race-1.example", "race-2.example", "race-3.example"):
            token = self.service.add_machine(name)
            request = self.key.csr()
            answers = at_once(16, lambda _, t=token, r=request: self.enroll(t, r))
            self.assertEqual(sorted(a.status for a in answers), [201] + 15 * [401], name)
            rows = expect(200, self.service.auditor.get(f"/v1/certificates?machine={name}"))
            self.assertEqual(len(rows.json["certificates"]), 1)

    def test_token_of_one_machine_for_another(self):
        token = self.service.add_machine("mine.example")
        request = self.key.csr(common_name("yours.example"), alt_names("yours.example"))
        answer = self.enroll(token, request)
        self.assert_problem(answer, 403)
        entry = self.entry_of(self.request_id(answer))
        self.assertEqual((entry["kind"], entry["machine"]), ("denial", "mine.example"))
        expect(201, self.enroll(token))  # what was refused did not use it up


class ClientCertificateTests(BadInputTest):
    def status_with(self, identity):
        client = self.service.client(identity)
        try:
            return client.get("/v1/keys")
        finally:
            client.close()

    def assert_refused(self, identity):
        """With an explanation; the log has that somebody was turned away."""
        self.assert_problem(self.status_with(identity), 401)
        failures = [e for e in self.service.entries() if e["kind"] == "authentication"]
        self.assertTrue(failures)
        self.assertEqual(failures[0]["source"], "127.0.0.1")

    def test_none(self):
        self.assert_refused(None)

    def test_of_a_foreign_ca(self):
        self.assert_refused(self.foreign("-subj", f"/CN={NAME}"))

    def test_of_a_foreign_ca_with_our_issuers_name(self):
        self.assert_refused(self.foreign("-subj", self.issuers_subject()))

    def issuers_subject(self):
        text = csr.openssl("x509", "-in", self.service.home / "ca" / "issuing.pem", "-noout",
                           "-subject", "-nameopt", "compat").decode()
        return text.partition("=")[2].strip()

    def foreign(self, *options):
        folder = self.service.folder / f"foreign-{time.monotonic_ns()}"
        folder.mkdir()
        csr.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "1", *options, "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem")
        return folder

    def test_expired(self):
        # One connection was opened while it was valid: it ends with the certificate.
        # (A second, more than a second before its end, for the sake of slow machines.)
        name = "short.example"
        identity, enrolled = self.service.enroll(name, Key.ec())
        first = self.service.client(identity)
        key = Key.ec()
        answer = expect(201, first.post(f"/v1/certificates/{enrolled['serial']}/renew",
                                        {"csr": key.csr(), "validity": "5s"}))
        first.close()
        short = self.service.client(self.service.keep_identity("short", answer.json["certificate"],
                                                               key))
        self.addCleanup(short.close)
        path = f"/v1/certificates/{answer.json['serial']}"
        expect(200, short.get(path))
        service.wait_until(lambda: short.get(path).status == 401, "the certificate's end", 20, 0.5)
        self.assert_refused(self.service.folder / "machines" / "short")

    def test_revoked(self):
        identity, enrolled = self.service.enroll("gone.example", Key.ec())
        client = self.service.client(identity)
        self.addCleanup(client.close)
        path = f"/v1/certificates/{enrolled['serial']}"
        expect(200, client.get(path))
        expect(200, self.service.operator.post(path + "/revoke", {"reason": "keyCompromise"}))
        self.assert_problem(client.get(path), 401)  # on the connection that was open
        self.assert_refused(identity)
        answer = self.service.operator.post(path + "/revoke", {"reason": "superseded"})
        self.assertTrue(expect(200, answer).json["already"])
        self.assertEqual(answer.json["reason"], "keyCompromise")

    def test_flood_of_strangers_does_not_fill_the_log(self):
        before = self.service.log_size()
        stranger = self.service.client()
        self.addCleanup(stranger.close)
        for _ in range(500):
            self.assert_problem(stranger.get("/v1/keys"), 401)
        refused = [e for e in self.service.entries(before) if e["kind"] == "authentication"]
        self.assertLessEqual(len(refused), 2)


def at_once(count, action):
    """What `count` threads got that began together."""
    answers = [None] * count
    gate = threading.Barrier(count)

    def one(number):
        gate.wait()
        answers[number] = action(number)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class LogTests(BadInputTest):
    def test_log_verifies(self):
        answer = expect(200, self.service.auditor.post("/v1/audit/verify")).json
        self.assertTrue(answer["good"], answer)


if __name__ == "__main__":
    service.main()
