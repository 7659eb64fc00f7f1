"""Fixtures for the tests of the gate: the Internet, and containers with a link to it."""

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
    """The stand-in for the Internet, reset for each module."""
    session_internet.start_over()
    yield session_internet
    session_internet.start_over()


@pytest.fixture(scope="module")
def shared_container(scratch, binary, internet):
    """Creates containers that the tests of one module share."""
    with contextlib.ExitStack() as made:
        yield lambda **how: made.enter_context(a_container(scratch, binary, internet, **how))


@pytest.fixture
def new_container(scratch, binary, internet):
    """Creates containers for one test."""
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
    """The user that the agent runs as: an ordinary user, or root."""
    return request.param


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def family(request):
    return request.param


@pytest.fixture(autouse=True)
def clear_records(internet):
    internet.forget()


# A container that allows one name, and its agent, for modules that need no more.

@pytest.fixture(scope="module")
def container(shared_container, internet, who):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent("--allow", "allowed.example", who=who)


@pytest.fixture(scope="module", params=[("container", "agent"), ("container", "root"), ("user", "agent")], ids=" ".join)
def scope_and_user(request):
    """The scope (--scope), and the user that the agent runs as."""
    return request.param
