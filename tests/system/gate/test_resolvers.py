"""Unusual resolv.conf files: a server that cannot be asked, and a very long file."""

import os
import signal

import pytest

from support.behaviours import host
from support.internet import ALLOWED, RESOLVER

CANNOT_BE_ASKED = ["fe80::53", "fe80::53%../x", "2001:db8::53%eth0"]
LIMIT = 64 * 1024


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


@pytest.mark.parametrize("server", CANNOT_BE_ASKED)
def test_a_server_that_cannot_be_asked_is_skipped(container, server):
    container.write("/etc/resolv.conf", f"nameserver {server}\nnameserver {RESOLVER[4]}\n")
    agent = container.start_agent("--allow", "allowed.example")
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    warning, = [each for each in container.plan()["warnings"] if "is not asked" in each]
    assert server in warning and "/etc/resolv.conf" in warning


def test_a_link_local_server_with_an_interface_is_asked_or_skipped(container):
    container.write("/etc/resolv.conf", f"nameserver fe80::53%eth0\nnameserver {RESOLVER[4]}\n")
    agent = container.start_agent("--allow", "allowed.example")
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize("server", CANNOT_BE_ASKED)
def test_if_no_server_can_be_asked_there_is_one_line(container, server, command):
    container.write("/etc/resolv.conf", f"nameserver {server}\n")
    result = container.run(command, "--", "true")
    assert result.status == 78 and len(result.stderr.splitlines()) == 1, result
    assert server in result.stderr and "--upstream" in result.stderr
    assert container.plan("--upstream", RESOLVER[4])["upstreams"][0]["server"] == f"{RESOLVER[4]}:53"


def padded(size):
    text = f"nameserver {RESOLVER[4]}\n"
    return text + "#\n" * ((size - len(text)) // 2) + "\n" * ((size - len(text)) % 2)


def test_a_file_of_64_kib_is_read_restored_and_read_by_the_next_boot(container):
    container.write("/etc/resolv.conf", padded(LIMIT))
    for _ in range(2):
        agent = container.start_agent("--allow", "allowed.example")
        assert agent.asks_for("allowed.example") == [ALLOWED[4]]
        os.kill(agent.session.program, signal.SIGKILL)  # so that it is not restored
        agent.session.wait()


def test_a_longer_file_is_refused_in_one_line(container):
    container.write("/etc/resolv.conf", padded(LIMIT + 1))
    result = container.run("run", "--gate", "on", "--", "true")
    assert result.status == 78, result
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    assert len(errors) == 1 and "/etc/resolv.conf: is longer than 64 KiB" in errors[0], result
