"""What the inventory says of machines: who may say it, that it is recorded, and that a machine has it at
once."""

import service
from csr import Key, alt_names, common_name
from machine_test import NAME
from service import ServiceTest, expect


class AttributeTests(ServiceTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.identity, _ = cls.service.enroll(NAME, Key.ec())

    def add(self, name, attributes, client=None):
        return (client or self.service.operator).post(
            "/v1/machines", {"name": name, "attributes": attributes})

    def set(self, name, attributes, client=None):
        return (client or self.service.operator).post(f"/v1/machines/{name}/attributes",
                                                      {"attributes": attributes})

    def shown(self, name):
        return expect(200, self.service.operator.get(f"/v1/machines/{name}")).json["attributes"]

    def entries(self, name, first):
        return [e for e in self.service.entries(first)
                if e["kind"] == "machine" and e.get("owner") == name]

    def test_given_changed_and_taken(self):
        first = self.service.log_size()
        expect(201, self.add("shop-1", {"team": "shop", "site": "Zug, CH"}))
        self.assertEqual(self.shown("shop-1"), {"site": "Zug, CH", "team": "shop"})
        answer = expect(200, self.set("shop-1", {"team": "pay"})).json
        self.assertEqual(answer["attributes"], {"team": "pay"})
        size = self.service.log_size()
        expect(200, self.set("shop-1", {"team": "pay"}))  # as they are
        self.assertEqual(self.entries("shop-1", size), [])
        expect(200, self.set("shop-1", {}))
        self.assertEqual(self.shown("shop-1"), {})
        listed = expect(200, self.service.operator.get("/v1/machines?limit=1000")).json["machines"]
        self.assertIn({}, [m["attributes"] for m in listed if m["name"] == "shop-1"])
        self.assertEqual([e.get("attributes") for e in self.entries("shop-1", first)],
                         [["site=Zug, CH", "team=shop"], ["team=pay"], []])
        # Another token changes nothing.
        expect(200, self.set("shop-1", {"team": "pay"}))
        expect(201, self.service.operator.post("/v1/machines/shop-1/token", {}))
        self.assertEqual(self.shown("shop-1"), {"team": "pay"})
        self.service.verify_log()

    def test_bad_ones_name_the_field(self):
        for attributes in ({"Team": "shop"}, {"team": ""}, {"team": "a*"}, {"team": "{x}"},
                           {"team": "a\n"}, {"team": 1}, {"team": "x" * 129}, ["team=shop"], "team",
                           {f"a{i}": "x" for i in range(33)}):
            with self.subTest(attributes=attributes):
                self.assert_problem(self.add("bad-1", attributes), 400, "attributes")
                self.assert_problem(self.set(NAME, attributes), 400, "attributes")
        self.assert_problem(self.service.operator.post(f"/v1/machines/{NAME}/attributes", {}), 400,
                            "attributes")
        self.assert_problem(self.set("nobody-1", {"team": "shop"}), 404, "name")

    def test_who_may(self):
        machine = self.service.client(self.identity)
        self.addCleanup(machine.close)
        for client in (machine, self.service.auditor, self.service.administrator):
            self.assert_problem(self.set(NAME, {"team": "shop"}, client), 403)
        # Of those with a role, an administrator only: nobody gives attributes to itself.
        self.assert_problem(self.set("operator", {"team": "shop"}), 403)
        expect(200, self.set("operator", {"team": "shop"}, self.service.administrator))
        expect(200, self.set("operator", {}, self.service.administrator))

    def test_a_policy_goes_by_them_at_once(self):
        with open(self.service.home / "policy.yaml", "a", encoding="utf-8") as policy:
            policy.write("""
  - {name: team, machines: ["attribute:team=shop"], operations: [status.read]}
  - name: enrolment
    machines: ["attribute:site=Zug"]
    operations: [certificate.issue]
    issuers: [issuing]
    profiles: [machine]
    when: {dns_names: ["{machine.name}.{machine.attribute.site_name}.example"]}
""")
        expect(200, self.service.administrator.post("/v1/policy/reload", {}))
        machine = self.service.client(self.identity)  # one connection throughout
        self.addCleanup(machine.close)
        self.assert_problem(machine.get("/v1/status"), 403)
        expect(200, self.set(NAME, {"team": "shop"}))
        expect(200, machine.get("/v1/status"))
        expect(200, self.set(NAME, {"team": "pay"}))
        self.assert_problem(machine.get("/v1/status"), 403)

        token = expect(201, self.add("z1", {"site": "Zug", "site_name": "zug"})).json["token"]
        request = Key.ec().csr(common_name("z1"), alt_names("z1.zug.example"))
        stranger = self.service.client()
        self.addCleanup(stranger.close)
        answer = expect(201, stranger.post("/v1/enroll", {"token": token, "csr": request}))
        intent = self.service.entries(answer.json["intent"])[0]
        self.assertEqual((intent["owner"], intent["grant"]), ("z1", "enrolment"))


if __name__ == "__main__":
    service.main()
