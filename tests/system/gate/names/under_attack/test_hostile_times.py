"""Flows that wait for the gate while it dies, while the rules are missing, and beside very many others and other users'."""

import os
import signal
import time

import pytest

from support import hello as tls
from support import processes
from support.hosting import (FREE, MIXED, RESET, SHARED, assert_answered, assert_cut, assert_ended, assert_reset, call, fetch,
                             listening, repaired, send, start)
from support.rootfs import OTHER
from support.scopes import IN_CONTAINER_SCOPE, IN_USER_SCOPE
from support.untracked import UNTRACKED_IPV6
from support.waiting import eventually

POLICY = {"allow": ["allowed.example", "elsewhere.example", "free.example", "mixed.example:443/raw", "web.mixed.example"]}


# The gate dies, the rules are repaired --------------------------------------------------------------

def test_verified_flows_go_on_when_the_gate_is_killed(container, own_container, own_agent, family):
    agent = own_agent
    assert call(agent, "open_verified", "flow", SHARED[family], "allowed.example")["reached"]
    os.kill(before := own_container.gate(agent.session), signal.SIGKILL)
    for _ in range(3):
        assert call(agent, "ask_kept", "flow")["answer"] == "allowed.example"
    own_container.await_another_gate(agent.session, before)
    assert call(agent, "ask_kept", "flow")["answer"] == "allowed.example"


@pytest.mark.parametrize("name", ["allowed.example", "evil.example"])
def test_a_waiting_flow_never_goes_on_after_the_gate_was_killed(internet, own_container, own_agent, name, family):
    agent = own_agent
    assert call(agent, "open_kept", "flow", SHARED[family])["reached"]
    os.kill(before := own_container.gate(agent.session), signal.SIGSTOP)
    assert call(agent, "say_kept", "flow", tls.hello(name))["reached"]
    assert internet.octets() == b""
    os.kill(before, signal.SIGKILL)
    own_container.await_another_gate(agent.session, before)
    assert not call(agent, "hear_kept", "flow", timeout=4)["reached"]
    assert internet.octets() == b""
    assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")


def test_new_flows_are_held_by_the_next_gate_without_a_lookup(internet, own_container, own_agent, family):
    agent = own_agent
    before = own_container.gate(agent.session)
    os.kill(before, signal.SIGKILL)
    assert_answered(fetch(agent, SHARED[family], "allowed.example", timeout=10), "allowed.example")
    own_container.await_another_gate(agent.session, before)
    internet.forget()
    assert_reset(send(agent, SHARED[family], tls.hello("evil.example")))
    assert_reset(send(agent, SHARED[family], b"not TLS"))
    assert internet.octets() == b""
    assert internet.upstream.queries == []


def test_the_next_gate_knows_where_a_flow_may_be_without_tls(internet, own_container, own_agent, family):
    agent = own_agent
    os.kill(before := own_container.gate(agent.session), signal.SIGKILL)
    own_container.await_another_gate(agent.session, before)
    eventually(lambda: send(agent, MIXED[family], b"SSH-2.0-agent\r\n")["reached"], "the gate has resolved its names")


TAMPERING = ["delete table inet ostiary", "flush table inet ostiary", "flush ruleset", "flush chain inet ostiary ask"]


@pytest.mark.parametrize("change", TAMPERING)
def test_flows_are_held_after_a_repair_of_the_rules(internet, own_container, own_agent, change, family):
    agent = own_agent
    assert call(agent, "open_verified", "verified", SHARED[family], "allowed.example")["reached"]
    assert call(agent, "open_kept", "waiting", SHARED[family])["reached"]
    assert call(agent, "open_kept", "half", SHARED[family])["reached"]
    evil = tls.hello("evil.example")
    assert call(agent, "say_kept", "half", evil[:40])["reached"]
    repaired(own_container, agent, change)
    goes_on = call(agent, "ask_kept", "verified")
    assert goes_on.get("answer") == "allowed.example" or goes_on["error"] in RESET, goes_on
    for handle, octets in (("waiting", evil), ("half", evil[40:])):
        call(agent, "say_kept", handle, octets)
        assert_ended(call(agent, "hear_kept", handle))
    assert_reset(send(agent, SHARED[family], evil))
    assert b"evil" in evil[40:] and b"evil" not in internet.octets()
    assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")


