"""Is every statement of the ruleset needed? With each mutant, runs the unit tests, a boot, the
checks of life.py, a hunt, and the system tests, until one of them fails."""

import json
import os
import re
import subprocess
import time
from collections import Counter
from types import SimpleNamespace

from hunt import life
from hunt.round import Round, Settings
from support.rootfs import AGENT

BASELINES = 3  # hunts without a mutant: their findings do not count

# Chains and sets of flows that a name opens.
OF_NAMES = ["set named", "ask", "begins", "hold", "flowless", "nameless", "misnamed"]

# The system tests of the part that a mutant changes; one failure is enough.
TESTS = [
    *((part, ["gate/names/under_attack"]) for part in OF_NAMES),
    ("set allow", ["gate/test_admissions.py", "gate/test_destinations.py"]),
    ("set net", ["gate/test_destinations.py", "gate/test_user_scope.py"]),
    ("denied", ["gate/test_destinations.py", "gate/test_the_audit.py"]),
    ("nat", ["gate/test_lookups_do_not_leak.py", "gate/test_other_tables.py"]),
    ("forward", ["gate/test_root_inside.py"]),
    ("wire", ["gate/test_destinations.py", "gate/test_root_inside.py"]),
    ("confined", ["gate/test_user_scope.py"]),
    ("", ["gate/test_destinations.py", "gate/test_the_gate_dies.py", "gate/test_tampering.py", "gate/test_inbound.py",
          "gate/test_dockers_resolver.py"]),
]


OTHER = {"container": "user", "user": "container"}
STAGES = ["unit test", "boot", "life", "hunt", "test", "the kernel lists the same rules", "SURVIVED"]


