"""Key pairs and PKCS#10 requests, good and bad: DER written by hand, signed by openssl(1)."""

import base64
import subprocess
import tempfile
from pathlib import Path

OIDS = {
    "country": "55 04 06", "organization": "55 04 0a", "common_name": "55 04 03",
    "extension_request": "2a 86 48 86 f7 0d 01 09 0e",
    "subject_alt_name": "55 1d 11", "basic_constraints": "55 1d 13", "name_constraints": "55 1d 1e",
}
# How the key signs its request: AlgorithmIdentifier.
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
DSA_SHA256 = bytes.fromhex("300b0609608648016503040302")
ED25519 = bytes.fromhex("300506032b6570")

DNS, URI, IP = 0x82, 0x86, 0x87
PRINTABLE, UTF8, BMP = 0x13, 0x0c, 0x1e


def der(tag, *contents):
    content = b"".join(contents)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def sequence(*contents):
    return der(0x30, *contents)


def oid(name):
    return der(0x06, bytes.fromhex(OIDS[name]))


def pem(content, label):
    text = base64.encodebytes(content).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"


def subject(*attributes):
    """A Name of (attribute, bytes, tag of the string)."""
    return sequence(*(der(0x31, sequence(oid(name), der(tag, value)))
                      for name, value, tag in attributes))


def common_name(text, tag=UTF8):
    return subject(("common_name", text if isinstance(text, bytes) else text.encode(), tag))


def extension(name, value, critical=False):
    return sequence(oid(name), b"\x01\x01\xff" if critical else b"", der(0x04, value))


def alt_names(*names):
    """The extension with names as (tag, bytes); a text is a DNS name."""
    names = [(DNS, name.encode()) if isinstance(name, str) else name for name in names]
    return extension("subject_alt_name", sequence(*(der(tag, value) for tag, value in names)))


def asks_for_ca(path_length=b""):
    return extension("basic_constraints", sequence(b"\x01\x01\xff", path_length), critical=True)


class Key:
    """A key pair in a PEM file; `options` are openssl genpkey's."""

    files = tempfile.TemporaryDirectory(prefix="chancery-keys-")  # gone when the program ends
    folder = Path(files.name)
    count = 0

    def __init__(self, *options, algorithm=ECDSA_SHA256, hashed=True):
        Key.count += 1
        self.path = Key.folder / f"{Key.count}.pem"
        self.algorithm = algorithm
        self.hashed = hashed
        openssl("genpkey", *options, "-out", self.path)
        self.spki = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")

    @classmethod
    def ec(cls, curve="P-256"):
        return cls("-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}")

    @classmethod
    def rsa(cls, bits=2048, exponent=65537):
        return cls("-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-pkeyopt",
                   f"rsa_keygen_pubexp:{exponent}", algorithm=RSA_SHA256)

    @classmethod
    def ed25519(cls):
        return cls("-algorithm", "ED25519", algorithm=ED25519, hashed=False)

    @classmethod
    def dsa(cls):
        parameters = cls.folder / "dsa.pem"
        openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:2048",
                "-out", parameters)
        return cls("-paramfile", parameters, algorithm=DSA_SHA256)

    def sign(self, data):
        if self.hashed:
            return openssl("dgst", "-sha256", "-sign", self.path, input=data)
        message = self.path.with_suffix(".data")  # a pipe has no size, which -rawin wants to know
        message.write_bytes(data)
        return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", message)

    def request(self, name=subject(), *extensions, version=0, spki=None, damage=False):
        """The DER of a request that asks for `name` and these extensions."""
        attributes = b""
        if extensions:
            attributes = sequence(oid("extension_request"), der(0x31, sequence(*extensions)))
        info = sequence(der(0x02, bytes([version])), name, spki or self.spki, der(0xa0, attributes))
        signature = self.sign(info)
        if damage:
            signature = self.sign(info + b"another")
        return sequence(info, self.algorithm, der(0x03, b"\0", signature))

    def csr(self, *arguments, **options):
        return pem(self.request(*arguments, **options), "CERTIFICATE REQUEST")


def openssl(*arguments, check=True, **options):
    """Its standard output."""
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    result = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"openssl {arguments}: {result.stderr.decode(errors='replace')}")
    return result.stdout

