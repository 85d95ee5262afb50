"""`chancery audit`: the client recomputes the log itself and finds what does not hold."""

import hashlib
import json
from pathlib import Path

from fake_service import Answer, ServiceTest, b64, main, openssl, problem

ORIGIN = "test.example/log"
GOOD = {"good": True, "summary": "good: all of it", "findings": [], "entries": 6}


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry.encode()).digest()


def root_of(hashes):
    """RFC 9162 section 2.1.1, as it stands there."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + root_of(hashes[:split]) + root_of(hashes[split:])).digest()


class LogKey:
    """Signs notes as C2SP signed-note says: type 0x01 (Ed25519) or 0x02 (ECDSA P-256)."""

    def __init__(self, test, kind):
        self.test, self.kind = test, kind
        algorithm = ["ED25519"] if kind == 1 else ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self.key = test.file(f"log-{kind}.key", openssl("genpkey", "-algorithm", *algorithm))
        spki = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        if kind == 1:
            key = spki[-32:]
            self.id = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + key).digest()[:4]
        else:
            key = spki
            self.id = hashlib.sha256(spki).digest()[:4]
        self.vkey = f"{ORIGIN}+{self.id.hex()}+{b64(bytes([kind]) + key)}"

    def sign(self, text):
        path = self.test.file("note", text)
        if self.kind == 1:
            signature = openssl("pkeyutl", "-sign", "-inkey", self.key, "-rawin", "-in", path)
        else:
            signature = openssl("dgst", "-sha256", "-sign", self.key, path)
        return f"— {ORIGIN} {b64(self.id + signature)}\n"


def entry(kind, second, **members):
    time = f"2030-01-01T00:00:{second:02d}.000000Z"
    return json.dumps({**members, "kind": kind, "time": time, "v": 1}, sort_keys=True, separators=(",", ":"))


ENTRIES = [entry("start", 0, version="1"), entry("intent", 1, key="k"), entry("intent", 2, key="k"),
           entry("outcome", 3, intent=2, result="ok"), entry("outcome", 4, intent=1, result="ok"),
           entry("denial", 5, reason="because")]


class Audit(ServiceTest):
    def setUp(self):
        super().setUp()
        self.keys = [LogKey(self, 1), LogKey(self, 2)]
        self.service.on("GET", "/v1/audit/keys/changes", Answer("", content_type="text/plain"))
        self.service.on("GET", "/v1/audit/keys", lambda _: {"origin": ORIGIN, "vkeys": [k.vkey for k in self.keys]})
        self.service.on("POST", "/v1/audit/verify", GOOD)
        self.serve(ENTRIES)

    def serve(self, entries, signed=None, page=4):
        """A log with these entries, and a checkpoint over `signed`, which are the same unless said."""
        self.entries = entries

        def page_of(path):
            query = dict(part.split("=") for part in path.split("?")[1].split("&"))
            first, count = int(query["first"]), min(int(query["count"]), page)
            return {"first": first, "entries": entries[first:first + count], "size": len(entries)}

        self.service.on("GET", "/v1/audit/entries", page_of)
        self.checkpoint(entries if signed is None else signed)

    def note(self, entries):
        text = f"{ORIGIN}\n{len(entries)}\n{b64(root_of([leaf_hash(e) for e in entries]))}\n"
        return text + "\n" + "".join(key.sign(text) for key in self.keys)

    def checkpoint(self, entries):
        self.service.on("GET", "/v1/audit/checkpoint", Answer(self.note(entries), content_type="text/plain"))

    def bad(self, *arguments):
        done = self.chancery("audit", "verify", "--json", *arguments)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertFalse(report["good"])
        self.assertTrue(report["summary"].startswith("BAD: "))
        return "\n".join(report["findings"])

    def test_a_good_log(self):
        report = self.json_of("audit", "verify")
        self.assertEqual((report["good"], report["entries"], report["open_intents"], report["findings"]), (True, 6, 0, []))
        self.assertEqual(report["root"], b64(root_of([leaf_hash(e) for e in ENTRIES])))
        self.assertEqual(report["service"], GOOD)
        line = self.succeeds("audit", "verify", "--vkey", self.keys[0].vkey, "--vkey", self.keys[1].vkey)
        self.assertRegex(line, r"^good: 6 entries .* signed by 2 known keys; .*\n$")

    def test_every_size(self):
        for size in range(1, 10):
            with self.subTest(size):
                self.serve([entry("denial", n) for n in range(size)])
                self.assertTrue(self.json_of("audit", "verify")["good"])

    def test_what_does_not_hold(self):
        changed = [*ENTRIES[:5], entry("denial", 5, reason="other")]
        for name, entries, says in [
            ("an entry changed", changed, "has another root"),
            ("an entry removed", ENTRIES[:5], "the log has 5 entries"),
            ("two entries swapped", [*ENTRIES[:3], ENTRIES[4], ENTRIES[3], ENTRIES[5]], "has another root"),
        ]:
            with self.subTest(name):
                self.serve(entries, signed=ENTRIES)
                self.assertIn(says, self.bad())
        for name, entries, says in [
            ("not canonical", [*ENTRIES, ENTRIES[5].replace(":", ": ", 1)], "entry 6: is not a canonical entry"),
            ("not JSON", [*ENTRIES, "hello"], "entry 6: is not a canonical entry"),
            ("back in time", [*ENTRIES, entry("denial", 4)], "entry 6: is older"),
            ("outcome of no intent", [*ENTRIES, entry("outcome", 6, intent=0)], "entry 6: is an outcome of entry 0"),
            ("outcome twice", [*ENTRIES, entry("outcome", 6, intent=1)], "entry 6: is an outcome of entry 1"),
            ("outcome before its intent", [entry("outcome", 0, intent=1), entry("intent", 1)], "entry 0: is an outcome"),
            ("outcome of nothing", [*ENTRIES, entry("outcome", 6)], "entry 6: is an outcome without"),
        ]:
            with self.subTest(name):
                self.serve(entries)
                self.assertIn(says, self.bad())

    def test_an_open_intent_is_said_and_no_finding(self):
        self.serve([*ENTRIES, entry("intent", 7)])
        self.assertEqual(self.json_of("audit", "verify")["open_intents"], 1)
        self.assertIn("of 3 intents 1 open", self.succeeds("audit", "verify"))

    def test_both_keys_must_have_signed(self):
        good = self.note(ENTRIES)
        for lost in self.keys:
            lines = [line for line in good.splitlines(True) if b64(lost.id)[:5] not in line]
            self.service.on("GET", "/v1/audit/checkpoint", Answer("".join(lines)))
            self.assertIn(lost.vkey, self.bad())

    def test_pinned_keys_are_not_the_services_to_choose(self):
        vkeys = self.file("vkeys", "# of the log\n" + "".join(key.vkey + "\n" for key in self.keys))
        self.assertTrue(self.json_of("audit", "verify", "--vkeys", vkeys)["good"])
        self.keys = [LogKey(self, 1), LogKey(self, 2)]
        self.serve(ENTRIES)
        self.succeeds("audit", "verify")
        self.assertIn("has no valid signature", self.bad("--vkeys", vkeys))

    def test_remembering(self):
        memory = f"{self.folder}/memory"
        self.succeeds("audit", "verify", "--remember", memory)
        self.assertEqual(Path(memory).read_text(), self.note_on_record())
        self.serve([*ENTRIES, entry("denial", 9)])
        self.succeeds("audit", "verify", "--remember", memory)
        longer = Path(memory).read_text()
        self.assertEqual(longer.splitlines()[1], "7")

        self.serve(ENTRIES)  # a restored backup
        self.assertIn("has 7", self.bad("--remember", memory))
        self.serve([*ENTRIES[:5], entry("denial", 6), entry("denial", 7), entry("denial", 8)])  # another history
        self.assertIn("memory of size 7 has another root", self.bad("--remember", memory))
        self.assertEqual(Path(memory).read_text(), longer, "what was good stays remembered")

    def note_on_record(self):
        return self.service.answers[("GET", "/v1/audit/checkpoint")][0].body

    def test_the_services_own_finding_counts(self):
        self.service.on("POST", "/v1/audit/verify", {**GOOD, "good": False, "summary": "BAD: certificate missing"})
        self.assertIn("certificate missing", self.bad())

    def test_no_checkpoint_yet(self):
        self.service.on("GET", "/v1/audit/checkpoint", problem(404, detail="no checkpoint is published yet"))
        self.assertIn("no checkpoint is published yet", self.fails("audit", "verify"))
        self.service.on("GET", "/v1/audit/checkpoint", Answer("hello\n"))
        self.assertIn("is no checkpoint", self.fails("audit", "verify"))

    def test_other_entries_than_asked_for(self):
        self.service.on("GET", "/v1/audit/entries", {"first": 1, "entries": [], "size": 6})
        self.assertIn("other log entries", self.fails("audit", "verify"))

    def test_entries_that_were_removed(self):
        """The first 256 are gone: their hashes are in a tile, and an entry must say so."""
        old = [entry("intent", 0, key=str(n)) for n in range(256)]
        for name, minimum, says in [("an entry says so", 256, None),
                                    ("none does", 0, "entries below 256 are not there")]:
            with self.subTest(name):
                log = [*old, entry("log", 1, event="pruned", minimum=minimum), entry("outcome", 2, intent=3, result="ok")]
                self.serve(log)

                def page_of(path, log=log):
                    query = dict(part.split("=") for part in path.split("?")[1].split("&"))
                    first = max(256, int(query["first"]))
                    return {"first": first, "entries": log[first:][:int(query["count"])], "size": len(log), "minimum": 256}

                self.service.on("GET", "/v1/audit/entries", page_of)
                self.service.on("GET", "/v1/audit/log/tile/0/000",
                                Answer(b"".join(map(leaf_hash, old)), content_type="application/octet-stream"))
                if says:
                    self.assertIn(says, self.bad())
                    continue
                self.assertTrue(self.json_of("audit", "verify")["good"])
                self.assertEqual(self.succeeds("audit", "entries").splitlines(), log[256:])
                self.assertEqual(self.succeeds("audit", "tail", "-n", "1").splitlines(), log[257:])
                self.service.answers[("GET", "/v1/audit/log/tile/0/000")][0].body = bytes(8192)
                self.assertIn("has another root", self.bad())

    def test_prune(self):
        plan = {"minimum": 512, "entries": 300, "certificates": 1, "revocations": 0, "retained": 212,
                "retention": {"certificates": "1y", "other": "30d"}, "request_id": "req-1"}
        self.service.on("POST", "/v1/audit/prune", plan)
        self.assertIn("would remove, below 512: 300 entries and 1 certificate; 212 entries stay",
                      self.succeeds("audit", "prune"))
        self.assertIn("nothing to remove", self.succeeds("audit", "prune", "--confirm"))
        self.service.on("POST", "/v1/audit/prune", {**plan, "entry": 700})
        self.assertIn("Recorded as entry 700", self.succeeds("audit", "prune", "--confirm"))
        self.assertEqual(self.json_of("audit", "prune", "--confirm")["entry"], 700)
        self.assertEqual(self.bodies()[:2],
                         [{"confirm": False}, {"confirm": True}])
        self.service.on("GET", "/v1/audit/prunings", {"minimum": 512, "prunings": [
            {"entry": 700, "minimum": 512, "entries": 300, "certificates": 1, "revocations": 0, "done": True}]})
        self.assertRegex(self.succeeds("audit", "prunings"), r"700 +512 +300 +1 +0 +(true|yes)")

    def test_entries_and_tail(self):
        self.assertEqual(self.succeeds("audit", "entries").splitlines(), ENTRIES)
        self.assertEqual(self.succeeds("audit", "entries", "--first", "4", "--count", "1"), ENTRIES[4] + "\n")
        self.assertEqual(self.json_of("audit", "entries", "--first", "1", "--count", "5"),
                         {"first": 1, "entries": ENTRIES[1:], "size": 6})
        self.assertEqual(self.succeeds("audit", "tail", "-n", "2").splitlines(), ENTRIES[4:])
        self.assertEqual(self.succeeds("audit", "tail", "--count", "99").splitlines(), ENTRIES)

    def test_keys_and_checkpoint(self):
        self.assertEqual(self.succeeds("audit", "keys").splitlines(), [key.vkey for key in self.keys])
        note = self.note_on_record()
        self.assertEqual(self.succeeds("audit", "checkpoint"), note)
        self.succeeds("audit", "checkpoint", "--out", f"{self.folder}/checkpoint")
        self.assertEqual(Path(self.folder, "checkpoint").read_text(), note)


main()
