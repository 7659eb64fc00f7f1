"""The verdict on a soak: each claim, the number of violations, and the evidence."""

import statistics
from typing import NamedTuple

from soak.resolver import LONGEST

MEDIAN_OUTAGE = 0.050  # seconds, the median; claimed for a soak of full length, reported for a shorter one
FULL_LENGTH = 600  # seconds
MOST_EVIDENCE = 8


class Claim(NamedTuple):
    what: str
    broken: object  # a number, or a measurement
    holds: bool
    evidence: list


def claims(soak):
    said = {kind: [(each["container"], each[kind]) for container in soak.containers for each in container.said if kind in each]
            for kind in ("lost", "broken", "wrong", "through", "stayed", "failure")}
    lost, lost_in_flight, lost_undone, lost_in_crowd = _lost(soak, said["lost"])
    broken, broken_down, broken_undone = _broken(soak, said["broken"])
    through = [each for each in said["through"] if not soak.record.rules_were_missing(each[0], each[1]["begin"], each[1]["at"])]
    record = soak.record
    back = soak.median_outage()
    unplanned = [(container.name, len(container.kills), dict(container.ends), len(container.gates)) for container in soak.containers
                 if max(sum(container.ends.values()), container.earlier_gates + len(container.gates) - 1) > len(container.kills)]
    descriptors = [(container.name, f"keeper and gate {start} at the start, {end} at the end") for container, start, end
                   in zip(soak.containers, soak.descriptors_at_the_start, soak.descriptors_at_the_end) if start != end]
    repairs = [container.name for container in soak.containers
               if container.journal == "file" and container.count_in_journal("tampering") > len(container.tampered)]
    ended = [container.name for container in soak.containers if not container.session.running()]
    none = lambda what, found: Claim(what, len(found), not found, found)
    return [
        none("packets that no rule allows", record.not_allowed + through),
        none("flows that continued when the rules were back", said["stayed"]),
        none("denied names that were sent", [(q.name, q.server, q.client) for q in soak.resolver.leaks]),
        none("allowed answers whose connect failed", broken),
        none("the same, while there was no gate", broken_down),
        none("queries lost other than in flight at a kill", lost),
        none("wrong answers", said["wrong"]),
        Claim(f"gate back within {MEDIAN_OUTAGE * 1000:.0f} ms (median of {len(soak.killer.outage_seconds)})",
              "never measured" if back is None else f"{back * 1000:.1f} ms",
              back is not None and (back <= MEDIAN_OUTAGE or soak.seconds < FULL_LENGTH), []),
        none("kills after which no gate answered", [each for each in soak.killer.unanswered
                                                    if not record.rules_were_missing(*each)]),
        none("deaths without a kill", unplanned),
        none("containers that ended", ended),
        none("repairs without a change", repairs),
        none("faults that did not end as expected", soak.failures),
        none("zombies", soak.zombies),
        none("processes with other descriptors than at the start", descriptors),
        none("packets that the capture lost", [f"{n}" for n in [record.lost()] if n]),
        none("agents that failed", said["failure"]),
    ], {"queries lost in flight at a kill": len(lost_in_flight),
        "TCP queries whose connection made room for another": len(lost_in_crowd),
        "queries lost while rules were missing": len(lost_undone),
        "connects that failed while rules or admissions were missing": len(broken_undone)}


def _lost(soak, lost):
    """Sorts lost questions by cause. A question that the gate had read when it was killed is
    lost, over UDP and TCP."""
    ours, in_flight, rules_missing, crowd = [], [], [], []
    by_name = {container.name: container for container in soak.containers}
    for name, what in lost:
        if any(what["sent"] - 0.001 <= kill <= what["sent"] + LONGEST for kill in by_name[name].kills):
            in_flight.append((name, what))
        elif soak.record.rules_were_missing(name, what["sent"], what["sent"] + LONGEST):
            rules_missing.append((name, what))
        elif what["transport"] == "tcp" and any(what["sent"] <= until and what["at"] >= since
                                                for since, until in by_name[name].saturated):
            crowd.append((name, what))
        else:
            ours.append((name, what))
    return ours, in_flight, rules_missing, crowd


def _broken(soak, broken):
    ours, down, rules_missing = [], [], []
    by_name = {container.name: container for container in soak.containers}
    for name, what in broken:
        if soak.record.admissions_were_missing(name, what["told"], what["at"]):
            rules_missing.append((name, what))
        elif any(what["told"] <= until and what["at"] >= since for since, until in by_name[name].outages):
            down.append((name, what))
        else:
            ours.append((name, {**what, "since the rules were back": soak.record.since_rules_were_missing(name, what["told"])}))
    return ours, down, rules_missing


def show(soak, all_claims, excused):
    print(f"\n{'fault':34} {'times':>5}  effects")
    kills = f"{len(soak.killer.outage_seconds)} measured: gate back after {_spread(soak.killer.outage_seconds)}"
    print(f"{'gate killed':34} {soak.killer.done:5}  {kills}")
    for name, row in soak.table.items():
        seen = ", ".join(f"{what} {_plain(number)}" for what, number in row["seen"].items())
        print(f"{name:34} {row['times']:5}  {seen}")
        for why, times in row["not"].items():
            print(f"{'':34} {'':5}  skipped {times}: {why}")
    counts = soak.counts()
    print(f"\nin {soak.lasted:.0f} s: " + ", ".join(f"{what} {number}" for what, number in sorted(counts.items())))
    print(f"packets recorded {soak.record.packets}, questions at the upstream {soak.resolver.asked}")
    for what, number in soak.record.excused.items():
        print(f"packets that left while rules were missing ({what}): {number}")
    for what, number in excused.items():
        print(f"{what}: {number}")
    print()
    for claim in all_claims:
        print(f"{'holds ' if claim.holds else 'BROKEN'}  {claim.what}: {claim.broken}")
        if not claim.holds:
            for piece in claim.evidence[:MOST_EVIDENCE]:
                print(f"          {piece}")


def _spread(values):
    if not values:
        return "nothing"
    return f"{statistics.median(values) * 1000:.1f} ms (median), {max(values) * 1000:.1f} ms (at most)"


def _plain(number):
    return f"{number:.3f}" if isinstance(number, float) else number
