#!/usr/bin/env python3
"""Holds what the tree promises about itself: who may include what, how long a file may be, that each
fuzz target has seeds, that each member of config.yaml is documented, and that the sources are
formatted.

    include_rules.py SOURCE_DIRECTORY     checks the tree
    include_rules.py --self-test          checks that each rule finds what it is there to find
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDERS = ("core", "pkcs11", "policies", "api", "cli")

# Folder -> the folders whose headers it may include. Tests may include anything.
MAY_INCLUDE = {
    "core": {"core"},
    "pkcs11": {"core", "pkcs11"},
    "policies": {"core", "policies"},
    "api": {"core", "api"},
    # It reads, tests and explains policies where there is no service.
    "cli": {"core", "cli", "policies"},
}
# The one place that puts the parts together.
COMPOSITION = {"api/main.cpp"}

# Library headers -> where they may appear (of our folders; tests are free).
LIBRARY_PLACES = [
    ("Poco", r"^Poco/", r"^api/"),
    ("PKCS#11", r"^(p11-kit/|libp11\.h$|pkcs11[a-z]*\.h$)", r"^pkcs11/"),
    ("SQLite", r"^sqlite3", r"^core/(store|sqlite)[^/]*$"),
    ("yaml-cpp", r"^yaml-cpp/", r"^core/yaml\.cpp$"),
    ("date", r"^date/", r"^core/time_zone\.cpp$"),
]

# Headers that would spread through every includer stay in .cpp files.
NOT_IN_HEADERS = [
    ("OpenSSL", r"^openssl/"),
    ("nlohmann/json.hpp", r"^nlohmann/json\.hpp$"),
    ("Poco's HTTP server", r"^Poco/Net/HTTPServer\.h$"),
]
# Header -> why it may include one of them.
HEADER_EXCEPTIONS = {
    "api/endpoint.h": "every endpoint writes JSON; read by the endpoint files alone",
}

LONGEST_FILE = 500
# File -> why it is one concept and longer.
LONG_FILES = {}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def includes(text):
    return INCLUDE.findall(text)


def check_folders(path, text):
    folder = path.split("/")[0]
    if folder not in MAY_INCLUDE or path in COMPOSITION:
        return
    for header in includes(text):
        target = header.split("/")[0]
        if "/" in header and target in (*FOLDERS, "tests") and target not in MAY_INCLUDE[folder]:
            yield f"{path}: {folder}/ must not include {header}"


def check_libraries(path, text):
    if path.split("/")[0] not in FOLDERS:
        return
    for header in includes(text):
        for library, pattern, place in LIBRARY_PLACES:
            if re.match(pattern, header) and not re.match(place, path):
                yield f"{path}: {library} ({header}) must not be seen here"


def check_headers(path, text):
    if path.split("/")[0] not in FOLDERS or not path.endswith(".h"):
        return
    if not text.startswith("#pragma once\n"):
        yield f"{path}: does not begin with #pragma once"
    if path in HEADER_EXCEPTIONS:
        return
    for header in includes(text):
        for library, pattern in NOT_IN_HEADERS:
            if re.match(pattern, header):
                yield f"{path}: {library} in a header"


def check_own_header_first(path, text, exists):
    own = re.sub(r"\.cpp$", ".h", path)
    if path.split("/")[0] not in FOLDERS or own == path or not exists(own):
        return
    found = includes(text)
    if not found or found[0] != own:
        yield f"{path}: its own header is not the first include"


def check_length(path, text):
    lines = text.count("\n")
    if lines > LONGEST_FILE and path not in LONG_FILES:
        yield f"{path}: {lines} lines; at most {LONGEST_FILE}, or a reason in {Path(__file__).name}"


def check_text(path, text, exists):
    yield from check_folders(path, text)
    yield from check_libraries(path, text)
    yield from check_headers(path, text)
    yield from check_own_header_first(path, text, exists)
    yield from check_length(path, text)


def check_corpora(root):
    for target in sorted((root / "tests/fuzz").glob("*_fuzz.cpp")):
        corpus = root / "tests/fuzz/corpus" / target.name.removesuffix("_fuzz.cpp")
        if not corpus.is_dir() or not any(corpus.iterdir()):
            yield f"{target.relative_to(root)}: no seeds in {corpus.relative_to(root)}"


def check_format(root, sources):
    """Only where clang-format 14, Debian 12's, is installed: versions differ in what they want."""
    program = shutil.which("clang-format-14")
    if program is None:
        return
    command = [program, "--dry-run", "-Werror", "--ferror-limit=1", *sources]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    for line in result.stderr.splitlines():
        if "error:" in line:
            yield line.split(": error:")[0] + ": not formatted (clang-format -i)"


# Array of names in core/config.cpp -> what stands before them in docs/operations.md's table.
MEMBER_LISTS = {
    "kMembers": "",
    "kTokenMembers": "token.",
    "kCrlMembers": "crl.",
    "kLogMembers": "log.",
    "kRetentionMembers": "log.retention.",
    "kOcspMembers": "ocsp.",
    "kIncidentMembers": "incidents.",
    "kSelfCheckMembers": "self_check.",
    "kEnrollmentMembers": "enrollment.",
    "kProfileMembers": "profiles.NAME.",
}
SECTIONS = {"token", "crl", "log", "ocsp", "incidents", "self_check", "enrollment", "profiles",
            "log.retention"}  # members that only have others below them


