"""A hostile host on a container's link. It answers neighbour discovery for every address except
the gateway's, and records the packets that it receives."""

import select
import socket
import struct
import threading

from support.waiting import eventually

MAC = b"\x02\x00\x00\x00\x00\x99"
BROADCAST = b"\xff" * 6
ARP, IPV4, IPV6, MARKER = 0x0806, 0x0800, 0x86DD, 0x88B6
ICMPV6, SOLICITATION, ADVERTISEMENT = 58, 135, 136


class Neighbour:
    """Attached to the Internet's end of a link; `far_interface` is the other end."""

    def __init__(self, internet, interface, far_network, far_interface, gateways):
        internet.sysctl(f"ipv4/conf/{interface}/arp_ignore", 1)  # the gateway answers for its own address only
        self._gateways = {socket.inet_pton(socket.AF_INET6 if ":" in each else socket.AF_INET, each) for each in gateways}
        self._near = _raw_socket(internet, interface)
        self._far = _raw_socket(far_network, far_interface)
        self._received, self._markers, self._seen, self._ended = [], 0, 0, False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def received(self):
        """The IP packets received since the last call."""
        self._markers += 1
        self._far.send(BROADCAST + MAC + struct.pack("!H", MARKER) + self._markers.to_bytes(46, "big"))
        eventually(lambda: self._seen == self._markers, "the marker has arrived")
        packets, self._received = self._received, []
        return packets

    def close(self):
        self._ended = True
        self._thread.join()
        self._near.close()
        self._far.close()

    def _serve(self):
        while not self._ended:
            if select.select([self._near], [], [], 0.05)[0]:
                self._take(self._near.recv(65535))

    def _take(self, frame):
        to, kind, packet = frame[:6], int.from_bytes(frame[12:14], "big"), frame[14:]
        if kind == MARKER:
            self._seen = int.from_bytes(packet[:46], "big")
        elif kind == ARP and packet[6:8] == b"\0\1" and packet[24:28] not in self._gateways:
            self._send(frame[6:12], ARP, packet[:6] + b"\0\2" + MAC + packet[24:28] + packet[8:18])
        elif kind == IPV6 and packet[6] == ICMPV6 and packet[40] == SOLICITATION and packet[48:64] not in self._gateways:
            self._advertise(frame[6:12], packet[8:24], packet[48:64])
        elif to == MAC and kind in (IPV4, IPV6):
            self._received.append(packet)

    def _advertise(self, to, asker, address):
        if not any(asker):
            return  # the container probes for a duplicate address
        message = struct.pack("!BBHI", ADVERTISEMENT, 0, 0, 0x60000000) + address + b"\2\1" + MAC
        pseudo = address + asker + struct.pack("!II", len(message), ICMPV6)
        total = sum(struct.unpack(f"!{len(pseudo + message) // 2}H", pseudo + message))
        total = (total >> 16) + (total & 0xFFFF)
        message = message[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + message[4:]
        self._send(to, IPV6, struct.pack("!IHBB", 6 << 28, len(message), ICMPV6, 255) + address + asker + message)

    def _send(self, to, kind, packet):
        self._near.send(to + MAC + struct.pack("!H", kind) + packet)


def _raw_socket(network, interface):
    with network.entered():
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind((interface, 3))
    return made
