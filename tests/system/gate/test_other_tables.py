"""Other nftables tables: ostiary does not change them, and they do not open a way around the gate."""

import pytest

from support.agent import code
from support.behaviours import host
from support.internet import ALLOWED, RESOLVER, UNLISTED
from support.outcomes import assert_refused

DOCKER = """
table ip nat {
    chain DOCKER_OUTPUT {
        ip daddr 127.0.0.11 tcp dport 53 counter dnat to 127.0.0.11:41234
        ip daddr 127.0.0.11 udp dport 53 counter dnat to 127.0.0.11:41235
    }
    chain OUTPUT {
        type nat hook output priority -100; policy accept;
        ip daddr 127.0.0.11 counter jump DOCKER_OUTPUT
    }
    chain DOCKER_POSTROUTING {
        ip saddr 127.0.0.11 tcp sport 41234 counter snat to :53
        ip saddr 127.0.0.11 udp sport 41235 counter snat to :53
    }
    chain POSTROUTING {
        type nat hook postrouting priority 100; policy accept;
        ip daddr 127.0.0.11 counter jump DOCKER_POSTROUTING
    }
}
"""
OWN = """
table inet mine {
    set friends {
        type ipv4_addr
        elements = { 203.0.113.66, 203.0.113.67 }
    }
    chain first {
        type filter hook output priority -400; policy accept;
        ip daddr @friends accept
    }
    chain last {
        type filter hook output priority 400; policy accept;
        accept
    }
    chain in {
        type filter hook input priority 0; policy accept;
        tcp dport 9 drop
    }
}
table ip6 mine {
    chain c {
        type filter hook output priority 0; policy accept;
        accept
    }
}
table inet ostiary_not {
    chain ostiary {
        type filter hook output priority 10; policy accept;
    }
}
"""


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


def others(container):
    """All tables except the gate's, with handles and without counters."""
    tables = [line for line in container.tables() if line != "table inet ostiary"]
    return {line: container.nft("--handle", "--stateless", "list", *line.split()) for line in tables}


@pytest.mark.parametrize("tables", [DOCKER, OWN, DOCKER + OWN], ids=["Docker's", "the user's", "both"])
@pytest.mark.parametrize("keep", ["always", "never"])
def test_other_tables_do_not_change(container, who, tables, keep):
    container.nft("-f", "-", stdin=tables)
    before = others(container)
    agent = container.start_agent("--allow", "allowed.example", "--upstream", RESOLVER[6], "--keep-rules", keep, who=who)
    assert agent.resolves("allowed.example")
    assert others(container) == before
    agent.session.close_stdin()
    agent.session.wait()
    assert others(container) == before
    assert bool(container.rules()) == (keep == "always")


def test_another_table_that_accepts_does_not_override_the_gate(internet, container, who, family):
    container.nft("-f", "-", stdin=OWN)
    agent = container.start_agent("--allow", "allowed.example", who=who)
    internet.forget()
    for transport in ("tcp", "udp"):
        assert_refused(agent.connect(UNLISTED[family], 443, transport), internet)


@pytest.fixture
def in_docker(internet, container, who):
    """Docker's embedded resolver at 127.0.0.11, with Docker's rules."""
    container.nft("-f", "-", stdin=DOCKER)
    for port in (41234, 41235):
        internet.upstream.listen(container.link.network, port, "::ffff:127.0.0.11")
    container.write("/etc/resolv.conf", "nameserver 127.0.0.11\noptions ndots:0\n")
    internet.forget()
    return container.start_agent("--allow", "allowed.example", "--allow", "*.allowed.example", who=who)


def test_the_gate_asks_dockers_resolver_with_dockers_rules(internet, in_docker):
    assert in_docker.asks_for("allowed.example") == [ALLOWED[4]]
    assert {query.server for query in internet.upstream.queries} == {"127.0.0.11"}
    assert internet.packets() == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_agents_questions_to_dockers_resolver_go_to_the_gate(internet, in_docker, transport):
    assert in_docker.asks_for("allowed.example", server="127.0.0.11", transport=transport) == [ALLOWED[4]]
    internet.forget()
    assert code(in_docker.asks("unlisted.example", server="127.0.0.11", transport=transport)) == "NXDOMAIN"
    assert internet.upstream.queries == []


@pytest.mark.parametrize("transport, port", [("tcp", 41234), ("udp", 41235)])
def test_the_hidden_port_of_dockers_resolver_is_closed(internet, in_docker, transport, port):
    internet.forget()
    assert not in_docker.connect("127.0.0.11", port, transport)["reached"]
    query = "123401000001000000000000" + "08" + b"unlisted".hex() + "07" + b"example".hex() + "0000010001"
    assert not in_docker.ask(query, "127.0.0.11", port=port, transport=transport, timeout=0.3)["reached"]
    assert internet.upstream.queries == []
