"""Fixtures for the tests against a real collector: the Internet and containers of the system tests. A test whose program is
missing is skipped: tests/observability/build makes them."""

import pytest

from observability.collecting import bucket
from observability.developer import Developer
from observability.sessions import CLAUDE, a_container, an_internet
from support.network import NetworkNamespace
from support.otelcol import OTELCOL
from support.stack_stores import missing
from system.conftest import binary, scratch  # noqa: F401
from system.gate.conftest import clear_records, internet, new_container, session_internet  # noqa: F401


@pytest.fixture(autouse=True)
def built(request):
    """A test that is marked plain needs no program that tests/observability/build makes."""
    if not (request.node.get_closest_marker("plain") or OTELCOL.exists()):
        pytest.skip("there is no collector: install Go 1.25 or newer, and run tests/observability/build")


@pytest.fixture(scope="module")
def claude_internet(scratch, tmp_path_factory):  # noqa: F811
    if not CLAUDE.exists():
        pytest.skip("there is no Claude Code: install npm, and run tests/observability/build")
    with an_internet(tmp_path_factory.mktemp("internet")) as made:
        yield made


@pytest.fixture
def claude_container(scratch, binary, claude_internet):  # noqa: F811
    """A container with Claude Code."""
    with a_container(scratch, binary, claude_internet) as made:
        yield made


@pytest.fixture
def developer(claude_container, claude_internet, tmp_path):
    made = Developer(claude_container, claude_internet, tmp_path)
    yield made
    made.collector.kill()


@pytest.fixture
def store(internet, tmp_path):  # noqa: F811
    """A store with one bucket."""
    made = bucket(internet.network, tmp_path / "store")
    yield made
    made.down()


@pytest.fixture
def network():
    """A network for the stores of the stack, with loopback alone."""
    if why := missing():
        pytest.skip(why)
    made = NetworkNamespace()
    made.ip("link set lo up")
    yield made
    made.close()
