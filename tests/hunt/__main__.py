"""Runs random programs of network system calls as the confined agent, and checks every packet on
the wire: docs/testing.md

A packet may leave the agent's host only if the upstream gave its destination for the allowed name,
if it goes to an allowed network, if it carries a request of the relay to its collector, or if it is
neighbour discovery or an echo reply of the kernel.
The hunt never asks the gate. It runs for --seconds and exits with status 1 if it found anything.
The program of each finding is written to build/hunt/findings/, minimised. The file is text with one
system call per line. It can be edited and run again with --replay.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from hunt import schedule
from hunt.confinement_mutants import ConfinementMutants
from hunt.internet import Internet
from hunt.minimise import Minimiser
from hunt.mutants import Mutants
from hunt.round import Round
from support import namespaces
from support.project import ROOT

ROUND = (15, 300)  # seconds; each round is one boot
CANDIDATES = 24  # programs to try if a packet does not name one


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/hunt", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, help="hunting time without boots; the default is 120, and 3 for each mutant")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31),
                        help="runs the same programs again, though with other timing")
    parser.add_argument("--scope", choices=["container", "user"], help="the gate's scope; default: both in turn")
    parser.add_argument("--as", dest="who", choices=["user", "root"], help="the agent's user; default: both in turn")
    parser.add_argument("--flushes", choices=["yes", "no"],
                        help="whether the operator flushes the rules regularly; default: both in turn")
    parser.add_argument("--quiet", action="store_true", help="inject no packets from outside")
    parser.add_argument("--inside", choices=["yes", "no"],
                        help="in container scope, whether a container inside sends raw packets; default: both in "
                             "turn")
    parser.add_argument("--relay", choices=["yes", "no"],
                        help="whether the relay runs, and programs attack it and its collector; default: both in turn")
    parser.add_argument("--names", choices=["yes", "no"],
                        help="whether the gate reads names in TLS and HTTP, and programs send them; default: both in turn")
    parser.add_argument("--by", choices=["run", "exec"],
                        help="whether the agent's first process hunts, or a session of ostiary exec; default: both in turn")
    parser.add_argument("--tracking", choices=["both", "ipv4"],
                        help="in container scope, the families whose connections the kernel tracks; default: now and "
                             "then IPv4 alone")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without", default="", metavar="WORDS",
                        help="do not generate steps that contain one of these words")
    parser.add_argument("--linger", type=float, default=10, help="seconds to watch the wire after each boot")
    parser.add_argument("--until", metavar="REGEX", help="end at the first finding whose class matches; do not minimise")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one program, and report its findings")
    parser.add_argument("--mutants", nargs="?", const="", metavar="REGEX",
                        help="is each statement of the ruleset needed? Hunts with each mutant (that matches) for "
                             "--seconds, and runs the tests; exits with status 1 if one survives")
    parser.add_argument("--confinement-mutants", nargs="?", const="", metavar="REGEX",
                        help="is each part of the agent's confinement needed? Runs the tests of confinement with "
                             "each mutant (that matches); exits with status 1 if one survives")
    parser.add_argument("--tests", choices=["yes", "no", "unit"], default="yes",
                        help="whether to run the tests with mutants too: unit tests before the hunt, system tests "
                             "after it. unit: only the unit tests, which takes minutes")
    parser.add_argument("--ostiary", type=Path, default=os.environ.get("OSTIARY_BINARY"), help="the program under test")
    wanted = parser.parse_args()
    if wanted.seconds is None:
        wanted.seconds = 120 if wanted.mutants is None else 3
    return wanted


def main():
    wanted = arguments()
    if os.geteuid() != 0:
        sys.exit("hunt: needs root, to make namespaces")
    print(f"seed {wanted.seed}", flush=True)
    namespaces.unshare_mounts()
    with tempfile.TemporaryDirectory(prefix="ostiary-hunt-") as scratch:
        namespaces.mount_memory(scratch)
        try:
            return Hunt(wanted, Path(scratch)).run()
        finally:
            namespaces.unmount(scratch)


def round_length(seconds):
    shortest, longest = ROUND
    return max(shortest, min(longest, seconds / schedule.ROUNDS))


class Hunt:
    def __init__(self, wanted, scratch):
        self.wanted, self.scratch = wanted, scratch
        built = Path(os.environ["HUNT_TOOLS"])
        copy = lambda path: Path(shutil.copy(path, scratch))
        if wanted.relay != "no":
            copy(wanted.ostiary.with_name("ostiary-relay"))  # ostiary finds it beside itself
        self.tools = SimpleNamespace(ostiary=copy(wanted.ostiary), agent=copy(built / "hunt_agent"),
                                     outside=copy(built / "hunt_outside"))
        self.findings_folder = Path(os.environ["HUNT_FINDINGS"])
        self.internet = Internet()
        self.found = {}  # class: when
        self.hunted = 0.0
        self.begin = time.monotonic()

    def run(self):
        if self.wanted.replay:
            return self.replay()
        if self.wanted.mutants is not None:
            return self.mutants()
        if self.wanted.confinement_mutants is not None:
            return self.confinement_mutants()
        number = 0
        while self.hunted < self.wanted.seconds and not (self.wanted.until and self.found):
            self.one_round(number, min(round_length(self.wanted.seconds), self.wanted.seconds - self.hunted))
            number += 1
        print(f"hunt: {len(self.found)} classes of findings. Again with --seed {self.wanted.seed}", flush=True)
        return 1 if self.found else 0

    def mutants(self):
        scopes = [self.wanted.scope] if self.wanted.scope else ["container", "user"]
        table = self.findings_folder.parent / f"mutants-{'-'.join(scopes)}.txt"
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text("")
        runner = Mutants(self, Path(os.environ["HUNT_TOOLS"]), ROOT)
        return runner.run(scopes, self.wanted.seconds, self.wanted.mutants, self.wanted.tests, table)

    def confinement_mutants(self):
        table = self.findings_folder.parent / "mutants-confinement.txt"
        table.parent.mkdir(parents=True, exist_ok=True)
        return ConfinementMutants(Path(os.environ["HUNT_TOOLS"]), self.scratch, ROOT).run(
            self.wanted.confinement_mutants, table)

    def one_round(self, number, seconds):
        settings = schedule.settings(self.wanted, number)
        round = Round(self.internet, self.scratch, self.tools, settings, self.wanted.seed * 1000 + number)
        print(f"round {number}: scope {settings.scope}, agent {settings.who}, flushes {settings.flushes}, by {settings.by}"
              f"{', with the relay' if settings.relay else ''}{', with names' if settings.names else ''}"
              f"{', IPv6 untracked' if settings.tracking == 'ipv4' else ''}{', a container inside' if settings.inside else ''}", flush=True)
        judged = 0

        def judge(minimising=True):
            nonlocal judged
            known, judged = judged, len(round.findings)
            self.judge(round, start, round.findings[known:], minimising)
        start = time.monotonic()
        try:
            if not round.boot():
                print(round.boot_failure)
                self.found["the boot failed"] = 0
            else:
                start = time.monotonic()
                round.hunt(seconds, lambda: self.report_progress(round, start), judge)
                round.check_life()
                round.end(self.wanted.linger)
                judge(minimising=False)
                self.report_progress(round, start)
        finally:
            self.hunted += seconds
            round.close(self.internet)

    def report_progress(self, round, start):
        page, spent = round.page, max(0.001, time.monotonic() - start)
        print(f"  {spent:5.0f} s: {page.programs()} programs ({page.programs() / spent:.0f}/s), wire {page.wire_packets}, "
              f"admitted {page.wire_admitted}, injected {page.injected}, asked {page.questions}, relayed {page.relayed}, "
              f"named {page.named}, excused {page.wire_excused}, lost {page.wire_lost}, workers restarted {page.restarts}, "
              f"findings {len(round.findings)}", flush=True)

    # Findings -------------------------------------------------------------------------------------

    def judge(self, round, start, findings, minimising):
        for finding in findings:
            what = finding["class"]
            name = f"{round.settings.scope} scope, {round.settings.who}: {what}" + \
                   (", after the end" if finding["after the end"] else "")
            if name in self.found:
                continue
            if self.wanted.until and not re.search(self.wanted.until, name):
                continue
            self.found[name] = seconds = finding["at"] - start
            print(f"FOUND {name}\n      after {seconds:.1f} s, {finding['programs']} programs; "
                  f"{finding.get('from', '')} > {finding.get('to', '')}", flush=True)
            round.stopping = bool(self.wanted.until)
            self.keep(round, name, what, finding,
                      minimising and not self.wanted.until and round.session.running())

    def keep(self, round, name, what, finding, minimising):
        candidates = [self.program(round, finding, seed) for seed in self.seeds(finding)]
        shortest = None
        if minimising:
            round.page.pause = 1 if "inbound" in what else 2
            time.sleep(0.3)
            shortest = Minimiser(round, what).run(candidates)
            round.page.pause = 0
        lines = shortest or [line for text in candidates[:4] for line in ["# one of these:", *text.splitlines()]]
        self.findings_folder.mkdir(parents=True, exist_ok=True)
        path = self.findings_folder / (re.sub(r"[^A-Za-z0-9]+", "-", name) + ".hunt")
        head = [f"# {name}", f"# seed {self.wanted.seed}, {finding.get('from', '')} > {finding.get('to', '')}",
                f"# packet {finding.get('packet', 'none')}"]
        head += [f"# {line}" for line in finding.get("evidence", "").splitlines()]
        path.write_text("\n".join([*head, *lines]) + "\n")
        print("".join(f"      {line}\n" for line in shortest or ["(not reproduced by one program)"]) + f"      {path}", flush=True)

    def seeds(self, finding):
        if "seed" in finding:
            return [finding["seed"]]
        return [seed for depth in range(CANDIDATES) for worker in finding["recent"] for seed in worker[depth:depth + 1]]

    def program(self, round, finding, seed):
        inside = round.settings.inside and finding["recent"] and seed in finding["recent"][-1]
        done = subprocess.run([self.tools.agent, "print", "inside" if inside else round.settings.grammar, seed,
                               "-" if inside else ",".join(round.settings.without) or "-"],
                              capture_output=True, text=True, check=True)
        return done.stdout

    def replay(self):
        settings = schedule.settings(self.wanted, 0)
        round = Round(self.internet, self.scratch, self.tools, settings, self.wanted.seed)
        try:
            round.page.pause = 1
            if not round.boot():
                print(round.boot_failure)
                return 1
            found = round.finding_classes(self.wanted.replay.read_text(), 50, 1.0)
            known = len(round.findings)
            round.end(self.wanted.linger)
            found |= {each["class"] + ", after the end" for each in round.findings[known:]}
            print("\n".join(sorted(found)) or "no findings")
            return 1 if found else 0
        finally:
            round.close(self.internet)


sys.exit(main())
