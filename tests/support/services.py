"""TCP and UDP echo services on some ports of every address of the Internet. They record their
clients."""

import ipaddress
import socket
from typing import NamedTuple

PORTS = (22, 80, 443, 444, 853, 4317, 4318, 5432, 8080, 9000, 9999)
IPV6_RECVPKTINFO, IPV6_PKTINFO = 49, 50


class Visit(NamedTuple):
    client: str
    address: str
    port: int
    transport: str


class Services:
    def __init__(self, network, loop, ports=PORTS):
        self._loop = loop
        self._sockets = []
        self.visits = []
        with network.entered():
            for port in ports:
                self._listen(port)

    def at(self, address):
        return [visit for visit in self.visits if visit.address == address]

    def close(self):
        for each in self._sockets:
            each.close()

    def _listen(self, port):
        tcp = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
        udp = dual_datagram_socket(port)
        for each in (tcp, udp):
            each.setblocking(False)
            self._sockets.append(each)
        self._loop.call_soon_threadsafe(self._loop.add_reader, tcp, self._accept, tcp, port)
        self._loop.call_soon_threadsafe(self._loop.add_reader, udp, self._echo_datagram, udp, port)

    def _accept(self, listener, port):
        try:
            connection, client = listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        self.visits.append(Visit(plain(client[0]), plain(connection.getsockname()[0]), port, "tcp"))
        self._loop.add_reader(connection, self._echo, connection)

    def _echo(self, connection):
        try:
            data = connection.recv(65536)
            if data:
                connection.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(connection)
            connection.close()

    def _echo_datagram(self, udp, port):
        data, here, client = receive_with_destination(udp)
        self.visits.append(Visit(plain(client[0]), plain(here), port, "udp"))
        send_from(udp, data, here, client)


def dual_datagram_socket(port, address="::"):
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    udp.bind((address, port))
    return udp


def receive_with_destination(udp):
    """Returns the octets, their destination address, and the sender."""
    data, control, _, sender = udp.recvmsg(65535, 256)
    here = next(value[:16] for level, kind, value in control if (level, kind) == (socket.IPPROTO_IPV6, IPV6_PKTINFO))
    return data, str(ipaddress.IPv6Address(here)), sender


def send_from(udp, data, here, to):
    source = ipaddress.IPv6Address(here).packed + bytes(4)
    try:
        udp.sendmsg([data], [(socket.IPPROTO_IPV6, IPV6_PKTINFO, source)], 0, to)
    except OSError:
        pass  # the sandbox is gone


def plain(address):
    """An IPv4-mapped address in IPv4 notation."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
