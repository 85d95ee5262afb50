"""Well-formed requests for what must not be: refused, recorded, and the service goes on."""

import base64
import datetime
import time

import csr
import service
from csr import Key, alt_names, common_name
from machine_test import NAME, MachineTest, at_once
from service import expect


class DecisionTests(MachineTest):
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


class EnrollmentTests(MachineTest):
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
        end = datetime.datetime.fromisoformat(answer.json["expires_at"].replace("Z", "+00:00"))
        while datetime.datetime.now(datetime.timezone.utc) <= end:
            time.sleep(0.1)
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


class LogTests(MachineTest):
    def test_log_verifies(self):
        answer = expect(200, self.service.auditor.post("/v1/audit/verify")).json
        self.assertTrue(answer["good"], answer)


if __name__ == "__main__":
    service.main()
