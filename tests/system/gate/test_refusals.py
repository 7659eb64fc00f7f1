"""If the gate cannot start, nothing starts. One line says why, and what to do."""

import os
import re
import socket

import pytest

from support.behaviours import addresses, host, silence_for_ever
from support.capabilities import without_capability
from support.internet import ALLOWED
from support.namespaces import CLONE_NEWNET, call
from support.telemetry import COLLECTOR

CLONE_NEWUSER = 0x10000000


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    internet.upstream.name("silent.example", silence_for_ever)
    return new_container()


def refused(container, status, *flags, **how):
    """The last line; earlier lines report on the boot."""
    result = container.boot("touch", "/work/started", flags=flags, **how)
    assert result.status == status and not container.exists("/work/started"), result
    assert result.stdout == ""
    return result.stderr.splitlines()[-1]


def test_without_the_capability_the_error_names_the_flag_that_adds_it(container):
    line = refused(container, 77, prepare=without_capability("NET_ADMIN"))
    assert "--cap-add=NET_ADMIN" in line
    assert container.tables() == []


@pytest.mark.parametrize("capability", ["SETUID", "SETGID", "SETPCAP"])
def test_a_gate_that_cannot_be_confined_names_the_missing_capability_once(container, capability):
    result = container.boot("touch", "/work/started", flags=["--user", "agent"], prepare=without_capability(capability))
    assert result.status == 77 and not container.exists("/work/started"), result
    error, = [line for line in result.stderr.splitlines() if "error" in line]
    assert f"CAP_{capability}" in error


@pytest.mark.parametrize("how", [{"command": "no-such-command"}, {"flags": ["--workdir", "/no/such"]},
                                 {"flags": ["--auth-hook", "/no/such"]}], ids=["program", "workdir", "hook"])
def test_a_missing_program_is_reported_before_the_network_changes(container, how):
    result = container.boot(how.get("command", "true"), flags=how.get("flags", ()))
    assert result.status in (66, 78, 127), result
    assert container.tables() == []


def test_an_unprivileged_user_gets_an_error(container):
    assert container.boot("touch", "/work/started", uid=1000).status == 77
    assert not container.exists("/work/started")


@pytest.mark.parametrize("kind, address", [("SOCK_DGRAM", "127.0.0.1"), ("SOCK_STREAM", "127.0.0.1"),
                                           ("SOCK_DGRAM", "::1"), ("SOCK_STREAM", "::1"), ("SOCK_DGRAM", "::")])
def test_the_error_names_a_port_that_is_in_use(container, kind, address):
    assert container.boot("true").status == 0
    port = int(re.search(r"redirect to :(\d+)", container.rules())[1])
    with container.link.network.entered():
        taker = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, getattr(socket, kind))
    with taker:
        taker.bind((address, port))
        if kind == "SOCK_STREAM":
            taker.listen()
        assert str(port) in refused(container, 69)


def test_another_resolver_at_port_53_does_not_matter(internet, container):
    """Such as dnsmasq or systemd-resolved: the gate gets the questions first."""
    with container.link.network.entered():
        takers = [socket.socket(socket.AF_INET6, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
    for taker in takers:
        taker.bind(("::", 53))
    takers[1].listen()
    agent = container.start_agent("--allow", "allowed.example")
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    for taker in takers:
        taker.close()


@pytest.fixture
def in_the_machines_network():
    """In the machine's own network and a new user namespace, so that even an error in the test
    cannot change that network."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def enter():
        call("setns", own, CLONE_NEWNET)
        call("unshare", CLONE_NEWUSER)
        for file, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
            with open(f"/proc/self/{file}", "w") as mapping:
                mapping.write(text)
    yield enter
    os.close(own)


def test_the_machines_own_network_needs_in_place(container, in_the_machines_network):
    line = refused(container, 69, prepare=in_the_machines_network)
    assert "--in-place" in line and ("container" in line or "namespace" in line)


def test_with_scope_user_the_machines_own_network_is_not_refused(container, in_the_machines_network):
    """It is refused for another reason here: no permission for rules in that network."""
    line = refused(container, 77, "--scope", "user", "--user", "nobody", prepare=in_the_machines_network)
    assert "--cap-add=NET_ADMIN" in line


def test_a_required_host_that_does_not_resolve_ends_the_boot(container):
    for host_name in ("dead.example", "silent.example"):
        container.policy({"allow": [{"host": host_name, "required": True}]})
        assert host_name in refused(container, 69, "--resolve-timeout", "1")


def test_a_required_host_with_a_private_address_ends_the_boot(internet, container):
    internet.upstream.name("inside.example", addresses("10.1.2.3"))
    container.policy({"allow": [{"host": "inside.example", "required": True}]})
    assert "inside.example" in refused(container, 69)


def test_a_required_host_that_resolves_boots(container):
    container.policy({"allow": [{"host": "allowed.example", "required": True}]})
    assert container.boot("true").status == 0


def test_required_telemetry_that_does_not_resolve_ends_the_boot(container):
    env = COLLECTOR | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://dead.example:4318"}
    result = container.run("run", "--require-telemetry", "--resolve-timeout", "1", "--", "touch", "/work/started", env=env)
    assert result.status == 69 and not container.exists("/work/started"), result
    assert "dead.example" in result.stderr.splitlines()[-1]


def test_telemetry_that_is_not_required_and_does_not_resolve_gives_a_warning(container):
    env = COLLECTOR | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://dead.example:4318"}
    result = container.run("run", "--resolve-timeout", "1", "--", "true", env=env)
    assert result.status == 0, result
    assert [line for line in result.stderr.splitlines() if "warning" in line and "dead.example" in line]


def test_the_error_says_if_there_is_no_resolver(container):
    container.write("/etc/resolv.conf", "# nothing\n")
    line = refused(container, 78)
    assert "/etc/resolv.conf" in line and "--upstream" in line


@pytest.mark.parametrize("server", ["not-an-address", "192.0.2.53:99999", "resolver.example", "192.0.2.53,x"])
def test_the_error_names_an_invalid_upstream(container, server):
    assert "--upstream" in refused(container, 78, "--upstream", server)


@pytest.mark.parametrize("flags", [["--hold", "0"], ["--hold", "soon"], ["--resolve-timeout=-1"],
                                   ["--keep-rules", "perhaps"], ["--gate", "maybe"]])
def test_the_error_names_a_setting_out_of_range(container, flags):
    assert refused(container, 78, *flags)


def test_with_the_gate_off_the_network_does_not_change(container):
    result = container.boot("true", flags=["--gate", "off"], prepare=without_capability("NET_ADMIN"))
    assert result.status == 0, result
    assert container.tables() == []


def test_a_kernel_without_ipv6_boots(internet, container, who):
    container.link.network.sysctl("ipv6/conf/all/disable_ipv6", 1)
    agent = container.start_agent("--allow", "allowed.example", who=who)
    assert agent.resolves("allowed.example") == [ALLOWED[4]]
    assert agent.connect(ALLOWED[4], 443)["reached"]
    assert agent.asks_for("allowed.example", "AAAA") == []
