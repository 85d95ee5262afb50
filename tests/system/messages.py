"""Messages of each class, made by the tools that make them in the field, and what is made of one
and its signature."""

import base64
import struct
from pathlib import Path

from csr import der, sequence
from service import run, unbase64

ALGORITHMS = {  # AlgorithmIdentifier, by the key's type
    "ec-p256": bytes.fromhex("300a06082a8648ce3d040302"),
    "rsa-2048": bytes.fromhex("300d06092a864886f70d01010b0500"),
    "ed25519": bytes.fromhex("300506032b6570"),
}
JOSE = {"ec-p256": "ES256", "rsa-2048": "RS256", "ed25519": "EdDSA"}


def openssl(*arguments, **options):
    return run(["openssl", *arguments], **options)


# DER, as far as it is taken apart here

def elements(content):
    """[(tag, content, whole)] of what stands side by side."""
    found = []
    while content:
        size, start = content[1], 2
        if size >= 0x80:
            start = 2 + (size & 0x7f)
            size = int.from_bytes(content[2:start], "big")
        found.append((content[0], content[start:start + size], content[:start + size]))
        content = content[start + size:]
    return found


def inside(whole):
    return elements(elements(whole)[0][1])


def tbs_of(pem):
    """The first part of a certificate or CRL that is in PEM."""
    lines = [line for line in Path(pem).read_text().splitlines() if not line.startswith("-")]
    return inside(base64.b64decode("".join(lines)))[0][2]


def assemble(tbs, key_type, signature):
    return sequence(tbs, ALGORITHMS[key_type], der(0x03, b"\0" + signature))


def fixed_size(signature, size=32):
    """r and s of a DER Ecdsa-Sig-Value, side by side (RFC 7518 section 3.4)."""
    return b"".join(int.from_bytes(part[1], "big").to_bytes(size, "big")
                    for part in inside(signature))


# JWT

def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jose_signature(key_type, signature):
    return fixed_size(signature) if key_type == "ec-p256" else signature


# SSH: RFC 4251 section 5, PROTOCOL.certkeys

def string(data):
    return struct.pack(">I", len(data)) + data


def strings(data, count):
    """The first strings, and what follows them."""
    found = []
    for _ in range(count):
        size = struct.unpack(">I", data[:4])[0]
        found.append(data[4:4 + size])
        data = data[4 + size:]
    return found, data


def mpint(number):
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def ssh_public_key(pem, key_type):
    """Of a SubjectPublicKeyInfo, in SSH's form."""
    lines = [line for line in pem.splitlines() if not line.startswith("-")]
    bits = inside(base64.b64decode("".join(lines)))[1][1][1:]
    if key_type == "ed25519":
        return string(b"ssh-ed25519") + string(bits)
    if key_type == "ec-p256":
        return string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(bits)
    modulus, exponent = (int.from_bytes(part[1], "big") for part in inside(bits))
    return string(b"ssh-rsa") + mpint(exponent) + mpint(modulus)


def ssh_signature(key_type, signature):
    if key_type == "ed25519":
        return string(b"ssh-ed25519") + string(signature)
    if key_type == "rsa-2048":
        return string(b"rsa-sha2-256") + string(signature)
    r, s = (int.from_bytes(part[1], "big") for part in inside(signature))
    return string(b"ecdsa-sha2-nistp256") + string(mpint(r) + mpint(s))


def ssh_certificate_body(folder, ca_key, *options):
    """What ssh-keygen makes with a CA of its own, up to the signature, for the CA `ca_key`."""
    for name in ("user", "ca"):
        path = folder / name
        if not path.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path])
    run(["ssh-keygen", "-q", "-s", folder / "ca", "-I", "web-1", *options, folder / "user.pub"])
    blob = base64.b64decode((folder / "user-cert.pub").read_text().split()[1])
    # type, nonce, key; serial, kind; key id, principals; two times; options, extensions, reserved
    start, rest = strings(blob, 3)
    numbers, rest = rest[:12], rest[12:]
    names, rest = strings(rest, 2)
    times, rest = rest[:16], rest[16:]
    end, _ = strings(rest, 3)
    return (b"".join(map(string, start)) + numbers + b"".join(map(string, names)) + times +
            b"".join(map(string, end)) + string(ca_key))