def check_members(config, document):
    """Every member that config.yaml may have is in the table, and nothing else is."""
    table = document.partition("\n| member |")[2].partition("\n\n")[0]
    rows = set(re.findall(r"^\| `([A-Za-z_.]+)` \|", table, re.MULTILINE))
    members = set()
    for name, body in re.findall(r"\b(k\w*Members) = \{(.*?)\};", config, re.DOTALL):
        if name not in MEMBER_LISTS:
            yield f"core/config.cpp: {name} is not known to {Path(__file__).name}"
            continue
        members |= {MEMBER_LISTS[name] + member for member in re.findall(r'"(\w+)"', body)}
    members -= SECTIONS
    for member in sorted(members - rows):
        yield f"docs/operations.md: {member} is not in the table of config.yaml"
    for row in sorted(rows - members):
        yield f"docs/operations.md: config.yaml has no member {row}"


def check_stale_lists(root):
    for listed in (*HEADER_EXCEPTIONS, *LONG_FILES, *COMPOSITION):
        if not (root / listed).exists():
            yield f"{listed}: listed in {Path(__file__).name}, but there is no such file"


def check_tree(root):
    sources = sorted(
        str(path.relative_to(root))
        for folder in (*FOLDERS, "tests")
        for path in (root / folder).rglob("*")
        if path.suffix in (".h", ".cpp", ".py")
    )
    for source in sources:
        text = (root / source).read_text(encoding="utf-8")
        yield from check_text(source, text, lambda path: (root / path).exists())
    yield from check_members((root / "core/config.cpp").read_text(encoding="utf-8"),
                             (root / "docs/operations.md").read_text(encoding="utf-8"))
    yield from check_corpora(root)
    yield from check_format(root, [source for source in sources if not source.endswith(".py")])
    yield from check_stale_lists(root)


def self_test():
    cases = [
        ("a core file may see core", "core/a.cpp", '#include "core/b.h"\n', None),
        ("core sees no API", "core/a.cpp", '#include "api/b.h"\n', "must not include api/b.h"),
        ("core sees no token", "core/a.cpp", '#include "pkcs11/b.h"\n', "must not include"),
        ("policies see no token", "policies/a.cpp", '#include "pkcs11/b.h"\n', "must not include"),
        ("the token sees no policies", "pkcs11/a.cpp", '#include "policies/b.h"\n', "must not"),
        ("the API sees no token", "api/a.cpp", '#include "pkcs11/b.h"\n', "must not include"),
        ("the CLI sees no API", "cli/a.cpp", '#include "api/b.h"\n', "must not include"),
        ("the CLI sees policies", "cli/a.cpp", '#include "policies/b.h"\n', None),
        ("nothing sees tests", "core/a.cpp", '#include "tests/b.h"\n', "must not include"),
        ("main puts all together", "api/main.cpp", '#include "pkcs11/b.h"\n', None),
        ("Poco in api", "api/a.cpp", "#include <Poco/URI.h>\n", None),
        ("Poco elsewhere", "core/a.cpp", "#include <Poco/URI.h>\n", "Poco"),
        ("PKCS#11 in pkcs11", "pkcs11/a.cpp", "#include <p11-kit/pkcs11.h>\n", None),
        ("PKCS#11 elsewhere", "api/main.cpp", "#include <libp11.h>\n", "PKCS#11"),
        ("SQLite in the store", "core/store.cpp", "#include <sqlite3.h>\n", None),
        ("SQLite elsewhere", "core/audit_log.cpp", " #  include <sqlite3.h>\n", "SQLite"),
        ("OpenSSL in a header", "core/a.h", "#pragma once\n#include <openssl/evp.h>\n", "OpenSSL"),
        ("OpenSSL in a source", "core/a.cpp", "#include <openssl/evp.h>\n", None),
        ("JSON in a header", "core/a.h", "#pragma once\n#include <nlohmann/json.hpp>\n", "nlohmann"),
        ("a header without its guard", "core/a.h", "int x;\n", "#pragma once"),
        ("another header first", "core/own.cpp", '#include <map>\n#include "core/own.h"\n', "own"),
        ("own header first", "core/own.cpp", '#include "core/own.h"\n#include <map>\n', None),
        ("a long file", "core/a.cpp", "\n" * 501, "501 lines"),
        ("a long test", "tests/a.cpp", "\n" * 501, "501 lines"),
        ("a file as long as may be", "core/a.cpp", "\n" * 500, None),
    ]
    for name, path, text, expected in cases:
        found = list(check_text(path, text, lambda header: header == "core/own.h"))
        good = not found if expected is None else len(found) == 1 and expected in found[0]
        if not good:
            yield f"self-test: {name}: found {found}"
    members = [
        ("members in the table", "| `api` | x |\n| `crl.refresh` | x |\n", 0),
        ("a member without a row", "| `api` | x |\n", 1),
        ("a row without a member", "| `api` | x |\n| `crl.refresh` | x |\n| `apu` | x |\n", 1),
    ]
    config = 'x kMembers = {"api",\n  "crl"};\ny kCrlMembers = {"refresh"};\n'
    for name, rows, problems in members:
        found = list(check_members(config, f"\n| member | what |\n{rows}\n| `other` | table |\n"))
        if len(found) != problems:
            yield f"self-test: {name}: found {found}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--self-test":
        problems = list(self_test())
    else:
        problems = list(check_tree(Path(sys.argv[1]).resolve()))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
