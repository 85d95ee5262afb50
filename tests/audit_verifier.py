#!/usr/bin/env python3
"""Verifies a copy of Chancery's database without a line of Chancery: Python's standard library, and
openssl(1) for the signatures. docs/audit-format.md is all that it was written from.

    audit_verifier.py DATABASE [VKEY ...]

Prints each finding on a line and exits 1, or one line and exits 0. VKEY is a note verifier key
(name+id+key); every signed checkpoint must carry a valid signature of each key that the log says was in
force, and these must lead to or come from the VKEYs.
"""

import base64
import hashlib
import json
import sqlite3
import sys
from datetime import datetime, timedelta, timezone

from approval_verifier import Approvals
from canonical_entry import instant, is_canonical
from incident_verifier import IncidentRows
from note_key import NoteKey, from_base64
from pruning_verifier import Prunings

TIME_TOLERANCE = timedelta(0)  # how far back the time of an entry may go


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(entry):
    return sha256(b"\x00" + entry)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


class Tree:
    """The roots of the perfect subtrees at the right edge, as (height, hash), largest first."""

    def __init__(self):
        self.size = 0
        self.edge = []

    def append(self, leaf):
        height, root = 0, leaf
        while self.edge and self.edge[-1][0] == height:
            root = node_hash(self.edge.pop()[1], root)
            height += 1
        self.edge.append((height, root))
        self.size += 1

    def root(self):
        if not self.edge:
            return sha256(b"")
        root = self.edge[-1][1]
        for _, left in reversed(self.edge[:-1]):
            root = node_hash(left, root)
        return root


def perfect_root(hashes):
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def micros(time):
    """Microseconds since 1970 as the form with a fraction of six digits, or without one."""
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=time)).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ")


def shard_of(serial, shards):
    """From the last four of its random octets."""
    return int(serial[-8:], 16) % shards if shards > 0 else None


def machine_of(entry):
    """Whom a row names for this entry: nobody where it knows a certificate only."""
    machine = entry.get("machine", "")
    return "" if machine.startswith("sha256:") else machine


