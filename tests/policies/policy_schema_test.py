#!/usr/bin/env python3
"""docs/policy.schema.json, read by an independent validator: the policies that are shipped and shown
fit it, and what is misspelt does not.

    policy_schema_test.py SOURCE_DIRECTORY
"""

import json
import re
import sys
import unittest
from pathlib import Path

import jsonschema
import yaml

SOURCE = Path(__file__).resolve().parents[2]

RULE = "grants: [{name: a, machines: [m], operations: [status.read]%s}]"
CASES = [  # what is wrong, the policy
    ("no version", "grants: []"),
    ("another version", "version: 2"),
    ("an unknown member", "version: 1\ngrant: []"),
    ("an operation", "version: 1\n" + (RULE % "").replace("status.read", "status.raed")),
    ("no name", "version: 1\ngrants: [{machines: [m], operations: [status.read]}]"),
    ("no machines", "version: 1\ngrants: [{name: a, operations: [status.read]}]"),
    ("an empty list", "version: 1\n" + (RULE % "").replace("[m]", "[]")),
    ("one twice", "version: 1\n" + (RULE % "").replace("[m]", "[m, m]")),
    ("an unknown condition", "version: 1\n" + RULE % ", when: {dns_name: [a]}"),
    ("a condition of denials", "version: 1\n" + RULE % ", when: {longer_than: 24h}"),
    ("a condition of grants in a denial",
     "version: 1\n" + (RULE % ", when: {max_validity: 24h}").replace("grants", "denials")),
    ("quotas in a denial", "version: 1\n" + (RULE % ", quotas: [{limit: 1, per: day}]").replace(
        "grants", "denials")),
    ("a duration", "version: 1\n" + RULE % ", when: {max_validity: 24}"),
    ("a key type", "version: 1\n" + RULE % ", when: {key_types: [ec-256]}"),
    ("a quota of nothing", "version: 1\n" + RULE % ", quotas: [{limit: 0, per: day}]"),
    ("a quota per week", "version: 1\n" + RULE % ", quotas: [{limit: 1, per: week}]"),
    ("approvals by nobody", "version: 1\n" + RULE % ", approvals: {needed: 2}"),
    ("a day", "version: 1\n" + RULE % ", when: {hours: [{days: [monday]}]}"),
    ("a time of day", "version: 1\n" + RULE % ", when: {hours: [{from: '8:00'}]}"),
    ("a group of groups", "version: 1\ngroups: {g: {groups: [h]}}"),
    ("an attribute", "version: 1\ngroups: {g: {attributes: {Team: [a]}}}"),
    ("a role", "version: 1\nroles: {admin: [a]}"),
    ("an import", "version: 1\nimports: [../a.yaml]"),
    ("a template without rules", "version: 1\ntemplates: [{name: t}]"),
    ("a use without a name", "version: 1\nuse: [{template: t}]"),
    ("a use with a list", "version: 1\nuse: [{template: t, name: a, with: {b: [c]}}]"),
    ("a field that no message has", "version: 1\n" + RULE % ", when: {content: {isuer: [a]}}"),
    ("an attested key", "version: 1\n" + RULE % ", when: {key_attested: true}"),
    ("break-glass without approvals", "version: 1\n" + RULE % ", break_glass: 1h"),
    ("an approval that needs nobody",
     "version: 1\napprovals: [{name: a, operations: [ca.create], from: [b]}]"),
]


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it: 24h, mon and 2026-01-01T00:00:00Z are texts."""


CoreLoader.yaml_implicit_resolvers = {}
CoreLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"),
                                 list("-+0123456789"))
CoreLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
CoreLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(null|~|)$"), ["n", "~", ""])


def snippets(document):
    """The YAML blocks of docs/policy.md, each a policy."""
    found = re.findall(r"^```yaml\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)
    return [s if s.startswith("version:") else "version: 1\n" + s for s in found]


class SchemaTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schema = json.loads((SOURCE / "docs/policy.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(schema)

    def errors(self, text):
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
                for e in self.validator.iter_errors(yaml.load(text, CoreLoader))]

    def test_shipped_policies_fit(self):
        examples = [p for p in sorted((SOURCE / "policies/examples").glob("*.yaml"))
                    if not p.name.endswith(".tests.yaml")]
        self.assertGreaterEqual(len(examples), 5)
        for path in examples:
            with self.subTest(path=path.name):
                self.assertEqual(self.errors(path.read_text()), [])
                # The line by which an editor finds the schema.
                line = path.read_text().splitlines()[0]
                self.assertRegex(line, r"^# yaml-language-server: \$schema=")
                self.assertTrue((path.parent / line.partition("=")[2]).is_file())

    def test_default_policy_fits(self):
        source = (SOURCE / "policies/default_policy.cpp").read_text()
        parts = re.findall(r'R"\((.*?)\)"', source, re.DOTALL)
        self.assertEqual(len(parts), 3)
        self.assertEqual(self.errors("".join(parts)), [])

    def test_documented_policies_fit(self):
        found = snippets((SOURCE / "docs/policy.md").read_text())
        self.assertGreaterEqual(len(found), 3)
        for text in found:
            with self.subTest(text=text):
                self.assertEqual(self.errors(text), [])

    def test_what_is_wrong_does_not_fit(self):
        self.assertEqual(self.errors("version: 1\n" + RULE % ""), [])
        for what, text in CASES:
            with self.subTest(what=what):
                self.assertNotEqual(self.errors(text), [])

    def test_everything_is_described(self):
        """A member without a description helps nobody who completes it."""
        schema = self.validator.schema
        for name in ("grant_conditions", "denial_conditions", "approval_conditions"):
            for member, value in schema["$defs"][name]["properties"].items():
                self.assertIn("description", value, (name, member))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SOURCE = Path(sys.argv.pop(1))
    unittest.main(verbosity=2)
