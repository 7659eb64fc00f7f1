"""The audit's files have a total size limit. The newest events are kept, and deleted ones are
counted."""

import json
import os
import signal
import subprocess
import time

import pytest

from support.agent import GATE
from support.journal import JOURNAL
from support.waiting import eventually

FILES = [JOURNAL, *(f"{JOURNAL}.{number}" for number in (1, 2, 3))]
MIB = 1 << 20
LONG = ".".join(["x" * 60] * 3)


@pytest.fixture
def container(new_container):
    return new_container()


@pytest.fixture
def agent(container, who):
    return container.start_agent("--audit-limit", "1", who=who)


def flood(agent, tag, rounds):
    """Each round writes about 350 kB of lines."""
    for number in range(rounds):
        agent.flood(f"{tag}{number}n%d.{LONG}.unlisted.example", 2_000, GATE[4], patience=30)
        time.sleep(1.05)  # longer than a window of the fold


def newest_event_is_in(read, agent):
    """A line that is written during the rename stays in the old file, so one of several must be
    in this file."""
    def seen():
        agent.asks("last.unlisted.example")
        return "last.unlisted.example" in read()
    eventually(seen, "the newest is there")


def sizes(container):
    return [container.at(path).stat().st_size for path in FILES if container.exists(path)]


def lines(container, path):
    return [json.loads(line) for line in container.read(path).splitlines() if line]


def test_a_flood_stays_within_the_limit_and_the_newest_events_are_kept(container, agent):
    flood(agent, "a", 8)
    newest_event_is_in(lambda: container.read(JOURNAL), agent)
    assert len(sizes(container)) == 4 and sum(sizes(container)) <= MIB and max(sizes(container)) <= MIB / 4
    assert sorted(os.listdir(container.at(JOURNAL).parent)) == sorted(os.path.basename(path) for path in FILES)
    for path in FILES[:3]:
        assert lines(container, path)[0]["event"] == "rotated"
    assert sum(event["deleted"] for path in FILES for event in lines(container, path) if event["event"] == "rotated") > 0
    assert {container.at(path).stat().st_mode & 0o7777 for path in FILES} == {0o640}


def test_the_newest_events_are_kept_after_a_gate_was_killed(container, agent):
    flood(agent, "a", 2)
    gate = container.gate(agent.session)
    os.kill(gate, signal.SIGKILL)
    container.await_another_gate(agent.session, gate)
    flood(agent, "b", 6)
    newest_event_is_in(lambda: container.read(JOURNAL), agent)
    assert sum(sizes(container)) <= MIB and max(sizes(container)) <= MIB / 4


def test_a_reader_that_follows_the_file_name_sees_the_newest_events(container, agent):
    with subprocess.Popen(["tail", "-n", "+1", "-F", container.at(JOURNAL)], stdout=subprocess.PIPE,
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
                flood(agent, f"t{rounds}", 1)
                rounds += 1
            newest_event_is_in(lambda: read().decode(), agent)
            assert seen.count(b'"event":"rotated"') >= 2
        finally:
            tail.terminate()


def test_if_no_new_file_can_be_made_the_file_stays_within_its_share(container, agent):
    container.mkdir(f"{JOURNAL}.new")
    flood(agent, "a", 3)
    assert sizes(container) == [container.at(JOURNAL).stat().st_size] and sizes(container)[0] <= MIB / 4
    agent.session._pump(0)
    assert "no new file for the audit" in agent.session.err.data.decode()
    assert agent.asks("x.unlisted.example")


def test_a_file_that_is_too_large_at_the_boot_is_rotated(container):
    container.mkdir("/var/log/ostiary")
    container.write(JOURNAL, '{"event":"old"}\n' * 20_000)
    container.at(JOURNAL).chmod(0o600)
    container.boot("true", flags=["--audit-limit", "1"])
    assert lines(container, JOURNAL)[0] | {"time": ""} == {"time": "", "event": "rotated", "deleted": 0}
    assert container.audit("boot") and container.audit("exit")
    assert len(lines(container, f"{JOURNAL}.1")) == 20_000


def test_a_file_that_is_given_as_a_descriptor_is_not_limited(container, who):
    container.write("/opt/journal", "")
    def hand_on():
        os.dup2(os.open("/opt/journal", os.O_WRONLY | os.O_APPEND), 7)
    agent = container.start_agent("--audit", "fd:7", "--audit-limit", "1", who=who, prepare=hand_on)
    flood(agent, "a", 3)
    assert container.at("/opt/journal").stat().st_size > MIB / 2 and not container.exists("/opt/journal.1")
