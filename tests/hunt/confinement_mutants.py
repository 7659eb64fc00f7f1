"""Is every part of the agent's confinement needed? Runs the tests of confinement with each mutant
of it."""

import collections
import json
import os
import re
import shutil
import subprocess

UNIT_TESTS = ["-ts=confine/*", "--abort-after=1"]
# Run in this order if the unit tests pass; one failure is enough.
SYSTEM_TESTS = ["test_confinement.py", "gate/platforms/test_fly.py"]
STAGES = ["unit test", "system test", "SURVIVED"]


class ConfinementMutants:
    def __init__(self, built, scratch, source):
        self.built, self.scratch, self.source = built, scratch, source
        self.sizes = {}

    def listed(self):
        out = subprocess.run([self.built / "hunt_confinement_mutants"], capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()]

    def run(self, wanted, table):
        detected = collections.defaultdict(collections.Counter)
        assert not self.detect(None), "without a mutant no test may fail"
        with open(table, "w") as file:
            for mutant in self.listed():
                name = f"{mutant['part']}: {mutant['what']}"
                if not re.search(wanted, name):
                    continue
                by = self.detect(mutant) or "SURVIVED"
                detected[mutant["part"]][by.partition(":")[0]] += 1
                print(f"{name} | {by}", flush=True)
                print(f"{name} | {by}", file=file, flush=True)
        print_table(detected)
        survivors = sum(each["SURVIVED"] for each in detected.values())
        print(f"hunt: {survivors} mutants survive; the list is {table}")
        return 1 if survivors else 0

    def detect(self, mutant):
        return self.detect_by_unit_tests(mutant) or self.detect_by_system_tests(mutant)

    def detect_by_unit_tests(self, mutant):
        done = subprocess.run([self.program_with("unit_tests_mutant", mutant), *UNIT_TESTS], capture_output=True, text=True)
        failed = re.search(r"^TEST CASE:\s+(.*)", done.stdout, re.M)
        return f"unit test: {failed[1] if failed else 'it ended early'}" if done.returncode else None

    def detect_by_system_tests(self, mutant):
        system = self.source / "tests" / "system"
        environment = {**os.environ, "OSTIARY_BINARY": str(self.program_with("ostiary_mutant", mutant)), "PYTHONPATH": ""}
        done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--rootdir", system,
                               *[system / each for each in SYSTEM_TESTS]], env=environment, capture_output=True, text=True)
        failed = re.search(r"^(?:FAILED|ERROR) (?:\S*/)?(\S+)", done.stdout, re.M)
        return f"system test: {failed[1] if failed else done.stdout[-200:]}" if done.returncode else None

    def program_with(self, program, mutant):
        """The program with this mutant's key appended."""
        path = self.scratch / program
        if program not in self.sizes:
            shutil.copy(self.built / program, path)
            self.sizes[program] = path.stat().st_size
        with open(path, "r+b") as file:
            file.truncate(self.sizes[program])
            file.seek(0, os.SEEK_END)
            file.write(b"\nMUTANT " + mutant["key"].encode() if mutant else b"")
        return path


def print_table(detected):
    print("| part | mutants | by unit tests | by system tests | survived |")
    print("|---|---|---|---|---|")
    for part, by in [*detected.items(), ("**all**", sum(detected.values(), collections.Counter()))]:
        print(f"| {part} | {by.total()} | {' | '.join(str(by[stage]) for stage in STAGES)} |")
