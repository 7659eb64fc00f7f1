"""Packets with a forged source, a source route, or the route of another packet: neither they nor
the kernel's replies to them leave."""

import socket
import struct

import pytest

from support import forged_packets
from support.behaviours import host
from support.forged_packets import ACCOMPLICE
from support.internet import ALLOWED, UNLISTED
from support.states import STATES, enter_state
from support.waiting import eventually

CLOSED = 7999


@pytest.fixture(scope="module")
def container(shared_container, internet, scope_and_user):
    internet.upstream.name("allowed.example", host(ALLOWED))
    container = shared_container()
    container.link.network.sysctl("ipv4/ping_group_range", "0 2147483647")
    return container


@pytest.fixture(scope="module")
def agent(container, scope_and_user):
    scope, who = scope_and_user
    return container.start_agent("--scope", scope, "--allow", "allowed.example", who=who)


@pytest.fixture(scope="module", params=STATES)
def state(request, container, agent):
    enter_state(request.param, container, agent)


def assert_nothing_leaves(internet, agent, program):
    internet.forget()
    outcome = agent.python(program)
    assert outcome["reached"], outcome
    assert internet.packets() == []


def destinations(container, family):
    return {"an own address": container.link.address[family], "loopback": "::1" if family == 6 else "127.0.0.1",
            "an unlisted address": UNLISTED[family], "an allowed address": ALLOWED[family],
            "the accomplice": ACCOMPLICE[family]}


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_packet_with_a_foreign_source_does_not_leave(internet, container, agent, state, kind):
    for to in destinations(container, 6).values():
        for port in (CLOSED, 443, 53):
            assert_nothing_leaves(internet, agent, forged_packets.from_a_foreign_source(kind, to, port))


def test_a_packet_with_a_source_from_the_multicast_interface_does_not_leave(internet, container, agent, state):
    for to in destinations(container, 4).values():
        assert_nothing_leaves(internet, agent, forged_packets.from_a_multicast_interface(to, CLOSED))


def test_a_packet_with_an_ipv4_mapped_source_does_not_leave(internet, container, agent, state):
    assert_nothing_leaves(internet, agent, forged_packets.from_a_mapped_address(container.link.address[4]))


def test_a_packet_routed_through_an_admitted_host_does_not_leave(internet, container, agent, state):
    for family in (4, 6):
        agent.resolves("allowed.example", family)
    assert_nothing_leaves(internet, agent, forged_packets.by_a_source_route(ALLOWED, 443))


def test_a_packet_to_an_own_address_does_not_leave_by_another_route(internet, container, agent, state, family):
    for to in destinations(container, family).values():
        assert_nothing_leaves(internet, agent, forged_packets.along_another_route(family, to, container.link.address[family], CLOSED))


def test_a_forged_source_is_audited(container, agent):
    to = container.link.address[6]
    agent.python(forged_packets.from_a_foreign_source("udp", to, CLOSED))
    container.eventually_audited("deny", kind="packet", address=to, why="forged-source")


# From a container inside with raw sockets ---------------------------------------------------------

def header(source, destination, protocol, payload):
    if ":" in source:
        return (struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + socket.inet_pton(socket.AF_INET6, source)
                + socket.inet_pton(socket.AF_INET6, destination) + payload)
    return (struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + socket.inet_aton(source)
            + socket.inet_aton(destination) + payload)


def datagram():
    return struct.pack("!HHHH", 4000, CLOSED, 8 + len(forged_packets.SECRET), 0) + forged_packets.SECRET


def echo_request(family, source, destination):
    message = bytes([8 if family == 4 else 128, 0, 0, 0, 0, 1, 0, 1]) + forged_packets.SECRET
    pseudo = b"" if family == 4 else (socket.inet_pton(socket.AF_INET6, source)
                                      + socket.inet_pton(socket.AF_INET6, destination)
                                      + struct.pack("!II", len(message), socket.IPPROTO_ICMPV6))
    return message[:2] + struct.pack("!H", forged_packets.checksum(pseudo + message)) + message[4:]


@pytest.fixture
def container_home(new_container):
    return new_container()


def test_forged_packets_from_a_container_inside_get_no_reply(internet, container_home, who, family):
    container_home.start_agent(who=who)
    internet.forget()
    with container_home.container_inside(family):
        container_home.link.network.sysctl("ipv4/conf/all/rp_filter", 0)
        container_home.link.network.sysctl("ipv4/conf/in0/rp_filter", 0)
        own, source = container_home.link.address[family], ACCOMPLICE[family]
        out = container_home.raw_inside(family)
        with out:
            for destination in (own, UNLISTED[family], ALLOWED[family]):
                for protocol, payload in ((socket.IPPROTO_UDP, datagram()), (socket.IPPROTO_IGMP, datagram()),
                                          (socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6,
                                           echo_request(family, source, destination))):
                    out.sendto(header(source, destination, protocol, payload), (destination, 0))
        assert internet.packets() == []


def is_refused(out):
    try:
        out.send(b"out")
        out.recv(1)
    except TimeoutError:
        return False
    except OSError:
        return True


def test_packets_from_a_container_inside_are_refused_at_once(internet, container_home, who, family):
    container_home.start_agent(who=who)
    with container_home.container_inside(family) as out:
        out.setsockopt(socket.IPPROTO_IPV6 if family == 6 else socket.IPPROTO_IP, 25 if family == 6 else 11, 1)
        out.settimeout(1)
        out.connect((UNLISTED[family], 443))
        # The first packet may be lost during neighbour discovery.
        eventually(lambda: is_refused(out), "it is refused")
    assert internet.packets() == []
