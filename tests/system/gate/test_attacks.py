"""Attacks of docs/attacks.md that no other file tries. The agent makes each attack, and the test
looks at the wire."""

import itertools
import os
import signal
import socket

import pytest

from support.agent import GATE, code
from support.behaviours import addresses, host
from support.internet import ALLOWED, ANOTHER, METADATA, PRIVATE, RESOLVER, UNLISTED
from support.outcomes import assert_reached, assert_refused
from support.waiting import eventually
from test_destinations import LITERALS
from test_forged_packets import header

HOOK, RELAY_PORT = "/opt/bin/hook", 7200
RELAY = f"""
import socket
listener = socket.create_server(("127.0.0.1", {RELAY_PORT}))
while True:
    peer, _ = listener.accept()
    try:
        with socket.create_connection((peer.recv(100).decode(), 443), 0.5) as out:
            out.sendall(b"secret")
        peer.sendall(b"sent")
    except OSError as error:
        peer.sendall(type(error).__name__.encode())
    peer.close()
"""


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


def start_agent(container, scope_and_user, *flags, **how):
    scope, who = scope_and_user
    return container.start_agent("--scope", scope, *flags, who=who, **how)


# Destinations -------------------------------------------------------------------------------------

def as_booted(container, agent, again):
    return agent


def after_the_next_gate(container, agent, again):
    os.kill(container.gate(agent.session), signal.SIGKILL)
    container.eventually_audited("gate_restarted")
    return agent


def after_a_repair(container, agent, again):
    rules = container.rules()
    container.nft("flush", "ruleset")
    container.eventually_audited("tampering", response="repaired")
    eventually(lambda: container.rules() == rules, "the rules are back")
    return agent


def after_a_second_boot(container, agent, again):
    agent.session.close_stdin()
    agent.session.wait()
    return again()


def by_every_protocol(family, address):
    """UDP, UDP-Lite, SCTP and ping. The payload is an echo request, which the other protocols do
    not interpret."""
    ping, echo = (socket.IPPROTO_ICMP, 8) if family == 4 else (socket.IPPROTO_ICMPV6, 128)
    return f"""
where = socket.getaddrinfo({address!r}, 5353)[0][4]
for kind, protocol in ((2, 17), (2, 136), (1, 132), (2, {ping})):
    try:
        with socket.socket(socket.AF_INET{'6' if family == 6 else ''}, kind, protocol) as s:
            s.sendto(bytes([{echo}, 0, 0, 0, 0, 1, 0, 1]) + b"secret", where)
    except OSError:
        pass"""


@pytest.mark.parametrize("state", [as_booted, after_the_next_gate, after_a_repair, after_a_second_boot])
def test_no_destination_opens_after_a_restart_or_repair(internet, container, scope_and_user, state, family):
    container.link.network.sysctl("ipv4/ping_group_range", "0 2147483647")
    again = lambda: start_agent(container, scope_and_user, "--allow", "allowed.example")
    agent = state(container, again(), again)
    agent.resolves("allowed.example", family)
    assert_reached(agent.connect(ALLOWED[family], 443))
    internet.forget()
    for where, port, transport in itertools.product(LITERALS.values(), (443, 80, 853, 9999), ("tcp", "udp")):
        assert_refused(agent.connect(where[family], port, transport), internet)
    for port, transport in ((80, "tcp"), (853, "tcp"), (443, "udp"), (9999, "udp")):
        assert_refused(agent.connect(ALLOWED[family], port, transport), internet)
    group = {4: "224.0.0.251", 6: "ff02::fb%eth0"}[family]
    for address in (*(where[family] for where in LITERALS.values()), ALLOWED[family], group):
        agent.python(by_every_protocol(family, address))
    assert internet.packets() == []


def test_an_echo_request_to_an_admitted_address_is_not_sent(internet, container, scope_and_user, family):
    container.link.network.sysctl("ipv4/ping_group_range", "0 2147483647")
    kind = "socket.AF_INET, socket.SOCK_DGRAM, 1" if family == 4 else "socket.AF_INET6, socket.SOCK_DGRAM, 58"
    ping = f"""
s = socket.socket({kind})
s.sendto(bytes([{8 if family == 4 else 128}, 0, 0, 0, 0, 1, 0, 1]) + b"secret", ({ALLOWED[family]!r}, 0))"""
    container.start_process_without_gate("root").python(ping)
    eventually(internet.packets, "without rules it leaves")
    agent = start_agent(container, scope_and_user, "--allow", "allowed.example")
    agent.resolves("allowed.example", family)
    internet.forget()
    agent.python(ping)
    assert internet.packets() == []


