"""What the tests of the gate have in common: a world, and gatehouses in it."""

import contextlib
import shutil
import tempfile

import pytest

pytest.register_assert_rewrite("support.outcomes")

from support.behaviours import host
from support.gatehouse import Gatehouse
from support.world import ALLOWED, World

dnspython = pytest.importorskip("dns.message", reason="needs python3-dnspython")


@pytest.fixture(scope="session")
def whole_world(workshop):
    world = World()
    yield world
    world.close()


@pytest.fixture(scope="module")
def world(whole_world):
    """For tests that share gatehouses within their module."""
    whole_world.start_over()
    yield whole_world
    whole_world.start_over()


@pytest.fixture(scope="module")
def new_gatehouse(workshop, binary, world):
    """For those that the tests of a module share."""
    with contextlib.ExitStack() as made:
        yield lambda **how: made.enter_context(a_gatehouse(workshop, binary, world, **how))


@pytest.fixture
def fresh_gatehouse(workshop, binary, world):
    """For those that are one test's."""
    with contextlib.ExitStack() as made:
        yield lambda **how: made.enter_context(a_gatehouse(workshop, binary, world, **how))


@contextlib.contextmanager
def a_gatehouse(workshop, binary, world, **how):
    box = Gatehouse(tempfile.mkdtemp(dir=workshop), binary, world, **how)
    try:
        yield box
    finally:
        box.end()
        world.detach(box.cable)
        shutil.rmtree(box.path)


@pytest.fixture(params=["agent", "root"], scope="module")
def who(request):
    """Who the agent is inside: an unprivileged user, or root."""
    return request.param


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def family(request):
    return request.param


@pytest.fixture(autouse=True)
def nothing_recorded_yet(world):
    world.forget()


# One gatehouse that allows one name, and a visitor in it, for modules that need no more.

@pytest.fixture(scope="module")
def home(new_gatehouse, world, who):
    world.upstream.name("allowed.example", host(ALLOWED))
    return new_gatehouse()


@pytest.fixture(scope="module")
def visitor(home, who):
    return home.visit("--allow", "allowed.example", who=who)


@pytest.fixture(scope="module", params=[("container", "agent"), ("container", "root"), ("user", "agent")], ids=" ".join)
def place(request):
    """Each scope, and who the agent is in it."""
    return request.param