class Verifier:
    def __init__(self, database, keys):
        self.database = database
        self.pinned = {key.vkey for key in keys}
        self.in_force = self.pinned
        self.last_in_force = None  # at the checkpoint before, once the pinned ones were in force
        self.findings = []
        self.entries = []
        self.open = {}
        self.rows = {"certificate": 0, "revocation": 0}
        self.revoked = {}  # serial: whether for good
        self.prunings = Prunings(self)

    def find(self, text):
        self.findings.append(text)

    def query(self, sql, *parameters):
        return self.database.execute(sql, parameters).fetchall()

    def run(self):
        checkpoints = self.query("SELECT size, root, note FROM checkpoint ORDER BY size")
        tree, level = Tree(), [[]]
        tiles, last_time = {}, datetime.min
        rows = dict(self.query("SELECT number, text FROM entry"))
        size = max(rows, default=-1) + 1
        for index in range(size):
            while checkpoints and checkpoints[0][0] == index:
                self.check_checkpoint(*checkpoints.pop(0), tree)
            if index in rows and not self.prunings.is_going(index):
                last_time = self.check_entry(index, rows[index], last_time)
            elif index in rows or self.prunings.allows(index, last_time):
                self.entries.append({})
            else:
                self.find(f"entry {index}: is not there")
                return
            leaf = leaf_hash(rows[index].encode()) if index in rows else self.prunings.leaf(index)
            self.grow(tree, level, tiles, leaf)
        while checkpoints and checkpoints[0][0] == size:
            self.check_checkpoint(*checkpoints.pop(0), tree)
        if self.pinned and self.last_in_force is None and self.query(
                "SELECT 1 FROM checkpoint WHERE note <> '' LIMIT 1"):
            self.find("no checkpoint is signed by all of the keys that were named")
        self.check_cosignatures()
        for size, _, _ in checkpoints:
            self.find(f"the log is shorter than its checkpoint of size {size}")
        self.check_tiles(tiles)
        self.check_inventory()
        mark, last_start = self.query("SELECT mark, last_start FROM recovery")[0]
        if last_start != max((index for index, entry in enumerate(self.entries)
                              if entry.get("kind") == "start"), default=None):
            self.find("what counts as the last start is another entry")
        if mark > size or any(index < mark for index in self.open):
            self.find("recovery would begin behind an intent that is open")

    @staticmethod
    def grow(tree, levels, tiles, digest):
        index = tree.size
        tree.append(digest)
        for level in range(9):
            if level == len(levels):
                levels.append([])
            levels[level].append(digest)
            if len(levels[level]) < 256:
                return
            digest = perfect_root(levels[level])
            tiles[(level, index >> (8 * (level + 1)))] = (digest, b"".join(levels[level]))
            levels[level] = []

    def check_entry(self, index, text, last_time):
        if not is_canonical(text):
            self.find(f"entry {index}: is not a canonical entry")
            self.entries.append({})
            return last_time
        entry = json.loads(text)
        self.entries.append(entry)
        time = instant(entry["time"])
        if time < last_time - TIME_TOLERANCE:
            self.find(f"entry {index}: is older than the one before it")
        if entry["kind"] == "log" and "vkeys" in entry:
            self.in_force = set(entry["vkeys"])
        if "policy" in entry:
            kept = self.query("SELECT text FROM policy_version WHERE version = ?", entry["policy"])
            if not kept or sha256(kept[0][0].encode()).hex() != entry["policy"]:
                self.find(f"entry {index}: its policy version is not kept as it was")
        return max(time, last_time)

    def check_checkpoint(self, size, root, note, tree):
        name = f"checkpoint of size {size}"
        if root != tree.root():
            self.find(f"{name}: has another root than the entries")
        if not note:
            return
        text = note[:note.rfind("\n\n") + 1]
        origin = text.split("\n")[0]
        if text != f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n":
            self.find(f"{name}: its note says something else")
        for vkey in self.in_force:
            if not self.signed(vkey, origin, note):
                self.find(f"{name}: no valid signature of {vkey}")
        last = self.last_in_force
        if last is not None and not (last <= self.in_force or self.in_force <= last):
            self.find(f"{name}: its keys took the place of others that did not sign beside them")
        if last is not None or self.pinned <= self.in_force:
            self.last_in_force = self.in_force

    @staticmethod
    def signed(vkey, origin, note):
        try:
            key = NoteKey(vkey)
        except (ValueError, IndexError):
            return False
        return key.name == origin and key.signed(note)

    def check_cosignatures(self):
        if not self.query("SELECT 1 FROM sqlite_schema WHERE name = 'cosignature'"):
            return  # schema 2
        notes = dict(self.query("SELECT size, note FROM checkpoint"))
        for size, vkey, line in self.query("SELECT size, vkey, line FROM cosignature"):
            try:
                key = NoteKey(vkey)
                good = key.type == 4 and "\n" not in line and key.signed(f"{notes[size]}{line}\n")
            except (ValueError, KeyError, IndexError):
                good = False
            if not good:
                self.find(f"checkpoint of size {size}: no valid cosignature of {vkey}")

    def check_tiles(self, tiles):
        stored = {(level, number): (root, hashes) for level, number, root, hashes in
                  self.query("SELECT level, number, root, hashes FROM tile")}
        for place in sorted(tiles.keys() | stored.keys()):
            if tiles.get(place) != stored.get(place):
                self.find(f"tile {place} is not what the entries make it")

    def check_inventory(self):
        certificates = self.query(
            "SELECT number, lower(hex(serial)), issuer, machine, profile, not_before, not_after,"
            " lower(hex(spki_sha256)), der, state, intent, crl_shards, lower(hex(replaces)),"
            " grant_name, (SELECT version FROM policy_version AS p WHERE p.number = policy), outcome"
            " FROM certificate ORDER BY number")
        revocations = self.query(
            "SELECT number, lower(hex(serial)), issuer, reason, revoked_at, by, not_after, crl_shards,"
            " shard, invalidity_date, incident, entry FROM revocation ORDER BY number")
        self.prunings.check([max((row[0] for row in rows), default=0) - len(rows)
                             for rows in (certificates, revocations)])
        certificates, revocations = ([row for row in rows if not self.prunings.is_going(row[-1])]
                                     for rows in (certificates, revocations))
        by_outcome = {row[-1]: row for row in certificates}
        by_entry = {row[-1]: row for row in revocations}
        if len(by_outcome) != len(certificates) or len(by_entry) != len(revocations):
            self.find("two rows name one entry")
        last_start, approvals = -1, Approvals(self.find)
        for index, entry in enumerate(self.entries):
            approvals.check(index, entry)
            kind = entry.get("kind")
            if kind == "start":
                last_start = index
            elif kind == "intent":
                for left in [i for i in self.open if i < last_start]:
                    self.find(f"entry {left}: an intent of an earlier run never got its outcome")
                    del self.open[left]
                self.open[index] = entry
            elif kind == "outcome":
                self.check_outcome(index, entry, by_outcome)
            elif kind == "revocation":
                self.check_revocation(index, entry, by_entry.pop(index, None), certificates)
        for index in [*by_outcome, *by_entry]:
            self.find(f"entry {index}: does not account for a row of the inventory")
        self.check_named()
        self.check_requests()

    def check_outcome(self, index, entry, by_outcome):
        intent_index = entry.get("intent")
        intent = self.open.pop(intent_index, None) if isinstance(intent_index, int) else None
        if intent is None:
            self.find(f"entry {index}: the outcome names no intent that was open")
            return
        result = entry.get("result")
        if result not in ("ok", "failed", "unknown"):
            self.find(f"entry {index}: the outcome's result is none of ok, failed and unknown")
            return
        if "serial" not in intent or result == "failed":
            return
        row = by_outcome.pop(index, None)
        if row is None:
            self.find(f"entry {index}: the inventory has no certificate {intent['serial']}")
            return
        (_, serial, issuer, machine, profile, begin, end, spki, der, state, row_intent, shards,
         replaces, *allowed, _) = row
        expected = (intent.get("serial"), intent.get("issuer"), intent.get("owner", ""),
                    intent.get("profile"), intent.get("not_before"), intent.get("not_after"),
                    intent.get("spki_sha256"), intent_index, intent.get("crl_shards", 1),
                    intent.get("replaces", ""))
        have = (serial, issuer, machine, profile, micros(begin).replace(".000000Z", "Z"),
                micros(end).replace(".000000Z", "Z"), spki, row_intent, shards, replaces)
        issued = result == "ok"
        good_der = sha256(der).hex() == entry.get("certificate_sha256") if issued else not der
        by = [intent.get("grant", ""), intent.get("policy")]
        if have != expected or allowed != by or state != ("issued" if issued else "unknown") or not good_der:
            self.find(f"entry {index}: the inventory differs for certificate {intent['serial']}")
        self.rows["certificate"] += 1

    def check_revocation(self, index, entry, row, certificates):
        serial = entry.get("serial")
        first = serial not in self.revoked
        final = entry.get("revocation_reason") not in ("certificateHold", "removeFromCRL")
        if not first and self.revoked[serial]:
            self.find(f"entry {index}: {serial} was revoked for good before")
        self.revoked[serial] = final
        self.rows["revocation"] += first
        if row is None:
            # A row tells of the last entry about its serial; only a hold is followed by another.
            if final or not self.revoked_later(serial, index):
                self.find(f"entry {index}: the inventory does not have this revocation")
            return
        _, of, issuer, reason, revoked_at, by, not_after, shards, shard, since, incident, _ = row
        expected = (serial, entry.get("revocation_reason"), entry["time"], machine_of(entry),
                    entry.get("invalidity_date"), entry.get("incident", ""))
        have = (of, reason, micros(revoked_at), by,
                None if since is None else micros(since).replace(".000000Z", "Z"), incident)
        of_certificate = [(c[2], c[6], c[11]) for c in certificates if c[1] == serial]
        if have != expected or of_certificate != [(issuer, not_after, shards)] or \
                shard != shard_of(of, shards):
            self.find(f"entry {index}: the inventory differs for this revocation")

    def revoked_later(self, serial, index):
        return any(entry.get("kind") == "revocation" and entry.get("serial") == serial
                   for entry in self.entries[index + 1:])

    def entry(self, index):
        """The entry of this number; an empty one where there is none."""
        good = isinstance(index, int) and 0 <= index < len(self.entries)
        return self.entries[index] if good else {}

    def intent_of(self, outcome):
        return self.entry(outcome.get("intent"))

    def rows_by(self, columns, table, key):
        """{key: row}, a row being {column: value}."""
        names = [name.strip() for name in columns.split(",")]
        rows = [dict(zip(names, row)) for row in self.query(f"SELECT {columns} FROM {table}")]
        return {key(row): row for row in rows}

    def compare(self, what, made, rows):
        """`made`: what the entries say of each row, by its name; each has its row, and each row one
        of these. A row may have columns that the log does not know."""
        for name in sorted(made.keys() | rows.keys(), key=str):
            wanted, row = made.get(name), rows.get(name)
            if row is None:
                self.find(f"entry {wanted['entry']}: the inventory has no {what} {name}")
            elif wanted is None:
                self.find(f"entry {row['entry']}: accounts for no {what} {name}")
            elif wanted != {column: row[column] for column in wanted}:
                self.find(f"entry {wanted['entry']}: the inventory differs for {what} {name}")

    def check_named(self):
        """Keys, CAs, machines, enrolments, CRLs."""
        good = [(index, entry, self.intent_of(entry)) for index, entry in enumerate(self.entries)
                if entry.get("kind") == "outcome" and entry.get("result") == "ok"]
        keys = {outcome.get("key"): {
            "entry": index, "id": intent.get("key_id"), "purpose": intent.get("purpose"),
            "type": intent.get("key_type"), "algorithms": intent.get("algorithms"),
            "creator": machine_of(intent), "spki": outcome["spki_sha256"],
            "message_class": intent.get("message_class", "data"),
            "context": intent.get("context", "")}
            for index, outcome, intent in good if "spki_sha256" in outcome}
        rows = self.rows_by("name, id, purpose, type, algorithms, creator, spki, entry,"
                            " message_class, context", "key", lambda row: row["name"])
        for row in rows.values():
            row.update(id=row["id"].hex(), algorithms=row["algorithms"].split(","),
                       spki=sha256(row["spki"]).hex())
        self.compare("key", keys, rows)

        cas = {entry.get("ca"): {
            "entry": index, "key": entry.get("key"), "issuer": entry.get("issuer"),
            "certificate": entry.get("certificate_sha256"), "crl_shards": entry.get("crl_shards")}
            for index, entry in enumerate(self.entries)
            if entry.get("kind") == "ca" and "certificate_sha256" in entry}
        rows = self.rows_by("name, key, issuer, certificate, crl_shards, entry", "ca",
                            lambda row: row["name"])
        for row in rows.values():
            row["certificate"] = sha256(row["certificate"]).hex()
        self.compare("CA", cas, rows)
        shards = {(entry.get("ca"), entry.get("crl_shards")): {"entry": index}
                  for index, entry in enumerate(self.entries) if entry.get("kind") == "ca"}
        self.compare("shards of CA", shards, self.rows_by(
            "issuer, shards, entry", "crl_shards", lambda row: (row["issuer"], row["shards"])))

        log_keys = {index: {"vkeys": entry["vkeys"], "entry": index}
                    for index, entry in enumerate(self.entries)
                    if entry.get("kind") == "log" and "vkeys" in entry}
        rows = {entry: {"vkeys": vkeys.split("\n"), "entry": entry} for vkeys, entry in
                self.query("SELECT vkeys, entry FROM log_keys")}
        self.compare("keys of the log", log_keys, rows)
        machines, tokens = {}, {}
        for index, entry in enumerate(self.entries):
            if entry.get("kind") == "machine":  # its first, a new token, or its attributes
                made = {"entry": index, "added_by": machine_of(entry)}
                row = machines.setdefault(entry.get("owner"), made)
                if row["entry"] == index or "attributes" in entry:
                    row["attributes"] = "\n".join(entry.get("attributes", []))
                    row["attributes_entry"] = index
                if row["entry"] == index or "token_sha256" in entry:
                    tokens[entry.get("token_sha256")] = {
                        "entry": index, "machine": entry.get("owner"),
                        "profile": entry.get("profile"), "expires_at": entry.get("expires_at")}
        self.compare("machine", machines, self.rows_by(
            "name, added_by, entry, attributes, attributes_entry", "machine", lambda r: r["name"]))
        rows = self.rows_by("token_sha256, machine, profile, expires_at, used_at, entry",
                            "enrollment", lambda row: row["token_sha256"].hex())
        for row in rows.values():
            row["expires_at"] = micros(row["expires_at"]).replace(".000000Z", "Z")
        self.compare("enrolment token", tokens, rows)
        for index, outcome in enumerate(self.entries):
            token = self.intent_of(outcome).get("token_sha256")
            if outcome.get("kind") == "outcome" and outcome.get("result") in ("ok", "unknown") and \
                    token and rows.get(token, {}).get("used_at") is None:
                self.find(f"entry {index}: its enrolment token {token} counts as unused")

        IncidentRows(self, lambda time: micros(time).replace(".000000Z", "Z"), machine_of).check(good)

        crls = {(intent.get("issuer"), intent.get("crl_list")): {
            "entry": index, "number": intent.get("crl_number"), "entries": intent.get("crl_entries"),
            "this_update": intent.get("this_update"), "next_update": intent.get("next_update"),
            "since": intent.get("since"), "covers": intent.get("crl_covers"),
            "base_number": intent.get("crl_base", ""), "base_covers": intent.get("base_covers", 0),
            "sha256": outcome["crl_sha256"]}
            for index, outcome, intent in good
            if "crl_sha256" in outcome and "published" not in outcome and "crl_list" in intent}
        rows = self.rows_by("issuer, scope, number, this_update, next_update, since, covers, entries,"
                            " sha256, base_number, base_covers, entry", "crl",
                            lambda row: (row["issuer"], row["scope"]))
        for row in rows.values():
            row.update(sha256=row["sha256"].hex(), **{
                name: micros(row[name]).replace(".000000Z", "Z")
                for name in ("this_update", "next_update", "since")})
        self.compare("CRL", crls, rows)

    def check_requests(self):
        """Rows of requests against their entries; an entry may be without: rows expire."""
        for machine, request, intent, answer, outcome in self.query(
                "SELECT machine, request_id, intent, answer, outcome FROM request"):
            if self.prunings.is_going(intent):
                continue  # it has expired, and goes with it
            entry = self.entry(intent)
            if (entry.get("kind"), entry.get("request"), machine_of(entry)) != \
                    ("intent", request, machine):
                self.find(f"entry {intent}: is not the intent of request {request}")
            if answer is None:
                if outcome != 0:
                    self.find(f"entry {outcome}: the answer to request {request} was taken out")
            elif not self.accounts_for(self.entry(outcome), intent, request, answer):
                self.find(f"entry {outcome}: does not account for the answer to {request}")

    @staticmethod
    def accounts_for(outcome, intent, request, answer):
        if (outcome.get("kind"), outcome.get("intent")) != ("outcome", intent):
            return False
        if answer == "unknown":
            return outcome.get("result") == "unknown"
        try:
            answer = json.loads(answer)
            if (signature := answer.get("signature")) is not None:
                signature = sha256(from_base64(signature)).hex()
        except (ValueError, AttributeError, TypeError):
            return False
        return (outcome.get("result"), outcome.get("serial"), outcome.get("signature_sha256")) == \
            ("ok", answer.get("serial"), signature) and \
            (answer.get("request"), answer.get("intent")) == (request, intent)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    verifier = Verifier(database, [NoteKey(vkey) for vkey in sys.argv[2:]])
    verifier.run()
    for finding in verifier.findings:
        print(finding)
    if verifier.findings:
        sys.exit(1)
    print(f"good: {len(verifier.entries)} entries, {verifier.rows['certificate']} certificates, "
          f"{verifier.rows['revocation']} revocations, {len(verifier.open)} intents open")


if __name__ == "__main__":
    main()
