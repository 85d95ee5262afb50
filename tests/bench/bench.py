"""Measures Chancery on this machine and prints one table; scripts/bench builds and runs it.

Rows: the bare token (C_Sign), audited signatures and certificates over HTTPS with mutual TLS and
keep-alive, the policy's decision time, issuance with many certificates in the store, the audit log as
it grows, revocation and CRLs with many revoked, an incident while others issue, and OCSP beside `cfssl ocspserve` where that is
installed (Debian's golang-cfssl), which serves one answer that was signed before. With --parts load:
ten minutes of signatures at full speed, and then whether each has its two entries. The load
client runs on the same cores as the service. Each rate of the service stands beside its ratio to
the best raw rate of the token, measured in the same run.
"""

import argparse
import base64
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from incident_bench import measure_incident
from installation import Installation, run
from policy_rows import measure_cedar, measure_policy

PARTS = ("raw", "signatures", "certificates", "policy", "store", "audit", "revocation",
         "incident", "ocsp")
ASKED_PARTS = ("load", "cedar")  # only where they are asked for: long, or from the network
KEY_TYPES = ("ec-p256", "rsa-2048", "ed25519")
DISTINCT_REQUESTS = 64  # CSRs sent in turn


class Table:
    """Rows as they are measured, printed at once; kept for --json."""

    def __init__(self):
        self.rows = []

    def heading(self, text, columns):
        print(f"\n{text}")
        print("  " + "  ".join(f"{name:>{width}}" for name, width in columns))
        self.columns = columns

    def row(self, part, values):
        self.rows.append({"part": part, **values})
        cells = []
        for name, width in self.columns:
            value = values.get(name)
            if isinstance(value, float):
                value = f"{value:.2f}" if value < 100 else f"{value:.0f}"
            cells.append(f"{'' if value is None else value:>{width}}")
        print("  " + "  ".join(cells), flush=True)


RAW_COLUMNS = [("key", 10), ("processes", 9), ("threads", 7), ("rate", 8)]
SERVICE_COLUMNS = [
    ("what", 12), ("key", 10), ("clients", 7), ("rate", 8), ("ratio", 6), ("p50 ms", 8),
    ("p99 ms", 8), ("server us", 9), ("keyholder us", 12), ("client us", 9),
]
STORE_COLUMNS = [
    ("certificates", 12), ("clients", 7), ("rate", 8), ("p50 ms", 8), ("p99 ms", 8),
    ("server us", 9), ("start s", 8), ("database MB", 11),
]


AUDIT_COLUMNS = [
    ("entries", 9), ("append_rate", 11), ("append_cpu_us", 13), ("proof_us", 8), ("verify_rate", 11),
    ("hash_rate", 9), ("verify_by_hash", 14), ("peak_mb", 8),
]
REVOCATION_COLUMNS = [
    ("issued", 9), ("revoked", 9), ("start s", 8), ("slowest list s", 14), ("list MB", 8), ("gzip MB", 8),
    ("peak MB", 8), ("revoke p50 ms", 13), ("cpu us", 8),
]
REVOCATION_SHARDS = 64
OCSP_COLUMNS = [
    ("server", 16), ("clients", 7), ("rate", 8), ("ratio", 6), ("p50 ms", 8), ("p99 ms", 8),
    ("server us", 9),
]
OCSP_CLIENTS = (1, 16, 64)
LOAD_COLUMNS = [
    ("requests", 9), ("rate", 8), ("intents", 9), ("outcomes", 9), ("p99 ms", 8), ("database MB", 11),
]


def ocsp_load(options, url, body, clients):
    return json.loads(run([
        options.bin / "chancery-load", "--url", url, "--method", "POST", "--header",
        "Content-Type: application/ocsp-request", "--body", body, "--clients", clients, "--seconds",
        options.seconds, "--json"]))


