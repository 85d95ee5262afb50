"""What a log's database may have lost, by the log's own account (docs/audit-format.md, "Removed entries"), as a part of
audit_verifier.py; Python's standard library alone."""

import bisect
import hashlib
import json
from datetime import datetime, timedelta

COLUMNS = ("minimum", "entries", "certificates", "revocations")


def is_pruning(entry):
    return entry.get("kind") == "log" and entry.get("event") == "pruned"


class Prunings:
    """`log` is the Verifier: its query(), find(), compare(), entries."""

    def __init__(self, log):
        self.log, self.known, self.rows, self.covered, self.ranges = log, False, {}, [], []
        if not log.query("SELECT 1 FROM sqlite_schema WHERE name = 'pruning'"):
            return  # a schema before the seventh
        self.known = True
        for entry, *values, done in log.query(
                f"SELECT entry, {', '.join(COLUMNS)}, done FROM pruning ORDER BY entry"):
            self.rows[entry] = {**dict(zip(COLUMNS, values)), "entry": entry, "done": done}
        signed = log.query("SELECT max(size) FROM checkpoint WHERE note <> ''")[0][0] or 0
        for number in sorted(self.rows):
            text = log.query("SELECT text FROM entry WHERE number = ?", number)
            entry = self.parsed(text[0][0]) if text else {}
            # Nothing goes before a signed checkpoint covers the entry that says so.
            if number < signed and is_pruning(entry) and isinstance(entry.get("minimum"), int):
                self.covered.append(({**self.rows[number], **{name: entry.get(name, 0) for name in COLUMNS}}, entry))
        if self.covered and not self.covered[-1][0]["done"]:
            self.ranges = log.query("SELECT first, last FROM pruning_range ORDER BY first")

    @staticmethod
    def parsed(text):
        try:
            entry = json.loads(text)
            return entry if isinstance(entry, dict) else {}
        except ValueError:
            return {}

    def minimum(self):
        return self.covered[-1][0]["minimum"] if self.covered else 0

    def is_going(self, index):
        """Still there, and as good as removed."""
        if index is None or index >= self.minimum():
            return False
        at = bisect.bisect_right(self.ranges, (index, float("inf"))) - 1
        return at >= 0 and self.ranges[at][1] >= index

    def allows(self, index, before):
        """Whether an entry may be gone that stood behind one of the time `before`."""
        for row, entry in self.covered:
            try:
                oldest = datetime.strptime(entry["time"], "%Y-%m-%dT%H:%M:%S.%fZ") - \
                    timedelta(seconds=entry["retention_other"])
            except (KeyError, TypeError, ValueError, OverflowError):
                continue
            if index < row["minimum"] and before <= oldest:
                return True
        return False

    def leaf(self, index):
        """The hash of an entry that was removed, which its tile keeps."""
        tile = self.log.query("SELECT hashes FROM tile WHERE level = 0 AND number = ?", index // 256)
        return tile[0][0][index % 256 * 32:][:32] if tile else b""

    def check(self, missing):
        """`missing`: how many numbers have no certificate, and no revocation."""
        made = {index: {"entry": index, **{name: entry.get(name) for name in COLUMNS}}
                for index, entry in enumerate(self.log.entries) if is_pruning(entry)}
        if made or self.known:
            self.log.compare("pruning", made, self.rows)
        for name, gone in zip(("certificates", "revocations"), missing):
            said = sum(row[name] for row in self.rows.values())
            done = all(row["done"] for row in self.rows.values())
            if gone > said or (done and gone != said):
                self.log.find(f"{said} {name} were removed by the log's account, and {gone} are gone")
        if self.covered:
            self.check_retained(*self.covered[-1])

    def check_retained(self, row, entry):
        numbers = [number for (number,) in self.log.query(
            "SELECT number FROM entry WHERE number < ? ORDER BY number", row["minimum"])
            if not self.is_going(number)]
        text = "".join(f"{number}\n" for number in numbers)
        if hashlib.sha256(text.encode()).hexdigest() != entry.get("retained_sha256"):
            self.log.find(f"entry {row['entry']}: other entries are there below {row['minimum']} than it retained")
        elif row["minimum"] - len(numbers) != sum(one["entries"] for one, _ in self.covered):
            self.log.find(f"entry {row['entry']}: another number of entries is gone than was removed")
