"""The cost of waiting for the kernel's acknowledgement of an admission, and whether any step of
an admission gets slower as the number of admissions grows."""

import json
import subprocess
from collections.abc import Iterator

from bench.figures import Bound, Effort, Figure, Series
from bench.programs import TOOLS


def measured(tool, turns):
    return json.loads(subprocess.run([TOOLS / tool, str(turns)], check=True, stdout=subprocess.PIPE).stdout)


def series(samples, divisor=1):
    return [Series(name, [sample / divisor for sample in each]) for name, each in samples.items()]


def one(effort) -> Figure:
    ours, bare, *libnftables = everyone = series(measured("admissions", effort.of(400, 5)), 1000)
    dear = ours.median / bare.median
    bounds = [Bound(f"at most 1.5 times the bare loop's: {dear:.2f} times", dear <= 1.5)]
    for each in libnftables:
        better = each.median / ours.median
        bounds.append(Bound(f"8 times as fast as {each.name}: {better:.1f} times", better >= 8))
    return Figure(
        "admissions/one", "One admission, acknowledged by the kernel", "µs",
        "One new address per transaction, into the set of the real rules: through `nft::KernelAdmissions`, as in the gate; "
        "by a loop over libmnl that only sends the same messages; and by libnftables with a kept context, as text and as "
        "JSON. No process listens for notifications. A sample is the mean of 20.",
        everyone, bounds)


def flat(key, title, unit, held, how, everyone) -> Figure:
    medians = [each.median for each in everyone]
    spread = max(medians) / min(medians)
    for each in everyone:
        each.name = f"{int(each.name):,} {held}"
    return Figure(f"growth/{key}", title, unit, how + " The sizes take turns; all of them are in memory at the same time.",
                  everyone, [Bound(f"flat within 20%: the dearest is {spread:.2f} times the cheapest", spread <= 1.2)])


def growth(effort) -> Iterator[Figure]:
    samples = measured("growth", effort.of(200, 3))
    names = ("The same ten names are asked for again and again, so that the figure compares the work, not the processor's "
             "cache.")
    yield flat("decide", "A decision, by the number of rules", "ns", "rules", f"`policy::Policy::decide`. {names}",
               series(samples["decide"]))
    yield flat("cache", "A cached answer, by the number of names", "ns", "names", f"`dns::Cache::find`. {names}",
               series(samples["cache"]))
    yield flat("admit", "An admission, by the number of those that last", "µs", "admissions",
               "`nft::KernelAdmissions::admit`, acknowledged: twenty new addresses, revoked before the next turn.",
               series(samples["admit"], 1000))


def measure(effort: Effort) -> Iterator[Figure]:
    yield one(effort)
    yield from growth(effort)