def measure_ocsp(options, table):
    """Kept answers, answers signed for the asker, and the peer's; ratio: to the peer's best."""
    table.heading("OCSP by POST over HTTP, keep-alive", OCSP_COLUMNS)
    rows = []
    with Installation(options.bin) as installation:
        installation.stop()
        with open(installation.home / "config.yaml", "a", encoding="utf-8") as config:
            config.write("\nocsp:\n  fresh_per_second: 100000\n"
                         "  signed_per_second: 100000\n")
        installation.start()
        certificate = installation.enroll("bench.example") / "cert.pem"
        issuing = installation.home / "ca" / "issuing.pem"
        requests = {"kept": installation.folder / "kept.der", "signed": installation.folder / "new.der"}
        base = ["openssl", "ocsp", "-issuer", issuing, "-cert", certificate]
        run([*base, "-no_nonce", "-reqout", requests["kept"]])
        run([*base, "-reqout", requests["signed"]])
        url = installation.public_url("/ocsp")
        answer = installation.folder / "answer.der"
        run(["openssl", "ocsp", "-reqin", requests["kept"], "-url", url, "-respout", answer,
             "-noverify"])
        for name, body in requests.items():
            for clients in OCSP_CLIENTS:
                before = installation.cpu_seconds()["daemon"]
                report = ocsp_load(options, url, body, clients)
                spent = installation.cpu_seconds()["daemon"] - before
                rows.append(ocsp_row(f"chanceryd, {name}", clients, report, spent))
        installation.verify_log()
        if shutil.which("cfssl"):
            rows += measure_cfssl(options, installation.folder, requests["kept"], answer)
    peer = [row["rate"] for row in rows if row["server"].startswith("cfssl")]
    for row in rows:
        if peer:
            row["ratio"] = row["rate"] / max(peer)
        table.row("ocsp", row)


def measure_load(options, table):
    """Signatures for as long as was asked; then every one has its intent and its outcome."""
    table.heading(f"Signatures for {options.load_seconds:.0f} s with 64 clients, and the log after it",
                  LOAD_COLUMNS)
    with Installation(options.bin) as installation:
        machine = installation.enroll("bench.example")
        installation.administrator("key", "create", "bench.example.key", "--type", "ec-p256")
        data = base64.b64encode(os.urandom(64)).decode()
        bodies = write_bodies(installation.folder / "bodies", [{"data": data}])
        options.seconds = options.load_seconds
        row = load(options, installation, machine, 64, "/v1/keys/bench.example.key/sign", bodies, 200)
        installation.verify_log()
        row["intents"] = installation.count_entries('"operation":"key.sign"')
        row["outcomes"] = installation.count_entries('"signature_sha256":')
        row["database MB"] = (installation.home / "chancery.db").stat().st_size / 1e6
        table.row("load", row)
        if not row["requests"] == row["intents"] == row["outcomes"]:
            raise RuntimeError("requests, intents and outcomes are not as many")


def ocsp_row(server, clients, report, spent):
    return {"server": server, "clients": clients, "rate": report["rate"],
            "p50 ms": report["latency_us"]["p50"] / 1000,
            "p99 ms": report["latency_us"]["p99"] / 1000,
            "server us": spent * 1e6 / max(report["requests"], 1)}


