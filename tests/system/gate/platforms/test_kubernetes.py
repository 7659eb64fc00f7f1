"""A pod's resolv.conf: with ndots:5 the C library tries every name with each search domain first."""

import pytest

from support.behaviours import host
from support.internet import ALLOWED, RESOLVER
from support.outcomes import TRIED_AGAIN, assert_reached

SEARCH = ["agents.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"]
SERVICE = "database.default.svc.cluster.local"


@pytest.fixture(params=["writable", "read-only"])
def container(request, new_container, internet):
    internet.upstream.name("api.example.com", host(ALLOWED))
    internet.upstream.name(SERVICE, host({4: "10.96.7.7"}))
    container = new_container()
    container.write("/etc/resolv.conf", f"search {' '.join(SEARCH)}\nnameserver {RESOLVER[4]}\noptions ndots:5\n")
    if request.param == "read-only":
        container.make_read_only("/etc/resolv.conf")
    container.policy({"allow": ["api.example.com", {"host": SERVICE, "ports": 5432, "private": True}]})
    return container


def test_an_allowed_name_resolves_promptly_and_no_candidate_goes_upstream(internet, container, who):
    agent = container.start_agent(who=who)
    found = agent.look_up("api.example.com")
    assert ALLOWED[4] in found["addresses"] and found["seconds"] < TRIED_AGAIN, found
    assert_reached(agent.connect(ALLOWED[4], 443))
    assert internet.upstream.names() == {"api.example.com", SERVICE}
    for domain in SEARCH:
        container.eventually_audited("deny", kind="name", name=f"api.example.com.{domain}")


def test_a_denied_name_is_denied_promptly_with_every_search_domain(internet, container):
    agent = container.start_agent()
    missed = agent.look_up("unlisted.example.org")
    assert missed["addresses"] == [] and missed["seconds"] < TRIED_AGAIN, missed
    assert not any("unlisted" in name for name in internet.upstream.names())


def test_a_service_resolves_by_its_short_name(container):
    agent = container.start_agent()
    found = agent.look_up("database.default")
    assert found["addresses"] == ["10.96.7.7"] and found["seconds"] < TRIED_AGAIN, found
    assert_reached(agent.connect("10.96.7.7", 5432))
