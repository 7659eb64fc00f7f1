"""The cost of ostiary as process 1 for an agent that needs no gate: the start, and the reaping of
orphans."""

import json
import subprocess
from collections.abc import Iterator

from bench.figures import Bound, Effort, Figure, Series
from bench.programs import OSTIARY, TOOLS
from bench.turns import first_output, in_turn, milliseconds_to_end

SUPERVISORS = {"ostiary": [OSTIARY, "run", "--gate", "off", "--"],
               "tini": ["tini", "-s", "--"],
               "dumb-init": ["dumb-init"]}
AS_PROCESS_1 = ["unshare", "-pf", "--mount-proc"]


def start(effort) -> Figure:
    def sample(supervisor):
        return lambda: milliseconds_to_end([*supervisor, "true"])

    ours, *theirs = in_turn({name: sample(command) for name, command in SUPERVISORS.items()}, effort.of(300, 3))
    return Figure(
        "pid1/start", "Start and end around `true`", "ms",
        "`ostiary run --gate off -- true`, `tini -s -- true` and `dumb-init true`, from the start of the process to "
        "its end.",
        [ours, *theirs], [more_by(ours.median - each.median, each.name) for each in theirs])


def more_by(milliseconds, name):
    return Bound(f"at most 3 ms more than {name}: {milliseconds:+.2f} ms", milliseconds <= 3)


def no_slower(ours, theirs):
    """A median within the peer's quartiles counts as equally fast."""
    return [Bound(f"no slower than {each.name}, within its quartiles: {ours.median / each.median:.2f} times as long",
                  ours.median <= each.quartiles[1]) for each in theirs]


def orphans(effort) -> Iterator[Figure]:
    count = effort.of(10_000, 100)
    at_once, one_by_one = ([Series(name, []) for name in SUPERVISORS] for _ in range(2))

    def sample(supervisor):
        output, _ = first_output([*AS_PROCESS_1, *supervisor, TOOLS / "orphans", str(count)])
        return json.loads(output)

    for _ in range(effort.of(15, 1)):
        for supervisor, gathered, single in zip(SUPERVISORS.values(), at_once, one_by_one):
            measured = sample(supervisor)
            gathered.samples.append(measured["at_once_ns"] / count / 1000)
            single.samples.append(measured["one_by_one_ns"] / count / 1000)
    yield Figure(
        "pid1/orphans-at-once", f"Reaping of {count:,} orphans that wait", "µs an orphan",
        f"{count:,} processes have ended, and no process has waited for them, when their parent ends: the time from that "
        "end until none of them is left.",
        at_once, no_slower(at_once[0], at_once[1:]))
    yield Figure(
        "pid1/orphans-one-by-one", f"Processor time of process 1 for {count:,} orphans, one by one", "µs an orphan",
        "One process after the other is forked, loses its parent and ends. The figure is the processor time of process 1, "
        "as the scheduler counts it; the rest of the time is that of two forks, which is the same for every program.",
        one_by_one, no_slower(one_by_one[0], one_by_one[1:]))


def measure(effort: Effort) -> Iterator[Figure]:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    yield start(effort)
    yield from orphans(effort)
