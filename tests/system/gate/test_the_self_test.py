"""The self-test: before the agent starts, ostiary attacks its own rules without sending a packet
out, and reports the result."""


import pytest

from support import processes
from support.behaviours import host
from support.internet import ALLOWED

MUST_BE_TRIED = ["metadata", "raw", "packet", "vsock", "MPTCP", "io_uring", "mark", "ping", "UDP", "TCP", "IPv6", "rules", "ending the gate",
                 "name at the gate", "name at another server"]


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


def boot(container, who, *flags):
    result = container.boot("true", flags=[*(["--user", "agent"] if who == "agent" else []), *flags])
    assert result.status == 0, result
    return result


def test_the_boot_log_shows_the_result(container, who):
    assert "self-test" in boot(container, who).stderr


def test_the_status_shows_the_result(container, who):
    agent = container.start_agent(who=who)
    status = container.beside(agent.session, "/opt/bin/ostiary", "status")
    assert status.status == 0 and "self-test" in status.stdout.lower().replace("_", "-"), status


def test_each_attempt_is_audited(container, who):
    boot(container, who)
    probes = {event["probe"]: event["outcome"] for event in container.audit("probe")}
    assert len(probes) > 10 and set(probes.values()) <= {"held", "not_tried"}
    assert [word for word in MUST_BE_TRIED if not any(word.lower() in probe.lower() for probe in probes)] == []


def test_no_packet_of_the_self_test_leaves(internet, container, who):
    boot(container, who)
    assert internet.packets() == []


def test_only_the_plans_names_are_sent(internet, container, who):
    boot(container, who, "--allow", "allowed.example")
    assert internet.stray_packets() == []
    assert internet.upstream.names() == {"allowed.example"}


def test_its_attempts_are_not_audited_as_the_agents(container, who):
    boot(container, who)
    assert [event for event in container.audit("deny") if event.get("uid") not in (None, 0, 1000)] == []


def test_the_self_test_leaves_no_process_and_no_admission(container, who):
    agent = container.start_agent(who=who)
    assert len(processes.children(agent.session.program)) == 2
    assert container.admitted() == set()


@pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])
def test_one_way_out_ends_the_boot(internet, container, who, family):
    """Here a policy that allows everything: the self-test gets out by a way that the policy does
    not exempt."""
    network = "0.0.0.0/1" if family == 4 else "[2000::/3]"
    result = container.boot("true", flags=["--allow", f"{network}:1-65535/both"])
    assert result.status in (0, 69), result
    assert internet.packets() == []


FIREWALL = """*filter
:INPUT ACCEPT [0:0]
:OUTPUT DROP [0:0]
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A OUTPUT -p udp --dport 53 -j ACCEPT
-A OUTPUT -p tcp --dport 443 -d 198.51.100.0/24 -j ACCEPT
COMMIT
"""


def test_a_users_firewall_that_drops_does_not_end_the_boot(internet, container, who):
    container.link.network.command("iptables-restore", stdin=FIREWALL)
    result = boot(container, who)
    assert "dropped by other rules" in result.stderr
    details = {event["probe"]: (event["outcome"], event.get("detail", "")) for event in container.audit("probe")}
    outcome, detail = details["TCP to an unlisted IPv4 address"]
    assert outcome == "held" and "other rules dropped it" in detail
    assert container.tables() == ["table ip filter", "table inet ostiary"]
    assert internet.packets() == []


@pytest.mark.parametrize("chain", ["output priority 500; ip daddr 192.0.2.0/24 drop",
                                   "postrouting priority 500; ip daddr 192.0.2.0/24 drop",
                                   "output priority -300; oifname eth0 drop"])
def test_users_rules_that_drop_in_any_chain_do_not_end_the_boot(internet, container, who, chain):
    container.nft("-f", "-", stdin=f"table inet mine {{\n chain c {{\n type filter hook {chain}\n }}\n}}\n")
    boot(container, who)
    assert internet.packets() == []


def test_another_tables_earlier_redirect_gets_no_question_out(internet, container, who):
    """Another table redirects DNS before the gate's table can. The question is lost instead of
    leaking."""
    container.nft("-f", "-", stdin="""table ip thief {
    chain c {
        type nat hook output priority -150; policy accept;
        udp dport 53 dnat to 203.0.113.66:9999
        tcp dport 53 dnat to 203.0.113.66:9999
    }
}
""")
    flags = ["--user", "agent"] if who == "agent" else []
    result = container.boot("bash", "-c", "getent hosts unlisted.example; echo x > /dev/udp/8.8.8.8/53", flags=flags)
    assert result.status != 0
    assert internet.packets() == []
