"""Signatures of C2SP signed notes, without a line of Chancery: openssl(1) verifies them."""

import base64
import hashlib
import subprocess
import tempfile
from pathlib import Path

ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")


def sha256(data):
    return hashlib.sha256(data).digest()


def from_base64(text):
    """Its bytes, where it is the one way to write them: spare bits of the last digit are zero."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 that is not canonical")
    return data


class NoteKey:
    """C2SP signed-note, types 0x01 (Ed25519), 0x02 (ECDSA over SHA-256) and 0x04 (cosignature)."""

    def __init__(self, vkey):
        self.vkey = vkey
        self.name, key_id, key = vkey.split("+", 2)
        typed = from_base64(key)
        self.type = typed[0]
        if self.type in (1, 4):
            self.spki = ED25519_SPKI + typed[1:]
            self.id = sha256(self.name.encode() + b"\n" + typed)[:4]
        elif self.type == 2:
            self.spki = typed[1:]
            self.id = sha256(self.spki)[:4]
        else:
            raise ValueError("unknown type of note key")
        if self.id.hex() != key_id:
            raise ValueError("the key id is not the key's")

    def verify(self, text, signature):
        if self.type == 4:
            seconds, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            text = f"cosignature/v1\ntime {seconds}\n".encode() + text
        with tempfile.TemporaryDirectory() as folder:
            key, message, sig = (Path(folder) / name for name in ("key", "text", "sig"))
            key.write_bytes(self.spki)
            message.write_bytes(text)
            sig.write_bytes(signature)
            command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", key,
                       "-sigfile", sig, "-in", message, "-rawin"]
            if self.type == 2:
                command += ["-digest", "sha256"]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def signed(self, note):
        """True when the note has a line of this key, and all such lines verify."""
        divider = note.rfind("\n\n")
        if divider < 0:
            return False
        text, lines = note[:divider + 1], note[divider + 2:]
        if not lines.endswith("\n"):
            return False
        verified = False
        for line in lines[:-1].split("\n"):
            dash, name, blob = (line.split(" ") + ["", ""])[:3]
            try:
                blob = from_base64(blob)
            except ValueError:
                return False
            if dash != "\u2014" or line.count(" ") != 2 or len(blob) < 5:
                return False
            if name != self.name or blob[:4] != self.id:
                continue
            if not self.verify(text.encode(), blob[4:]):
                return False
            verified = True
        return verified
