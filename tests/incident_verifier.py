"""Requests to renew, incidents and blocked keys of a log's database against its entries (docs/audit-format.md), as a part of
audit_verifier.py; Python's standard library alone."""

import hashlib
import json


def line_of(members):
    return json.dumps(members, sort_keys=True, separators=(",", ":")) + "\n"


class IncidentRows:
    """`log` is the Verifier: its entries, query(), find(), compare()."""

    def __init__(self, log, second, machine_of):
        self.log, self.second, self.machine_of = log, second, machine_of

    def check(self, good):
        """`good`: (index, outcome, intent) of each signature."""
        self.check_renewal_requests(good)
        self.check_incidents()
        self.check_blocked_keys()

    def entries_of(self, kind):
        return [(index, entry) for index, entry in enumerate(self.log.entries)
                if entry.get("kind") == kind]

    def check_renewal_requests(self, good):
        """The last request for each certificate; it is replaced by the first renewal."""
        replaced = {intent.get("replaces"): intent.get("serial") for _, _, intent in reversed(good)}
        requests = {entry.get("serial"): {
            "entry": index, "issuer": entry.get("issuer"), "reason": entry.get("revocation_reason"),
            "deadline": entry.get("deadline"), "explanation_url": entry.get("explanation_url", ""),
            "replaced_by": replaced.get(entry.get("serial")),
            "incident": entry.get("incident", "")}
            for index, entry in self.entries_of("replacement")}
        rows = self.log.rows_by(
            "serial, issuer, reason, deadline, explanation_url, replaced_by, entry, incident",
            "renewal_request", lambda row: row["serial"].hex())
        rows = {serial: row for serial, row in rows.items()
                if not self.log.prunings.is_going(row["entry"])}
        for row in rows.values():
            row.update(deadline=self.second(row["deadline"]),
                       replaced_by=row["replaced_by"] and row["replaced_by"].hex())
        self.log.compare("request to replace", requests, rows)

    def check_incidents(self):
        expected = {}
        for index, entry in self.entries_of("incident"):
            name = entry.get("incident")
            if entry.get("event") == "opened":
                expected[name] = {
                    "selector": entry.get("selector_sha256"),
                    "reason": entry.get("revocation_reason"),
                    "invalidity_date": entry.get("invalidity_date"),
                    "opened_by": self.machine_of(entry), "opened_at": entry.get("opened_at"),
                    "through": entry.get("through"), "matched": entry.get("matched"),
                    "per_second": entry.get("per_second"), "deadline": entry.get("deadline"),
                    "explanation_url": entry.get("explanation_url", ""), "entry": index}
            if name not in expected:
                self.log.find(f"entry {index}: nobody opened the incident {name}")
                continue
            expected[name].update(state=entry.get("state"), last_entry=index)
        rows = self.log.rows_by(
            "name, selector, reason, invalidity_date, opened_by, opened_at, through, matched,"
            " per_second, deadline, explanation_url, state, entry, last_entry", "incident",
            lambda row: row["name"])
        texts = {name: row["selector"] for name, row in rows.items()}
        for row in rows.values():
            row["selector"] = hashlib.sha256(row["selector"].encode()).hexdigest()
            for member in ("invalidity_date", "opened_at", "deadline"):
                row[member] = None if row[member] is None else self.second(row[member])
        self.log.compare("incident", expected, rows)
        for index, entry in self.entries_of("incident"):
            row = rows.get(entry.get("incident"))
            if entry.get("event") == "finished" and row:
                self.check_report(index, entry, row, texts[entry["incident"]])

    def check_report(self, index, entry, row, selector):
        first = {"incident": entry["incident"], "version": 1, "selector": json.loads(selector),
                 "reason": row["reason"], "opened_by": row["opened_by"],
                 "opened_at": row["opened_at"], "matched": row["matched"], "entry": row["entry"]}
        for member, column in (("invalidity_date", "invalidity_date"), ("replace_by", "deadline")):
            if row[column] is not None:
                first[member] = row[column]
        lines = [line_of(first)]
        for serial, issuer, machine, profile, not_after, revoked_at, at in self.log.query(
                "SELECT lower(hex(serial)), revocation.issuer, machine, profile, revocation.not_after,"
                " revoked_at, entry FROM revocation JOIN certificate USING (serial)"
                " WHERE incident = ? ORDER BY entry", entry["incident"]):
            line = {"serial": serial, "issuer": issuer, "machine": machine, "profile": profile,
                    "not_after": self.second(not_after), "revoked_at": self.second(revoked_at - revoked_at % 1000000),
                    "entry": at}
            renewal = self.log.query(
                "SELECT lower(hex(serial)), outcome FROM certificate WHERE lower(hex(replaces)) = ?"
                " AND state = 'issued' ORDER BY number LIMIT 1", serial)
            if renewal and renewal[0][1] <= at:
                line["replaced_by"] = renewal[0][0]
            lines.append(line_of(line))
        count = len(lines) - 1
        lines.append(line_of({"revoked": count}))
        made = hashlib.sha256("".join(lines).encode()).hexdigest()
        left = 0 if row["deadline"] is None else \
            sum("replaced_by" not in json.loads(line) for line in lines[1:-1])
        if (made, count, left) != tuple(entry.get(member) for member in
                                        ("report_sha256", "revoked", "left")):
            self.log.find(f"entry {index}: the inventory makes another report of this incident")

    def check_blocked_keys(self):
        keys = dict(self.log.query("SELECT lower(hex(serial)), lower(hex(spki_sha256)) FROM"
                                   " certificate"))
        expected = {}
        for index, entry in enumerate(self.log.entries):
            key = None
            if entry.get("kind") == "incident":
                key = entry.get("blocked_key")
            elif entry.get("kind") == "revocation" and \
                    entry.get("revocation_reason") == "keyCompromise":
                key = keys.get(entry.get("serial"))
            if key is not None:
                expected.setdefault(key, {"entry": index})
        rows = self.log.rows_by("spki_sha256, entry", "blocked_key",
                                lambda row: row["spki_sha256"].hex())
        for row in rows.values():
            del row["spki_sha256"]
        self.log.compare("blocked key", expected, rows)
