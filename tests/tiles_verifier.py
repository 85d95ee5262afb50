#!/usr/bin/env python3
"""Verifies a log that was published as files (C2SP tlog-tiles), and proofs of RFC 9162, without a
line of Chancery. docs/audit-format.md is all that it was written from.

    tiles_verifier.py DIRECTORY [VKEY ...]
    tiles_verifier.py --proofs FILE

The directory holds checkpoint, tile/L/N[.p/W], if entries were given away tile/entries/N[.p/W], and
key-changes where the log's keys changed.
Prints each finding on a line and exits 1, or one line and exits 0. The checkpoint must carry a valid
signature of each VKEY, or of the keys that they lead to. FILE is a JSON list of proofs as tests/vectors/merkle has them; each must be
as good or bad as it says.
"""

import base64
import json
import sys
from pathlib import Path

from audit_verifier import TIME_TOLERANCE, Tree, instant, is_canonical, leaf_hash, node_hash
from key_changes import BadKeyChanges, keys_at
from merkle_proof import consistent, includes
from note_key import NoteKey, from_base64


def index_path(index):
    """1234067 is x001/x234/067."""
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)


class TilesVerifier:
    def __init__(self, folder, vkeys):
        self.folder, self.vkeys = Path(folder), vkeys
        self.findings = []
        self.size = 0
        self.removed_below = 0  # entries that are not there, and what the log says of that
        self.minimum = 0
        self.has_entries = (self.folder / "tile/entries").is_dir()

    def find(self, text):
        self.findings.append(text)

    def tile(self, level, index, width):
        """The content under a path, or None; a partial tile may have become a full one."""
        path = self.folder / "tile" / str(level) / index_path(index)
        if width < 256 and (partial := path.with_name(path.name + ".p") / str(width)).exists():
            return partial.read_bytes(), width
        return (path.read_bytes(), 256) if path.exists() else (None, width)

    def run(self):
        text, root = self.checkpoint()
        if text is None:
            return
        leaves = self.leaves_of_entries() if self.has_entries else self.leaves_of_tiles()
        if len(leaves) != self.size:
            return
        tree = Tree()
        for leaf in leaves:
            tree.append(leaf)
        if tree.root() != root:
            self.find("the checkpoint has another root than the entries")
        self.check_levels(leaves)

    def checkpoint(self):
        note = (self.folder / "checkpoint").read_bytes().decode(errors="replace")
        text = note[:note.rfind("\n\n") + 1]
        lines = text.split("\n")
        try:
            origin, self.size, root = lines[0], int(lines[1]), from_base64(lines[2])
            if text != f"{origin}\n{self.size}\n{base64.b64encode(root).decode()}\n" or len(root) != 32:
                raise ValueError(text)
        except (ValueError, IndexError):
            self.find("the checkpoint does not parse")
            return None, None
        for key in map(NoteKey, self.vkeys_in_force()):
            if key.name != origin or not key.signed(note):
                self.find(f"the checkpoint has no valid signature of {key.vkey}")
        return text, root

    def vkeys_in_force(self):
        """Those that the file key-changes leads to; without it, those that were given."""
        path = self.folder / "key-changes"
        changes = path.read_bytes().decode(errors="replace") if path.exists() else ""
        if not changes:
            return self.vkeys
        try:
            return sorted(keys_at(changes, self.vkeys, self.size))
        except (BadKeyChanges, ValueError, KeyError, TypeError, IndexError) as error:
            self.find(f"key-changes: {error}")
            return []

    def tiles_of(self, count):
        """(index, width) of the tiles over `count` hashes."""
        return [(i // 256, min(256, count - i)) for i in range(0, count, 256)]

    def leaves_of_entries(self):
        leaves, open_intents, last_time = [], set(), None
        for index, width in self.tiles_of(self.size):
            bundle, held = self.tile("entries", index, width)
            if bundle is None and width == 256 and self.tile(0, index, 256)[0] is not None:
                leaves += self.leaves_of_tile(index, width) or []
                self.removed_below = len(leaves)
                open_intents.clear()  # their outcomes may be among what is missing
                continue
            entries = self.split(bundle, held)
            if entries is None:
                self.find(f"tile/entries/{index_path(index)} is not there or not whole")
                return leaves
            for entry in entries[:width]:
                last_time = self.check_entry(len(leaves), entry, open_intents, last_time)
                leaves.append(leaf_hash(entry))
        if self.removed_below > self.minimum:
            self.find(f"entries below {self.removed_below} are not there, and no entry says that they were removed")
        return leaves

    @staticmethod
    def split(bundle, width):
        entries, position = [], 0
        if bundle is None:
            return None
        while position < len(bundle):
            length = int.from_bytes(bundle[position:position + 2], "big")
            entries.append(bundle[position + 2:position + 2 + length])
            position += 2 + length
        return entries if position == len(bundle) and len(entries) == width else None

    def check_entry(self, index, entry, open_intents, last_time):
        text = entry.decode(errors="replace")
        if not is_canonical(text):
            self.find(f"entry {index}: is not a canonical entry")
            return last_time
        entry = json.loads(text)
        time = instant(entry["time"])
        if last_time is not None and time < last_time - TIME_TOLERANCE:
            self.find(f"entry {index}: is older than the one before it")
        if entry["kind"] == "intent":
            open_intents.add(index)
        elif entry["kind"] == "log" and entry.get("event") == "pruned":
            self.minimum = max(self.minimum, entry.get("minimum", 0))
        elif entry["kind"] == "outcome":
            intent = entry.get("intent")
            removed = isinstance(intent, int) and 0 <= intent < self.removed_below
            if isinstance(intent, bool) or not (removed or intent in open_intents):
                self.find(f"entry {index}: the outcome names no intent that was open")
            open_intents.discard(intent)
            if entry.get("result") not in ("ok", "failed", "unknown"):
                self.find(f"entry {index}: the outcome's result is none of ok, failed and unknown")
        return time if last_time is None else max(time, last_time)

    def leaves_of_tiles(self):
        leaves = []
        for index, width in self.tiles_of(self.size):
            hashes = self.leaves_of_tile(index, width)
            if hashes is None:
                return leaves
            leaves += hashes
        return leaves

    def leaves_of_tile(self, index, width):
        content, held = self.tile(0, index, width)
        if content is None or len(content) != 32 * held:
            self.find(f"tile/0/{index_path(index)} is not there or not whole")
            return None
        return [content[32 * i:32 * i + 32] for i in range(width)]

    def check_levels(self, hashes):
        level = 0
        while hashes:
            for index, width in self.tiles_of(len(hashes)):
                content, held = self.tile(level, index, width)
                expected = b"".join(hashes[256 * index:256 * index + width])
                if content is None or len(content) != 32 * held or content[:32 * width] != expected:
                    self.find(f"tile/{level}/{index_path(index)} is not what the entries make it")
            hashes = [self.root_of(hashes[i:i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
            level += 1

    @staticmethod
    def root_of(hashes):
        while len(hashes) > 1:
            hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
        return hashes[0]


def check_proofs(path):
    wrong = []
    for vector in json.loads(Path(path).read_text()):
        def field(name):
            return base64.b64decode(vector[name])
        proof = [base64.b64decode(item) for item in vector["proof"] or []]
        hashes = [*proof, *(field(name) for name in ("root", "root1", "root2", "leafHash")
                            if name in vector)]
        if any(len(item) != 32 for item in hashes):
            holds = False
        elif "leafHash" in vector:
            holds = includes(vector["leafIdx"], vector["treeSize"], field("leafHash"), proof, field("root"))
        else:
            holds = consistent(vector["size1"], field("root1"), vector["size2"], field("root2"), proof)
        if holds == vector["wantErr"]:
            wrong.append(vector["desc"])
    return wrong


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--proofs":
        findings, good = check_proofs(sys.argv[2]), "good: every proof is as it says"
    else:
        verifier = TilesVerifier(sys.argv[1], sys.argv[2:])
        verifier.run()
        findings = verifier.findings
        good = f"good: {verifier.size} entries" + ("" if verifier.has_entries else ", their hashes only")
    for finding in findings:
        print(finding)
    if findings:
        sys.exit(1)
    print(good)


if __name__ == "__main__":
    main()