def measure_cfssl(options, folder, body, answer):
    responses = folder / "responses"
    responses.write_bytes(base64.b64encode(answer.read_bytes()) + b"\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(["cfssl", "ocspserve", "-address", "127.0.0.1", "-port", str(port),
                               "-responses", responses, "-loglevel", "5"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/"
        deadline = time.monotonic() + 30
        while subprocess.run(["curl", "-s", "-o", "/dev/null", url], check=False).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError("cfssl ocspserve does not answer")
            time.sleep(0.05)
        return [ocsp_row("cfssl, kept", clients, ocsp_load(options, url, body, clients), 0)
                for clients in OCSP_CLIENTS]
    finally:
        server.kill()
        server.wait()


def measure_raw(options, table):
    """The best raw rate of each key type, over threads and processes."""
    table.heading("C_Sign on the token, nothing else (signatures/s)", RAW_COLUMNS)
    with tempfile.TemporaryDirectory(prefix="chancery-bench-") as folder:
        folder = Path(folder)
        (folder / "tokens").mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
        (folder / "pin").write_text("benchmark\n")
        environment = {**os.environ, "SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
        run(["softhsm2-util", "--init-token", "--free", "--label", "chancery", "--pin",
             "benchmark", "--so-pin", "benchmark"], env=environment)
        program = options.bin / "raw_sign_bench"
        rows = json.loads(run([program, "--pin-file", folder / "pin", "--seconds",
                               min(options.seconds, 3)], env=environment))
    best = {}
    for row in rows:
        table.row("raw", row)
        best[row["key"]] = max(best.get(row["key"], 0), row["rate"])
    return best


def load(options, installation, identity, clients, path, bodies, status):
    """One run of the load client, with the CPU time that the service's processes took for it."""
    before = installation.cpu_seconds()
    command = [
        options.bin / "chancery-load", "--url", installation.api, "--path", path,
        "--cert", identity / "cert.pem", "--key", identity / "key.pem",
        "--ca", installation.root_certificate, "--method", "POST",
        "--header", "Content-Type: application/json", "--body-dir", bodies, "--clients", clients,
        "--seconds", options.seconds, "--expect", status, "--json",
    ]
    report = json.loads(run(command))
    after = installation.cpu_seconds()
    requests = max(report["requests"], 1)
    return {
        "clients": clients,
        "requests": report["requests"],
        "rate": report["rate"],
        "p50 ms": report["latency_us"]["p50"] / 1000,
        "p99 ms": report["latency_us"]["p99"] / 1000,
        "server us": (after["daemon"] - before["daemon"]) * 1e6 / requests,
        "keyholder us": (after["keyholders"] - before["keyholders"]) * 1e6 / requests,
        "client us": report["client_cpu_us"],
    }


def write_bodies(folder, bodies):
    folder.mkdir(parents=True)
    for number, body in enumerate(bodies):
        (folder / f"{number:04}.json").write_text(json.dumps(body))
    return folder


def measure_signatures(options, table, best):
    table.heading("Audited signatures over HTTPS, mutual TLS, keep-alive", SERVICE_COLUMNS)
    for key_type in options.keys:
        with Installation(options.bin) as installation:
            machine = installation.enroll("bench.example")
            key = f"bench.example.{key_type}"
            installation.administrator("key", "create", key, "--type", key_type)
            data = base64.b64encode(os.urandom(64)).decode()
            bodies = write_bodies(installation.folder / "sign", [{"data": data}])
            for clients in options.clients:
                row = load(options, installation, machine, clients, f"/v1/keys/{key}/sign", bodies,
                           200)
                row["ratio"] = row["rate"] / best[key_type] if key_type in best else None
                table.row("signatures", {"what": "signature", "key": key_type, **row})
            installation.verify_log()


def certificate_bodies(installation, name):
    """Requests for one name with many keys, as clients would make them."""
    requests = installation.folder / "requests"
    requests.mkdir()
    bodies = []
    for number in range(DISTINCT_REQUESTS):
        pem = requests / f"{number}.pem"
        run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", "/dev/null", "-out", pem, "-subj", f"/CN={name}", "-addext",
             f"subjectAltName=DNS:{name}"])
        bodies.append({"csr": pem.read_text(), "profile": "tls-server"})
    return write_bodies(installation.folder / "issue", bodies)


def measure_certificates(options, table, best):
    table.heading("Audited certificates over HTTPS, mutual TLS, keep-alive", SERVICE_COLUMNS)
    with Installation(options.bin) as installation:
        machine = installation.enroll("bench.example")
        bodies = certificate_bodies(installation, "bench.example")
        for clients in options.clients:
            row = load(options, installation, machine, clients, "/v1/certificates", bodies, 201)
            row["ratio"] = row["rate"] / best["ec-p256"] if "ec-p256" in best else None
            table.row("certificates", {"what": "certificate", "key": "ec-p256", **row})
        installation.verify_log()


def issuing_of(options):
    """Prepares an installation for issuing; then each call measures it once."""
    def prepare(installation):
        machine = installation.enroll("bench.example")
        bodies = certificate_bodies(installation, "bench.example")
        return lambda: load(options, installation, machine, 16, "/v1/certificates", bodies, 201)
    return prepare


def measure_store(options, table):
    table.heading("Issuance with certificates in the store already", STORE_COLUMNS)
    clients = 32
    with Installation(options.bin) as installation:
        machine = installation.enroll("bench.example")
        bodies = certificate_bodies(installation, "bench.example")
        for count in sorted(options.store_sizes):
            installation.stop()
            run([options.bin / "store_preload", "--home", installation.home, "--count", count])
            began = time.monotonic()
            installation.start()
            started = time.monotonic() - began
            row = load(options, installation, machine, clients, "/v1/certificates", bodies, 201)
            row["certificates"] = count
            row["start s"] = started
            row["database MB"] = (installation.home / "chancery.db").stat().st_size / 1e6
            table.row("store", row)


def measure_audit(options, table):
    table.heading("The audit log as it grows: two entries a signature, 64 writers", AUDIT_COLUMNS)
    sizes = ",".join(str(size) for size in sorted(options.log_sizes))
    for line in run([options.bin / "audit_bench", "--sizes", sizes]).splitlines():
        table.row("audit", json.loads(line))