PROTOCOLS = {47: "GRE", 132: "SCTP", 136: "UDP-Lite", 33: "DCCP", 4: "IPIP", 41: "IPv6 within", 50: "ESP"}


def test_a_container_inside_sends_no_other_protocol(internet, container, who, family):
    source = "10.9.9.2" if family == 4 else "fd09::2"
    with container.container_inside(family), container.raw_inside(family) as out:
        def send_each(to):
            for protocol in PROTOCOLS:
                out.sendto(header(source, to, protocol, b"\0\x50\1\xbb" + b"secret" * 8), (to, 0))
        send_each(ALLOWED[family])
        seen = set()
        eventually(lambda: seen.update(packet.protocol for packet in internet.packets()) or seen >= set(PROTOCOLS),
                   "without rules each leaves")
        agent = container.start_agent("--allow", "allowed.example", who=who)
        agent.resolves("allowed.example", family)
        internet.forget()
        for to in (ALLOWED[family], UNLISTED[family]):
            send_each(to)
        assert internet.packets() == []


METADATA_SPELLINGS = [
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "169.254.43518",
    "169.16689662", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::",
    "fd00:ec2::254", "fd00:0ec2:0:0:0:0:0:254", "fd20:ce::254", "fe80::a9fe:a9fe%eth0", "169.254.170.2",
    "169.254.170.23", "169.254.0.23", "100.96.0.96", "100.100.100.200", "168.63.129.16", "192.0.0.192", "metadata", "metadata.google.internal",
    "instance-data", "169.254.169.254.nip.example", "metadata.allowed.example"]


def test_the_metadata_service_is_not_reached_by_any_spelling(internet, container, scope_and_user):
    for name in METADATA_SPELLINGS:
        internet.upstream.name(name, addresses(*METADATA.values()))
    agent = start_agent(container, scope_and_user, "--allow", "*.allowed.example")
    internet.forget()
    for spelling in METADATA_SPELLINGS:
        outcome = agent.python(f"socket.create_connection(({spelling!r}, 80), 0.5).sendall(b'GET /')")
        assert not outcome["reached"] and internet.stray_packets() == [] and internet.services.visits == [], (spelling, outcome)
    assert internet.upstream.names() == {"metadata.allowed.example"}


# Names --------------------------------------------------------------------------------------------

def test_ten_thousand_labels_below_an_allowed_name_are_not_sent(internet, container, scope_and_user, family):
    agent = start_agent(container, scope_and_user, "--allow", "allowed.example")
    internet.forget()
    assert agent.flood("k%d.allowed.example", 10_000, GATE[family], patience=60) == {
        "codes": {"3": 10_000}, "unanswered": 0}
    assert internet.packets() == [] and internet.upstream.queries == []


def test_of_ten_thousand_labels_below_a_wildcard_only_a_few_are_sent(internet, container, scope_and_user, family):
    """The limit is 600 per minute. The flood may last longer than a minute."""
    internet.upstream.name("*.wild.example", host(ALLOWED))
    agent = start_agent(container, scope_and_user, "--allow", "*.wild.example")
    flood = agent.flood("k%d.wild.example", 10_000, GATE[family], patience=60)
    assert flood["unanswered"] == 0 and sum(flood["codes"].values()) == 10_000
    assert 0 < len(internet.upstream.names()) <= 1_200
    assert internet.stray_packets() == []


def test_of_private_and_public_addresses_in_any_order_only_the_public_ones_are_answered(internet, container, scope_and_user, family):
    given = [METADATA[family], PRIVATE[family], ALLOWED[family], ANOTHER[family]]
    agent = start_agent(container, scope_and_user, "--allow", "*.mixed.example")
    for number, order in enumerate(itertools.permutations(given)):
        name = f"n{number}.mixed.example"
        internet.upstream.name(name, addresses(*order))
        assert agent.resolves(name, family) == sorted(given[2:]), order
    assert container.admitted_addresses() == set(given[2:])
    internet.forget()
    for address in given[:2]:
        assert_refused(agent.connect(address, 443), internet)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("server", ["127.0.0.53", "127.0.0.54", "127.0.0.11"])
def test_a_resolver_of_this_host_does_not_get_the_agents_questions(internet, container, scope_and_user, server, transport):
    """Addresses where systemd-resolved or Docker's resolver listens. Their own questions would
    leave the host."""
    resolver = container.start_process_without_gate("root")
    resolver.python(f"""
sys.listening = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for each in sys.listening:
    each.bind(({server!r}, 53))
    each.setblocking(False)
sys.listening[1].listen()""")
    agent = start_agent(container, scope_and_user, "--allow", "allowed.example", "--upstream", RESOLVER[4])
    internet.forget()
    assert code(agent.asks("unlisted.example", server=server, transport=transport)) == "NXDOMAIN"
    assert internet.packets() == [] and internet.upstream.queries == []
    for heard in ("sys.listening[0].recv(100)", "sys.listening[1].accept()"):
        assert resolver.python(heard).get("error") == "EAGAIN"


