"""A packet to an admitted address takes the route of that address, even if a program asks for the
link directly. A neighbour that claims the address receives nothing."""

import contextlib
import fcntl
import itertools
import os
import re
import socket
import struct

import pytest

from support.behaviours import host
from support.capture import Capture
from support.forged_packets import STRAIGHT, STRAIGHT_BY_DATAGRAM, straight
from support.internet import ALLOWED, ANOTHER, RESOLVER
from support.neighbour import Neighbour
from support.outcomes import assert_reached
from support.rootfs import OTHER
from support.scopes import IN_USER_SCOPE, in_scopes
from support.states import STATES, enter_state
from support.waiting import eventually

SO_DONTROUTE, UNREAD = 5, 7000
NEAR = {4: "10.7.0.99", 6: "2001:db8:7::99"}  # on the link


@pytest.fixture(scope="module")
def container(shared_container, internet, scope_and_user):
    internet.upstream.name("allowed.example", host(ALLOWED))
    container = shared_container()
    container.link.network.ip("address add 10.7.0.2/24 dev eth0\naddress add 2001:db8:7::2/64 dev eth0 nodad")
    container.second = container.link.add_second(internet.network)
    return container


@pytest.fixture(scope="module")
def agent(container, scope_and_user):
    scope, who = scope_and_user
    return container.start_agent("--scope", scope, "--allow", "allowed.example:443/both", "--allow",
                                 f"allowed.example:{UNREAD}", who=who)


@pytest.fixture(scope="module")
def neighbours(internet, container, agent):
    """A hostile neighbour on each link, by the name of the container's interface."""
    with contextlib.ExitStack() as made:
        yield {inside: made.enter_context(contextlib.closing(Neighbour(
                   internet.network, outside, container.link.network, inside, container.link.gateway.values())))
               for inside, outside in (("eth0", container.link.outside_name), ("eth1", container.second))}


@pytest.fixture(scope="module", params=STATES)
def state(request, container, agent, neighbours):
    enter_state(request.param, container, agent)


FORMS = [*itertools.product(STRAIGHT, ["tcp", "udp"]), *itertools.product(STRAIGHT_BY_DATAGRAM, ["udp"])]


# The rules are the same in every state, so the later states test one kind of destination only.
ALL = [(state, to) for state in STATES for to in ("IPv4", "IPv6", "mapped") if state == STATES[0] or to == "IPv4"]


@pytest.mark.parametrize(("state", "to"), ALL, indirect=["state"])
@pytest.mark.parametrize("interface", ["eth0", "eth1"])
def test_a_neighbour_gets_no_packet_for_an_admitted_address(container, agent, neighbours, state, to, interface):
    family = 6 if to == "IPv6" else 4
    agent.resolves("allowed.example", family)
    for each in neighbours.values():
        each.received()
    for form in FORMS:
        outcome = agent.python(straight(*form, ALLOWED[family], 443, NEAR[family], interface, mapped=to == "mapped"))
        assert outcome["reached"], (form, outcome)
        assert {name: each.received() for name, each in neighbours.items()} == {"eth0": [], "eth1": []}, form


@pytest.fixture
def private_container(new_container):
    container = new_container()
    container.link.network.ip("address add 2001:db8:7::2/64 dev eth0 nodad")
    return container