def measure_revocation(options, table):
    """Starts with so many revoked: until every list is published, and then some revocations more."""
    table.heading(f"Revocation, one list of all and {REVOCATION_SHARDS} shards", REVOCATION_COLUMNS)
    good = 200
    with Installation(options.bin) as installation:
        installation.administrator("ca", "crl-shards", "issuing", str(REVOCATION_SHARDS))
        revoked = 0
        if options.issued:
            installation.stop()
            run([options.bin / "store_preload", "--home", installation.home, "--count",
                 options.issued, "--shards", REVOCATION_SHARDS])
        for count in sorted(options.revoked):
            installation.stop()
            present = installation.certificates()
            run([options.bin / "store_preload", "--home", installation.home, "--count",
                 present + good + count, "--revoked", count, "--shards", REVOCATION_SHARDS])
            began = time.monotonic()
            installation.start()
            while installation.metric("chancery_crl_behind") > 0:
                time.sleep(0.05)
            revoked += count
            row = {"issued": present + good + count, "revoked": revoked, "start s": time.monotonic() - began,
                   "slowest list s": installation.metric("chancery_crl_slowest_seconds"),
                   "peak MB": installation.peak_megabytes(),
                   "list MB": len(installation.public("/crl/issuing.crl")) / 1e6,
                   "gzip MB": len(installation.public("/crl/issuing.crl", compressed=True)) / 1e6}
            row.update(installation.revoke_one_by_one(installation.good_serials(present, good)))
            table.row("revocation", row)
            revoked += good


def host():
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release()}


def numbers(text):
    return [int(number) for number in text.split(",")]


def words(known):
    def parse(text):
        chosen = text.split(",")
        for word in chosen:
            if word not in known:
                raise argparse.ArgumentTypeError(f"{word} is none of {', '.join(known)}")
        return chosen
    return parse


def read_options():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--seconds", type=float, default=8, help="of each row (default 8)")
    parser.add_argument("--parts", type=words(PARTS + ASKED_PARTS), default=PARTS,
                        help=f"of {','.join(PARTS + ASKED_PARTS)} (default: all but {' and '.join(ASKED_PARTS)})")
    parser.add_argument("--load-seconds", type=float, default=600, help="of the load (default 600)")
    parser.add_argument("--keys", type=words(KEY_TYPES), default=KEY_TYPES,
                        help=f"for signatures, of {','.join(KEY_TYPES)} (default: all)")
    parser.add_argument("--clients", type=numbers, default=[1, 8, 32, 64],
                        help="connections (default 1,8,32,64)")
    parser.add_argument("--log-sizes", type=numbers, default=[1000, 10_000, 100_000, 1_000_000],
                        help="entries in the log (default 1000,10000,100000,1000000)")
    parser.add_argument("--revoked", type=numbers, default=[1000, 100_000],
                        help="revoked certificates, added up (default 1000,100000)")
    parser.add_argument("--issued", type=int, default=0,
                        help="certificates that there are, beside the revoked (default 0)")
    parser.add_argument("--incident", type=numbers, default=[10_000],
                        help="certificates of an incident (default 10000)")
    parser.add_argument("--incident-per-second", type=int, default=1000,
                        help="revoked at most (default 1000, which is the service's)")
    parser.add_argument("--store-sizes", type=numbers, default=[1000, 100_000, 1_000_000],
                        help="certificates in the store (default 1000,100000,1000000)")
    return parser.parse_args()


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that services are stopped
    table = Table()
    machine = host()
    print(f"{machine['cores']} x {machine['processor']}, Linux {machine['kernel']}")
    best = measure_raw(options, table) if "raw" in options.parts else {}
    if "signatures" in options.parts:
        measure_signatures(options, table, best)
    if "certificates" in options.parts:
        measure_certificates(options, table, best)
    if "policy" in options.parts:
        measure_policy(options, table)
    if "cedar" in options.parts:
        measure_cedar(options, table)
    if "store" in options.parts:
        measure_store(options, table)
    if "audit" in options.parts:
        measure_audit(options, table)
    if "revocation" in options.parts:
        measure_revocation(options, table)
    if "incident" in options.parts:
        measure_incident(options, table, issuing_of(options))
    if "ocsp" in options.parts:
        measure_ocsp(options, table)
    if "load" in options.parts:
        measure_load(options, table)
    if options.json:
        document = {"host": machine, "seconds": options.seconds, "best_raw": best,
                    "rows": table.rows}
        options.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(map(str, error.cmd))}\n{error.stdout or ''}{error.stderr or ''}")
