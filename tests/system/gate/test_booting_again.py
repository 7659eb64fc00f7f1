"""A boot after an earlier boot that ended in order, was cut off, or still runs."""

import signal
import time

import pytest

from support.behaviours import addresses, host
from support.internet import ALLOWED, RESOLVER, UNLISTED
from support.outcomes import assert_refused

FLAGS = ["--allow", "allowed.example", "--allow", "10.1.2.0/24:5432", "--allow", "[2001:db8:77::/48]:5432"]


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


def assert_gate_works(internet, container, agent):
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    internet.forget()
    for family in (4, 6):
        assert_refused(agent.connect(UNLISTED[family], 443), internet)
    for family in (4, 6):
        assert agent.resolves("allowed.example", family)
        assert agent.connect(ALLOWED[family], 443)["reached"]


def end_in_order(agent):
    agent.session.close_stdin()
    assert agent.session.wait().status == 0


def kill_the_keeper(agent):
    agent.session.signal(signal.SIGKILL)
    agent.session.wait()


@pytest.mark.parametrize("end", [end_in_order, kill_the_keeper])
@pytest.mark.parametrize("keep", ["always", "never"])
def test_the_second_boot_makes_the_same_rules(internet, container, who, end, keep):
    rules = []
    for _ in range(3):
        agent = container.start_agent(*FLAGS, "--keep-rules", keep, who=who)
        rules.append(container.rules())
        assert_gate_works(internet, container, agent)
        end(agent)
    assert rules[0] and rules == [rules[0]] * 3


def test_the_upstream_is_still_known_after_the_keeper_was_killed(internet, container, who):
    """At that time resolv.conf still points at the gate."""
    kill_the_keeper(container.start_agent(*FLAGS, who=who))
    assert RESOLVER[4] not in [line.partition(" ")[2] for line in container.read("/etc/resolv.conf").splitlines()
                               if line.startswith("nameserver")]
    internet.forget()
    agent = container.start_agent(*FLAGS, who=who)
    assert_gate_works(internet, container, agent)
    end_in_order(agent)
    assert f"nameserver {RESOLVER[4]}\n" in container.read("/etc/resolv.conf")


@pytest.mark.parametrize("leftover", [
    "table inet ostiary {\n}\n",
    "table inet ostiary {\nchain output {\ntype filter hook output priority 0; policy accept;\n}\n}\n",
    "table inet ostiary {\nset allow4 {\ntype ipv4_addr\nelements = { 203.0.113.66 }\n}\n}\n",
    "table inet ostiary {\nchain other {\naccept\n}\nchain output {\njump other\n}\n}\n"],
    ids=["an empty table", "a table that accepts", "a set of another type", "chains that refer to each other"])
def test_remains_of_an_incomplete_boot_are_replaced(internet, container, who, leftover):
    container.nft("-f", "-", stdin=leftover)
    agent = container.start_agent(*FLAGS, who=who)
    assert_gate_works(internet, container, agent)
    assert "chain other" not in container.rules()


@pytest.mark.parametrize("moment", [0.001, 0.003, 0.006, 0.010, 0.015, 0.025, 0.040])
def test_the_boot_after_one_that_was_cut_off_at_any_moment_works(internet, container, who, moment):
    session = container.start_boot("sleep", "9", flags=FLAGS)
    time.sleep(moment)
    session.signal(signal.SIGKILL)
    session.wait()
    assert_gate_works(internet, container, container.start_agent(*FLAGS, who=who))


@pytest.mark.parametrize("scope", ["container", "user"])
def test_a_flow_that_only_an_earlier_boot_allowed_does_not_continue(internet, container, family, scope):
    """A datagram keeps the flow alive, and the second policy does not allow its destination."""
    source = (container.link.address[family], 45100)
    network = f"[{UNLISTED[6]}]" if family == 6 else UNLISTED[4]
    scope = ["--scope", scope]
    first = container.start_agent(*scope, "--allow", f"{network}:443/udp")
    assert first.connect(UNLISTED[family], 443, "udp", source=source)["reached"]
    end_in_order(first)
    second = container.start_agent(*scope)
    internet.forget()
    assert_refused(second.connect(UNLISTED[family], 443, "udp", source=source), internet)


def test_a_boot_with_an_invalid_policy_changes_nothing(container):
    before = container.tables(), container.read("/etc/resolv.conf")
    assert container.boot("touch", "/work/started", flags=["--allow", "not a name"]).status == 78
    assert (container.tables(), container.read("/etc/resolv.conf")) == before
    assert not container.exists("/work/started")


def test_a_name_that_does_not_resolve_gives_a_warning(internet, container, who):
    agent = container.start_agent(*FLAGS, "--allow", "dead.example", who=who)
    agent.session.read_error_until("warning.*dead.example")
    assert_gate_works(internet, container, agent)


def test_duplicate_and_overlapping_rules_work(internet, container, who):
    """Two names with the same address, a record twice, overlapping networks, a rule twice."""
    internet.upstream.name("allowed.example", addresses(ALLOWED[4], ALLOWED[6], ALLOWED[4], ALLOWED[6]))
    internet.upstream.name("same.example", host(ALLOWED))
    agent = container.start_agent(*FLAGS, *FLAGS, "--allow", "same.example:443,443,400-500", "--allow", "10.1.0.0/16:5432",
                                  "--allow", "10.1.2.3:5432/both", who=who)
    assert_gate_works(internet, container, agent)
    assert agent.connect("10.1.2.3", 5432)["reached"] and agent.connect("10.1.2.3", 5432, "udp")["reached"]


def test_a_second_boot_beside_the_first_is_refused_and_changes_nothing(internet, container, who):
    first = container.start_agent(*FLAGS, who=who)
    with_handles = ["-a", "--stateless", "--terse", "list", "table", "inet", "ostiary"]
    rules = container.nft(*with_handles)
    files = {name: container.read(f"/run/ostiary/{name}") for name in ("session", "status.json")}
    for flags in ([], ["--gate", "off"]):
        second = container.boot("touch", "/work/started", flags=flags)
        assert second.status == 69 and not container.exists("/work/started"), second
        assert "ostiary exec -- COMMAND" in second.stderr and second.stderr.count("\n") == 1
    assert container.nft(*with_handles) == rules
    assert {name: container.read(f"/run/ostiary/{name}") for name in files} == files
    assert len(container.audit("boot")) == 1 and not container.audit("tampering")
    assert_gate_works(internet, container, first)


def test_a_boot_that_failed_leaves_the_network_denied(internet, container, family):
    container.policy({"allow": [{"host": "dead.example", "required": True}]})
    assert container.boot("true").status == 69
    stranger = container.start_process_without_gate("root")
    internet.forget()
    assert_refused(stranger.connect(UNLISTED[family], 443), internet)
    assert not stranger.connect(UNLISTED[family], 53, "udp")["reached"]
    assert internet.packets() == []