@pytest.mark.parametrize("near", ["2001:db8:7::789a:bcde", "fe80::789a:bcde%eth0"])
def test_a_neighbour_gets_no_corked_packet_that_a_mapped_address_changed(internet, private_container, scope_and_user, near):
    """A failed connect() overwrites parts of the corked datagram's destination with the admitted
    address."""
    far = "2001:db8:10:1:2:3456:789a:bcde"
    scope, who = scope_and_user
    internet.upstream.name("far.example", host({4: ALLOWED[4], 6: far}))
    agent = private_container.start_agent("--scope", scope, "--allow", "far.example:443/both", who=who)
    link = private_container.link
    with contextlib.closing(Neighbour(internet.network, link.outside_name, link.network, "eth0",
                                      link.gateway.values())) as neighbour:
        agent.resolves("far.example", 6)
        neighbour.received()
        agent.python(f"""
IPV6_FREEBIND, IP_FREEBIND, IPV6_PKTINFO = 78, 15, 50
far, own = (socket.inet_pton(socket.AF_INET6, each) for each in ({far!r}, "2001:db8:7::2"))
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
s.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
s.bind(("::ffff:" + socket.inet_ntoa(far[:4]), int.from_bytes(far[10:12], "big")))
source = (socket.IPPROTO_IPV6, IPV6_PKTINFO, own + struct.pack("I", 0))
link = socket.getaddrinfo({near!r}, 443)[0][4]
mapped = ("::ffff:" + socket.inet_ntoa(far[4:8]), int.from_bytes(far[8:10], "big"))
for step in 2 * (lambda: s.sendmsg([b"secret"], [source], socket.MSG_MORE, link), lambda: s.connect(mapped), lambda: s.send(b"")):
    try: step()
    except OSError: pass""")
        assert not [packet for packet in neighbour.received() if b"secret" in packet]


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM"])
def test_the_admitted_host_gets_the_packet(agent, neighbours, kind):
    agent.resolves("allowed.example", 4)
    outcome = agent.python(f"""
with socket.socket(socket.AF_INET, socket.{kind}) as s:
    s.settimeout(1)
    s.setsockopt(socket.SOL_SOCKET, {SO_DONTROUTE}, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    s.connect(({ALLOWED[4]!r}, 443))
    s.send(b"hello")
    value = s.recv(10).decode()""")
    assert outcome.get("answer") == "hello", outcome


@in_scopes(("container", "agent"), ("user", "agent"))
def test_a_neighbour_gets_no_packet_of_a_closed_socket(internet, container, agent, neighbours, state):
    """The admitted host gets everything that the socket still sends."""
    agent.resolves("allowed.example", 4)
    neighbours["eth0"].received()
    with internet.network.entered():
        server = socket.create_server(("::", UNREAD), family=socket.AF_INET6, dualstack_ipv6=True)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that most data is sent after the socket was closed
    with server:
        outcome = agent.python(f"""
s = socket.create_connection(({ALLOWED[4]!r}, {UNREAD}), 1)
s.setsockopt(socket.SOL_SOCKET, {SO_DONTROUTE}, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
s.setblocking(False)
value = s.send(b"secret" * 100000)
s.close()""")
        peer, _ = server.accept()
        with peer:
            peer.settimeout(2)
            arrived = sum(map(len, iter(lambda: peer.recv(65536), b"")))
    assert arrived == outcome["answer"]
    assert neighbours["eth0"].received() == []


@IN_USER_SCOPE
def test_another_users_packet_goes_to_the_neighbour(container, agent, neighbours):
    bystander = container.start_process_beside(agent, uid=OTHER)
    neighbours["eth0"].received()
    bystander.python(straight("SO_DONTROUTE on an interface", "udp", ALLOWED[4], 443, NEAR[4]))
    assert neighbours["eth0"].received() != []


# Must keep working --------------------------------------------------------------------------------

@pytest.fixture(params=["container", "user"])
def scope(request):
    return request.param


@pytest.fixture
def plain_container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


def test_a_service_on_the_link_can_be_reached(plain_container, scope, family):
    service = plain_container.link.gateway[family]
    agent = plain_container.start_agent("--scope", scope, "--allow", f"[{service}]:443/both" if family == 6 else f"{service}:443/both")
    for transport in ("tcp", "udp"):
        assert_reached(agent.connect(service, 443, transport))


def add_second_router(internet, link):
    """Adds a router 10.8.0.1 behind eth1."""
    name = link.add_second(internet.network)
    internet.network.ip(f"address add 10.8.0.1/32 dev {name}\nroute replace 10.8.0.2/32 dev {name} table local")


