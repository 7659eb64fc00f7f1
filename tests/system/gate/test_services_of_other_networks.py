"""A TCP service in the container's network whose process is outside of the container may have another
network besides. The boot warns of it."""

import contextlib
import os
import socket

import pytest

from support.behaviours import host
from support.capabilities import without_capability
from support.internet import ALLOWED


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


@contextlib.contextmanager
def listener_outside(container, *addresses):
    """Listens in the container's network, in a process that its /proc does not show."""
    with contextlib.ExitStack() as open_ones:
        for address in addresses:
            with container.link.network.entered():
                family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
                listener = open_ones.enter_context(socket.socket(family))
                listener.bind(address)
                listener.listen(4)
        yield


def listen_inside():
    """For prepare=: a service of the container that stays open across exec."""
    listener = socket.create_server(("127.0.0.1", 7777))
    os.set_inheritable(listener.detach(), True)


def warnings(result):
    assert result.status == 0, result
    return [line for line in result.stderr.splitlines() if "outside of this container" in line]


def boot(container, *flags, **how):
    return container.boot("true", flags=["--user", "agent", *flags], **how)


def test_services_of_processes_outside_are_one_warning(container):
    with listener_outside(container, ("127.0.0.1", 7777), ("::1", 7778), ("0.0.0.0", 7779)):
        lines = warnings(boot(container))
    assert len(lines) == 1 and "warning: " in lines[0], lines
    assert all(place in lines[0] for place in ("127.0.0.1:7777", "[::1]:7778", "0.0.0.0:7779")), lines
    assert " is served by " in lines[0] and "15353" not in lines[0], lines


def test_services_of_the_container_and_of_the_gate_are_no_warning(container):
    assert warnings(boot(container)) == []
    assert warnings(boot(container, prepare=listen_inside)) == []


def test_services_of_other_users_are_seen_without_the_capability_to_trace(container):
    """As in a container of Docker: root may not read the descriptors of other users' processes."""
    def prepare():
        start_service_of(33)
        for name in ("SYS_PTRACE", "DAC_OVERRIDE", "DAC_READ_SEARCH"):
            without_capability(name)()
    assert warnings(boot(container, prepare=prepare)) == []


def start_service_of(user):
    listener = socket.create_server(("127.0.0.1", 7777))
    listener.set_inheritable(True)
    if os.fork() == 0:
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        os.execv("/usr/bin/sleep", ["sleep", "100"])
    listener.close()


def test_dockers_resolver_is_no_warning(container):
    with listener_outside(container, ("127.0.0.11", 41234)):
        assert warnings(boot(container)) == []


def test_where_the_rules_hold_loopback_there_is_no_warning(container):
    with listener_outside(container, ("127.0.0.1", 7777)):
        assert warnings(boot(container, "--scope", "user")) == []
