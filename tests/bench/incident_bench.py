"""An incident of many certificates while the service goes on issuing: a part of bench.py."""

import json
import subprocess
import threading
import time

from installation import Installation, run

INCIDENT_COLUMNS = [
    ("certificates", 12), ("a second", 8), ("opened s", 8), ("revoked s", 9), ("on the CRL s", 12),
    ("by OCSP s", 9), ("issuing", 8), ("meanwhile", 9), ("ratio", 6), ("peak MB", 8),
]


def ocsp_says_revoked(installation, serial):
    return "revoked" in run([
        "openssl", "ocsp", "-issuer", installation.home / "ca" / "issuing.pem", "-serial",
        f"0x{serial}", "-url", installation.public_url("/ocsp"), "-noverify"])


def wait_for(condition):
    while not condition():
        time.sleep(0.05)


class Issuing(threading.Thread):
    """One run of the load client after the other, until it is stopped."""

    def __init__(self, measure):
        super().__init__()
        self.measure, self.stopped, self.rates = measure, threading.Event(), []

    def run(self):
        while not self.stopped.is_set():
            self.rates.append(self.measure()["rate"])

    def stop(self):
        self.stopped.set()
        self.join()
        return sum(self.rates) / len(self.rates)


def measure_incident(options, table, issue):
    """`issue(installation)` prepares a function that issues for a while and tells the rate."""
    table.heading("One incident, while 16 clients go on issuing", INCIDENT_COLUMNS)
    for count in sorted(options.incident):
        with Installation(options.bin) as installation:
            measure = issue(installation)
            installation.stop()
            run([options.bin / "store_preload", "--home", installation.home, "--count", count])
            installation.start()
            wait_for(lambda: installation.metric("chancery_crl_behind") == 0)
            last = installation.good_serials(0, count)[-1]
            before = measure()["rate"]
            issuing = Issuing(measure)
            issuing.start()
            began = time.monotonic()
            answer = subprocess.run(
                [str(part) for part in (
                    options.bin / "chancery", "--json", "--url", installation.api, "--identity",
                    installation.home / "identities" / "operator", "revoke", "--grant", "preload",
                    "--reason", "superseded", "--confirm", "--detach", "--incident", "bench",
                    "--per-second", options.incident_per_second)],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
            row = {"certificates": json.loads(answer.stdout)["matched"],
                   "a second": options.incident_per_second,
                   "opened s": time.monotonic() - began}
            wait_for(lambda: installation.metric("chancery_incidents_open") == 0)
            row["revoked s"] = time.monotonic() - began
            wait_for(lambda: installation.metric("chancery_crl_behind") == 0)
            row["on the CRL s"] = time.monotonic() - began
            wait_for(lambda: ocsp_says_revoked(installation, last))
            row["by OCSP s"] = time.monotonic() - began
            row["issuing"], row["meanwhile"] = before, issuing.stop()
            row["ratio"] = row["meanwhile"] / before
            row["peak MB"] = installation.peak_megabytes()
            # What the preload wrote is not what an issuance writes, so that the log does not verify.
            if installation.count_entries('"kind":"revocation"') != row["certificates"]:
                raise RuntimeError("not each certificate was revoked once")
            table.row("incident", row)
