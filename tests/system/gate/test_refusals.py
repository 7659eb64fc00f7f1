"""Where the gate cannot be opened nothing is started; one line says why, and what to do."""

import os
import re
import socket

import pytest

from support.behaviours import addresses, host, silence_for_ever
from support.capabilities import without_capability
from support.namespaces import CLONE_NEWNET, call
from support.telemetry import COLLECTOR
from support.world import ALLOWED

CLONE_NEWUSER = 0x10000000


@pytest.fixture
def home(fresh_gatehouse, world):
    world.upstream.name("allowed.example", host(ALLOWED))
    world.upstream.name("silent.example", silence_for_ever)
    return fresh_gatehouse()


def refused(home, status, *flags, **how):
    """The last line: what came before it told of the boot."""
    result = home.boot("touch", "/work/started", flags=flags, **how)
    assert result.status == status and not home.exists("/work/started"), result
    assert result.stdout == ""
    return result.stderr.splitlines()[-1]


def test_without_the_capability_it_names_the_flag_that_gives_it(home):
    line = refused(home, 77, prepare=without_capability("NET_ADMIN"))
    assert "--cap-add=NET_ADMIN" in line
    assert home.tables() == []


@pytest.mark.parametrize("capability", ["SETUID", "SETGID", "SETPCAP"])
def test_a_gate_that_cannot_be_confined_says_what_it_takes_once(home, capability):
    result = home.boot("touch", "/work/started", flags=["--user", "agent"], prepare=without_capability(capability))
    assert result.status == 77 and not home.exists("/work/started"), result
    error, = [line for line in result.stderr.splitlines() if "error" in line]
    assert f"CAP_{capability}" in error


@pytest.mark.parametrize("how", [{"command": "no-such-command"}, {"flags": ["--workdir", "/no/such"]},
                                 {"flags": ["--auth-hook", "/no/such"]}], ids=["program", "workdir", "hook"])
def test_what_could_not_start_is_told_before_the_network_is_touched(home, how):
    result = home.boot(how.get("command", "true"), flags=how.get("flags", ()))
    assert result.status in (66, 78, 127), result
    assert home.tables() == []


def test_an_unprivileged_user_is_told_so(home):
    assert home.boot("touch", "/work/started", uid=1000).status == 77
    assert not home.exists("/work/started")


@pytest.mark.parametrize("kind, address", [("SOCK_DGRAM", "127.0.0.1"), ("SOCK_STREAM", "127.0.0.1"),
                                           ("SOCK_DGRAM", "::1"), ("SOCK_STREAM", "::1"), ("SOCK_DGRAM", "::")])
def test_a_port_that_is_taken_is_named(home, kind, address):
    assert home.boot("true").status == 0
    port = int(re.search(r"redirect to :(\d+)", home.rules())[1])
    with home.cable.network.entered():
        taker = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, getattr(socket, kind))
    with taker:
        taker.bind((address, port))
        if kind == "SOCK_STREAM":
            taker.listen()
        assert str(port) in refused(home, 69)


def test_a_resolver_at_the_port_of_dns_is_no_obstacle(world, home):
    """dnsmasq, systemd-resolved: the gate takes the questions before they reach it."""
    with home.cable.network.entered():
        takers = [socket.socket(socket.AF_INET6, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
    for taker in takers:
        taker.bind(("::", 53))
    takers[1].listen()
    visitor = home.visit("--allow", "allowed.example")
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    for taker in takers:
        taker.close()


@pytest.fixture
def in_the_machines_network():
    """In the machine's own network, and in a user namespace, so that not even a mistake could change it."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def enter():
        call("setns", own, CLONE_NEWNET)
        call("unshare", CLONE_NEWUSER)
        for file, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
            with open(f"/proc/self/{file}", "w") as mapping:
                mapping.write(text)
    yield enter
    os.close(own)


def test_the_machines_own_network_is_not_cut_off(home, in_the_machines_network):
    line = refused(home, 69, prepare=in_the_machines_network)
    assert "--in-place" in line and ("container" in line or "namespace" in line)


def test_where_one_user_is_held_the_machines_own_network_is_not_cut_off(home, in_the_machines_network):
    """So it is not refused for that; here it has no right to rules in that network."""
    line = refused(home, 77, "--scope", "user", "--user", "nobody", prepare=in_the_machines_network)
    assert "--cap-add=NET_ADMIN" in line


def test_a_required_host_that_does_not_resolve_is_the_end(home):
    for host_name in ("dead.example", "silent.example"):
        home.policy({"allow": [{"host": host_name, "required": True}]})
        assert host_name in refused(home, 69, "--resolve-timeout", "1")


def test_a_required_host_that_leads_inside_is_the_end(world, home):
    world.upstream.name("inside.example", addresses("10.1.2.3"))
    home.policy({"allow": [{"host": "inside.example", "required": True}]})
    assert "inside.example" in refused(home, 69)


def test_a_required_host_that_resolves_is_fine(home):
    home.policy({"allow": [{"host": "allowed.example", "required": True}]})
    assert home.boot("true").status == 0


def test_required_telemetry_that_does_not_resolve_is_the_end(home):
    env = COLLECTOR | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://dead.example:4318"}
    result = home.run("run", "--require-telemetry", "--resolve-timeout", "1", "--", "touch", "/work/started", env=env)
    assert result.status == 69 and not home.exists("/work/started"), result
    assert "dead.example" in result.stderr.splitlines()[-1]


def test_telemetry_that_does_not_resolve_is_a_loud_warning_otherwise(home):
    env = COLLECTOR | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://dead.example:4318"}
    result = home.run("run", "--resolve-timeout", "1", "--", "true", env=env)
    assert result.status == 0, result
    assert [line for line in result.stderr.splitlines() if "warning" in line and "dead.example" in line]


def test_no_resolver_at_all_is_said(home):
    home.write("/etc/resolv.conf", "# nothing\n")
    line = refused(home, 78)
    assert "/etc/resolv.conf" in line and "--upstream" in line


@pytest.mark.parametrize("server", ["not-an-address", "192.0.2.53:99999", "resolver.example", "192.0.2.53,x"])
def test_an_upstream_that_is_no_address_is_said(home, server):
    assert "--upstream" in refused(home, 78, "--upstream", server)


@pytest.mark.parametrize("flags", [["--hold", "0"], ["--hold", "soon"], ["--resolve-timeout=-1"],
                                   ["--keep-rules", "perhaps"], ["--gate", "maybe"]])
def test_a_setting_out_of_its_range_is_said(home, flags):
    assert refused(home, 78, *flags)


def test_with_the_gate_off_nothing_is_touched(home):
    result = home.boot("true", flags=["--gate", "off"], prepare=without_capability("NET_ADMIN"))
    assert result.status == 0, result
    assert home.tables() == []


def test_a_kernel_without_ipv6_is_fine(world, home, who):
    home.cable.network.sysctl("ipv6/conf/all/disable_ipv6", 1)
    visitor = home.visit("--allow", "allowed.example", who=who)
    assert visitor.opens("allowed.example") == [ALLOWED[4]]
    assert visitor.connect(ALLOWED[4], 443)["reached"]
    assert visitor.asks_for("allowed.example", "AAAA") == []
