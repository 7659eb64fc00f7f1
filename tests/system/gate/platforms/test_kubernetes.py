"""A pod's resolv.conf: ndots:5 has the C library try every name under each search domain first."""

import pytest

from support.behaviours import host
from support.outcomes import TRIED_AGAIN, assert_reached
from support.world import ALLOWED, RESOLVER

SEARCH = ["agents.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"]
SERVICE = "database.default.svc.cluster.local"


@pytest.fixture(params=["writable", "read-only"])
def home(request, fresh_gatehouse, world):
    world.upstream.name("api.example.com", host(ALLOWED))
    world.upstream.name(SERVICE, host({4: "10.96.7.7"}))
    home = fresh_gatehouse()
    home.write("/etc/resolv.conf", f"search {' '.join(SEARCH)}\nnameserver {RESOLVER[4]}\noptions ndots:5\n")
    if request.param == "read-only":
        home.make_read_only("/etc/resolv.conf")
    home.policy({"allow": ["api.example.com", {"host": SERVICE, "ports": 5432, "private": True}]})
    return home


def test_an_allowed_name_is_found_promptly_and_no_candidate_is_passed_on(world, home, who):
    visitor = home.visit(who=who)
    found = visitor.look_up("api.example.com")
    assert ALLOWED[4] in found["addresses"] and found["seconds"] < TRIED_AGAIN, found
    assert_reached(visitor.connect(ALLOWED[4], 443))
    assert world.upstream.names() == {"api.example.com", SERVICE}
    for domain in SEARCH:
        home.eventually_audited("deny", kind="name", name=f"api.example.com.{domain}")


def test_a_denied_name_is_denied_promptly_under_every_domain(world, home):
    visitor = home.visit()
    missed = visitor.look_up("unlisted.example.org")
    assert missed["addresses"] == [] and missed["seconds"] < TRIED_AGAIN, missed
    assert not any("unlisted" in name for name in world.upstream.names())


def test_a_service_is_found_by_its_short_name(home):
    visitor = home.visit()
    found = visitor.look_up("database.default")
    assert found["addresses"] == ["10.96.7.7"] and found["seconds"] < TRIED_AGAIN, found
    assert_reached(visitor.connect("10.96.7.7", 5432))
