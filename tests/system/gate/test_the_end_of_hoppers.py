"""A process that forks and exits without pause meets no network without rules."""

import shutil
import subprocess
import time

import pytest

from support import processes
from support.sandbox import AGENTS, OSTIARY
from support.internet import UNLISTED

HOPPER = "/opt/agents/hopper"
TRIES = 3
SWARM = 4  # more of them take every process number of a small machine, and other tests with them
MANY_OTHERS = "100"  # idle processes, so that a walk of /proc takes long
LONG_ENOUGH = 0.2  # seconds, for hundreds of hops


@pytest.fixture(scope="module")
def container(shared_container):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler, for processes that fork and exit faster than Python can")
    container = shared_container()
    container.mkdir("/opt/agents")
    subprocess.run([compiler, "-O2", "-o", container.at(HOPPER), AGENTS / "hopper.c"], check=True)
    return container


@pytest.fixture(autouse=True)
def nothing_left_running(container):
    yield
    container.end()


def boot_and_stay(container, who, *flags, hoppers):
    """A boot whose agent leaves hoppers behind, below a process 1 that outlives it."""
    user = ["--user", "agent"] if who == "agent" else []
    command = [OSTIARY, "run", "--no-derive", *user, *flags, "--", HOPPER, *map(str, hoppers)]
    session = container.launch(*container.agent_command("init"), MANY_OTHERS, *command)
    session.read_until("^ended 0$")
    return session


def assert_held(internet, container, session):
    """None is left, and the rules have gone; or, where a busy machine did not let the keeper end them in time, the rules
    are there."""
    time.sleep(LONG_ENOUGH)
    assert internet.packets() == []
    assert container.rules() or processes.named(session, "hopper") == []


@pytest.mark.parametrize("hoppers", [[1], [1, "session"], [SWARM, "session"]], ids=["one", "of sessions", "a swarm"])
def test_none_is_left_and_none_meets_a_network_without_rules(internet, container, who, hoppers):
    for _ in range(TRIES):
        session = boot_and_stay(container, who, hoppers=[hoppers[0], UNLISTED[4], *hoppers[1:]])
        assert_held(internet, container, session)
        container.end()


def test_none_is_left_with_scope_user(internet, container):
    for hoppers in [[1], [SWARM, "session"]]:
        session = boot_and_stay(container, "agent", "--scope", "user", hoppers=[hoppers[0], UNLISTED[4], *hoppers[1:]])
        assert_held(internet, container, session)
        container.end()