class Mutants:
    def __init__(self, hunt, built, source):
        self.hunt, self.built, self.source = hunt, built, source
        self.baseline, self.rules, self.sizes = {}, {}, {}

    def listed(self, scope):
        out = subprocess.run([self.built / "hunt_mutants", scope], capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()]

    def run(self, scopes, seconds, wanted, tests, table):
        counts = {scope: Counter() for scope in scopes}
        for scope in scopes:
            stages = self.stages(scope, seconds, tests)
            for mutant in self.listed(scope):
                if wanted and not re.search(wanted, mutant["what"]):
                    continue
                begin = time.monotonic()
                by = next((found[0] for stage in stages if (found := stage(mutant))), "SURVIVED")
                counts[scope][part_of(mutant), by.split(":")[0]] += 1
                row = f"{scope} | {mutant['what']} | {by}"
                print(f"{row} ({time.monotonic() - begin:.1f} s)", flush=True)
                with open(table, "a") as file:
                    file.write(row + "\n")
        survivors = sum(count for each in counts.values() for (_, by), count in each.items() if by == "SURVIVED")
        print("\n".join(summary(counts)))
        print(f"hunt: {survivors} mutants survive; the table is {table}")
        return 1 if survivors else 0

    def stages(self, scope, seconds, tests):
        """The stages, the fastest first."""
        unit = [lambda mutant: self.detect_by_unit_tests(scope, mutant)]
        boot = [lambda mutant: self.detect_in_a_boot(scope, mutant, seconds)]
        system = [lambda mutant: self.detect_by_tests(scope, mutant)]
        if tests != "no" and (failed := self.detect_by_unit_tests(scope, None)):
            raise SystemExit(f"without a mutant, {scope} scope: {failed[0]}")
        return {"unit": unit, "no": boot, "yes": unit + boot + system}[tests]

    def detect_in_a_boot(self, scope, mutant, seconds):
        if scope not in self.baseline:
            self.baseline[scope] = set()
            for _ in range(BASELINES):
                self.baseline[scope] |= set(self.detect(scope, None, 2 * seconds))
            if self.baseline[scope]:
                print(f"without a mutant, {scope} scope: {sorted(self.baseline[scope])}", flush=True)
        return [each for each in self.detect(scope, mutant, seconds) if each not in self.baseline[scope]]

    def program_with(self, program, mutant):
        """The program with this mutant's key appended."""
        path = self.hunt.scratch / program
        if not path.exists():
            path.write_bytes((self.built / program).read_bytes())
            path.chmod(0o755)
            self.sizes[program] = path.stat().st_size
        with open(path, "r+b") as file:
            file.truncate(self.sizes[program])
            file.seek(0, 2)
            if mutant:
                file.write(b"\nMUTANT " + mutant["key"].encode())
        return path

    def detect(self, scope, mutant, seconds):
        """Boots, runs the checks of life.py, and hunts. Returns what shows that something is
        wrong."""
        tools = SimpleNamespace(**{**vars(self.hunt.tools), "ostiary": self.program_with("ostiary_mutant", mutant)})
        settings = Settings(scope=scope, who="user", inside=scope == "container", names=True)
        round = Round(self.hunt.internet, self.hunt.scratch, tools, settings, self.hunt.wanted.seed)
        try:
            round.page.pause = 2
            if not round.boot():
                return ["boot: " + _last_line(round.boot_failure)]
            if not self.has_effect(scope, mutant, round.container.rules()):
                return ["the kernel lists the same rules"]
            user = AGENT if scope == "user" else 0
            found = ["life: " + each for each in life.failures(round.link.network, user)]
            if found and mutant:
                return found
            round.page.pause = 0
            end = time.monotonic() + seconds
            flushed = False
            while time.monotonic() < end and round.session.running():
                time.sleep(0.1)
                classes = {each["class"] for each in round.new_findings()}
                fresh = sorted("hunt: " + each for each in classes if not self.is_known(scope, "hunt: " + each))
                if fresh and mutant:
                    return fresh
                found += fresh
                if not flushed and time.monotonic() > end - seconds / 2:
                    round.flush()
                    flushed = True
            if not round.session.running():
                return ["hunt: the boot ended by itself"]
            if not round.has_opened_flows():
                found.append("life: no flow was opened by its name")
            round.end(0)
            return sorted(set(found))
        finally:
            round.close(self.hunt.internet)

    def has_effect(self, scope, mutant, rules):
        if mutant is None:
            self.rules[scope] = rules
        return mutant is None or rules != self.rules[scope]

    def is_known(self, scope, what):
        without = lambda text: text.removesuffix(", with the secret")
        return without(what) in {without(each) for each in self.baseline[scope]}

    def detect_by_unit_tests(self, scope, mutant):
        path = self.program_with("unit_tests_mutant", mutant)
        first = [f"nft/rules/{scope}/nameless"] if mutant and mutant["what"].startswith(tuple(OF_NAMES)) else []
        for suites in (*first, f"nft/rules/{scope}/*", "nft/*"):
            done = subprocess.run([path, f"-ts={suites}", f"-tse=nft/rules/{OTHER[scope]}/*", "--abort-after=1"],
                                  capture_output=True, text=True)
            failed = re.search(r"^TEST CASE:\s+(.*)", done.stdout, re.M)
            if done.returncode:
                return ["unit test: " + (failed[1] if failed else "it ended early")]
        return []

    def detect_by_tests(self, scope, mutant):
        files = next(files for part, files in TESTS if mutant["what"].startswith(part) or f"chain {part}" in mutant["what"])
        if scope == "user":
            files = ["gate/test_user_scope.py"]
        system = self.source / "tests" / "system"
        environment = {**os.environ, "OSTIARY_BINARY": str(self.program_with("ostiary_mutant", mutant)), "PYTHONPATH": ""}
        done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--rootdir", system,
                               *[system / each for each in files]], env=environment, capture_output=True, text=True)
        failed = re.search(r"^(?:FAILED|ERROR) \S*/(\S+)", done.stdout, re.M)
        return ["test: " + failed[1]] if failed else []


def part_of(mutant):
    first = mutant["what"].split()[0]
    return {"set": "sets", "chain": "chains"}.get(first, f"`{first}`")


def summary(counts):
    """The table in docs/testing.md."""
    for scope, of_scope in counts.items():
        parts = list(dict.fromkeys(part for part, _ in of_scope))
        for part in [*parts, None]:
            numbers = [sum(count for (each, by), count in of_scope.items() if part in (each, None) and by == stage)
                       for stage in STAGES]
            yield f"| {scope} | {part or '**all**'} | " + " | ".join(map(str, [sum(numbers), *numbers])) + " |"


def _last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else "no output"
