"""Processes that fork and exit without pause never have a network without rules."""

import shutil
import subprocess
import time

import pytest

from support import processes
from support.internet import UNLISTED
from support.sandbox import AGENTS, OSTIARY

FORKER = "/opt/agents/forker"
TRIES = 3
SWARM = 4  # more processes would use all PIDs of a small machine, and those of other tests
MANY_OTHERS = "100"  # idle processes, so that a walk of /proc takes long
LONG_ENOUGH = 0.2  # seconds, for hundreds of forks


@pytest.fixture(scope="module")
def container(shared_container):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler, for processes that fork and exit faster than Python can")
    container = shared_container()
    container.mkdir("/opt/agents")
    subprocess.run([compiler, "-O2", "-o", container.at(FORKER), AGENTS / "forker.c"], check=True)
    return container


@pytest.fixture(autouse=True)
def nothing_left_running(container):
    yield
    container.end()


def boot_and_stay(container, who, *flags, forkers):
    """A boot whose agent leaves such processes behind, below a process 1 that outlives it."""
    user = ["--user", "agent"] if who == "agent" else []
    command = [OSTIARY, "run", "--no-derive", *user, *flags, "--", FORKER, *map(str, forkers)]
    session = container.launch(*container.agent_command("init"), MANY_OTHERS, *command)
    session.read_until("^ended 0$")
    return session


def assert_confined_or_gone(internet, container, session):
    """Either no such process is left and the rules are gone, or the keeper of a busy machine
    could not end them in time and the rules are there."""
    time.sleep(LONG_ENOUGH)
    assert internet.packets() == []
    assert container.rules() or processes.named(session, "forker") == []


@pytest.mark.parametrize("forkers", [[1], [1, "session"], [SWARM, "session"]], ids=["one", "of sessions", "a swarm"])
def test_no_such_process_has_a_network_without_rules(internet, container, who, forkers):
    for _ in range(TRIES):
        session = boot_and_stay(container, who, forkers=[forkers[0], UNLISTED[4], *forkers[1:]])
        assert_confined_or_gone(internet, container, session)
        container.end()


def test_no_such_process_has_a_network_without_rules_with_scope_user(internet, container):
    for forkers in [[1], [SWARM, "session"]]:
        session = boot_and_stay(container, "agent", "--scope", "user", forkers=[forkers[0], UNLISTED[4], *forkers[1:]])
        assert_confined_or_gone(internet, container, session)
        container.end()
