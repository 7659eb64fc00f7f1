"""The rules hold in one network namespace. A session in another namespace, or a socket from one,
is refused."""

import os
import socket

import pytest

from support.network import NetworkNamespace
from support.sandbox import OSTIARY

KINDS = pytest.mark.parametrize("domain, kind", [
    (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM), (socket.AF_PACKET, socket.SOCK_DGRAM)],
    ids=["IPv4 TCP", "IPv6 UDP", "packet"])


@pytest.fixture
def another_network():
    network = NetworkNamespace()
    yield network
    network.close()


@pytest.fixture
def flags(who):
    return ["--user", "agent"] if who == "agent" else []


@KINDS
@pytest.mark.parametrize("fd, name", [(0, "standard input"), (1, "standard output")])
def test_a_socket_of_another_network_is_not_inherited(new_container, another_network, flags, domain, kind, fd, name):
    container = new_container()
    with another_network.entered():
        made = socket.socket(domain, kind)
    result = container.boot("touch", "/tmp/started", flags=flags, prepare=lambda: os.dup2(made.fileno(), fd),
                            keep_fds=[made.fileno()])
    assert result.status == 69 and f"{name} is a network socket" in result.stderr, result
    assert not container.exists("/tmp/started") and container.tables() == []


def test_a_socket_of_this_network_is_inherited(new_container, flags):
    container = new_container()
    with container.link.network.entered():
        made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    result = container.boot("true", flags=flags, prepare=lambda: os.dup2(made.fileno(), 0), keep_fds=[made.fileno()])
    assert result.status == 0, result


def test_a_unix_socket_is_inherited(new_container, another_network, flags):
    with another_network.entered():
        made, _ = socket.socketpair()
    result = new_container().boot("true", flags=flags, prepare=lambda: os.dup2(made.fileno(), 0),
                                  keep_fds=[made.fileno()])
    assert result.status == 0, result


def test_a_session_in_another_network_is_refused(container, agent, another_network):
    result = container.beside(agent.session, OSTIARY, "exec", "--", "touch", "/tmp/joined", prepare=another_network.enter)
    assert result.status == 69 and "another network than the boot's" in result.stderr, result
    assert len(result.stderr.splitlines()) == 1 and not container.exists("/tmp/joined")
    assert container.beside(agent.session, OSTIARY, "exec", "--", "true").status == 0


def test_without_a_gate_a_session_in_another_network_is_accepted(sandbox, another_network):
    session = sandbox.start_boot("sh", "-c", "echo ready; read line")
    session.read_until("ready")
    assert sandbox.beside(session, OSTIARY, "exec", "--", "true", prepare=another_network.enter).status == 0
