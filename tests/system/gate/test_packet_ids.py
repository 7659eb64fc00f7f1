"""The kernel counts the ids of IPv4 packets before the rules judge them. A host outside that reads the
ids of the kernel's answers must not learn how many packets to it the agent was denied."""

import socket
import struct
import time

import pytest

from support.forged_packets import checksum
from support.internet import UNLISTED

DENIED_PINGS = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
for _ in range(100):
    try:
        s.sendto(b"\\x08" + bytes(7), ({address!r}, 0))
    except OSError:
        pass
"""
ECHO_REPLY, UNREACHABLE = 0, 3


class Observer:
    """A host outside that receives the kernel's ICMP packets."""

    def __init__(self, internet, target):
        self.target = target
        with internet.network.entered():
            self.icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for each in (self.icmp, self.udp):
            each.bind((UNLISTED[4], 0))
        self.icmp.settimeout(2)

    def id_of_echo_reply(self):
        request = bytearray(struct.pack("!BBHHH", 8, 0, 0, 77, 1))
        request[2:4] = struct.pack("!H", checksum(bytes(request)))
        self.icmp.sendto(request, (self.target, 0))
        return self.id_of(ECHO_REPLY)

    def id_of_error(self):
        time.sleep(1.1)  # the kernel sends one error a second
        self.udp.sendto(b"x", (self.target, 4242))
        return self.id_of(UNREACHABLE)

    def id_of(self, kind):
        while True:
            packet = self.icmp.recv(1500)
            if packet[20] == kind:
                return struct.unpack("!H", packet[4:6])[0]


@pytest.fixture
def container(new_container):
    container = new_container()
    container.link.network.sysctl("ipv4/ping_group_range", "0 2147483647")
    return container


def ids_around_denied_pings(container, agent, ask):
    first = ask()
    assert agent.python(DENIED_PINGS.format(address=UNLISTED[4]))["reached"]
    return first, ask()


def test_echo_replies_do_not_count_what_the_agent_was_denied(internet, container, who):
    agent = container.start_agent(who=who)
    observer = Observer(internet, container.link.address[4])
    assert ids_around_denied_pings(container, agent, observer.id_of_echo_reply) == (0, 0)


@pytest.mark.parametrize("answer", ["id_of_echo_reply", "id_of_error"])
def test_answers_of_a_host_with_other_users_do_not_count_it_either(internet, container, answer):
    agent = container.start_agent("--scope", "user", who="agent")
    observer = Observer(internet, container.link.address[4])
    assert ids_around_denied_pings(container, agent, getattr(observer, answer)) == (0, 0)
