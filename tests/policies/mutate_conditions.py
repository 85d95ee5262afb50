#!/usr/bin/env python3
"""Breaks the conditions of the policy engine one by one, and expects the comparison with the naive
reading (naive_policy_tests.cpp) to fail each time. By hand, as each takes a build:

    python3 tests/policies/mutate_conditions.py build/release [CONDITION ...]

Of grants a condition then always holds; of denials and approvals it never does. (The other way round
the comparison would fail as well, but perhaps only because a reason is then asked for that is none.)
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEST = "naive/the_engine_agrees_with_the_naive_reading"
HOLDS, MEETS = 5, 7  # places in ConditionRow


def arguments(text, begin):
    """The places of what stands between commas from `begin` up to the closing brace."""
    found, depth, start = [], 0, begin
    for at in range(begin, len(text)):
        c = text[at]
        if depth == 0 and c in ",}":
            found.append((start, at))
            start = at + 1
            if c == "}":
                return found
        depth += {"{": 1, "(": 1, "<": 1, "}": -1, ")": -1, ">": -1}.get(c, 0)
    raise ValueError("a row does not end")


def mutants():
    """(condition, kind of rule, file, its text with the defect)"""
    for path in sorted((ROOT / "policies").glob("*_conditions.cpp")):
        text = path.read_text()
        begin = 0
        while (begin := text.find("ConditionRow{", begin)) != -1:
            begin += len("ConditionRow{")
            places = arguments(text, begin)
            name = text[slice(*places[0])].strip().strip('"')
            for kind, place, answer in (("grant", HOLDS, "true"), ("denial", MEETS, "false")):
                start, end = places[place]
                if text[start:end].strip() == "nullptr" or name == "key_attested":
                    continue
                broken = f"[](const RuleTerms&, const Asked&) {{ return {answer}; }}"
                # The real one is named, so that it is not unused.
                real = text[start:end].strip()
                lambda_ = broken.replace("{ return", f"{{ (void)&{real}; return")
                yield name, kind, path, text[:start] + lambda_ + text[end:]


def run(*command):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode(errors="replace")


def main():
    build, wanted = sys.argv[1], set(sys.argv[2:])
    missed = 0
    for name, kind, path, broken in mutants():
        if wanted and name not in wanted:
            continue
        real = path.read_text()
        try:
            path.write_text(broken)
            code, output = run("cmake", "--build", build, "--target", "policy_tests")
            if code != 0:
                sys.exit(f"{name} of {kind}s: does not build\n{output}")
            code, output = run(f"{build}/bin/policy_tests", f"--run_test={TEST}")
        finally:
            path.write_text(real)
        noticed = code != 0 and "seed" in output
        missed += not noticed
        print(f"{name} of {kind}s: {'noticed' if noticed else 'NOT NOTICED'}", flush=True)
    sys.exit(f"{missed} not noticed" if missed else 0)


main()
