"""What the tests of the gate have in common: a world, and gatehouses in it."""

import contextlib
import shutil
import tempfile

import pytest

pytest.register_assert_rewrite("support.outcomes")

from support.behaviours import host
from support.container import Container
from support.internet import ALLOWED, Internet

dnspython = pytest.importorskip("dns.message", reason="needs python3-dnspython")


@pytest.fixture(scope="session")
def session_internet(scratch):
    internet = Internet()
    yield internet
    internet.close()


@pytest.fixture(scope="module")
def internet(session_internet):
    """For tests that share gatehouses within their module."""
    session_internet.start_over()
    yield session_internet
    session_internet.start_over()


@pytest.fixture(scope="module")
def shared_container(scratch, binary, internet):
    """For those that the tests of a module share."""
    with contextlib.ExitStack() as made:
        yield lambda **how: made.enter_context(a_container(scratch, binary, internet, **how))


@pytest.fixture
def new_container(scratch, binary, internet):
    """For those that are one test's."""
    with contextlib.ExitStack() as made:
        yield lambda **how: made.enter_context(a_container(scratch, binary, internet, **how))


@contextlib.contextmanager
def a_container(scratch, binary, internet, **how):
    box = Container(tempfile.mkdtemp(dir=scratch), binary, internet, **how)
    try:
        yield box
    finally:
        box.end()
        internet.detach(box.link)
        shutil.rmtree(box.path)


@pytest.fixture(params=["agent", "root"], scope="module")
def who(request):
    """Who the agent is inside: an unprivileged user, or root."""
    return request.param


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def family(request):
    return request.param


@pytest.fixture(autouse=True)
def nothing_recorded_yet(internet):
    internet.forget()


# One gatehouse that allows one name, and a visitor in it, for modules that need no more.

@pytest.fixture(scope="module")
def container(shared_container, internet, who):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent("--allow", "allowed.example", who=who)


@pytest.fixture(scope="module", params=[("container", "agent"), ("container", "root"), ("user", "agent")], ids=" ".join)
def scope_and_user(request):
    """Each scope, and who the agent is in it."""
    return request.param
