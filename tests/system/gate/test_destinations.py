"""Packets may go to the addresses of allowed names, at their ports and protocol, and nowhere else."""

import pytest

from support.behaviours import host
from support.internet import ALLOWED, ANOTHER, METADATA, PRIVATE, PUBLIC_RESOLVER, RESOLVER, UNLISTED
from support.outcomes import assert_reached, assert_refused
from support.services import plain

PREFIXED = {4: "10.1.2.3", 6: "2001:db8:77::1"}
BESIDE_PREFIX = {4: "10.1.3.3", 6: "2001:db8:78::1"}
NEIGHBOUR = {4: "198.51.100.11", 6: "2001:db8:10::11"}
VOICE = {4: "198.51.100.31", 6: "2001:db8:31::1"}
BOTH = {4: "198.51.100.32", 6: "2001:db8:32::1"}
PORTS = {4: "198.51.100.33", 6: "2001:db8:33::1"}
LATER = {4: "198.51.100.34", 6: "2001:db8:34::1"}
LITERALS = {"an unlisted address": UNLISTED, "the upstream resolver": RESOLVER, "a public resolver": PUBLIC_RESOLVER,
            "the metadata service": METADATA, "a private address": PRIVATE, "an allowed address's neighbour": NEIGHBOUR,
            "what an allowed name leads to, before anybody asked": LATER}


@pytest.fixture(scope="module")
def container(shared_container, internet, who):
    places = {"allowed": ALLOWED, "voice": VOICE, "both": BOTH, "ports": PORTS, "x.later": LATER, "y.later": ANOTHER}
    for name, where in places.items():
        internet.upstream.name(f"{name}.example", host(where))
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    flags = ["allowed.example", "voice.example:9000/udp", "both.example:9000/both", "ports.example:22,8080,9000-9998",
             "*.later.example", "10.1.2.0/24:5432/tcp", "[2001:db8:77::/48]:5432/tcp"]
    return container.start_agent(*[word for entry in flags for word in ("--allow", entry)], "--allow-inbound", "7004,7006", who=who)


@pytest.fixture(params=["tcp", "udp"])
def transport(request):
    return request.param


@pytest.mark.parametrize("port", [443, 80, 9999])
@pytest.mark.parametrize("place", LITERALS.values(), ids=LITERALS)
def test_an_address_without_a_lookup_cannot_be_reached(internet, agent, place, port, transport, family):
    assert_refused(agent.connect(place[family], port, transport), internet)


def test_a_denied_connection_is_refused_at_once(internet, agent, family):
    assert agent.connect(UNLISTED[family], 443)["error"] == "ECONNREFUSED"


def test_an_address_can_be_reached_after_a_lookup_of_its_name(internet, agent, family):
    agent.resolves("allowed.example", family)
    assert_reached(agent.connect(ALLOWED[family], 443))
    assert internet.stray_packets((ALLOWED[family], 443)) == []


@pytest.mark.parametrize("port", [22, 80, 444, 853, 8080, 9999])
def test_a_name_allowed_at_443_cannot_be_reached_at_another_port(internet, agent, port, transport, family):
    agent.resolves("allowed.example", family)
    internet.forget()
    assert_refused(agent.connect(ALLOWED[family], port, transport), internet)


def test_quic_to_an_allowed_host_is_refused_at_once(internet, agent, family):
    """So that clients fall back to TCP, which the rule allows."""
    agent.resolves("allowed.example", family)
    internet.forget()
    assert_refused(agent.connect(ALLOWED[family], 443, "udp"), internet)


def test_a_rule_for_udp_opens_only_udp(internet, agent, family):
    agent.resolves("voice.example", family)
    assert_reached(agent.connect(VOICE[family], 9000, "udp"))
    internet.forget()
    assert_refused(agent.connect(VOICE[family], 9000, "tcp"), internet)


def test_a_rule_for_both_opens_both(internet, agent, family, transport):
    agent.resolves("both.example", family)
    assert_reached(agent.connect(BOTH[family], 9000, transport))
    internet.forget()
    assert_refused(agent.connect(BOTH[family], 443, transport), internet)


