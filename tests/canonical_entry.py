"""The form of the log's entries (docs/audit-format.md)."""

import json
import re
from datetime import datetime

KINDS = {"start", "stop", "policy", "denial", "failure", "intent", "outcome", "authentication",
         "read", "ca", "machine", "revocation", "replacement", "incident", "token", "heartbeat",
         "log", "alarm", "approval"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def instant(time):
    return datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ")


def is_canonical(text):
    try:
        entry = json.loads(text)
        json.dumps(entry, ensure_ascii=False).encode()  # no half of a surrogate pair
    except ValueError:
        return False
    if not isinstance(entry, dict):
        return False
    for value in entry.values():
        number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not (isinstance(value, str) or value is True or number or texts):
            return False
    if entry.get("v") != 1 or entry["v"] is True or entry.get("kind") not in KINDS:
        return False
    if not isinstance(entry.get("time"), str) or not TIME.fullmatch(entry["time"]):
        return False
    try:
        instant(entry["time"])
    except ValueError:
        return False
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True) == text
