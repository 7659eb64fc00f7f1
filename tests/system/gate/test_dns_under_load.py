"""Questions of the agent, of the gate and of other users leave from ports of the same address.
None is mistaken for another's. For a longer run: scripts/soak --dns-load."""

import time

import pytest

from support import dns_load
from support.behaviours import host
from support.internet import ALLOWED, RESOLVER, UNLISTED
from support.rootfs import OTHER

SECONDS = 10
MANY_PORTS = 4000
ON_THIS_HOST = "127.0.0.53"


@pytest.fixture(params=list(dns_load.FLAGS))
def scope(request):
    return request.param


@pytest.fixture
def container(new_container):
    return new_container()


def test_no_lookup_at_the_upstreams_address_is_lost(internet, container, scope, family):
    agent = dns_load.start_agent(container, internet, scope, RESOLVER[family])
    result = dns_load.look_up(container, agent, RESOLVER[family], SECONDS)
    assert dns_load.holds(result), result


def test_dns_works_after_a_question_from_every_port(internet, container, family):
    agent = dns_load.start_agent(container, internet, "container", RESOLVER[family])
    asked = agent.ask_from_every_port("n0.load.example", container.link.address[family], RESOLVER[family], patience=60)
    result = dns_load.look_up(container, agent, RESOLVER[family], 3)
    assert asked > 20000 and dns_load.holds(result), result


def test_with_scope_user_dns_works_again_when_the_agents_flows_expire(internet, container, family):
    """The rules bound the number of a user's flows. A flow of a question lasts 30 s, here 3 s."""
    container.link.network.sysctl("netfilter/nf_conntrack_udp_timeout", 3)
    agent = dns_load.start_agent(container, internet, "user", RESOLVER[family])
    agent.ask_from_every_port("n0.load.example", container.link.address[family], RESOLVER[family], patience=60)
    time.sleep(3.5)
    result = dns_load.look_up(container, agent, RESOLVER[family], 3)
    assert dns_load.holds(result), result


@pytest.mark.parametrize("where", ["outside", "on this host"])
def test_another_users_lookups_are_answered_by_their_own_resolver(internet, container, where):
    server = RESOLVER[4] if where == "outside" else ON_THIS_HOST
    if where != "outside":
        internet.upstream.listen(container.link.network, address=f"::ffff:{ON_THIS_HOST}")
        container.write("/etc/resolv.conf", f"nameserver {ON_THIS_HOST}\n")
    internet.upstream.name("unlisted.example", host(UNLISTED))
    internet.upstream.name("allowed.example", host(ALLOWED))
    agent = container.start_agent("--scope", "user", "--allow", "allowed.example")
    bystander = container.start_process_beside(agent, uid=OTHER)
    source = container.link.address[4] if where == "outside" else "127.0.0.1"
    assert agent.ask_from_every_port("allowed.example", source, server, patience=60) > MANY_PORTS
    reported = [bystander.asks_for("unlisted.example", server=server) for _ in range(40)]
    assert reported == [[UNLISTED[4]]] * 40