def test_a_later_route_works(internet, plain_container, scope):
    link = plain_container.link
    agent = plain_container.start_agent("--scope", scope, "--allow", f"{ANOTHER[4]}:443", "--allow", f"{ALLOWED[4]}:443")
    add_second_router(internet, link)
    link.network.ip(f"route add {ALLOWED[4]}/32 via 10.8.0.1")
    eventually(lambda: agent.connect(ALLOWED[4], 443, source=("10.8.0.2", 0))["reached"], "the route leads out")
    link.network.ip("route delete 0.0.0.0/0\nroute add 0.0.0.0/0 via 10.8.0.1")
    eventually(lambda: agent.connect(ANOTHER[4], 443, source=("10.8.0.2", 0))["reached"], "the new default route does")
    assert plain_container.audit("tampering") == []


def test_a_default_route_without_a_gateway_works(plain_container, scope):
    plain_container.link.network.ip("route replace 0.0.0.0/0 dev eth0")
    agent = plain_container.start_agent("--scope", scope, "--allow", "allowed.example")
    agent.resolves("allowed.example", 4)
    assert_reached(agent.connect(ALLOWED[4], 443))


def test_a_tunnel_works(plain_container, scope):
    with tunnel(plain_container.link.network, "tun0") as packets:
        plain_container.link.network.ip(f"""address add 10.6.0.2/32 dev tun0
            route add {RESOLVER[4]}/32 via {plain_container.link.gateway[4]}
            route replace 0.0.0.0/0 dev tun0""")
        agent = plain_container.start_agent("--scope", scope, "--allow", "allowed.example:443/both")
        agent.resolves("allowed.example", 4)
        agent.connect(ALLOWED[4], 443, "udp", timeout=0.1)
        assert socket.inet_aton(ALLOWED[4]) in [packet[16:20] for packet in packets()]


@contextlib.contextmanager
def tunnel(network, name):
    """An interface without a link layer, and a function that returns the packets sent to it."""
    TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
    with network.entered():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    network.ip(f"link set {name} up")

    def packets():
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(os.read(fd, 65535))
        return found
    yield packets
    os.close(fd)


def test_a_mark_of_another_table_selects_the_route(internet, plain_container, scope):
    link = plain_container.link
    add_second_router(internet, link)
    link.network.ip("route add 0.0.0.0/0 via 10.8.0.1 table 100\nrule add fwmark 7 lookup 100")
    plain_container.nft("-f", "-", stdin=f"""table inet other {{
        chain marks {{ type route hook output priority mangle; ip daddr {ALLOWED[4]} meta mark set 7; }}
        chain sees {{ type filter hook postrouting priority 300; meta mark 7 oifname eth1 counter comment "marked"
            ip version 4 meta mark != {{ 0, 7, 0x6f737469 }} counter comment "changed"; }}
    }}""")
    agent = plain_container.start_agent("--scope", scope, "--allow", "allowed.example", "--allow", f"{ANOTHER[4]}:443")
    agent.resolves("allowed.example", 4)
    agent.connect(ALLOWED[4], 443, timeout=0.1)
    assert_reached(agent.connect(ANOTHER[4], 443))
    counts = re.findall(r'packets (\d+) bytes \d+ comment "(\w+)"', plain_container.nft("list", "chain", "inet", "other", "sees"))
    assert {name: number != "0" for number, name in counts} == {"marked": True, "changed": False}


def test_multicast_uses_the_selected_interface(internet, plain_container, scope):
    second = plain_container.link.add_second(internet.network)
    heard = Capture(internet.network, second, plain_container.link.network, "eth1")
    with contextlib.closing(heard):
        agent = plain_container.start_agent("--scope", scope, "--allow", "239.1.2.3:443/udp")
        agent.python("""
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", b"", b"", socket.if_nametoindex("eth1")))
    s.sendto(b"hello", ("239.1.2.3", 443))""")
        assert "239.1.2.3" in [packet.destination for packet in heard.read()]
