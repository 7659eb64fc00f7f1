"""Is every part of the agent's confinement load-bearing? Each mutant of it is given to the tests of confinement."""

import collections
import json
import os
import re
import shutil
import subprocess

UNIT_TESTS = ["-ts=confine/*", "--abort-after=1"]
# In this order, where the unit tests notice nothing; the first that fails is enough.
SYSTEM_TESTS = ["test_confinement.py", "gate/platforms/test_fly.py"]
STAGES = ["unit test", "system test", "NOBODY"]


class ConfinementMutants:
    def __init__(self, built, scratch, source):
        self.built, self.scratch, self.source = built, scratch, source
        self.sizes = {}

    def listed(self):
        out = subprocess.run([self.built / "hunt_confinement_mutants"], capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()]

    def run(self, wanted, table):
        noticed = collections.defaultdict(collections.Counter)
        assert not self.notice(None), "without a mutant no test may fail"
        with open(table, "w") as file:
            for mutant in self.listed():
                name = f"{mutant['part']}: {mutant['what']}"
                if not re.search(wanted, name):
                    continue
                by = self.notice(mutant) or "NOBODY"
                noticed[mutant["part"]][by.partition(":")[0]] += 1
                print(f"{name} | {by}", flush=True)
                print(f"{name} | {by}", file=file, flush=True)
        print_table(noticed)
        unnoticed = sum(each["NOBODY"] for each in noticed.values())
        print(f"hunt: {unnoticed} mutants that nobody notices; the list is {table}")
        return 1 if unnoticed else 0

    def notice(self, mutant):
        return self.notice_by_unit_tests(mutant) or self.notice_by_system_tests(mutant)

    def notice_by_unit_tests(self, mutant):
        done = subprocess.run([self.made("unit_tests_mutant", mutant), *UNIT_TESTS], capture_output=True, text=True)
        failed = re.search(r"^TEST CASE:\s+(.*)", done.stdout, re.M)
        return f"unit test: {failed[1] if failed else 'it ended early'}" if done.returncode else None

    def notice_by_system_tests(self, mutant):
        system = self.source / "tests" / "system"
        environment = {**os.environ, "OSTIARY_BINARY": str(self.made("ostiary_mutant", mutant)), "PYTHONPATH": ""}
        done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--rootdir", system,
                               *[system / each for each in SYSTEM_TESTS]], env=environment, capture_output=True, text=True)
        failed = re.search(r"^(?:FAILED|ERROR) (?:\S*/)?(\S+)", done.stdout, re.M)
        return f"system test: {failed[1] if failed else done.stdout[-200:]}" if done.returncode else None

    def made(self, program, mutant):
        """The program with this mutant's key behind its octets."""
        path = self.scratch / program
        if program not in self.sizes:
            shutil.copy(self.built / program, path)
            self.sizes[program] = path.stat().st_size
        with open(path, "r+b") as file:
            file.truncate(self.sizes[program])
            file.seek(0, os.SEEK_END)
            file.write(b"\nMUTANT " + mutant["key"].encode() if mutant else b"")
        return path


def print_table(noticed):
    print("| part | mutants | by unit tests | by system tests | by nobody |")
    print("|---|---|---|---|---|")
    for part, by in [*noticed.items(), ("**all**", sum(noticed.values(), collections.Counter()))]:
        print(f"| {part} | {by.total()} | {' | '.join(str(by[stage]) for stage in STAGES)} |")
