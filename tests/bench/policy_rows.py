"""The policy's part of the benchmark: decisions and loading, and Cedar under the same rules."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from installation import run

HERE = Path(__file__).resolve().parent
CEDAR = "@cedar-policy/cedar-wasm@4.13.0"  # from the npm registry

POLICY_COLUMNS = [
    ("machines", 10), ("grants", 8), ("p50_ns", 8), ("p99_ns", 8), ("denied_p50_ns", 13),
    ("denied_p99_ns", 13), ("threads", 7), ("threads_p50_ns", 14), ("threads_p99_ns", 14),
    ("load_ms", 8), ("memory_mb", 9),
]
ANALYSIS_COLUMNS = [
    ("analysis_grants", 15), ("inventory", 9), ("load_ms", 8), ("explain ratio", 13), ("who-can ratio", 13),
    ("diff ratio", 10), ("conflicts ratio", 15), ("undecided", 9),
]
CEDAR_COLUMNS = [("grants", 8), ("requests", 8), ("p50 ratio", 9), ("p99 ratio", 9)]


def measure_policy(options, table):
    table.heading("Decisions of the policy, by how its grants name machines", POLICY_COLUMNS)
    for line in run([options.bin / "policy_bench"]).splitlines():
        table.row("policy", json.loads(line))
    table.heading("Questions about whole policies: their time to that of loading", ANALYSIS_COLUMNS)
    for line in run([options.bin / "policy_bench", "analysis"]).splitlines():
        table.row("policy-analysis", json.loads(line))


def measure_cedar(options, table):
    """Ratios: Cedar's time to this engine's. Cedar runs as WebAssembly in Node.js and takes each
    request as a JavaScript object; its rules are parsed before. An error where it decides otherwise."""
    if not shutil.which("npm"):
        raise RuntimeError("The comparison with Cedar needs npm, to install it, and Node.js to run it")
    table.heading("The same rules and requests in Cedar", CEDAR_COLUMNS)
    with tempfile.TemporaryDirectory(prefix="chancery-cedar-") as folder:
        run(["npm", "install", "--no-save", "--silent", "--prefix", folder, CEDAR])
        for grants in (10, 1000, 10_000):
            own = json.loads(run([options.bin / "policy_bench", "cedar", folder, grants]))
            peer = subprocess.run(["node", HERE / "cedar_bench.mjs", folder], cwd=folder,
                                  capture_output=True, text=True, check=False)
            if peer.returncode != 0:
                raise RuntimeError(f"Cedar decides otherwise, or not at all:\n{peer.stdout}{peer.stderr}")
            cedar = json.loads(peer.stdout)
            table.row("cedar", {**own, "cedar_p50_ns": cedar["p50_ns"], "cedar_p99_ns": cedar["p99_ns"],
                                "p50 ratio": cedar["p50_ns"] / own["p50_ns"],
                                "p99 ratio": cedar["p99_ns"] / own["p99_ns"],
                                "cedar version": cedar["cedar"]})
