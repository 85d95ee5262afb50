"""Requests that are wrong by themselves: the exact refusal, and that the service goes on."""

import base64
import json
import socket
import ssl

import csr
import service
from csr import Key, alt_names, common_name
from machine_test import NAME, MachineTest
from service import expect


class BodyTests(MachineTest):
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


class PathTests(MachineTest):
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

    def test_unknown_query_parameter(self):
        for path, field in (("/v1/certificates?limits=5", "limits"),
                            ("/v1/certificates?limit=5&owner=x", "owner"),
                            ("/v1/status?verbose=1", "verbose")):
            with self.subTest(path=path):
                self.assert_problem(self.machine.get(path), 400, field)

    def test_public_listener_has_no_api(self):
        self.assert_problem(self.service.public("/v1/status"), 404)
        self.assert_problem(self.service.public("/crl/unknown.crl"), 404)


class RequestTests(MachineTest):
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


if __name__ == "__main__":
    service.main()