def test_a_rule_for_several_ports_opens_exactly_these(internet, agent, family):
    agent.resolves("ports.example", family)
    for port in (22, 8080, 9000):
        assert_reached(agent.connect(PORTS[family], port))
    internet.forget()
    for port in (443, 80, 9999):
        assert_refused(agent.connect(PORTS[family], port), internet)


def test_an_allowed_network_can_be_reached_without_a_lookup(internet, agent, family):
    assert_reached(agent.connect(PREFIXED[family], 5432))
    assert internet.upstream.queries == []


@pytest.mark.parametrize("place, port, transport", [
    (PREFIXED, 443, "tcp"), (PREFIXED, 5432, "udp"), (BESIDE_PREFIX, 5432, "tcp")],
    ids=["another port", "UDP", "the next network"])
def test_an_allowed_network_can_be_reached_only_at_its_port(internet, agent, place, port, transport, family):
    assert_refused(agent.connect(place[family], port, transport), internet)


# Ways around --------------------------------------------------------------------------------------

def test_an_ipv4_mapped_address_is_treated_as_the_ipv4_address(internet, agent):
    assert_refused(agent.connect(f"::ffff:{UNLISTED[4]}", 443), internet)
    agent.resolves("allowed.example", 4)
    assert_reached(agent.connect(f"::ffff:{ALLOWED[4]}", 443))


def test_a_socket_bound_to_the_interface_cannot_get_out(internet, agent, transport, family):
    assert_refused(agent.connect(UNLISTED[family], 443, transport, device="eth0"), internet)


def test_a_question_bound_to_the_interface_cannot_get_out(internet, agent, transport, family):
    assert not agent.connect(UNLISTED[family], 53, transport, device="eth0")["reached"]
    assert internet.packets() == [] and internet.upstream.queries == []


@pytest.mark.parametrize("port", [53, 443, 5353])
def test_the_source_port_makes_no_difference(internet, container, agent, who, port, transport, family):
    if who == "agent" and port < 1024:
        port += 20000
    source = (container.link.address[family], port)
    assert_refused(agent.connect(UNLISTED[family], 443, transport, source=source), internet)


@pytest.mark.parametrize("address", ["255.255.255.255", "the subnet", "224.0.0.251", "239.1.2.3", "ff02::fb%eth0",
                                     "ff02::1%eth0", "ff05::2%eth0"])
@pytest.mark.parametrize("port", [5353, 9999])
def test_broadcast_and_multicast_are_denied(internet, container, agent, address, port):
    """Also the groups that are used for lookups of names."""
    address = container.link.broadcast if address == "the subnet" else address
    agent.python(f"""
six = {":" in address}
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
if not six:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
s.sendto(b"psst", socket.getaddrinfo({address!r}, {port})[0][4])""")
    assert internet.packets() == []


def test_the_gateway_cannot_be_reached(internet, container, agent, transport, family):
    for port in (443, 9999):
        assert_refused(agent.connect(container.link.gateway[family], port, transport), internet)


def test_the_gateways_link_local_address_cannot_be_reached(internet, container, agent, transport):
    listing = internet.network.command("ip", "-6", "-o", "addr", "show", "dev", container.link.outside_name, "scope", "link")
    address = listing.split()[3].partition("/")[0]
    assert_refused(agent.connect(f"{address}%eth0", 443, transport), internet)


def test_an_echo_request_is_not_sent(internet, agent, who, family):
    with_ping_sockets = "open('/proc/sys/net/ipv4/ping_group_range', 'w').write('0 2147483647')"
    outcome = agent.python(f"""
try:
    {with_ping_sockets}
except OSError:
    pass
s = socket.socket({'socket.AF_INET, socket.SOCK_DGRAM, 1' if family == 4 else 'socket.AF_INET6, socket.SOCK_DGRAM, 58'})
s.settimeout(0.2)
s.sendto(bytes([{8 if family == 4 else 128}, 0, 0, 0, 0, 1, 0, 1]) + b"x" * 16, ({UNLISTED[family]!r}, 0))
s.recv(100)""")
    assert not outcome["reached"]
    assert internet.packets() == []