def test_a_rule_for_a_resolver_with_dns_over_https_gives_a_warning(internet, container):
    internet.upstream.name("dns.google", host(ALLOWED))
    flags = ["--allow", "dns.google"]
    assert any("dns.google:443/" in each and "DNS over HTTPS" in each for each in container.plan(*flags)["warnings"])
    container.start_agent(*flags).session.read_error_until("warning: .*dns.google.*DNS over HTTPS")


# The policy ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("policy", ["{}", '{"allow": []}', '{"allow": null}', '{"allow": [ // "*"\n]}',
                                    '{ // "allow": ["*"]\n}'],
                         ids=["absent", "empty", "null", "a comment within", "a comment"])
def test_an_allow_without_entries_allows_nothing(internet, container, scope_and_user, policy):
    container.policy(policy)
    agent = start_agent(container, scope_and_user)
    internet.forget()
    for family in (4, 6):
        assert_refused(agent.connect(UNLISTED[family], 443), internet)
        assert code(agent.asks("allowed.example", server=RESOLVER[family])) == "NXDOMAIN"
    assert internet.packets() == [] and internet.upstream.queries == [] and container.admitted() == set()


# Remains from before the agent --------------------------------------------------------------------

def test_a_relay_that_the_auth_hook_leaves_behind_reaches_nothing(internet, container, scope_and_user, family):
    container.write("/opt/agents/relay.py", RELAY)
    container.script(HOOK, "setsid /usr/bin/python3 -IS /opt/agents/relay.py > /dev/null 2>&1 &")
    agent = start_agent(container, scope_and_user, "--auth-hook", HOOK)
    ask = f"""
s = socket.create_connection(("127.0.0.1", {RELAY_PORT}), 1)
s.sendall({UNLISTED[family]!r}.encode())
value = s.recv(100).decode()"""
    outcome = eventually(lambda: (tried := agent.python(ask))["reached"] and tried, "the relay listens")
    assert outcome["answer"] in ("ConnectionRefusedError", "PermissionError"), outcome
    assert internet.stray_packets() == [] and internet.services.visits == []


PLANTED = {"a socket": "socket.socket(socket.AF_UNIX).bind(name)", "a pipe": "os.mkfifo(name)",
           "a directory": "os.mkdir(name)", "a link": "os.symlink('/home/agent/elsewhere', name)"}


def leave_behind(container, who, names, planted):
    """A boot whose agent replaces files of the state directory, and whose keeper is killed before
    it can remove them."""
    agent = container.start_agent("--allow", "allowed.example", who=who)
    outcome = agent.python(f"""
os.chdir("/run/ostiary")
for name in {names!r}:
    if os.path.exists(name):
        os.unlink(name)
    {PLANTED[planted]}""")
    assert outcome["reached"] == (who == "root"), outcome
    agent.session.signal(signal.SIGKILL)
    agent.session.wait()


@pytest.mark.parametrize("planted", ["a socket", "a pipe", "a link"])
def test_files_and_sockets_that_the_agent_left_do_not_weaken_the_next_boot(internet, container, who, planted):
    leave_behind(container, who, ["session", "status.json", "otel.env", "joined"], planted)
    agent = container.start_agent("--allow", "allowed.example", who=who)
    internet.forget()
    for family in (4, 6):
        assert_refused(agent.connect(UNLISTED[family], 443), internet)
        assert code(agent.asks("unlisted.example", server=RESOLVER[family])) == "NXDOMAIN"
    assert internet.packets() == [] and not container.exists("/home/agent/elsewhere")


@pytest.mark.parametrize("name, planted", [("lock", "a socket"), ("lock", "a directory"), ("lock", "a link"),
                                           ("session", "a directory")])
@pytest.mark.parametrize("who", ["root"])
def test_a_planted_file_that_cannot_be_replaced_ends_the_next_boot(internet, container, who, name, planted):
    leave_behind(container, who, [name], planted)
    result = container.boot("touch", "/work/started")
    assert result.status != 0 and f"error: /run/ostiary/{name}: " in result.stderr.splitlines()[-1], result
    assert "remove it" in result.stderr.splitlines()[-1], result
    assert not container.exists("/work/started") and not container.exists("/home/agent/elsewhere")
    stranger = container.start_process_without_gate("root")
    internet.forget()
    for family in (4, 6):
        assert_refused(stranger.connect(UNLISTED[family], 443), internet)
