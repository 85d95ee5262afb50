"""How the keys of a log changed (docs/audit-format.md, "Keys"), without a line of Chancery: C2SP
tlog-proofs of the entries that name keys, one behind the other."""

import json

from audit_verifier import leaf_hash
from merkle_proof import includes
from note_key import NoteKey, from_base64

HEADER = "c2sp.org/tlog-proof@v1\n"


class BadKeyChanges(ValueError):
    pass


def parsed_receipt(text):
    """(index, entry, checkpoint) of one that proves its entry."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0] + "\n" != HEADER or len(lines) < 3:
        raise BadKeyChanges("no tlog-proof")
    extra, index = lines[1].split(" "), lines[2].split(" ")
    if extra[0] != "extra" or index[0] != "index" or str(int(index[1])) != index[1]:
        raise BadKeyChanges("no tlog-proof")
    entry, proof = from_base64(extra[1]), [from_base64(line) for line in lines[3:]]
    size, root = note.split("\n")[1:3]
    index, size = int(index[1]), int(size)
    if not includes(index, size, leaf_hash(entry), proof, from_base64(root)):
        raise BadKeyChanges("an entry is not under its checkpoint")
    return index, json.loads(entry), note


def keys_at(text, pinned, size):
    """The keys that sign a checkpoint of that size, for who knows `pinned`, vkeys of any time."""
    sets, anchored = [(0, set(pinned))], not text
    receipts = [HEADER + part for part in text.split(HEADER)[1:]]
    if "".join(receipts) != text:
        raise BadKeyChanges("no tlog-proofs")
    receipts = [parsed_receipt(receipt) for receipt in receipts]
    ends = [index for index, _, _ in receipts[1:]] + [None]
    for (index, entry, note), end in zip(receipts, ends):
        if (entry["kind"], entry["event"]) != ("log", "keys"):
            raise BadKeyChanges("an entry names no keys")
        vkeys = set(entry["vkeys"])
        if end is not None and not index < int(note.split("\n")[1]) <= end:
            raise BadKeyChanges("a checkpoint is of another time")
        for vkey in vkeys:
            key = NoteKey(vkey)
            if not note.startswith(key.name + "\n") or not key.signed(note):
                raise BadKeyChanges("a checkpoint lacks the signature of " + vkey)
        if len(sets) > 1 and not (vkeys <= sets[-1][1] or sets[-1][1] <= vkeys):
            raise BadKeyChanges("keys took the place of others that did not sign beside them")
        anchored = anchored or set(pinned) <= vkeys
        sets.append((index, vkeys))
    if not anchored:
        raise BadKeyChanges("they lead to none of the keys that were named")
    return [vkeys for start, vkeys in sets if start == 0 or start < size][-1]