def test_a_flow_that_began_while_the_rules_were_missing_is_held(internet, own_container, own_agent, family):
    agent, evil = own_agent, tls.hello("evil.example")

    def begin():
        assert call(agent, "open_kept", "quiet", SHARED[family])["reached"]
        assert call(agent, "open_kept", "half", SHARED[family])["reached"]
        assert call(agent, "say_kept", "half", evil[:40])["reached"]
    repaired(own_container, agent, "delete table inet ostiary", begin)
    for handle, octets in (("quiet", evil), ("half", evil[40:])):
        call(agent, "say_kept", handle, octets)
        assert_ended(call(agent, "hear_kept", handle))
    assert internet.octets() in (b"", evil[:40])  # none if the rules came back before them


# Floods -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("octets", [100, 12000], ids=["little", "much"])
@IN_CONTAINER_SCOPE
def test_five_thousand_half_hellos_do_not_stop_others(internet, own_container, own_agent, octets, family):
    agent, half = own_agent, tls.hello("allowed.example", padding=14000)[:octets]
    gate = own_container.gate(agent.session)
    before = processes.proportional_set_size(gate)
    internet.network.sysctl("core/somaxconn", 8192)
    with listening(internet, FREE[family], backlog=8192):
        opened = call(agent, "half_hellos", FREE[family], 5000, half, patience=60)
        assert opened["answer"] > 4500, opened
        begin = time.monotonic()
        assert agent.asks_for("elsewhere.example")
        assert time.monotonic() - begin < 1
        outcome = fetch(agent, SHARED[family], "allowed.example")
        assert_answered(outcome, "allowed.example")
        assert outcome["seconds"] < 3, outcome
        assert_cut(send(agent, SHARED[family], tls.hello("evil.example")))
        assert own_container.gate(agent.session) == gate
        assert processes.proportional_set_size(gate) < before + 65536, before
        assert own_container.eventually_audited("deny", kind="tls", why="crowded")


@IN_CONTAINER_SCOPE
def test_early_data_that_no_server_answers_does_not_stop_others(internet, own_agent, family):
    agent = own_agent
    internet.network.sysctl("core/somaxconn", 8192)
    early = tls.record(b"x" * 20, tls.APPLICATION_DATA)
    with listening(internet, FREE[family], backlog=8192):
        opened = call(agent, "half_hellos", FREE[family], 1500, tls.hello("free.example"), early, patience=60)
        assert opened["answer"] > 1400, opened
        begin = time.monotonic()
        assert agent.asks_for("elsewhere.example")
        assert time.monotonic() - begin < 1
        assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")


# Neighbours of the check ----------------------------------------------------------------------------

@IN_USER_SCOPE
@pytest.mark.parametrize("uid", [0, OTHER], ids=["root", "another user"])
def test_other_users_of_the_machine_are_not_held(internet, own_container, own_agent, uid, family):
    other = own_container.start_process_beside(own_agent, uid=uid)
    assert_answered(fetch(other, SHARED[family], "evil.example"), "evil.example")
    port = call(own_agent, "open_kept", "refused", SHARED[family])["answer"]
    call(own_agent, "say_kept", "refused", tls.hello("evil.example"))
    assert_cut(call(own_agent, "hear_kept", "refused"))
    call(own_agent, "reset_kept", "refused")
    assert_answered(fetch(other, SHARED[family], "evil.example", source=port), "evil.example")
    assert own_container.audit("deny", kind="tls", name="evil.example")[0]["count"] == 1


def test_a_connection_that_ends_without_a_hello_is_no_denial(own_container, own_agent):
    """Clients try several addresses, and use the first that answers."""
    for address in SHARED.values():
        call(own_agent, "open_kept", "loser", address)
        call(own_agent, "send_and_close", address, [])
        call(own_agent, "reset_kept", "loser")
    time.sleep(11)
    assert [event for event in own_container.audit("deny", kind="tls") if event["address"] in SHARED.values()] == []


def test_an_address_that_a_network_allows_is_not_held_for_a_name(own_container, scope_and_user, family):
    networks = [f"{SHARED[4]}/32:443", f"[{SHARED[6]}]:443"]
    agent = start(own_container, *scope_and_user, {"allow": ["allowed.example", *networks]})
    assert send(agent, SHARED[family], b"any words")["reached"]
    assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")


@IN_CONTAINER_SCOPE
def test_where_ipv6_is_not_tracked_names_are_held_too(internet, own_container, scope_and_user, family):
    own_container.nft("-f", "-", stdin=UNTRACKED_IPV6)
    agent = start(own_container, *scope_and_user, POLICY)
    assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")
    internet.forget()
    assert not send(agent, SHARED[family], tls.hello("evil.example"))["reached"]
    assert internet.octets() == b""
