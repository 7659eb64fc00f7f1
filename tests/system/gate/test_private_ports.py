"""`private` allows private addresses for the ports of its own rule, not for all rules of the name."""

import os
import signal

import pytest

from support.agent import code
from support.behaviours import addresses
from support.internet import ALLOWED, METADATA
from support.outcomes import assert_refused

NEIGHBOUR = {4: "10.77.0.3", 6: "fd77::3"}
COLLECTOR = "collector.corp.example"
LED_ASTRAY = "metadata.corp.example"
BY_WORD = "any.private.example"


@pytest.fixture(scope="module")
def container(shared_container, internet, who):
    internet.upstream.name(COLLECTOR, addresses(*NEIGHBOUR.values(), *ALLOWED.values()))
    internet.upstream.name(LED_ASTRAY, addresses(*METADATA.values()))
    internet.upstream.name(BY_WORD, addresses(*METADATA.values(), *NEIGHBOUR.values()))
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    container.policy({"allow": ["*.corp.example:80,443", {"host": "*.private.example", "private": True},
                                {"host": LED_ASTRAY, "ports": [4318], "private": True},
                                "169.254.0.0/16:80", "[fd00:ec2::/32]:80", f"{METADATA[4]}:8080", f"[{METADATA[6]}]:8080"]})
    return container.start_agent(env={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:4318"}, who=who)


@pytest.fixture(params=["first gate", "next gate"])
def gate(request, container, agent):
    if request.param == "next gate":
        before = container.gate(agent.session)
        os.kill(before, signal.SIGKILL)
        container.await_another_gate(agent.session, before)


def kind(family):
    return "A" if family == 4 else "AAAA"


def test_a_private_address_can_be_reached_on_the_ports_of_the_rule_with_private(internet, agent, gate, family):
    assert set(agent.asks_for(COLLECTOR, kind(family))) == {NEIGHBOUR[family], ALLOWED[family]}
    assert agent.connect(NEIGHBOUR[family], 4318)["reached"]
    for port in (80, 443):
        internet.forget()
        assert_refused(agent.connect(NEIGHBOUR[family], port), internet)


def test_a_public_address_of_that_name_can_be_reached_on_all_its_ports(agent, gate, family):
    agent.asks_for(COLLECTOR, kind(family))
    assert all(agent.connect(ALLOWED[family], port)["reached"] for port in (80, 443, 4318))


def test_no_name_resolves_to_a_metadata_service_with_any_rule(internet, container, agent, gate, family):
    reply = agent.asks(LED_ASTRAY, kind(family))
    assert code(reply) == "NOERROR" and not reply.answer
    assert agent.asks_for(BY_WORD, kind(family)) == [NEIGHBOUR[family]]
    assert METADATA[family] not in container.admitted_addresses()
    for port in (80, 443, 4318):
        internet.forget()
        assert_refused(agent.connect(METADATA[family], port), internet)


def test_an_allowed_network_does_not_include_its_metadata_service(internet, agent, family):
    beside = {4: "169.254.169.252", 6: "fd00:ec2::252"}[family]
    assert agent.connect(beside, 80)["reached"]
    internet.forget()
    assert_refused(agent.connect(METADATA[family], 80), internet)


def test_a_rule_for_the_address_itself_allows_the_metadata_service(agent, family):
    assert agent.connect(METADATA[family], 8080)["reached"]
