"""The audit's files: bounded together, the newest kept, what is deleted counted."""

import json
import os
import signal
import subprocess
import time

import pytest

from support.visitor import GATE
from support.waiting import eventually

JOURNAL = "/var/log/ostiary/audit.jsonl"
FILES = [JOURNAL, *(f"{JOURNAL}.{number}" for number in (1, 2, 3))]
MIB = 1 << 20
LONG = ".".join(["x" * 60] * 3)


@pytest.fixture
def home(fresh_gatehouse):
    return fresh_gatehouse()


@pytest.fixture
def visitor(home, who):
    return home.visit("--audit-limit", "1", who=who)


def flood(visitor, tag, rounds):
    """About 350 kB of lines a round."""
    for number in range(rounds):
        visitor.flood(f"{tag}{number}n%d.{LONG}.unlisted.example", 2_000, GATE[4], patience=30)
        time.sleep(1.05)  # a window of the fold


def the_newest_is_in(read, visitor):
    """A line that is written while the file is renamed stays in the old one, so one of several must be there."""
    def seen():
        visitor.asks("last.unlisted.example")
        return "last.unlisted.example" in read()
    eventually(seen, "the newest is there")


def sizes(home):
    return [home.at(path).stat().st_size for path in FILES if home.exists(path)]


def lines(home, path):
    return [json.loads(line) for line in home.read(path).splitlines() if line]


def test_a_flood_takes_no_more_than_the_limit_and_the_newest_stays(home, visitor):
    flood(visitor, "a", 8)
    the_newest_is_in(lambda: home.read(JOURNAL), visitor)
    assert len(sizes(home)) == 4 and sum(sizes(home)) <= MIB and max(sizes(home)) <= MIB / 4
    assert sorted(os.listdir(home.at(JOURNAL).parent)) == sorted(os.path.basename(path) for path in FILES)
    for path in FILES[:3]:
        assert lines(home, path)[0]["event"] == "rotated"
    assert sum(event["deleted"] for path in FILES for event in lines(home, path) if event["event"] == "rotated") > 0
    assert {home.at(path).stat().st_mode & 0o7777 for path in FILES} == {0o640}


def test_the_newest_is_kept_after_a_gate_was_killed_too(home, visitor):
    flood(visitor, "a", 2)
    gate = home.gate(visitor.session)
    os.kill(gate, signal.SIGKILL)
    eventually(lambda: home._gates(visitor.session) not in ([], [gate]), "another gate runs")
    flood(visitor, "b", 6)
    the_newest_is_in(lambda: home.read(JOURNAL), visitor)
    assert sum(sizes(home)) <= MIB and max(sizes(home)) <= MIB / 4


def test_who_follows_the_name_sees_the_newest(home, visitor):
    with subprocess.Popen(["tail", "-n", "+1", "-F", home.at(JOURNAL)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as tail:
        try:
            os.set_blocking(tail.stdout.fileno(), False)
            seen = b""

            def read():
                nonlocal seen
                seen += tail.stdout.read() or b""
                return seen
            rounds = 0
            while read().count(b'"event":"rotated"') < 2 and rounds < 20:  # a slow gate loses questions
                flood(visitor, f"t{rounds}", 1)
                rounds += 1
            the_newest_is_in(lambda: read().decode(), visitor)
            assert seen.count(b'"event":"rotated"') >= 2
        finally:
            tail.terminate()


def test_where_no_new_file_can_be_made_the_file_keeps_within_its_share(home, visitor):
    home.mkdir(f"{JOURNAL}.new")
    flood(visitor, "a", 3)
    assert sizes(home) == [home.at(JOURNAL).stat().st_size] and sizes(home)[0] <= MIB / 4
    visitor.session._pump(0)
    assert "no new file for the audit" in visitor.session.err.data.decode()
    assert visitor.asks("x.unlisted.example")


def test_one_that_is_too_large_already_is_rotated_by_the_boot(home):
    home.mkdir("/var/log/ostiary")
    home.write(JOURNAL, '{"event":"old"}\n' * 20_000)
    home.at(JOURNAL).chmod(0o600)
    home.boot("true", flags=["--audit-limit", "1"])
    assert lines(home, JOURNAL)[0] | {"time": ""} == {"time": "", "event": "rotated", "deleted": 0}
    assert home.audit("boot") and home.audit("exit")
    assert len(lines(home, f"{JOURNAL}.1")) == 20_000


def test_a_file_that_comes_as_a_descriptor_is_not_ours_to_bound(home, who):
    home.write("/opt/journal", "")
    def hand_on():
        os.dup2(os.open("/opt/journal", os.O_WRONLY | os.O_APPEND), 7)
    visitor = home.visit("--audit", "fd:7", "--audit-limit", "1", who=who, prepare=hand_on)
    flood(visitor, "a", 3)
    assert home.at("/opt/journal").stat().st_size > MIB / 2 and not home.exists("/opt/journal.1")
