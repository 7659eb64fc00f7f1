"""Boots that follow boots: orderly ended, cut off half-way, or still running."""

import signal
import time

import pytest

from support.behaviours import addresses, host
from support.outcomes import assert_refused
from support.waiting import eventually
from support.world import ALLOWED, RESOLVER, UNLISTED

FLAGS = ["--allow", "allowed.example", "--allow", "10.1.2.0/24:5432", "--allow", "[2001:db8:77::/48]:5432"]


@pytest.fixture
def home(fresh_gatehouse, world):
    world.upstream.name("allowed.example", host(ALLOWED))
    return fresh_gatehouse()


def assert_in_order(world, home, visitor):
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    world.forget()
    for family in (4, 6):
        assert_refused(visitor.connect(UNLISTED[family], 443), world)
    for family in (4, 6):
        assert visitor.opens("allowed.example", family)
        assert visitor.connect(ALLOWED[family], 443)["reached"]


def leave_orderly(visitor):
    visitor.session.close_stdin()
    assert visitor.session.wait().status == 0


def kill_the_keeper(visitor):
    visitor.session.signal(signal.SIGKILL)
    visitor.session.wait()


@pytest.mark.parametrize("end", [leave_orderly, kill_the_keeper])
@pytest.mark.parametrize("keep", ["always", "never"])
def test_the_second_boot_comes_to_the_same_rules(world, home, who, end, keep):
    rules = []
    for _ in range(3):
        visitor = home.visit(*FLAGS, "--keep-rules", keep, who=who)
        rules.append(home.rules())
        assert_in_order(world, home, visitor)
        end(visitor)
    assert rules[0] and rules == [rules[0]] * 3


def test_after_a_keeper_that_was_killed_the_resolver_is_still_known(world, home, who):
    """resolv.conf then still points at the gate."""
    kill_the_keeper(home.visit(*FLAGS, who=who))
    assert RESOLVER[4] not in [line.partition(" ")[2] for line in home.read("/etc/resolv.conf").splitlines()
                               if line.startswith("nameserver")]
    world.forget()
    visitor = home.visit(*FLAGS, who=who)
    assert_in_order(world, home, visitor)
    leave_orderly(visitor)
    assert f"nameserver {RESOLVER[4]}\n" in home.read("/etc/resolv.conf")


@pytest.mark.parametrize("leftover", [
    "table inet ostiary {\n}\n",
    "table inet ostiary {\nchain output {\ntype filter hook output priority 0; policy accept;\n}\n}\n",
    "table inet ostiary {\nset allow4 {\ntype ipv4_addr\nelements = { 203.0.113.66 }\n}\n}\n",
    "table inet ostiary {\nchain other {\naccept\n}\nchain output {\njump other\n}\n}\n"],
    ids=["an empty table", "a table that accepts", "a set of another type", "chains that refer to each other"])
def test_what_a_half_finished_boot_left_is_replaced(world, home, who, leftover):
    home.nft("-f", "-", stdin=leftover)
    visitor = home.visit(*FLAGS, who=who)
    assert_in_order(world, home, visitor)
    assert "chain other" not in home.rules()


@pytest.mark.parametrize("moment", [0.001, 0.003, 0.006, 0.010, 0.015, 0.025, 0.040])
def test_a_boot_cut_off_at_any_moment_is_followed_by_one_in_order(world, home, who, moment):
    session = home.start_boot("sleep", "9", flags=FLAGS)
    time.sleep(moment)
    session.signal(signal.SIGKILL)
    session.wait()
    assert_in_order(world, home, home.visit(*FLAGS, who=who))


@pytest.mark.parametrize("scope", ["container", "user"])
def test_a_flow_that_an_earlier_boot_allowed_does_not_go_on(world, home, family, scope):
    """A datagram refreshes the flow, and the second policy does not name its destination."""
    source = (home.cable.address[family], 45100)
    network = f"[{UNLISTED[6]}]" if family == 6 else UNLISTED[4]
    scope = ["--scope", scope]
    first = home.visit(*scope, "--allow", f"{network}:443/udp")
    assert first.connect(UNLISTED[family], 443, "udp", source=source)["reached"]
    leave_orderly(first)
    second = home.visit(*scope)
    world.forget()
    assert_refused(second.connect(UNLISTED[family], 443, "udp", source=source), world)


def test_a_policy_that_is_wrong_changes_nothing(home):
    before = home.tables(), home.read("/etc/resolv.conf")
    assert home.boot("touch", "/work/started", flags=["--allow", "not a name"]).status == 78
    assert (home.tables(), home.read("/etc/resolv.conf")) == before
    assert not home.exists("/work/started")


def test_a_name_that_does_not_resolve_is_a_warning(world, home, who):
    visitor = home.visit(*FLAGS, "--allow", "dead.example", who=who)
    visitor.session.read_error_until("warning.*dead.example")
    assert_in_order(world, home, visitor)


def test_one_address_twice_is_no_trouble(world, home, who):
    """Two names, the same record twice, networks that overlap, a rule said twice."""
    world.upstream.name("allowed.example", addresses(ALLOWED[4], ALLOWED[6], ALLOWED[4], ALLOWED[6]))
    world.upstream.name("same.example", host(ALLOWED))
    visitor = home.visit(*FLAGS, *FLAGS, "--allow", "same.example:443,443,400-500", "--allow", "10.1.0.0/16:5432",
                         "--allow", "10.1.2.3:5432/both", who=who)
    assert_in_order(world, home, visitor)
    assert visitor.connect("10.1.2.3", 5432)["reached"] and visitor.connect("10.1.2.3", 5432, "udp")["reached"]


def test_a_second_boot_beside_the_first_is_refused_and_touches_nothing(world, home, who):
    first = home.visit(*FLAGS, who=who)
    with_handles = ["-a", "--stateless", "--terse", "list", "table", "inet", "ostiary"]
    rules = home.nft(*with_handles)
    files = {name: home.read(f"/run/ostiary/{name}") for name in ("session", "status.json")}
    for flags in ([], ["--gate", "off"]):
        second = home.boot("touch", "/work/started", flags=flags)
        assert second.status == 69 and not home.exists("/work/started"), second
        assert "ostiary exec -- COMMAND" in second.stderr and second.stderr.count("\n") == 1
    assert home.nft(*with_handles) == rules
    assert {name: home.read(f"/run/ostiary/{name}") for name in files} == files
    assert len(home.audit("boot")) == 1 and not home.audit("tampering")
    assert_in_order(world, home, first)


def test_a_boot_that_failed_leaves_the_network_denied(world, home, family):
    home.policy({"allow": [{"host": "dead.example", "required": True}]})
    assert home.boot("true").status == 69
    stranger = home.visit_without_gate("root")
    world.forget()
    assert_refused(stranger.connect(UNLISTED[family], 443), world)
    assert not stranger.connect(UNLISTED[family], 53, "udp")["reached"]
    assert world.packets() == []
