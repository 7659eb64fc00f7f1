"""A resolv.conf as it may be found: a server that cannot be asked beside one that can, more text than anyone needs."""

import os
import signal

import pytest

from support.behaviours import host
from support.world import ALLOWED, RESOLVER

CANNOT_BE_ASKED = ["fe80::53", "fe80::53%../x", "2001:db8::53%eth0"]
LIMIT = 64 * 1024


@pytest.fixture
def home(fresh_gatehouse, world):
    world.upstream.name("allowed.example", host(ALLOWED))
    return fresh_gatehouse()


@pytest.mark.parametrize("server", CANNOT_BE_ASKED)
def test_a_server_that_cannot_be_asked_is_left_out(home, server):
    home.write("/etc/resolv.conf", f"nameserver {server}\nnameserver {RESOLVER[4]}\n")
    visitor = home.visit("--allow", "allowed.example")
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    warning, = [each for each in home.plan()["warnings"] if "is not asked" in each]
    assert server in warning and "/etc/resolv.conf" in warning


def test_with_an_interface_it_is_asked_or_left_out_as_the_library_can(home):
    home.write("/etc/resolv.conf", f"nameserver fe80::53%eth0\nnameserver {RESOLVER[4]}\n")
    visitor = home.visit("--allow", "allowed.example")
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize("server", CANNOT_BE_ASKED)
def test_where_there_is_no_other_it_is_one_line(home, server, command):
    home.write("/etc/resolv.conf", f"nameserver {server}\n")
    result = home.run(command, "--", "true")
    assert result.status == 78 and len(result.stderr.splitlines()) == 1, result
    assert server in result.stderr and "--upstream" in result.stderr
    assert home.plan("--upstream", RESOLVER[4])["upstreams"][0]["server"] == f"{RESOLVER[4]}:53"


def padded(size):
    text = f"nameserver {RESOLVER[4]}\n"
    return text + "#\n" * ((size - len(text)) // 2) + "\n" * ((size - len(text)) % 2)


def test_64_kib_are_read_and_put_back_and_read_by_the_next_boot(home):
    home.write("/etc/resolv.conf", padded(LIMIT))
    for _ in range(2):
        visitor = home.visit("--allow", "allowed.example")
        assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
        os.kill(visitor.session.program, signal.SIGKILL)  # so that it is not put back
        visitor.session.wait()


def test_more_is_one_line(home):
    home.write("/etc/resolv.conf", padded(LIMIT + 1))
    result = home.run("run", "--gate", "on", "--", "true")
    assert result.status == 78, result
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    assert len(errors) == 1 and "/etc/resolv.conf: is longer than 64 KiB" in errors[0], result
