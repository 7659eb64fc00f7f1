"""--allow-inbound if the kernel does not track connections: the service answers, and the agent
cannot begin a flow from its port."""

import json

import pytest

from support.internet import UNLISTED
from support.outcomes import assert_refused

ANYWHERE, FROM_A_NETWORK, RANGE = 2222, 2223, 2224
FLAGS = ["--allow-inbound", str(ANYWHERE), "--allow-inbound", f"[2001:db8:ffff::/48]:{FROM_A_NETWORK}",
         "--allow-inbound", f"203.0.113.0/24:{RANGE}"]
NO_TRACKING = """table inet untracked {{
    chain out {{ type filter hook output priority raw; tcp sport {{ {ports} }} notrack; }}
    chain in {{ type filter hook prerouting priority raw; tcp dport {{ {ports} }} notrack; }}
}}
"""

@pytest.fixture(scope="module")
def container(shared_container, who):
    container = shared_container()
    container.nft("-f", "-", stdin=NO_TRACKING.format(ports=f"{ANYWHERE}, {FROM_A_NETWORK}, {RANGE}"))
    return container


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent(*FLAGS, who=who)


def test_an_allowed_service_answers_without_tracking(internet, container, agent, family):
    assert container.connect_from_outside(agent, ANYWHERE, family) == b"hello"


@pytest.mark.parametrize("port, family", [(FROM_A_NETWORK, 6), (FROM_A_NETWORK, 4), (RANGE, 4), (RANGE, 6)])
def test_clients_of_other_networks_get_no_answer(internet, container, agent, port, family):
    with pytest.raises(OSError):
        container.connect_from_outside(agent, port, family)


def test_the_agent_cannot_begin_a_connection_from_that_port(internet, container, agent, family):
    source = (container.link.address[family], ANYWHERE)
    for port in (443, ANYWHERE):
        assert_refused(agent.connect(UNLISTED[family], port, "tcp", source=source), internet)


def test_the_agent_cannot_send_data_in_a_syn_from_that_port(internet, container, agent, family):
    outcome = agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(({container.link.address[family]!r}, {ANYWHERE}))
s.settimeout(0.3)
s.sendto(b"out", 0x20000000, ({UNLISTED[family]!r}, 443))
s.recv(1)""")
    assert not outcome["reached"] and internet.packets() == [], outcome


def test_the_agent_cannot_send_a_datagram_from_that_port(internet, container, agent, family):
    source = (container.link.address[family], ANYWHERE)
    assert_refused(agent.connect(UNLISTED[family], 443, "udp", source=source), internet)


def test_the_plan_shows_inbound_rules(container):
    plan = container.plan(*FLAGS)
    assert [(each["network"], each["ports"]) for each in plan["inbound"]] == [
        ("0.0.0.0/0", "2222"), ("::/0", "2222"), ("2001:db8:ffff::/48", "2223"), ("203.0.113.0/24", "2224")]
    assert "  accepts      flows from 2001:db8:ffff::/48 to port 2223/tcp   (--allow-inbound)\n" in container.run("plan", *FLAGS).stdout


def test_the_policy_file_and_the_variable_allow_inbound_too(container):
    container.policy({"allow_inbound": "22,[fdaa::/16]:2222"})
    assert len(container.plan()["inbound"]) == 3
    assert len(container.plan(env={"OSTIARY_ALLOW_INBOUND": "10.0.0.0/8:22"})["inbound"]) == 1
    container.policy({})


@pytest.mark.parametrize("entry", ["ssh", "0", "65536", "10.0.0.0/8", "[fdaa::/16]", "example.com:22", "[fdaa::/16]:22,2222",
                                   "fdaa::1:22", "22/sctp", "22/", "22/udp/tcp", "10.0.0.0/8:22/sctp", "/udp", "[fdaa::/16]:22,2222/udp", "10.0.0.0/33:22", "25-22", "[fdaa::/16]:",
                                   "http://10.0.0.1:22", "preset:github"])
def test_an_invalid_inbound_entry_is_refused_in_one_line(container, entry):
    result = container.run("plan", "--allow-inbound", entry)
    assert result.status == 78 and len(result.stderr.splitlines()) == 1, result
    assert "--allow-inbound" in result.stderr


def test_the_status_shows_the_open_ports_and_whether_the_boot_runs(new_container):
    container = new_container()
    agent = container.start_agent("--allow-inbound", "3000,10.1.0.0/16:8000-8099/udp")
    status = json.loads(container.beside(agent.session, "/opt/bin/ostiary", "status").stdout)
    assert status["inbound"] == ["0.0.0.0/0:3000/tcp", "[::/0]:3000/tcp", "10.1.0.0/16:8000-8099/udp"]
    assert status["running"] is True
    agent.session.close_stdin()
    agent.session.wait()
    assert json.loads(container.run("status").stdout)["running"] is False
