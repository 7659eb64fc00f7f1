"""The ruleset in the plan is the one that a boot with the same settings loads.

nft loads the plan's ruleset into another network. Then the kernel's listings of both tables are
compared."""

import json

import pytest

from support.behaviours import host
from support.internet import ALLOWED
from support.network import NetworkNamespace
from support.rootfs import AGENT

FLAGS = ["--allow", "allowed.example", "--allow", "10.1.2.0/24:5432", "--allow", "[2001:db8:7::/48]:9000-9010/udp",
         "--allow-inbound", "8080", "--allow-inbound", "192.0.2.0/24:9/udp"]
FILLED_AT_RUN_TIME = {"allow4", "allow6", "routes4", "uplinks4"}
OF_PORT_53 = {"untrack", "direct"}
NOTES = {"ended", "joined", f"user_{AGENT}"}


@pytest.fixture(params=[("container", "agent"), ("container", "root"), ("user", "agent")], ids=" ".join)
def flags(request):
    scope, who = request.param
    return [*FLAGS, "--scope", scope, "--user", who]


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


def table(nft):
    """The chains, sets and rules of the table as the kernel has them, without handles and counters."""
    listing = json.loads(nft("--json", "--numeric", "--stateless", "list", "table", "inet", "ostiary"))["nftables"]
    found = []
    for entry in listing:
        (kind, content), = entry.items()
        if kind in ("metainfo", "table") or kind == "chain" and content["name"] in NOTES:
            continue
        del content["handle"]
        if kind == "set" and content["name"] in FILLED_AT_RUN_TIME:
            content.pop("elem", None)
        found.append((kind, content))
    return found


def loaded_by_nft(ruleset):
    network = NetworkNamespace()
    try:
        network.command("nft", "-j", "-f", "-", stdin=json.dumps(ruleset))
        return table(lambda *words: network.command("nft", *words))
    finally:
        network.close()


def is_for_port_53(kind, content):
    return kind == "rule" and content["chain"] in OF_PORT_53


def test_the_boot_loads_the_ruleset_of_the_plan(container, flags):
    planned = loaded_by_nft(container.plan("--no-derive", *flags, "--", "true")["ruleset"])
    agent = container.start_agent(*flags, who="root")
    assert agent.run("true")["status"] == 0
    booted = table(container.nft)
    assert len(planned) > 60 and {kind for kind, _ in planned} == {"chain", "set", "rule"}
    assert planned == [each for each in booted if not is_for_port_53(*each)]
    assert not any(is_for_port_53(*each) for each in planned)


def test_another_setting_makes_another_ruleset(container, flags):
    """The comparison would fail if the boot loaded something else."""
    rulesets = [loaded_by_nft(container.plan("--no-derive", *more, *flags)["ruleset"])
                for more in ([], ["--allow", "10.1.3.0/24:5432"], ["--allow", "name.example"])]
    assert rulesets[0] != rulesets[1] and rulesets[0] == rulesets[2]


def test_the_ruleset_needs_no_privilege_to_be_shown(container, flags):
    arguments = ["--no-derive", *flags, "--", "true"]
    ruleset = container.plan(*arguments)["ruleset"]
    assert ruleset is not None and container.plan(*arguments, uid=AGENT)["ruleset"] == ruleset
