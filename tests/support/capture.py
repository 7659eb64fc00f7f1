"""Captures the IP packets that leave a container through one link."""

import ipaddress
import select
import socket
import struct
import time
from typing import NamedTuple, Optional

from support.waiting import PATIENCE

ETH_P_ALL = 0x0003
ETH_P_MARKER = 0x88B5  # an EtherType for experiments
BROADCAST = b"\xff" * 6
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_STATISTICS = 263, 6
PACKET_OUTGOING = 4
SETTLE = 0.001  # seconds; lets another processor finish its work
ICMPV6 = 58
# Router and neighbour discovery, and multicast listener reports: they concern the link only.
ABOUT_THE_LINK = {130, 131, 132, 133, 134, 135, 136, 143}
WITH_PORTS = {socket.IPPROTO_TCP, socket.IPPROTO_UDP, 132, 136}  # SCTP and UDP-Lite too


class Packet(NamedTuple):
    source: str
    destination: str
    protocol: int
    port: Optional[int]


class Capture:
    """Reads at the Internet's end of a link, and sends markers from the other end."""

    def __init__(self, network, interface, far_network, far_interface):
        self._near = _packet_socket(network, interface, ETH_P_ALL)
        self._near.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._far = _packet_socket(far_network, far_interface, 0)
        self._far_address = (far_interface, ETH_P_MARKER, 0, 0, BROADCAST)
        self._markers = 0

    def read(self):
        """All packets since the last call. A marker is sent after them: when it arrives, they
        have arrived too."""
        time.sleep(SETTLE)
        self._markers += 1
        self._far.sendto(self._markers.to_bytes(60, "big"), self._far_address)
        packets = []
        while True:
            assert select.select([self._near], [], [], PATIENCE)[0], "the marker was lost"
            data, address = self._near.recvfrom(256)
            if address[1] == ETH_P_MARKER:
                if int.from_bytes(data[:60], "big") == self._markers:
                    return packets
            elif address[2] != PACKET_OUTGOING and (packet := parse(data)):
                packets.append(packet)

    def lost(self):
        """The number of packets dropped for lack of buffer space since the last call."""
        return struct.unpack("II", self._near.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]

    def close(self):
        self._near.close()
        self._far.close()


def _packet_socket(network, interface, protocol):
    with network.entered():
        made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        made.bind((interface, protocol))
    return made


def parse(data):
    if data[:1] and data[0] >> 4 == 4 and len(data) >= 20:
        header, protocol, source, destination = (data[0] & 15) * 4, data[9], data[12:16], data[16:20]
        first = not int.from_bytes(data[6:8], "big") & 0x1FFF
    elif data[:1] and data[0] >> 4 == 6 and len(data) >= 40:
        header, protocol, source, destination = 40, data[6], data[8:24], data[24:40]
        first = True
        while protocol in (0, 43, 44, 60) and len(data) >= header + 8:
            if protocol == 44:
                first = first and not int.from_bytes(data[header + 2:header + 4], "big") >> 3
            protocol, header = data[header], header + (8 if protocol == 44 else 8 * (data[header + 1] + 1))
        if protocol == ICMPV6 and data[header:header + 1] and data[header] in ABOUT_THE_LINK:
            return None
    else:
        return None  # ARP
    port = int.from_bytes(data[header + 2:header + 4], "big") if first and protocol in WITH_PORTS else None
    return Packet(str(ipaddress.ip_address(source)), str(ipaddress.ip_address(destination)), protocol, port)
