"""The published log (C2SP tlog-tiles) and receipts (tlog-proof), read with Python's standard library
alone, and by `chancery audit verify-receipt`."""

import hashlib
import json

import service
from machine_test import NAME, MachineTest
from service import expect, unbase64, wait_until


def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root(hashes):
    """RFC 9162 section 2.1.1."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(root(hashes[:split]), root(hashes[split:]))


def index_path(index):
    """1234067 is x001/x234/067."""
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)


def parse_checkpoint(note):
    text, _, signatures = note.partition("\n\n")
    origin, size, top = text.split("\n")
    return origin, int(size), unbase64(top), signatures


def proves(text, entry):
    """RFC 9162 section 2.1.3.2 over a tlog-proof."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert unbase64(lines[1].removeprefix("extra ")) == entry
    index = int(lines[2].removeprefix("index "))
    _, size, top, _ = parse_checkpoint(note)
    number, last, value = index, size - 1, leaf(entry)
    for line in lines[3:]:
        sibling = unbase64(line)
        if number & 1 or number == last:
            value = node(sibling, value)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            value = node(value, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and value == top


class LogTests(MachineTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        machine = cls.service.client(cls.identity)
        for _ in range(200):  # beyond one tile
            expect(200, machine.post(f"/v1/keys/{NAME}.k/sign", {"data": "AAAA"}))
        machine.close()

    def checkpoint(self, above=0):
        """The published note, once it covers more than `above` entries."""
        def look():
            note = self.service.public("/log/checkpoint").body.decode()
            return note if parse_checkpoint(note)[1] > above else None
        return wait_until(look, "a checkpoint")

    def tile(self, level, index, width):
        partial = "" if width == 256 else f".p/{width}"
        return self.service.public(f"/log/tile/{level}/{index_path(index)}{partial}")

    def entries_tile(self, index, width, client=None):
        partial = "" if width == 256 else f".p/{width}"
        path = f"/v1/audit/log/tile/entries/{index_path(index)}{partial}"
        return (client or self.service.auditor).get(path)

    def split(self, bundle):
        entries = []
        while bundle:
            size = int.from_bytes(bundle[:2], "big")
            entries.append(bundle[2:2 + size])
            bundle = bundle[2 + size:]
        return entries

    def test_the_tiles_give_the_checkpoints_root(self):
        origin, size, top, signatures = parse_checkpoint(self.checkpoint())
        self.assertEqual(origin, "chancery.internal/log")
        self.assertEqual(signatures.count(f"\u2014 {origin} "), 2)
        self.assertGreater(size, 256)
        hashes, entries = [], []
        for index in range((size + 255) // 256):
            width = min(256, size - 256 * index)
            answer = expect(200, self.tile(0, index, width))
            self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")
            caching = answer.headers["Cache-Control"]
            self.assertEqual("immutable" in caching, width == 256, caching)
            hashes += [answer.body[i:i + 32] for i in range(0, 32 * width, 32)]
            self.assertEqual(len(answer.body), 32 * width)
            entries += self.split(expect(200, self.entries_tile(index, width)).body)
        self.assertEqual(len(hashes), size)
        self.assertEqual(root(hashes), top)
        self.assertEqual([leaf(entry) for entry in entries], hashes)
        # The level above, of the full tiles.
        above = expect(200, self.tile(1, 0, size // 256)).body
        self.assertEqual(above[:32], root(hashes[:256]))

    def test_every_partial_tile_of_a_published_size_is_there(self):
        _, size, _, _ = parse_checkpoint(self.checkpoint())
        whole = expect(200, self.tile(0, 0, 256)).body
        for width in (1, 2, 100, 255):
            self.assertEqual(expect(200, self.tile(0, 0, width)).body, whole[:32 * width])
        index, width = size // 256, size % 256
        for asked in range(1, width + 1, 7):
            expect(200, self.tile(0, index, asked))

    def test_what_is_not_published_is_not_there(self):
        _, size, _, _ = parse_checkpoint(self.checkpoint())
        far = size // 256 + 1
        for path in (f"0/{index_path(far)}", "0/000.p/0", "0/000.p/256", "0/000.p/257", "8/000",
                     "0/0", "0/x000/000", "0/000.p/01", "-1/000", "entries/000", "x/000", "1/000", "0/999999999999999999999"):
            self.assert_problem(self.service.public(f"/log/tile/{path}"), 404)

    def test_only_an_auditor_reads_entries(self):
        self.assert_problem(self.entries_tile(0, 256, self.machine), 403)
        self.assert_problem(self.service.public("/log/tile/entries/000"), 404)
        first = self.service.log_size()
        expect(200, self.entries_tile(0, 256))
        kinds = [(e["kind"], e.get("machine")) for e in self.service.entries(first)]
        self.assertIn(("read", "auditor"), kinds)

    def sign(self, prefer=None):
        headers = {"Prefer": prefer} if prefer else {}
        return expect(200, self.machine.request("POST", f"/v1/keys/{NAME}.k/sign",
                                                {"data": "AAAA"}, headers))

    def entry(self, index):
        return expect(200, self.service.auditor.get(
            f"/v1/audit/entries?first={index}&count=1")).json["entries"][0].encode()

    def test_a_signature_brings_its_receipt_where_the_client_waits(self):
        answer = self.sign("receipt")
        self.assertEqual(answer.headers["Preference-Applied"], "receipt")
        entry = self.entry(answer.json["outcome"])
        self.assertTrue(proves(answer.json["receipt"], entry))
        signed = hashlib.sha256(unbase64(answer.json["signature"])).hexdigest()
        self.assertEqual(json.loads(entry)["signature_sha256"], signed)

    def test_without_waiting_there_is_none_and_it_comes_later(self):
        for prefer in (None, "respond-async", "receipt, wait=0"):
            answer = self.sign(prefer)
            self.assertNotIn("receipt", answer.json)
            self.assertIsNone(answer.headers["Preference-Applied"])
        path = f"/v1/receipts/{answer.json['outcome']}"
        early = self.machine.get(path)
        if early.status != 200:
            self.assert_problem(early, 404)
        self.checkpoint(answer.json["outcome"])
        text = expect(200, self.machine.get(path)).body.decode()
        self.assertTrue(proves(text, self.entry(answer.json["outcome"])))

    def test_a_machine_has_no_receipts_of_others(self):
        outcome = self.service.certificates()[self.enrolled["serial"]]
        self.assertEqual(outcome["machine"], NAME)
        other = expect(200, self.service.auditor.get("/v1/audit/entries?first=0&count=1"))
        self.assertEqual(json.loads(other.json["entries"][0]).get("machine", "self"), "self")
        self.assert_problem(self.machine.get("/v1/receipts/0"), 403)
        expect(200, self.service.auditor.get("/v1/receipts/0"))
        self.assert_problem(self.machine.get("/v1/receipts/first"), 400, "entry")
        self.assert_problem(self.machine.get("/v1/receipts/99999999"), 404)

    def test_the_command_line_checks_receipts_offline(self):
        serial = self.enrolled["serial"]
        folder = self.service.folder
        base = [service.bin_folder / "chancery", "--url",
                f"https://127.0.0.1:{self.service.api_port}", "--ca", self.service.root,
                "--identity", self.identity]
        (self.identity / "chain.pem").write_text(self.enrolled["chain"])
        receipt, signature, data = folder / "r", folder / "sig", folder / "data"
        service.run([*base, "audit", "receipt", "--serial", serial, "--out", receipt])
        check = [service.bin_folder / "chancery", "audit", "verify-receipt", "--vkeys",
                 self.service.home / "log-keys", receipt]
        certificate = self.identity / "cert.pem"
        self.assertIn(b"good: entry", service.run([*check, "--certificate", certificate]).stdout)
        other = service.run([*check, "--certificate", self.service.root], check=False)
        self.assertEqual(other.returncode, 1)
        self.assertIn(b"another entry", other.stdout)

        data.write_bytes(b"hello")
        service.run([*base, "sign", "--key", f"{NAME}.k", data, "--out", signature,
                     "--receipt", receipt])
        service.run([*check, "--signature", signature])
        changed = bytearray(receipt.read_bytes())
        changed[40] ^= 1
        receipt.write_bytes(changed)
        self.assertEqual(service.run([*check, "--signature", signature], check=False).returncode, 1)
        receipt.write_text("no receipt")
        self.assertEqual(service.run(check, check=False).returncode, 1)
        self.assertEqual(service.run(check[:3] + [receipt], check=False).returncode, 2)


if __name__ == "__main__":
    service.main()