@pytest.mark.parametrize("kind, protocol", [("SOCK_STREAM", 132), ("SOCK_DGRAM", 136), (6, 33), ("SOCK_STREAM", 262)],
                         ids=["SCTP", "UDP-Lite", "DCCP", "MPTCP"])
def test_no_other_protocol_gets_out(internet, agent, kind, protocol, family):
    agent.resolves("allowed.example", family)
    internet.forget()
    kind = kind if isinstance(kind, int) else f"socket.{kind}"
    for address in (ALLOWED, UNLISTED):
        port = 443 if protocol in (132, 136, 33) else 80
        outcome = agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, {kind}, {protocol})
s.settimeout(0.2)
s.connect(({address[family]!r}, {port}))
s.send(b"x")
s.recv(1)""")
        assert not outcome["reached"], outcome
    assert internet.packets() == []


@pytest.mark.parametrize("number, name", [(40, "vsock"), (30, "TIPC"), (21, "RDS"), (29, "CAN"), (31, "Bluetooth"),
                                          (24, "PPPoX"), (42, "Qualcomm IPC"), (43, "SMC"), (5, "AppleTalk"),
                                          (9, "X.25"), (38, "the kernel's ciphers"), (17, "packets"), (44, "XDP"),
                                          (26, "LLC"), (35, "phonet"), (36, "802.15.4"), (37, "CAIF"), (45, "MCTP")],
                         ids=lambda value: value if isinstance(value, str) else "")
def test_no_other_socket_family_is_available(agent, number, name):
    """The rules filter IP packets only. Packets to a hypervisor or on another bus are not IP
    packets."""
    outcomes = [agent.python(f"socket.socket({number}, {kind}).close()") for kind in (1, 2, 3, 5)]
    assert {outcome.get("error") for outcome in outcomes} == {"EAFNOSUPPORT"}, outcomes


def test_no_socket_can_be_made_with_io_uring(agent):
    """io_uring would make sockets without the socket() system call."""
    outcome = agent.python("""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(425, 8, ctypes.create_string_buffer(120)) < 0:
    raise OSError(ctypes.get_errno(), "io_uring_setup")""")
    assert outcome.get("error") == "ENOSYS", outcome


def test_data_in_a_syn_is_not_sent(internet, agent, who, family):
    """With TCP Fast Open."""
    outcome = agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_STREAM)
s.settimeout(0.3)
s.sendto(b"out", 0x20000000, ({UNLISTED[family]!r}, 443))
s.recv(1)""")
    assert not outcome["reached"]
    assert internet.packets() == []


def test_fragments_are_not_sent(internet, agent, family):
    outcome = agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM)
s.settimeout(0.2)
s.sendto(b"x" * 20000, ({UNLISTED[family]!r}, 443))
s.recv(1)""")
    assert not outcome["reached"]
    assert internet.packets() == []


def test_the_agent_cannot_reuse_the_port_of_a_question_of_the_gate(internet, agent):
    """A process that binds the port later does not inherit the gate's flow to its upstream."""
    agent.asks_for("y.later.example")
    [query] = [q for q in internet.upstream.queries if q.transport == "udp"][:1]
    source = (plain(query.client[0]), query.client[1])
    internet.forget()
    outcome = agent.connect(query.server, 53, "udp", source=source)
    assert internet.upstream.queries == [] and internet.packets() == [], outcome


# Must keep working --------------------------------------------------------------------------------

def test_the_agents_own_services_can_be_reached(container, agent, family):
    for number, address in enumerate(("127.0.0.1" if family == 4 else "::1", container.link.address[family])):
        port = 7100 + 10 * family + number
        outcome = agent.python(f"""
server = socket.create_server(("::", {port}), family=socket.AF_INET6, dualstack_ipv6=True)
client = socket.create_connection(({address!r}, {port}), timeout=1)
peer, _ = server.accept()
peer.sendall(b"welcome")
value = client.recv(10).decode()""")
        assert outcome["reached"] and outcome["answer"] == "welcome", outcome


def test_a_published_port_can_be_reached_from_outside(container, agent, family):
    assert container.connect_from_outside(agent, 7000 + family, family) == b"hello"