# X.509: what openssl makes with a CA that has the name of the key in the token, but another key

class ForeignCa:
    def __init__(self, folder, name="Token CA"):
        self.folder, self.key, self.certificate = folder, folder / "ca.key", folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.certificate, "-subj", f"/O=Example/CN={name}",
                "-days", "30", "-sha256")

    def issue(self, name, public_key, extensions="", serial="7"):
        """A certificate for the public key in the file; its path."""
        request, out = self.folder / f"{name}.csr", self.folder / f"{name}.pem"
        key, config = self.folder / f"{name}.key", self.folder / f"{name}.cnf"
        # Not those of the key that signs here, which is not the token's.
        config.write_text(extensions + "authorityKeyIdentifier=none\nsubjectKeyIdentifier=none\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", request, "-subj", f"/O=Example/CN={name}")
        openssl("x509", "-req", "-in", request, "-force_pubkey", public_key, "-CA",
                self.certificate, "-CAkey", self.key, "-set_serial", serial, "-days", "20",
                "-sha256", "-extfile", config, "-out", out)
        return out

    def root_tbs(self, public_key):
        """Its own certificate, with another public key."""
        path = self.issue("root", public_key, "basicConstraints=critical,CA:TRUE\n"
                                              "keyUsage=critical,keyCertSign,cRLSign\n")
        parts = [part[2] for part in elements(inside_of_tbs(tbs_of(path)))]
        parts[5] = parts[3]  # subject := issuer
        return sequence(*parts)

    def crl_tbs(self):
        config = self.folder / "crl.cnf"
        (self.folder / "index.txt").write_text("R\t400101000000Z\t260101000000Z\t0A\tunknown\t/CN=x\n")
        (self.folder / "crlnumber").write_text("0B\n")
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index.txt\n"
                          f"crlnumber={self.folder}/crlnumber\ndefault_md=sha256\n"
                          "crl_extensions=e\n[e]\n")
        out = self.folder / "crl.pem"
        openssl("ca", "-gencrl", "-config", config, "-cert", self.certificate, "-keyfile", self.key,
                "-crldays", "7", "-out", out)
        return tbs_of(out)

    def cms(self, content, certificate, key):
        """SignedData in DER, by the key of a certificate that is not in it."""
        out, data = self.folder / "cms.der", self.folder / "content"
        data.write_bytes(content)
        openssl("cms", "-sign", "-binary", "-nodetach", "-nocerts", "-in", data, "-signer",
                certificate, "-inkey", key, "-md", "sha256", "-outform", "DER", "-out", out)
        return out.read_bytes()


def inside_of_tbs(tbs):
    return elements(tbs)[0][1]


def signed_attributes(cms):
    """As they are signed: RFC 5652 section 5.4."""
    return b"\x31" + signer_parts(cms)[3][2][1:]


def signer_parts(cms):
    signed_data = inside(inside(cms)[1][1])
    return inside(signed_data[-1][1])


def with_signature(cms, signature):
    """The same with another signature of its one signer."""
    kind, content = inside(cms)
    parts = [part[2] for part in inside(content[1])]
    signer = [part[2] for part in signer_parts(cms)]
    signer[5] = der(0x04, signature)
    parts[-1] = der(0x31, sequence(*signer))
    return sequence(kind[2], der(0xa0, sequence(*parts)))


def verify(folder, key, message, signature):
    """By openssl, with the public key as the service shows it."""
    public, signed, data = folder / "key.pem", folder / "signature", folder / "message"
    public.write_text(key["public_key"])
    signed.write_bytes(signature)
    data.write_bytes(message)
    if key["type"] == "ed25519":
        return openssl("pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", data,
                       "-sigfile", signed, check=False).returncode == 0
    return openssl("dgst", "-sha256", "-verify", public, "-signature", signed, data,
                   check=False).returncode == 0


def signature_in(answer):
    return unbase64(answer.json["signature"])
