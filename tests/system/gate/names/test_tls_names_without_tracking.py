"""Names on shared addresses where the kernel does not track IPv6 connections: two sets are in the place of marks."""

import pytest

from support import hello as tls
from support.hosting import SHARED, assert_answered, assert_reset, fetch, send
from support.untracked import UNTRACKED_IPV6


POLICY = {"allow": ["allowed.example"]}


@pytest.fixture(scope="module", params=[("container", "agent"), ("container", "root")], ids=" ".join)
def scope_and_user(request):
    """User scope needs tracking."""
    return request.param


@pytest.fixture(scope="module")
def container(shared_container, scope_and_user):
    made = shared_container(check_names="on")
    made.nft("-f", "-", stdin=UNTRACKED_IPV6)
    return made


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_an_allowed_name_is_answered(internet, agent, version, family):
    assert_answered(fetch(agent, SHARED[family], "allowed.example", version=version), "allowed.example")


def test_another_name_gets_a_reset(internet, agent, family):
    assert_reset(send(agent, SHARED[family], tls.hello("evil.example")))
    assert internet.octets() == b""


def test_a_flow_that_was_opened_goes_on_and_a_new_one_with_its_ports_begins_anew(agent, family):
    port = 47000
    assert_answered(fetch(agent, SHARED[family], "allowed.example", source=port, ending="reset"), "allowed.example")
    assert_reset(send(agent, SHARED[family], tls.hello("evil.example"), source=port))


def test_the_self_test_sent_hellos_over_both_families(container, agent):
    held = [line["probe"] for line in container.audit("probe") if line["outcome"] == "held"]
    for family in ("IPv4", "IPv6"):
        assert f"an unlisted name in TLS's second hello, {family}" in held
